"""A PySyft job becomes one Darkroom job: the same bytes, the same digests on both sides."""

import ast
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import SubmittedFolder
from darkroom.adapters.pysyft.translation import MODULE, code_tree, translate
from darkroom.errors import SpecError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import MAX_FILES, Environment, JobRequest, Limits
from darkroom.model.output import Scalars


SHA = "sha256:" + "0" * 64
FOLDER = SubmittedFolder(
    job_name="Count people",
    entrypoint="main.py",
    code={"main.py": "import lib.count\n", "lib/count.py": "x = 1\n", "params.json": "{}"},
    launcher="#!/bin/bash\npython main.py\n",
    dependencies=("syft==0.10.0",),
)
DECLARATION = Declaration(
    dataset="plaza",
    dataset_version=SHA,
    environment=Environment(name="tflite", lock_hash=SHA),
    outputs={"result": Scalars(names=("n",)), "more": Scalars(names=("m",))},
    models={"weights.npz": SHA, "detector.tflite": SHA},
)


def job(folder=FOLDER, declaration=DECLARATION, **more) -> JobRequest:
    fields = {
        "job_id": "0" * 32, "submitter": "alice", "submitter_fingerprint": SHA, "domain": "north",
    }  # fmt: skip
    return translate(folder, declaration, **(fields | more))


def call_in(text: str) -> tuple[str, dict[str, object]]:
    """(what is called, with which constants) by the module that Darkroom writes.

    Fails when there is anything else in it than the one call with literals.
    """
    doc, imported, function = ast.parse(text).body
    assert isinstance(doc, ast.Expr)
    assert isinstance(doc.value, ast.Constant)
    assert ast.unparse(imported) == "from darkroom.runtime import pysyft_job as runner"
    assert isinstance(function, ast.FunctionDef)
    assert (function.name, ast.unparse(function.args)) == ("main", "data, params")
    (returned,) = function.body
    assert isinstance(returned, ast.Return)
    call = returned.value
    assert isinstance(call, ast.Call)
    assert [ast.unparse(argument) for argument in call.args] == ["data"]
    return ast.unparse(call.func), {k.arg: ast.literal_eval(k.value) for k in call.keywords}


# --------------------------------------------------------------------------------- the tree


def test_the_tree_is_what_was_sent_and_one_call_of_it():
    tree = code_tree(FOLDER, DECLARATION, datasite="north@darkroom")

    assert call_in(tree.pop("pysyft_job.py").decode()) == (
        "runner.run",
        {
            "entrypoint": "code/main.py", "datasite": "north@darkroom", "dataset": "plaza",
            "models": {"detector.tflite": "models/detector.tflite",
                       "weights.npz": "models/weights.npz"},
            "outputs": ["more", "result"],
        },
    )  # fmt: skip
    assert tree == {
        "run.sh": FOLDER.launcher.encode(),
        **{f"code/{path}": text.encode() for path, text in FOLDER.code.items()},
    }


def test_the_job_is_an_ordinary_one():
    request = job()
    tree = code_tree(FOLDER, DECLARATION, datasite="north@darkroom")

    assert request.spec.files == {
        **{path: digest_bytes(data) for path, data in tree.items()},
        "models/detector.tflite": SHA,
        "models/weights.npz": SHA,
    }
    assert (request.spec.entrypoint, request.spec.merge, request.spec.split) == (
        f"{MODULE}:main", "", "",
    )  # fmt: skip
    assert (request.submitter, request.audience, request.dataset) == ("alice", "north", "plaza")
    assert request.parameters == {"pysyft_job": "Count people"}
    assert JobRequest.from_mapping(request.to_mapping()) == request


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SLY = TEXTS | st.sampled_from(
    ['"', "'", '"""', "'''", "\\", "\n", "{", "}", "{0}", "%s", '""" + __import__("os") + """',
     "'), exec('x'", "\u2028", "\x00", "\ufeff", "é", "\U0001f600", "\r", "\x0c"]
)  # fmt: skip


@settings(max_examples=150)
@given(SLY, SLY, SLY, st.lists(SLY, max_size=3), st.lists(SLY, unique=True, max_size=3))
@example('x"""\nimport os\n"""', "n", "d", [], [])
def test_no_name_becomes_code_even_if_nobody_checked_it(
    entrypoint, datasite, dataset, models, outs
):
    folder = replace(FOLDER, entrypoint=entrypoint)
    declaration = replace(DECLARATION, outputs=dict.fromkeys(outs, Scalars(names=("n",))))
    object.__setattr__(declaration, "dataset", dataset)
    object.__setattr__(declaration, "models", dict.fromkeys(models, SHA))

    text = code_tree(folder, declaration, datasite=datasite)["pysyft_job.py"]

    assert text.isascii()
    assert call_in(text.decode())[1] == {
        "entrypoint": f"code/{entrypoint}", "datasite": datasite, "dataset": dataset,
        "models": {name: f"models/{name}" for name in models}, "outputs": sorted(outs),
    }  # fmt: skip


@given(st.text(max_size=80), st.text(max_size=80))
def test_code_that_was_sent_is_not_changed_by_a_byte(text, launcher):
    """Whatever it is; what has no bytes in UTF-8 was refused on the way."""
    folder = replace(FOLDER, code={"main.py": text}, launcher=launcher)
    try:
        expected = {"code/main.py": text.encode(), "run.sh": launcher.encode()}
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            code_tree(folder, DECLARATION, datasite="north@darkroom")
        return
    tree = code_tree(folder, DECLARATION, datasite="north@darkroom")
    assert {path: tree[path] for path in expected} == expected


