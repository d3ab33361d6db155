"""A head is well formed or refused, and two that one log cannot have had are told."""

from dataclasses import replace

import pytest
from hypothesis import given

from darkroom.errors import SpecError
from darkroom.model.merkle import EMPTY
from darkroom.model.tree_head import LedgerMark, TreeHead, contradiction
from tests.model.shapes import JSON


def head(size: int = 5, **more) -> TreeHead:
    fields = {
        "domain": "north", "epoch": 1, "size": size, "root": f"{size:064x}", "at": 7.5,
        "ledger": LedgerMark(number=2, chain="2" * 64),
    }  # fmt: skip
    return TreeHead(**{**fields, **more})


def ledger(number: int, chain: str = "2") -> LedgerMark:
    return LedgerMark(number=number, chain=chain * 64)


def test_a_head_reads_back():
    assert TreeHead.from_body(head().to_body()) == head()


@given(JSON)
def test_what_is_no_head_is_refused(value):
    with pytest.raises(SpecError):
        TreeHead.from_body(value)


@pytest.mark.parametrize(
    "bad",
    [
        {"domain": "North!"}, {"epoch": 0}, {"epoch": True}, {"size": -1}, {"size": 1 << 53},
        {"size": 5.0}, {"root": "x"}, {"root": "A" * 64}, {"root": None}, {"at": float("inf")},
        {"at": True}, {"at": -1}, {"ledger": {}}, {"ledger": None},
        {"ledger": {"number": -1, "chain": "0" * 64}}, {"ledger": {"number": 0, "chain": "0"}},
        {"more": 1}, {"size": 0}, {"root": EMPTY.hex()},
    ],
    ids=repr,
)  # fmt: skip
def test_a_field_out_of_bounds_is_refused(bad):
    with pytest.raises(SpecError):
        TreeHead.from_body({**head().to_body(), **bad})


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (head(), head(), ""),
        (head(), head(6), ""),
        (head(), head(at=9.0), ""),
        (head(), head(ledger=ledger(3, "3")), ""),
        (head(), head(root="a" * 64), "two heads of size 5"),
        (head(), head(root="a" * 64, epoch=2), ""),
        (head(), head(root="a" * 64, domain="south"), ""),
        (head(), head(6, ledger=ledger(1, "1")), "the ledger became shorter"),
        (head(), head(6, ledger=ledger(2, "9")), "another entry 2 of the ledger"),
    ],
)
def test_two_heads_contradict_or_not(one, other, words):
    for found in (contradiction(one, other), contradiction(other, one)):
        assert words in found
        assert bool(words) == bool(found)


def test_a_root_is_bytes_too():
    assert replace(head(), root="ab" * 32).root_bytes == b"\xab" * 32
