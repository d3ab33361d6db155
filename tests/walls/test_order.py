"""What node and worker tell one another: nothing but what they mean gets through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.job import Limits
from darkroom.walls.order import Order, Verdict


ORDER = Order(
    program="run",
    limits=Limits(),
    lock="runtime-litert.txt",
    lock_hash="sha256:1",
    canaries=(("10.43.0.1", 443),),
    filters={"x86_64": b"\x00\x01"},
)
VERDICT = Verdict(
    code=0,
    stopped="",
    started=True,
    oom_kills=0,
    disk_full=False,
    seconds=1.5,
    max_rss_mib=10.0,
    report=b"{}",
    landlock=True,
)


def test_an_order_comes_back_as_it_was() -> None:
    assert Order.from_json(ORDER.to_json()) == ORDER


@pytest.mark.parametrize(
    "change",
    [
        {"canaries": []},  # nothing would be proved
        {"lock": "../../etc/passwd"},
        {"limits": {"memory_mib": 0}},
        {"filters": {"x86_64": "not base64!"}},
        {"program": None, "limits": None},
    ],
)
def test_an_order_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        Order.from_json(json.dumps({**json.loads(ORDER.to_json()), **change}).encode())


def test_a_verdict_comes_back_as_it_was() -> None:
    assert Verdict.from_json(VERDICT.to_json()) == VERDICT


@pytest.mark.parametrize(
    "change",
    [
        {"stopped": "a private word"},
        {"code": 256},
        {"code": True},
        {"seconds": -1},
        {"seconds": 1e400},
        {"max_rss_mib": "much"},
        {"report": "?"},
        {"oom_kills": 1.5},
    ],
)
def test_a_hostile_verdict_is_none(change: dict[str, Any]) -> None:
    value = json.dumps({**json.loads(VERDICT.to_json()), **change})

    assert Verdict.from_json(value.encode()) is None


@given(st.binary(max_size=200))
def test_bytes_are_no_verdict(data: bytes) -> None:
    assert Verdict.from_json(data) is None
