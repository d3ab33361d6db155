"""The owner of the game: small, typed, plain outputs leave; everything else does not."""

import json
from pathlib import Path

import pytest

from darkroom.config import policy_proposal
from darkroom.model.job import Environment, JobRequest, JobSpec
from darkroom.model.output import Model, Scalars, Table
from darkroom.owner.requests import ReleaseRequest, ReviewRequest
from tests.ctf.flag import FLAG_BITS
from tests.ctf.owner import MOST_BITS, NOT_PLAIN, against_code, against_outputs


POLICY = policy_proposal(Path(__file__).parent / "quay" / "policy.yaml")
FACTS = {"facts": Scalars(names=("frames",))}
STREAM = {"t": Table(columns={"n": "int"}, max_rows=100, bounds={"n": (0, 1)})}


def request(outputs) -> JobRequest:
    digest = "sha256:" + "0" * 64
    spec = JobSpec(
        name="count", tier="reviewed", entrypoint="job:job", files={"job.py": digest},
        environment=Environment(name="tflite", lock_hash=digest), outputs=outputs,
    )  # fmt: skip
    return JobRequest(
        job_id="0" * 32, audience="quay", submitter="player", submitter_fingerprint=digest,
        spec=spec, dataset="berths", dataset_version=digest, project="ctf",
    )  # fmt: skip


def asked_to_run(outputs, files) -> str:
    asked = ReviewRequest(
        request=request(outputs), submitter=None, reasons=(), rule="", policy_version=1,
        price={}, mock={}, files=files,
    )  # fmt: skip
    return against_code(asked, POLICY.airlock)


def asked_to_release(outputs, files) -> str:
    kinds = {name: "table" if name == "t" else "scalars" for name in files}
    asked = ReleaseRequest(
        job_id="0" * 32, request=request(outputs), job_digest="", digest="", kinds=kinds,
        facts={}, files=files,
    )  # fmt: skip
    return against_outputs(asked)


@pytest.mark.parametrize(
    ("outputs", "files", "word"),
    [
        (FACTS, {"job.py": b"pass", "job.json": b"{}"}, ""),
        ({"m": Model(format="npz", max_bytes=8)}, {"job.py": b"pass"}, "only tables"),
        ({"t": Table(columns={"n": "int"}, max_rows=7)}, {"job.py": b"pass"}, f"{MOST_BITS} bits"),
        (FACTS, {"job.py": b"pass", "files/net.npz": b"PK"}, "nobody can read"),
        (FACTS, {"job.py": b"#" * 70_000}, "64 KiB"),
    ],
)
def test_what_may_run(outputs, files, word):
    why = asked_to_run(outputs, files)
    assert bool(why) == bool(word)
    assert word in why


def test_a_stream_of_bits_stays_and_says_no_more_than_that_it_stays():
    rows = [[n % 2] for n in range(80)]
    stream = json.dumps({"columns": {"n": "int"}, "rows": rows}).encode()
    assert asked_to_release(STREAM, {"t": stream}) == NOT_PLAIN
    flat = json.dumps({"columns": {"n": "int"}, "rows": [[1]] * 8}).encode()
    assert asked_to_release(STREAM, {"t": flat}) == ""


def test_a_number_leaves_and_the_log_is_not_what_decides():
    assert asked_to_release(FACTS, {"facts": b'{"frames":120}', "log": b"\xff" * 99}) == ""


def test_the_whole_budget_is_less_than_the_flag():
    (budget,) = POLICY.budgets
    assert budget.bits is not None
    assert budget.bits < FLAG_BITS
    assert not POLICY.airlock.log
    assert not POLICY.airlock.free_text
    assert POLICY.airlock.models == ()
