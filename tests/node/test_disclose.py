"""HOP 8: outputs are inspected away from the keys and leave once, as the owner said."""

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import OutputError
from darkroom.model.canonical import canonical, digest_bytes
from darkroom.model.output import Table
from darkroom.model.statement import Statement
from darkroom.model.withheld import NOT_AS_DECLARED, STRANGERS, TOO_LARGE
from darkroom.node.disclose import MANIFEST, MAX_MANIFEST, as_text, read_manifest
from darkroom.ports import Outcome
from tests.node.outside import done
from tests.node.village import rule, spec


def test_the_owner_is_shown_exactly_what_would_leave(village):
    village.in_force()
    request = village.produced()

    (asked,) = village.owner.letters("release.request", request.job_id)
    assert set(asked.body["outputs"]) == {"counts", "log"}
    for name, facts in asked.body["outputs"].items():
        data = asked.attachments[f"output/{name}"]
        assert (facts["sha256"], facts["bytes"]) == (digest_bytes(data), len(data))
    assert asked.body["job_digest"] == request.job_digest
    assert village.alice.letters("job.result") == []


def test_a_release_is_signed_and_says_who_approved_what(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id)
    village.settle()

    (result,) = village.alice.letters("job.result", request.job_id)
    body = SycVerifier().check_statement(
        Statement.from_mapping(result.body["release"]), "release", village.keyring.identity
    )
    assert body["job_digest"] == request.job_digest
    assert body["code_digest"] == request.spec.code_digest
    assert (body["domain"], body["dataset"]) == ("north", "plaza")
    assert body["dataset_version"] == request.dataset_version
    assert (body["approved_by"], body["released_by"]) == ("olga", "olga")
    assert body["policy_version"] == 1
    assert body["facts"] == {
        "seconds_bucket": 0.5, "workers": 1, "frames": 18, "interpreter": "litert",
    }  # fmt: skip
    data = result.attachments["output/counts"]
    assert body["outputs"] == {
        "counts": {"type": "scalars", "sha256": digest_bytes(data), "bytes": len(data)}
    }
    assert set(result.attachments) == {"output/counts"}


def test_the_log_leaves_only_when_the_owner_says_so(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id, with_log=True)
    village.settle()

    (result,) = village.alice.letters("job.result", request.job_id)
    assert result.attachments["output/log"] == b"printed by the job"


@pytest.mark.parametrize("said", [1, "true", None, False])
def test_with_log_means_true_and_nothing_like_it(village, said):
    village.in_force()
    request = village.produced()
    village.release(request.job_id, with_log=said)
    village.settle()

    (result,) = village.alice.letters("job.result", request.job_id)
    assert "output/log" not in result.attachments


def test_what_is_withheld_never_leaves_and_does_not_stay(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id, "withhold")
    village.settle()

    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert last.body["state"] == "withheld"
    assert last.body["reasons"] == ["the data owner withheld the outputs"]
    assert village.alice.letters("job.result") == []
    village.restart()
    assert list((village.state / "outputs").iterdir()) == []


def test_the_owners_words_on_a_withheld_output_reach_the_scientist(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id, "withhold", reason="too\x1b detailed")
    village.settle()

    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert last.body["reasons"] == ["the data owner withheld the outputs: too detailed"]


def test_two_releases_are_one(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id)
    village.release(request.job_id)
    village.release(request.job_id, "withhold")
    village.settle()

    assert len(village.alice.letters("job.result", request.job_id)) == 1
    assert village.events(request.job_id).count("output-released") == 1
    assert "output-withheld" not in village.events(request.job_id)


def test_automatic_release_needs_a_rule_that_approved_the_code(village):
    village.in_force(rules=(rule(spec(name="other").code_digest),))
    request = village.produced()  # the owner approved this one, no rule did

    assert len(village.owner.letters("release.request", request.job_id)) == 1
    assert village.alice.letters("job.result") == []


def left(village, name, data):
    """The job leaves these bytes, past the early check."""

    def write(task, _):
        if task.program == "run":
            village.sandbox.job = lambda _: done()
            (task.out / name).write_bytes(data)

    village.sandbox.inside = write


