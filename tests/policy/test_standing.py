"""A state is the newest one unless a head that its domain signed says otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.epoch import FIRST, Epoch
from darkroom.model.tree_head import LedgerMark, TreeHead
from darkroom.policy.standing import (
    AHEAD,
    LATER,
    Log,
    judge,
    outruns,
    too_far,
)


SECOND = Epoch(number=2, opened_at=50.0, believed=False)


def head(size=5, *, epoch=1, at=10.0, root="a") -> TreeHead:
    ledger = LedgerMark(number=0, chain="0" * 64)
    return TreeHead(
        domain="north", epoch=epoch, size=size, root=root * 64, at=at, ledger=ledger
    )  # fmt: skip


def log(size=5, *, epoch=FIRST, root="a") -> Log:
    return Log(epoch=epoch, size=size, has=lambda seen: seen.root == root * 64)


def test_the_same_log_or_a_longer_one_is_level():
    assert judge(head(), shown=(1, 5), log=log()).is_ == "level"
    assert judge(head(), shown=(1, 5), log=log(9)).is_ == "level"
    assert judge(None, shown=None, log=log(0)).is_ == "level"


def test_a_longer_or_another_head_means_behind_whoever_shows_it():
    assert "old copy" in outruns(head(6), log())
    assert "fork" in outruns(head(4, root="b"), log())
    assert "epoch 2" in outruns(head(1, epoch=2), log())
    assert judge(head(6), shown=(1, 5), log=log()).is_ == "behind"


def test_heads_of_the_epoch_before_are_what_was_lost_unless_they_are_later_than_the_restore():
    assert outruns(head(99), log(2, epoch=SECOND)) == ""
    assert "clock" in outruns(head(99, at=51.0), log(2, epoch=SECOND))
    assert judge(head(99), shown=(1, 7), log=log(2, epoch=SECOND)).is_ == "level"


def test_a_gateway_that_forgot_what_it_was_shown_leaves_it_unknown():
    for seen in (None, head(4)):
        found = judge(seen, shown=(1, 5), log=log())
        assert (found.is_, found.lost) == ("unknown", True)
    assert judge(head(), shown=(2, 1), log=log(9, epoch=SECOND)).is_ == "unknown"


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 3), st.integers(1, 9))
def test_never_level_with_a_higher_head_of_ours(epoch, size, ours, length):
    mine = Epoch(number=ours, opened_at=99.0, believed=ours == 1)
    found = judge(head(size, epoch=epoch), shown=None, log=log(length, epoch=mine))
    assert (found.is_ == "level") == ((epoch, size) <= (ours, length) or epoch < ours)


def test_heads_decide_a_restore_only_within_reach():
    """One from the year 9999, or of the last epoch there can be, would end the domain for good."""
    now = 1e9
    near = head(1, epoch=3 + AHEAD, at=now + LATER)
    assert too_far([head(), near], epoch=3, now=now) is None
    for far in (head(1, epoch=4 + AHEAD, at=1.0), head(1, at=now + LATER + 1)):
        assert too_far([head(), near, far], epoch=3, now=now) == far
