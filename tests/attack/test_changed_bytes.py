"""T1: what runs is not what was approved."""

import shutil
from dataclasses import replace
from typing import Any

import pytest

from darkroom.errors import IsolationError
from darkroom.model.job import Environment, Limits
from darkroom.model.output import Scalars
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.laws import Laws
from tests.node.village import CODE, LOCK, Village
from tests.sandbox.workshop import Workshop, as_root


EVIL = b"def count(data, params):\n    return {'counts': {'frames': 666}}\n"
OTHER = "sha256:" + "a" * 64


def kept(village: Village, digest: str) -> Any:
    return village.state / "code" / digest.removeprefix("sha256:")


def overwrite(village: Village, digest: str, data: bytes) -> None:
    """The copy on the node's disk becomes another one."""
    file = kept(village, digest) / "job.py"
    file.chmod(0o600)
    file.write_bytes(data)


def ran(village: Village) -> list[bytes]:
    """The code of every task that was started, as it lay there."""
    return [(t.code / "job.py").read_bytes() for t in village.sandbox.started if t.code]


# ------------------------------------------------------------------------------- the bytes


@pytest.mark.attack("T1", control="off")
def test_without_a_fresh_hash_other_code_runs(village, monkeypatch):
    village.in_force()
    request = village.approved()
    overwrite(village, request.spec.code_digest, EVIL)
    monkeypatch.setattr(CodeShelf, "hashes", lambda *_: dict(request.spec.files))

    village.settle()

    assert ran(village) == [EVIL]


@pytest.mark.attack("T1", "T19", control="on")
def test_any_flipped_bit_and_nothing_runs(village):
    village.in_force()
    for position in (0, len(CODE) // 2, len(CODE) - 1):
        for bit in (0, 3, 7):
            request = village.approved()
            flipped = bytearray(CODE)
            flipped[position] ^= 1 << bit
            overwrite(village, request.spec.code_digest, bytes(flipped))

            village.settle()

            assert village.state_of(request.job_id) == "failed", (position, bit)
    assert village.sandbox.started == []


# ------------------------------------------------------------------------------ the fields

IN_REQUEST = {
    "parameters": {"n": 2},
    "submitter": "bob",
    "submitter_fingerprint": OTHER,
    "audience": "east",
    "project": "other",
    "dataset": "yard",
    "dataset_version": OTHER,
}
IN_SPEC = {
    "name": "other",
    "entrypoint": "job:other",
    "merge": "job:count",
    "split": "camera",
    "files": {"job.py": OTHER},
    "environment": Environment(name="tflite", lock_hash=OTHER),
    "outputs": {"counts": Scalars(names=("frames", "more"))},
    "limits": Limits(memory_mib=1),
    "parameter_schema": {"n": "float"},
}


def changed(request: Any, name: str) -> Any:
    if name in IN_REQUEST:
        return replace(request, **{name: IN_REQUEST[name]})
    return replace(request, spec=replace(request.spec, **{name: IN_SPEC[name]}))


@pytest.mark.attack("T1", control="off")
def test_digests_that_follow_the_job_approve_other_values(village, monkeypatch):
    """Whoever keeps the approved digest with the job, and asks no vote for it, runs anything."""
    monkeypatch.setattr(Laws, "_against", lambda *_: "")
    village.in_force()
    request = village.approved(parameter_schema={"n": "int"}, parameters={"n": 1})
    record = village.job(request.job_id)
    other = changed(record.request, "parameters")
    village.store.replace_job(
        replace(record, request=other, job_digest=other.job_digest), was="approved"
    )

    village.settle()

    assert [t.request["parameters"] for t in village.sandbox.started if t.code] == [{"n": 2}]


@pytest.mark.attack("T1", control="on")
@pytest.mark.parametrize("name", [*IN_REQUEST, *IN_SPEC])
def test_any_changed_field_and_nothing_runs(village, name):
    village.in_force()
    request = village.approved(parameter_schema={"n": "int"}, parameters={"n": 1})
    record = village.job(request.job_id)
    other = changed(record.request, name)
    assert other != record.request
    village.store.replace_job(replace(record, request=other), was="approved")

    village.settle()

    assert village.state_of(request.job_id) != "produced"
    assert village.sandbox.started == []


@pytest.mark.attack("T1", "T21", control="on")
def test_an_environment_that_was_exchanged_since_the_approval_runs_nothing(village):
    village.in_force()
    request = village.approved()
    assert request.spec.environment.lock_hash == LOCK
    village.runtimes["tflite"] = replace(village.runtimes["tflite"], lock_hash=OTHER)

    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert village.sandbox.started == []


# --------------------------------------------------------------- between the check and the use


def link_in_place(workshop: Workshop) -> Any:
    """A task whose code folder became a link to other code after it was checked."""
    task = workshop.task("return {'result': {'n': 1}}")
    evil = workshop.task("return {'result': {'n': 666}}").code
    assert task.code
    assert evil
    shutil.rmtree(task.code)
    task.code.symlink_to(evil)
    return task


@pytest.mark.attack("T1", control="off")
def test_a_sandbox_that_follows_links_runs_other_code(workshop: Workshop) -> None:
    task = link_in_place(workshop)
    followed = replace(task, code=task.code.resolve())

    assert workshop.sandbox().run(followed).status == "done"
    assert (task.out / "result").read_bytes() == b'{"n":666}'


@pytest.mark.attack("T1", "T4", control="on")
@pytest.mark.skipif(not as_root(), reason="as an ordinary user it reaches no more than the node")
def test_a_folder_that_became_a_link_after_the_check_is_not_run(workshop: Workshop) -> None:
    task = link_in_place(workshop)

    with pytest.raises(IsolationError, match="cannot be opened"):
        workshop.sandbox().run(task)
    assert not list(task.out.iterdir())
