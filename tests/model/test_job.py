import copy
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.job import (
    JobRequest,
    JobSpec,
    Limits,
    require_parameters,
    require_path,
)
from darkroom.model.output import Scalars
from tests.model.shapes import JSON, LIMITS, REQUESTS, SPECS


relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=20)


def sha(digit: str) -> str:
    return "sha256:" + digit * 64


BASE = {
    "name": "count",
    "tier": "reviewed",
    "entrypoint": "job:count",
    "merge": "",
    "split": "",
    "files": {"job.py": sha("1")},
    "environment": {"name": "tflite", "lock_hash": sha("2")},
    "outputs": {"n": {"type": "scalars", "names": ["n"], "counts": []}},
    "limits": {
        "memory_mib": 1, "cpu_seconds": 1, "wall_seconds": 1,
        "processes": 1, "files": 1, "output_mib": 1,
    },
    "parameter_schema": {"score": "float"},
}  # fmt: skip


# ----------------------------------------------------------------------------------- codec


@relaxed
@given(SPECS)
def test_a_spec_reads_back(spec):
    again = JobSpec.from_mapping(spec.to_mapping())
    assert again == spec
    assert again.code_digest == spec.code_digest


@relaxed
@given(REQUESTS)
def test_a_request_reads_back(request):
    again = JobRequest.from_mapping(request.to_mapping())
    assert again == request
    assert again.job_digest == request.job_digest


@relaxed
@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    for read in (JobSpec.from_mapping, JobRequest.from_mapping):
        with pytest.raises(SpecError):
            read(value)


def every_place(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from every_place(item, (*path, key))


def put(value, path, new):
    value = copy.deepcopy(value)
    here = value
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = new
    return value


PLACES = [path for path in every_place(BASE) if path]


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize(
    "new", [None, 7, -1, 1.5, True, "x", "../up", [], {}, [[]], {"a": None}, "sha256:" + "0" * 64],
    ids=repr,
)  # fmt: skip
def test_a_place_holds_what_belongs_there_or_the_spec_is_refused(path, new):
    """No value of another type slips through, nothing crashes, and nothing is ignored."""
    changed = put(BASE, path, new)
    try:
        spec = JobSpec.from_mapping(changed)
    except SpecError:
        return
    assert spec.to_mapping() == changed
    if changed != BASE:
        assert spec.code_digest != JobSpec.from_mapping(BASE).code_digest


def test_what_these_tests_start_from_is_accepted():
    assert JobSpec.from_mapping(BASE).to_mapping() == BASE


@pytest.mark.parametrize("key", BASE)
def test_a_missing_field_is_refused(key):
    with pytest.raises(SpecError):
        JobSpec.from_mapping({k: v for k, v in BASE.items() if k != key})


def test_an_unknown_field_is_refused():
    with pytest.raises(SpecError):
        JobSpec.from_mapping({**BASE, "network": True})


# --------------------------------------------------------------------------------- digests


def another(name: str) -> str:
    return "another" if name != "another" else "one-more"


def another_sha(value: str) -> str:
    return sha("f") if value != sha("f") else sha("e")


def changes(request: JobRequest):
    spec = request.spec
    yield replace(request, submitter=another(request.submitter))
    yield replace(request, submitter_fingerprint=another_sha(request.submitter_fingerprint))
    yield replace(request, audience=another(request.audience))
    yield replace(request, project=another(request.project))
    yield replace(request, dataset=another(request.dataset))
    yield replace(request, dataset_version=another_sha(request.dataset_version))
    for other in spec_changes(spec):
        yield replace(request, spec=other)


def spec_changes(spec: JobSpec):
    yield replace(spec, name=another(spec.name))
    yield replace(spec, tier="mock" if spec.tier == "reviewed" else "reviewed")
    yield replace(spec, entrypoint="other:other_one")
    yield replace(spec, merge="other:other_one")
    yield replace(spec, split="" if spec.split else "camera")
    yield replace(spec, files={**spec.files, "one/more/file": sha("e")})
    yield replace(spec, files={path: another_sha(held) for path, held in spec.files.items()})
    lock = another_sha(spec.environment.lock_hash)
    yield replace(spec, environment=replace(spec.environment, lock_hash=lock))
    yield replace(spec, outputs={**spec.outputs, "one-more-output": Scalars(names=("n",))})
    for limit in fields(Limits):
        value = getattr(spec.limits, limit.name) + 1
        yield replace(spec, limits=replace(spec.limits, **{limit.name: value}))


@relaxed
@given(SPECS)
def test_every_field_of_the_spec_is_in_the_code_digest(spec):
    for other in spec_changes(spec):
        assert other.code_digest != spec.code_digest
    for other in (replace(spec, parameter_schema={**spec.parameter_schema, "one-more": "int"}),):
        assert other.code_digest != spec.code_digest


@relaxed
@given(REQUESTS)
def test_every_field_of_the_request_but_its_id_is_in_the_job_digest(request):
    for other in changes(request):
        assert other.job_digest != request.job_digest
    assert replace(request, job_id="f" * 32).job_digest == request.job_digest
    covered = {"job_id", "spec", "parameters", "submitter", "submitter_fingerprint"}
    covered |= {"audience", "project", "dataset", "dataset_version"}
    assert covered == {field.name for field in fields(JobRequest)}, "a new field needs a case"


@relaxed
@given(REQUESTS, st.data())
def test_one_other_value_is_another_job(request, data):
    assume(request.parameters)
    name = data.draw(st.sampled_from(sorted(request.parameters)))
    value = request.parameters[name]
    other = (
        (not value) if isinstance(value, bool) else value + ("x" if isinstance(value, str) else 1)
    )
    assume(other != value)
    changed = replace(request, parameters={**request.parameters, name: other})
    assert changed.job_digest != request.job_digest
    assert changed.spec.code_digest == request.spec.code_digest


@relaxed
@given(SPECS)
def test_the_order_of_files_and_outputs_does_not_matter(spec):
    turned = replace(
        spec,
        files=dict(reversed(spec.files.items())),
        outputs=dict(reversed(spec.outputs.items())),
    )
    assert turned.code_digest == spec.code_digest


# ----------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", ".hidden", "a/.git", "-rf",
        "a\\b", "a b", "a\x00", "a\n", "ä.py", "jоb.py", "a" * 101, "a/" * 120 + "a", 7, None,
    ],
)  # fmt: skip
def test_a_path_that_could_be_taken_for_another_is_refused(path):
    with pytest.raises(SpecError):
        require_path(path)


