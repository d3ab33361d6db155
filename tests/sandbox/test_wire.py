"""The launcher may be root: nothing but a whole, well-formed task gets through."""

import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.sandbox import wire
from darkroom.errors import IsolationError
from darkroom.model.job import Limits
from darkroom.ports import Outcome, Runtime, SandboxTask


RUNTIME = Runtime(name="a", python=Path("/p"), paths=(Path("/v"),), lock_hash="")
TASK = SandboxTask(
    task_id="",
    program="run",
    runtime=RUNTIME,
    request={"a": [1, "b"]},
    limits=Limits(wall_seconds=3),
    out=Path("/state/out"),
    code=Path("/state/code"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_task_survives_the_way() -> None:
    frame = json.loads(json.dumps(wire.task_to_frame(TASK, (RUNTIME,))))
    assert wire.task_from_frame(frame, (RUNTIME,)) == TASK


@given(
    st.builds(
        Outcome,
        status=st.sampled_from(["done", "failed", "limit", "cancelled"]),
        seconds=st.floats(0, 9),
        log=st.binary(max_size=99),
        limit=st.text(max_size=9),
    )
)
def test_an_outcome_survives_the_way(outcome: Outcome) -> None:
    assert wire.answer(json.loads(json.dumps(wire.outcome_to_frame(outcome)))) == outcome


@given(st.sampled_from([*wire.task_to_frame(TASK, (RUNTIME,)), "more"]), JSON)
def test_a_changed_field_is_refused_or_harmless(name: str, value: object) -> None:
    frame = {**wire.task_to_frame(TASK, (RUNTIME,)), name: value}
    try:
        task = wire.task_from_frame(frame, (RUNTIME,))
    except IsolationError:
        return
    assert task.runtime == RUNTIME
    assert task.program in wire.PROGRAMS
    assert task.out.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("runtime", 1),
        ("runtime", -1),
        ("runtime", "a"),
        ("program", "sh"),
        ("out", "relative"),
        ("out", None),
        ("code", "/a\0b"),
        ("limits", {"wall_seconds": 0}),
        ("limits", {"nice": 1}),
        ("request", []),
    ],
)
def test_what_is_refused(name: str, value: object) -> None:
    frame = {**wire.task_to_frame(TASK, (RUNTIME,)), name: value}
    with pytest.raises(IsolationError, match="does not understand"):
        wire.task_from_frame(frame, (RUNTIME,))


@pytest.mark.parametrize("raw", [b"", b"\0\0", b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\1{"])
def test_what_is_no_frame_reads_as_the_end(raw: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(raw)
        ours.shutdown(socket.SHUT_WR)
        assert wire.receive(theirs) is None


def test_no_answer_is_an_isolation_error() -> None:
    with pytest.raises(IsolationError, match="without an answer"):
        wire.answer(None)
