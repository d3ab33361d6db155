"""The arithmetic of budgets: which accounts, how much is spent, and whether it suffices."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import DAY, PER, Account, Budget
from darkroom.policy.ledger import FOLLOWS, KINDS, Entry, accounts, against, closing, spent


NAMES = {"dataset": "plaza", "scientist": "alice", "project": "count"}
NOON = 1_790_000_000.0
TIMES = st.floats(0, 4e9)


def budget(**more) -> Budget:
    return Budget(**{"name": "week", "per": "dataset", "period_days": 7, "releases": 3, **more})


def entry(kind="reserve", number=0, **more) -> Entry:
    fields = {
        "reservation": f"{number:032x}", "kind": kind, "at": NOON, **NAMES,
        "amount": Amount(releases=1, bits=8), "policy_version": 1,
    }  # fmt: skip
    return Entry(**{**fields, **more})


def test_what_may_follow_ends():
    """Every reservation is closed once, in one of two ways, and then nothing more is said."""
    assert set(FOLLOWS) == {"", *KINDS}
    assert FOLLOWS[""] == ("reserve",)
    assert set(FOLLOWS["reserve"]) == {"settle", "refund"}
    assert FOLLOWS["settle"] == FOLLOWS["refund"] == ()


@pytest.mark.parametrize("per", PER)
def test_a_job_draws_on_the_account_of_its_dataset_scientist_or_project(per):
    (account,) = accounts([budget(per=per)], **NAMES, at=NOON)
    assert account.holder == NAMES[per]
    assert account.holds(**NAMES, at=NOON)


def test_a_budget_for_other_datasets_is_not_drawn_on():
    both = [budget(datasets=("yard",)), budget(name="own", datasets=("plaza", "yard"))]
    assert [a.budget.name for a in accounts(both, **NAMES, at=NOON)] == ["own"]


@given(st.integers(1, 3650), TIMES)
def test_periods_follow_one_another_from_1970_on(days, at):
    (account,) = accounts([budget(period_days=days)], **NAMES, at=at)
    assert account.begins <= at < account.ends
    assert account.ends - account.begins == days * DAY
    assert account.begins % (days * DAY) == 0


@given(st.integers(1, 3650), TIMES, TIMES)
def test_two_moments_share_a_period_or_their_periods_do_not_meet(days, one, other):
    (a,) = accounts([budget(period_days=days)], **NAMES, at=one)
    (b,) = accounts([budget(period_days=days)], **NAMES, at=other)
    assert a == b or a.ends <= b.begins or b.ends <= a.begins


def test_what_is_spent_is_reserved_and_not_given_back():
    (account,) = accounts([budget()], **NAMES, at=NOON)
    said = [entry(number=1), entry(number=2), entry(number=3)]
    assert spent(account, []) == NOTHING
    assert spent(account, said) == Amount(releases=3, bits=24)
    said.append(entry("settle", number=1))
    assert spent(account, said) == Amount(releases=3, bits=24)
    said.append(entry("refund", number=2))
    assert spent(account, said) == Amount(releases=2, bits=16)


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "yard"},
        {"at": NOON + 7 * DAY},
        {"at": NOON - 7 * DAY},
    ],
)
def test_what_belongs_elsewhere_is_not_counted(other):
    (account,) = accounts([budget()], **NAMES, at=NOON)
    assert spent(account, [entry(**other)]) == NOTHING
    assert spent(account, [entry(scientist="bob", project="map")]) == entry().amount


def test_a_renamed_or_widened_budget_forgets_nothing():
    said = [entry(number=n) for n in range(3)]
    for changed in (budget(name="new"), budget(releases=100), budget(period_days=3650)):
        (account,) = accounts([changed], **NAMES, at=NOON)
        assert spent(account, said).releases == 3


STEPS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.integers(0, 40)))


@given(STEPS)
def test_a_refund_gives_back_to_the_period_it_was_taken_from(steps):
    """Whatever the order: the sum over all periods is what is reserved and not given back."""
    last, said = dict.fromkeys(range(6), ""), []
    open_at: dict[int, Entry] = {}
    for number, kind, day in steps:
        if kind in FOLLOWS[last[number]]:
            if kind == "reserve":
                open_at[number] = entry(number=number, at=NOON + day * DAY)
            said.append(replace(open_at[number], kind=kind))
            last[number] = kind
    found: set[Account] = set()
    for one in said:
        found.update(accounts([budget()], **NAMES, at=one.at))
    total = sum((spent(account, said) for account in found), NOTHING)
    assert total.releases == sum(kind in ("reserve", "settle") for kind in last.values())


def test_every_account_that_lacks_something_is_named():
    week, month = budget(bits=10), budget(name="month", per="scientist", period_days=30, releases=9)
    drawn = accounts([week, month], **NAMES, at=NOON)
    used = [(account, Amount(releases=2)) for account in drawn]
    assert against(Amount(releases=1, bits=10), used) == ()
    (reason,) = against(Amount(releases=2, bits=11), used)
    assert reason == (
        "the budget week of dataset plaza has not enough releases, bits left until 2026-09-24"
    )
    assert len(against(Amount(releases=8), used)) == 2


def test_a_free_job_is_never_short():
    drawn = accounts([budget(releases=0, epsilon=Fraction(0))], **NAMES, at=NOON)
    assert against(NOTHING, [(account, Amount(releases=5)) for account in drawn]) == ()


def test_only_what_never_started_gives_anything_back():
    assert closing(touched=True) == "settle"
    assert closing(touched=False) == "refund"


@pytest.mark.parametrize("per", ["scientist", "project"])
def test_what_another_scientist_or_project_spent_is_not_counted(per):
    (account,) = accounts([budget(per=per)], **NAMES, at=NOON)
    others = [entry(number=1, **{per: "other"}), entry(number=2, dataset="yard")]
    assert spent(account, others) == entry().amount  # a budget over all datasets adds them up


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_the_day_on_which_a_period_ends_is_told_in_utc(monkeypatch, zone):
    (account,) = accounts([budget()], **NAMES, at=NOON)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        (reason,) = against(Amount(releases=4), [(account, NOTHING)])
    time.tzset()
    assert reason.endswith(str(datetime.fromtimestamp(account.ends, UTC).date()))