@pytest.mark.parametrize("path", ["job.py", "a/b_c/d-1.tflite", "A", "_", "0"])
def test_a_plain_path_is_accepted(path):
    assert require_path(path) == path


def test_files_that_differ_in_case_only_are_refused():
    with pytest.raises(SpecError, match="case"):
        JobSpec.from_mapping({**BASE, "files": {"a.py": sha("1"), "A.py": sha("2")}})


def test_the_log_is_not_an_output():
    with pytest.raises(SpecError, match="reserved"):
        JobSpec.from_mapping({**BASE, "outputs": {"log": BASE["outputs"]["n"]}})


def test_numbers_of_files_and_outputs_are_bounded():
    for key, many in (
        ("files", {f"f{n}": sha("1") for n in range(201)}),
        ("outputs", {f"o{n}": BASE["outputs"]["n"] for n in range(17)}),
        ("files", {}),
        ("outputs", {}),
    ):
        with pytest.raises(SpecError):
            JobSpec.from_mapping({**BASE, key: many})


@given(LIMITS, LIMITS)
def test_limits_are_within_others_exactly_when_none_is_larger(ours, most):
    larger = {f.name for f in fields(Limits) if getattr(ours, f.name) > getattr(most, f.name)}
    assert set(ours.within(most)) == larger


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1", None])
def test_a_limit_is_a_positive_whole_number(value):
    with pytest.raises(SpecError, match="memory_mib"):
        Limits(memory_mib=value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", 3, ["3", 1.5, True, None]),
        ("float", 0.5, ["x", True, None]),
        ("float", 2, [[]]),
        ("text", "x", [1, None, True]),
        ("bool", True, [1, 0, "true", None]),
    ],
)
def test_a_parameter_has_its_type_and_a_wrong_value_is_not_shown(kind, good, bad):
    require_parameters({"p": kind}, {"p": good})
    for value in bad:
        with pytest.raises(SpecError) as caught:
            require_parameters({"p": kind}, {"p": value})
        assert repr(value) not in str(caught.value).replace("'p'", "")


@pytest.mark.parametrize("text", ["cafe\u0301", "\u212b", "\ud800"])
def test_texts_of_another_unicode_form_are_refused(text):
    """They would have the digest, and so the approval, of another text, or none."""
    with pytest.raises(SpecError, match="NFC") as caught:
        require_parameters({"p": "text"}, {"p": text})
    assert "unicodedata.normalize" in caught.value.next_step
    assert text not in str(caught.value)
    require_parameters({"p": "text"}, {"p": "caf\u00e9 \u00c5"})
    for field in ("entrypoint", "merge"):
        with pytest.raises(SpecError, match="entrypoint"):
            JobSpec.from_mapping({**BASE, field: "job:\u1112\u1161"})  # one Hangul syllable, twice


def test_parameters_are_exactly_the_declared_ones():
    for values in ({}, {"a": 1, "b": 2}, {"b": 1}):
        with pytest.raises(SpecError):
            require_parameters({"a": "int"}, values)


REQUEST = {
    "job_id": "0" * 32, "spec": BASE, "submitter": "a", "submitter_fingerprint": sha("1"),
    "audience": "n", "project": "p", "dataset": "d", "dataset_version": sha("2"),
    "parameters": {"score": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_without_a_digest_is_refused(value):
    with pytest.raises(SpecError):
        JobRequest.from_mapping({**REQUEST, "parameters": {"score": value}})


@pytest.mark.parametrize(
    "change",
    [
        {"job_id": "0" * 31}, {"job_id": "A" * 32}, {"job_id": 7}, {"job_id": "0" * 32 + "\n"},
        {"submitter_fingerprint": "0" * 64}, {"submitter_fingerprint": None},
        {"dataset_version": "sha256:"}, {"dataset_version": sha("g")},
        {"submitter": "A"}, {"audience": ""}, {"project": "../p"}, {"dataset": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_request_names_itself_its_people_and_its_data(change):
    assert JobRequest.from_mapping(REQUEST)
    with pytest.raises(SpecError):
        JobRequest.from_mapping({**REQUEST, **change})
