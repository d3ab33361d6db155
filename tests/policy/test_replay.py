"""Another policy over all past jobs: each at its own time, with the ledger as it would have been."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.approval_rule import ApprovalRule
from darkroom.model.budget import DAY, Budget
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.policy.ledger import Entry, accounts, spent
from darkroom.policy.price import price
from darkroom.policy.replay import Past, counts, replay
from tests.policy.test_screening import ALICE, POLICY, REQUEST, RULE, sha


def past(number, *, at=None, decision="review", state="released", approved_by="olga", **more):
    request = replace(REQUEST, job_id=f"{number:032x}")
    return Past(
        request=request, submitter=ALICE, at=float(number if at is None else at),
        decision=decision, state=state, policy_version=4,
        approved_by="" if decision == "deny" else approved_by, **more,
    )  # fmt: skip


def under(policy, *jobs, then=POLICY):
    return replay(jobs, policy, owner="olga", then={4: then}.get)


def ways(rows):
    return [(row.then, row.now, row.turn) for row in rows]


@given(st.lists(st.sampled_from(["review", "deny"]), max_size=6))
def test_under_the_policy_of_then_nothing_changes(decisions):
    generous = replace(POLICY, budgets=(replace(POLICY.budgets[0], releases=100),))
    jobs = [past(n, decision=d, words="the disk is full") for n, d in enumerate(decisions)]
    assert {row.turn for row in under(generous, *jobs, then=generous)} <= {"same"}


def test_a_smaller_budget_denies_what_came_after_it_was_spent():
    tight = replace(POLICY, version=5, budgets=(replace(POLICY.budgets[0], releases=2),))
    rows = under(tight, *(past(n) for n in (3, 1, 2)))

    assert [row.past.at for row in rows] == [1.0, 2.0, 3.0]
    assert [row.turn for row in rows] == ["same", "same", "stricter"]
    assert "not enough releases left" in rows[2].why[0]


def test_the_next_period_begins_with_nothing_spent():
    tight = replace(POLICY, version=5, budgets=(replace(POLICY.budgets[0], releases=1),))
    rows = under(tight, past(1), past(2), past(3, at=7 * DAY))
    assert [row.now for row in rows] == ["approved by olga", "denied", "approved by olga"]


def test_what_was_given_back_is_there_again_from_then_on():
    tight = replace(POLICY, version=5, budgets=(replace(POLICY.budgets[0], releases=1),))
    back = past(1, state="cancelled", refunded_at=20.0)
    assert [r.now for r in under(tight, back, past(2), past(21))] == [
        "approved by olga", "denied", "approved by olga",
    ]  # fmt: skip


def test_a_denial_under_the_other_policy_leaves_more_for_the_next():
    one = replace(POLICY, version=5, budgets=(replace(POLICY.budgets[0], releases=1),))
    others = replace(one, grants=(replace(one.grants[0], datasets=("plaza", "yard")),))
    first = past(1)
    other = replace(first, request=replace(first.request, dataset="kept"))
    assert [r.now for r in under(others, other, past(2))] == ["denied", "approved by olga"]


def test_a_larger_budget_lets_through_what_it_had_stopped():
    wide = replace(POLICY, version=5, budgets=(replace(POLICY.budgets[0], releases=9),))
    jobs = [past(n) for n in range(3)] + [past(3, decision="deny", state="rejected")]
    *_, last = under(wide, *jobs)
    assert (last.then, last.now, last.turn) == ("denied", "waits for people", "looser")


def test_what_no_policy_knew_of_stays_turned_down():
    gone = past(1, decision="deny", state="rejected", words="dataset plaza has a newer version")
    full = past(2, decision="deny", state="rejected", words="not enrolled", outside=True)
    for row in under(replace(POLICY, version=5), gone, full):
        assert (row.then, row.now, row.turn) == ("denied", "denied", "same")
        assert row.past.words in row.why[0]


def test_a_rule_would_have_let_it_run_and_leave():
    auto = replace(POLICY, version=5, rules=(replace(RULE, release="auto"),))
    asked = replace(POLICY, version=5, rules=(RULE,))
    assert ways(under(auto, past(1))) == [
        ("approved by olga", "rule known, outputs leave by themselves", "looser")
    ]
    assert ways(under(asked, past(1))) == [("approved by olga", "rule known", "looser")]


def test_a_rule_that_is_gone_leaves_it_to_people():
    by_rule = past(1, decision="approve", approved_by="rule known", released_by="rule known")
    owned = replace(POLICY, version=5, rules=(RULE,))
    left = "rule known, outputs leave by themselves"
    assert ways(under(replace(POLICY, version=5), by_rule)) == [
        (left, "waits for people", "stricter")
    ]
    assert ways(under(owned, by_rule)) == [(left, "rule known", "stricter")]


def test_another_rule_that_decides_alike_is_the_same():
    by_rule = past(1, decision="approve", approved_by="rule known", released_by="olga")
    other = ApprovalRule(name="counting", code_digest=RULE.code_digest)
    (row,) = under(replace(POLICY, version=5, rules=(other,)), by_rule)
    assert (row.then, row.now, row.turn) == ("rule known", "rule counting", "same")


@pytest.mark.parametrize(
    ("approved_by", "code", "turn"),
    [
        ("olga", 1, "same"), ("olga", 2, "open"), ("olga, carol", 2, "same"),
        ("olga, dan", 2, "open"), ("", 2, "same"),
    ],
)  # fmt: skip
def test_what_people_said_is_taken_as_it_was(approved_by, code, turn):
    reviews = Reviews(reviewers=(Reviewer(name="carol", fingerprint=sha("9")),), code=code)
    state = "released" if approved_by else "rejected"
    job = past(1, approved_by=approved_by, state=state)
    (row,) = under(replace(POLICY, version=5, reviews=reviews), job)
    assert row.turn == turn
    assert (row.now == row.then) is (turn == "same")


def test_so_many_wait_at_once():
    few = replace(POLICY, version=5, reviews=Reviews(max_pending=1))
    jobs = (past(1, left_review=5.0), past(2, left_review=6.0), past(7, left_review=8.0))
    assert [row.turn for row in under(few, *jobs)] == ["same", "stricter", "same"]
    forever = past(1, state="screened", approved_by="")
    assert [row.turn for row in under(few, forever, past(2))] == ["same", "stricter"]


def test_every_turn_is_counted():
    rows = under(replace(POLICY, version=5, grants=()), past(1), past(2))
    assert counts(rows) == {"same": 0, "stricter": 2, "looser": 0, "open": 0}


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.none() | st.integers(21, 60)), min_size=1, max_size=8
    ),
    st.integers(1, 4),
    st.sampled_from(["dataset", "scientist", "project"]),
)
def test_its_ledger_is_the_arithmetic_of_the_ledger(times, releases, per):
    budget = Budget(name="all", per=per, period_days=1, releases=releases)
    also = Budget(name="wide", per="dataset", period_days=1, releases=99)
    policy = replace(POLICY, version=5, budgets=(budget, also))
    jobs = [
        past(n, at=at * DAY / 8, refunded_at=None if back is None else back * DAY / 8)
        for n, (at, back) in enumerate(times)
    ]
    back = {job.request.job_id: job.refunded_at for job in jobs}
    entries: list[Entry] = []
    cost = price(REQUEST.spec, policy.airlock)
    for row in under(policy, *jobs):
        at = row.past.at
        (account,) = accounts((budget,), dataset="plaza", scientist="alice", project="p", at=at)
        live = [e for e in entries if back[e.reservation] is None or back[e.reservation] > at]
        short = budget.beyond(spent(account, live), cost)
        assert (row.now == "denied") == bool(short)
        if not short:
            entries.append(
                Entry(
                    reservation=row.past.request.job_id, kind="reserve", at=at, dataset="plaza",
                    scientist="alice", project="p", amount=cost, policy_version=5,
                )
            )  # fmt: skip
