"""A witness takes a log that grows, and keeps what shows that one did not."""

from dataclasses import replace

import pytest

from darkroom.model.merkle import consistency_proof, leaf_hash
from darkroom.model.tree_head import LedgerMark, TreeHead
from darkroom.policy.witness import rule
from tests.model.trees import root_of


LEAVES = [leaf_hash(b"%d" % n) for n in range(12)]
OTHER = [*LEAVES[:3], *(leaf_hash(b"x%d" % n) for n in range(9))]


def head(size: int, leaves=LEAVES, **more) -> TreeHead:
    fields = {
        "domain": "north", "epoch": 1, "size": size, "root": root_of(leaves[:size]).hex(),
        "at": 1.0, "ledger": LedgerMark(number=0, chain="0" * 64),
    }  # fmt: skip
    return TreeHead(**{**fields, **more})


def proof(first: int, second: int, leaves=LEAVES):
    return consistency_proof(
        first, second, lambda level, place: root_of(leaves[place << level : (place + 1) << level])
    )


def test_the_first_one_and_what_grows_is_taken():
    assert rule(None, head(4), 0, ()).new
    assert rule(head(4), head(9), 4, proof(4, 9)).new
    assert rule(head(0), head(9), 0, ()).new


def test_the_same_again_is_no_news():
    ruling = rule(head(4), head(4, at=9.0), 4, ())
    assert (ruling.against, ruling.fork, ruling.new) == ("", False, False)


@pytest.mark.parametrize(
    ("offered", "since", "steps", "words"),
    [
        (head(3), 3, (), "fewer than the 4"),
        (head(4, OTHER), 4, (), "two heads of size 4"),
        (head(9, OTHER), 4, proof(4, 9, OTHER), "are not the beginning of it"),
        (head(9), 4, (), "are not the beginning of it"),
        (head(9), 4, proof(4, 9)[:-1], "are not the beginning of it"),
    ],
    ids=["shorter", "same size", "branch", "no proof", "half a proof"],
)
def test_a_fork_is_refused_and_kept(offered, since, steps, words):
    ruling = rule(head(4), offered, since, steps)
    assert words in ruling.against
    assert ruling.fork
    assert not ruling.new


def test_a_proof_from_elsewhere_is_refused_and_is_no_evidence():
    ruling = rule(head(4), head(9), 3, proof(3, 9))
    assert "does not start from the 4" in ruling.against
    assert (ruling.fork, ruling.new) == (False, False)


def test_a_new_epoch_begins_anew_and_an_old_one_does_not_come_back():
    second = replace(head(3, OTHER), epoch=2)
    assert rule(head(9), second, 0, ()).new
    assert rule(second, head(12), 0, ()).fork