TABLE = {"rows": Table(columns={"n": "int"}, max_rows=2)}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("rows", b"\xff\xd8 a picture", f"output rows: {NOT_AS_DECLARED}"),
        (
            "rows",
            b'{"columns": {"n": "int"}, "rows": [[1],[2],[3]]}',
            f"output rows: {NOT_AS_DECLARED}",
        ),
        ("rows", b'{"columns": {"n": "int"}, "rows": [["x"]]}', f"output rows: {NOT_AS_DECLARED}"),
        ("rows", b" " * 100_000, f"output rows: {TOO_LARGE}"),
        ("frame.jpg", b"\xff\xd8", f"the outputs: {STRANGERS}"),
    ],
    ids=["picture", "too many rows", "wrong type", "too large", "another name"],
)
def test_an_output_that_does_not_fit_fails_the_job_and_is_named(village, name, data, said):
    village.in_force()
    left(village, name, data)
    request = village.approved(outputs=TABLE)
    village.settle()

    record = village.job(request.job_id)
    assert record.state == "failed"
    assert record.reasons == (said,)
    assert village.alice.letters("job.result") == []
    assert list((village.state / "outputs").iterdir()) == []


def test_a_file_beside_the_declared_outputs_fails_the_job(village):
    village.in_force()

    def write(task, _):
        if task.program == "run":
            (task.out / "more").write_bytes(b"")

    village.sandbox.inside = write
    village.sandbox.job = lambda _: {"counts": {"frames": 1}}
    request = village.approved()
    village.settle()
    record = village.job(request.job_id)
    assert (record.state, record.reasons) == ("failed", (f"the outputs: {STRANGERS}",))


# ------------------------------------------- an inspector that was taken over by the output


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        b"",
        b"[]",
        b"{}",
        b"[" * 5000,
        b'{"outputs": {"counts": {}, "more": {}}}',
        b'{"outputs": {}}',
        b'{"problems": [1], "outputs": {}}',
        b'{"problems": {"x": 1}, "outputs": {}}',
        b" " * (MAX_MANIFEST + 1),
    ],
)
def test_a_manifest_that_is_not_one_lets_nothing_out(tmp_path, manifest):
    (tmp_path / "counts").write_bytes(b"1")
    if manifest is not None:
        (tmp_path / MANIFEST).write_bytes(manifest)

    with pytest.raises(OutputError):
        read_manifest(tmp_path, {"counts"})


@pytest.mark.parametrize("why", ["a\u202eb\x1b" + "x" * 500, "plain words", ["a list"], 5])
def test_only_declared_names_and_known_words_come_out_of_a_manifest(tmp_path, why):
    problems = {"s\u0000cret": why}
    (tmp_path / MANIFEST).write_bytes(canonical({"outputs": {}, "problems": problems}))

    with pytest.raises(OutputError) as caught:
        read_manifest(tmp_path, {"counts"})
    assert caught.value.message == "the outputs: could not be inspected"


@pytest.mark.parametrize(
    "log", [b"", b"plain", b"\xff\xfe", "ü".encode() * 40_000, b"\xff" * 70_000]
)
def test_a_log_is_text_within_its_cap(log):
    text = as_text(log)
    assert len(text) <= 64 << 10
    text.decode()


def test_an_inspection_that_lists_nothing_fails_the_job_and_shows_nothing(village, monkeypatch):
    village.in_force()
    monkeypatch.setattr(village.sandbox, "_inspect", lambda task: done())
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert village.job(request.job_id).outputs == {}
    assert village.owner.letters("release.request", request.job_id) == []


def test_an_inspection_that_hits_its_limit_fails_the_job_with_the_limit(village, monkeypatch):
    village.in_force()
    stopped = Outcome(status="limit", seconds=0.1, limit="memory")
    monkeypatch.setattr(village.sandbox, "_inspect", lambda task: stopped)
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert village.job(request.job_id).reasons[0] == (
        "the inspection was stopped at a limit: memory"
    )


def test_outputs_that_no_letter_carries_fail_the_job(village, monkeypatch):
    from darkroom.node import disclose

    monkeypatch.setattr(disclose, "fits", lambda *_: False)
    village.in_force()
    request = village.approved()
    village.settle()

    assert village.job(request.job_id).reasons == ("the outputs are more than one letter carries",)