# ------------------------------------------------------------------------------ the digests


def test_both_sides_compute_the_same_digests():
    """Whatever order things came in, and as often as one likes."""
    shuffled = replace(FOLDER, code=dict(reversed(FOLDER.code.items())))
    declared = replace(
        DECLARATION,
        models=dict(reversed(DECLARATION.models.items())),
        outputs=dict(reversed(DECLARATION.outputs.items())),
    )
    travelled = Declaration.from_mapping(declared.to_mapping())

    one, other = job(), job(shuffled, travelled)

    assert one.spec.code_digest == other.spec.code_digest
    assert one.job_digest == other.job_digest


OTHER = "sha256:" + "0" * 63 + "1"
CHANGES = {
    "a byte of the code": {"code": FOLDER.code | {"main.py": "import lib.count \n"}},
    "a byte of other code": {"code": FOLDER.code | {"lib/count.py": "x = 2\n"}},
    "a file more": {"code": FOLDER.code | {"more.txt": ""}},
    "a file less": {"code": {k: v for k, v in FOLDER.code.items() if k != "params.json"}},
    "a file under another name": {
        "code": {k.replace("params", "config"): v for k, v in FOLDER.code.items()}
    },
    "a byte of run.sh": {"launcher": FOLDER.launcher + " "},
    "the entry point": {"entrypoint": "lib/count.py"},
    "the hash of a model": {"models": DECLARATION.models | {"weights.npz": OTHER}},
    "a model more": {"models": DECLARATION.models | {"more.npz": SHA}},
    "a model under another name": {"models": {"w.npz": SHA, "detector.tflite": SHA}},
    "the name of an output": {"outputs": {"results": Scalars(names=("n",))}},
    "an output": {"outputs": DECLARATION.outputs | {"more": Scalars(names=("k",))}},
    "the dataset": {"dataset": "garage"},
    "the environment": {"environment": Environment(name="tensorflow", lock_hash=SHA)},
    "its lock": {"environment": Environment(name="tflite", lock_hash=OTHER)},
    "a limit": {"limits": Limits(memory_mib=1025)},
    "the tier": {"tier": "mock"},
}


@pytest.mark.parametrize("case", CHANGES)
def test_whatever_decides_what_the_code_is_and_may_do_changes_its_digest(case):
    change = CHANGES[case]
    folder = replace(FOLDER, **{k: v for k, v in change.items() if hasattr(FOLDER, k)})
    declared = replace(DECLARATION, **{k: v for k, v in change.items() if not hasattr(FOLDER, k)})

    assert job(folder, declared).spec.code_digest != job().spec.code_digest


@settings(max_examples=60)
@given(st.data())
def test_one_changed_byte_of_any_file_changes_the_digest(data):
    path = data.draw(st.sampled_from(sorted(FOLDER.code)))
    text = FOLDER.code[path]
    place = data.draw(st.integers(0, len(text)))
    put = data.draw(st.characters(exclude_categories=["Cs"]))
    folder = replace(FOLDER, code=FOLDER.code | {path: text[:place] + put + text[place:]})

    assert job(folder).spec.code_digest != job().spec.code_digest


def test_the_name_of_a_job_is_in_its_own_digest_and_not_in_that_of_its_code():
    other = job(replace(FOLDER, job_name="Count people again"))

    assert other.spec == job().spec
    assert other.job_digest != job().job_digest


@pytest.mark.parametrize(
    "more", [{"submitter": "bob"}, {"submitter_fingerprint": OTHER}], ids=["name", "keys"]
)
def test_who_submits_is_in_the_digest_of_the_job_and_not_in_that_of_the_code(more):
    assert job(**more).spec == job().spec
    assert job(**more).job_digest != job().job_digest


def test_the_same_folder_for_another_domain_is_other_code():
    assert job(domain="east").spec.code_digest != job().spec.code_digest
    assert job(job_id="1" * 32).job_digest == job().job_digest


@pytest.mark.parametrize(
    ("entrypoint", "name"),
    [
        ("main.py", "pysyft-main"), ("lib/Count_People.py", "pysyft-count_people"),
        ("a.b.py", "pysyft-a.b"), ("x" * 90 + ".py", "pysyft-" + "x" * 40), ("a-.py", "pysyft-a"),
    ],
)  # fmt: skip
def test_the_job_is_called_after_its_entry_point(entrypoint, name):
    folder = replace(FOLDER, entrypoint=entrypoint, code={entrypoint: ""})
    assert job(folder).spec.name == name


@pytest.mark.parametrize(
    ("folder", "declaration", "said"),
    [
        (replace(FOLDER, code={f"{n}.py": "" for n in range(MAX_FILES)}), DECLARATION, "files"),
        (replace(FOLDER, code={"a.py": "", "A.py": ""}), DECLARATION, "case"),
        (FOLDER, replace(DECLARATION, outputs={}), "outputs"),
        (FOLDER, replace(DECLARATION, outputs={"log": Scalars(names=("n",))}), "log"),
        (FOLDER, replace(DECLARATION, outputs={"Über": Scalars(names=("n",))}), "output"),
        (FOLDER, replace(DECLARATION, tier="root"), "tier"),
        (FOLDER, replace(DECLARATION, project="My Project"), "project"),
        (FOLDER, replace(DECLARATION, dataset_version="newest"), "version"),
    ],
    ids=["files", "case", "none", "log", "output", "tier", "project", "version"],
)
def test_what_no_job_may_have_is_refused(folder, declaration, said):
    with pytest.raises(SpecError, match=said):
        job(folder, declaration)
