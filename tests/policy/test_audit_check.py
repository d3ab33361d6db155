"""The walk over a log names the first entry in doubt, whatever was done to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.audit_entry import AuditEntry, detail_digest, detail_text
from darkroom.model.tree_head import LedgerMark, TreeHead
from darkroom.policy.audit_check import check
from tests.model.trees import root_of


CHAINS = {1: "1" * 64, 2: "2" * 64}
SALT = bytes(16)


def entry(number: int, event: str = "job-started", **detail) -> AuditEntry:
    text = detail_text(detail)
    return AuditEntry(
        number=number, at=float(number), event=event, job_id="0" * 32, detail=text,
        salt=SALT.hex(), digest=detail_digest(SALT, text).hex(),
    )  # fmt: skip


def log(count: int = 12) -> list[AuditEntry]:
    return [entry(number, n=number) for number in range(1, count + 1)]


def head(entries: list[AuditEntry], size: int, epoch: int = 1, ledger: int = 0) -> TreeHead:
    return TreeHead(
        domain="north", epoch=epoch, size=size, root=root_of(e.leaf for e in entries[:size]).hex(),
        at=float(size), ledger=LedgerMark(number=ledger, chain=CHAINS.get(ledger, "0" * 64)),
    )  # fmt: skip


def walk(entries, *heads, kept=None, generations=None):
    leaves = [e.leaf for e in kept or entries]
    return check(
        zip(entries, leaves, strict=True), heads, chain=CHAINS.get, generations=generations
    )


def first(verdict):
    assert verdict.findings
    return verdict.findings[0]


def test_a_whole_log_is_whole():
    entries = log()
    found = walk(entries, head(entries, 0), head(entries, 5), head(entries, 9, ledger=2))
    assert (found.findings, found.notes) == ((), ())
    assert (found.entries, found.heads, found.vouched) == (12, 3, 9)
    assert found.root == head(entries, 12).root


@pytest.mark.parametrize(
    "changed",
    [{"at": 0.5}, {"event": "x"}, {"job_id": ""}, {"detail": "{}"}, {"digest": "0" * 64}],
    ids=lambda c: next(iter(c)),
)
def test_an_edit_is_that_entry(changed):
    entries = log()
    edited = [*entries[:6], entries[6]._replace(**changed), *entries[7:]]
    found = walk(edited, head(entries, 12), kept=entries)
    assert first(found).entry == 7
    assert "entry 7 was changed" in first(found).what


@given(st.integers(0, 11), st.integers(0, 11))
def test_a_reordering_is_the_first_that_is_out_of_place(one, other):
    entries = log()
    entries[one], entries[other] = entries[other], entries[one]
    found = walk(entries)
    if one == other:
        assert not found.findings
    else:
        assert first(found).entry == min(one, other) + 1


@given(st.integers(0, 10))
def test_a_gap_is_the_entry_that_is_missing(gone):
    entries = log()
    found = walk([*entries[:gone], *entries[gone + 1 :]])
    assert first(found).entry == gone + 1
    assert f"entry {gone + 1} is missing" in first(found).what


@given(st.integers(0, 11))
def test_a_cut_tail_is_the_first_that_is_missing(left):
    entries = log()
    found = walk(entries[:left], head(entries, 3), head(entries, 12))
    assert first(found).entry == left + 1 if left >= 3 else first(found).entry <= 3
    assert any("is missing: a signed head vouches for 12" in f.what for f in found.findings)


@given(st.integers(0, 11), st.sets(st.integers(1, 12), min_size=1))
def test_a_log_that_was_computed_anew_is_in_doubt_after_the_last_head_that_fits(edited, sizes):
    """Every hash fits; only the heads were made before."""
    entries = log()
    forged = [entry(e.number, n=-1) if e.number > edited else e for e in entries]
    found = walk(forged, *(head(entries, size) for size in sizes))
    fit = max((size for size in sizes if size <= edited), default=0)
    if any(size > edited for size in sizes):
        assert first(found).entry == fit + 1
        assert f"the first in doubt is {fit + 1}" in first(found).what
    else:
        assert not found.findings
    assert found.vouched == fit


def test_heads_of_two_branches_are_a_fork_with_both():
    entries = log()
    other = [*entries[:7], *(entry(n, n=-1) for n in range(8, 13))]
    found = walk(entries, head(entries, 5), head(other, 9), head(entries, 12))
    assert first(found).entry == 6
    assert "fork: the heads of size 9" in first(found).what
    found = walk(entries, head(entries, 9), head(other, 9))
    assert any("fork: two heads of size 9 have other entries" in f.what for f in found.findings)


def test_an_erasure_that_an_entry_tells_of_is_none_to_worry_about():
    entries = log()
    entries[3] = entries[3].bare()
    assert first(walk(entries)).entry == 4
    told = [*entries, entry(13, "audit-erased", by="olga", why="asked", numbers=[4])]
    assert not walk(told, head(told, 13)).findings
    too_early = [entry(1, "audit-erased", numbers=[4]), *entries[1:]]
    assert first(walk(too_early)).entry == 4
    for garbled in ({}, {"numbers": 4}, {"numbers": ["4"]}):
        assert first(walk([*entries, entry(13, "audit-erased", **garbled)])).entry == 4


@pytest.mark.parametrize("event", ["audit-erased", "epoch-opened"])
def test_what_tells_of_an_erasure_is_never_erased_whoever_tells_of_that(event):
    entries = log()
    entries[3] = entries[3].bare()
    cover = [*entries, entry(13, event, why="cover up", numbers=[4]).bare()]
    told = [*cover, entry(14, "audit-erased", by="x", why="asked", numbers=[4, 13])]
    found = first(walk(told, head(told, 14)))
    assert found.entry == 13
    assert "never erased" in found.what


def test_what_a_restore_gave_up_is_told_and_is_no_fork():
    entries = log(8)
    opened = [*entries[:5], entry(6, "epoch-opened", epoch=2), entry(7, n=-7)]
    heads = [head(entries, 4), head(entries, 6), head(entries, 8), head(opened, 7, epoch=2)]
    *firsts, second = heads
    found = walk(opened, *heads, generations={**dict.fromkeys(firsts, -1), second: 0})
    assert found.findings == ()
    assert found.epoch == 2
    assert found.notes == ("entries 6 to 8 of epoch 1 were lost when a backup was restored",)

    for keys in (None, dict.fromkeys(heads, 0), {**dict.fromkeys(firsts, 0), second: -1},
                 dict.fromkeys(firsts, 0)):  # fmt: skip
        found = walk(opened, *heads, generations=keys)
        assert first(found).entry == 5, "only later keys can have restored"


def test_a_head_by_keys_that_were_given_up_vouches_for_nothing_and_shows_a_fork():
    entries = log()
    found = walk(entries, head(entries, 9), generations={})
    assert (found.vouched, found.findings) == (0, ())
    other = [*entries[:7], entry(8, n=-8)]
    assert first(walk(entries, head(other, 8), generations={})).entry == 1


def test_an_epoch_that_no_signed_head_knows_excuses_nothing():
    entries = log(8)
    opened = [*entries[:5], entry(6, "epoch-opened", epoch=2), entry(7, n=-7)]
    found = walk(opened, head(entries, 4), head(entries, 8))
    assert first(found).entry == 8
    assert "missing" in first(found).what
    assert walk(opened, head(entries, 4), head(entries, 7)).findings
    again = [*opened, entry(8, "epoch-opened", epoch="3"), entry(9, "epoch-opened", epoch=2)]
    assert walk(again).epoch == 2


def test_a_ledger_that_is_cut_or_another_is_named():
    entries = log()
    found = check(((e, e.leaf) for e in entries), [head(entries, 9, ledger=2)], chain={}.get)
    assert "entry 2 of the ledger is missing" in first(found).what
    chains = {2: "9" * 64}
    found = check(((e, e.leaf) for e in entries), [head(entries, 9, ledger=2)], chain=chains.get)
    assert "the ledger up to entry 2 is not" in first(found).what
