"""What an owner signs is said in plain words, and so is what a new version changes."""

from dataclasses import fields, replace
from fractions import Fraction

import pytest
from hypothesis import given, settings

from darkroom.display.review_text import plain_text
from darkroom.model.airlock import Airlock
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.job import Limits
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.owner.policy_diff import diff_sheet, policy_changes
from darkroom.owner.policy_view import policy_sheet
from tests.model.shapes import POLICIES


DIGEST = "sha256:" + "ab" * 32
ALICE = Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",))
WEEK = Budget(name="week", per="dataset", period_days=7, releases=9)
KNOWN = ApprovalRule(
    name="known",
    code_digest=DIGEST,
    parameters={"n": Allowed(minimum=1, maximum=5), "mode": Allowed(one_of=("fast", "slow"))},
)
MOCK = ApprovalRule(name="rehearsal", tier="mock")
CAROL = Reviewer(name="carol", fingerprint="sha256:" + "c" * 64, scientist="caro")
STRICT = Airlock(free_text=False, min_count=5, round_counts=10, models=(), log=False)
POLICY = SitePolicy(
    version=4, domain="north", grants=(ALICE,), budgets=(WEEK,), rules=(KNOWN, MOCK),
    reviews=Reviews(reviewers=(CAROL,), code=2), airlock=STRICT,
)  # fmt: skip


def text_of(policy):
    return " ".join(plain_text(policy_sheet(policy), width=400).split())


def test_all_that_a_policy_allows_is_said():
    text = text_of(POLICY)
    for said in (
        "Policy 4 of north", "alice plaza reviewed any", DIGEST, "n: 1 to 5",
        "mode: 'fast', 'slow'", "wait for a person", "any code, on generated footage only",
        "the owner", "carol (sha256:cccc", "the scientist caro: not of their own jobs",
        "to approve code 2 different people", "to release outputs 1 person", "14 days",
        "voids them", "week dataset all datasets 7 days 9 no cap", "5; what rests on fewer",
        "to the nearest 10", "none leaves", "never leaves", "keys that lie on the Hub refused", "memory (MiB)",
    ):  # fmt: skip
        assert said in text
    assert "!" not in text


def test_a_budget_that_one_scientist_can_use_up_is_said():
    shared = replace(POLICY, grants=(ALICE, replace(ALICE, scientist="bob")))
    assert "! one scientist can use up releases of the budget week" in text_of(shared)
    each = Budget(name="each", per="scientist", period_days=7, releases=8)
    assert "!" not in text_of(replace(shared, budgets=(WEEK, each)))


def test_a_policy_that_names_nobody_says_so():
    text = text_of(SitePolicy(version=1, domain="north"))
    for said in ("It allows nothing", "you read every job", "nothing that rests on footage leaves"):
        assert said in text


# What is loosened -> what the owner is warned of.
ALERTS = {
    "nobody looks": (
        replace(POLICY, rules=(replace(KNOWN, release="auto"),)), "without anybody looking",
    ),
    "any parameter": (
        replace(POLICY, rules=(replace(KNOWN, parameters={"n": Allowed(anything=True)}),)),
        "choose n freely",
    ),
    "free text": (replace(POLICY, airlock=replace(STRICT, free_text=True)), "may hold any text"),
    "keys on the Hub": (replace(POLICY, hosted_identities=True), "lie on the Hub"),
    "old approvals": (
        replace(POLICY, reviews=Reviews(keep_on_new_version=True)), "outlives the footage",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ALERTS)
def test_what_is_dangerous_is_an_alert_and_one_in_the_difference_too(case):
    policy, said = ALERTS[case]
    (alert,) = policy_sheet(policy).alerts
    assert said in alert
    assert (alert,) == diff_sheet(POLICY, policy).alerts
    assert () == diff_sheet(policy, policy).alerts


# ------------------------------------------------------------------------------ differences

BOB = replace(ALICE, scientist="bob")
DAN = Reviewer(name="dan", fingerprint="sha256:" + "d" * 64)


def grant(**more):
    return replace(POLICY, grants=(replace(ALICE, **more),))


def rule(*rules):
    return replace(POLICY, rules=rules)


def budget(**more):
    return replace(POLICY, budgets=(replace(WEEK, **more),))


def review(**more):
    return replace(POLICY, reviews=replace(POLICY.reviews, **more))


def airlock(**more):
    return replace(POLICY, airlock=replace(STRICT, **more))


WIDER = replace(
    KNOWN, parameters={"n": Allowed(minimum=0, maximum=9), "mode": Allowed(anything=True)}
)
# What is changed -> what is named. The new policy allows more; the way back, less.
MORE = {
    "a scientist": (replace(POLICY, grants=(ALICE, BOB)), "bob on plaza"),
    "a dataset": (grant(datasets=("plaza", "yard")), "alice on yard"),
    "a tier": (grant(tiers=("mock", "reviewed")), "alice on plaza"),
    "a rule": (rule(KNOWN, MOCK, ApprovalRule(name="x", code_digest="sha256:" + "0" * 64)), "runs without review"),
    "a wider range": (rule(WIDER, MOCK), "runs without review"),
    "no person at the end": (rule(replace(KNOWN, release="auto"), MOCK), "runs without review"),
    "fewer votes": (review(code=1), "votes to approve code"),
    "a longer approval": (review(approval_days=30), "an approval holds"),
    "more waiting": (review(max_pending=21), "jobs of one scientist that wait"),
    "old approvals": (review(keep_on_new_version=True), "approvals outlive a new version"),
    "a reviewer": (review(reviewers=(CAROL, DAN)), "may review"),
    "a budget gone": (replace(POLICY, budgets=()), "budget week"),
    "a higher cap": (budget(releases=10), "budget week: releases"),
    "a budget of fewer datasets": (budget(datasets=("plaza",)), "budget week counts"),
    "more rows": (airlock(max_rows=10_001), "rows of a table"),
    "smaller counts": (airlock(min_count=4), "smallest count"),
    "finer counts": (airlock(round_counts=1), "counts"),
    "more digits": (airlock(decimals=7), "other numbers"),
    "free text": (airlock(free_text=True), "text that is no declared label"),
    "a model": (airlock(models=("npz",)), "models"),
    "logs": (airlock(log=True), "what a job printed"),
    "memory": (replace(POLICY, limits=Limits(memory_mib=2048)), "limit memory_mib"),
    "the Hub": (replace(POLICY, hosted_identities=True), "keys that lie on the Hub"),
}  # fmt: skip


@pytest.mark.parametrize("case", MORE)
def test_what_is_newly_allowed_is_marked_and_what_is_not_any_more_too(case):
    policy, named = MORE[case]
    (change,) = policy_changes(POLICY, policy)
    assert ("more", named) == (change.effect, change.what)
    (back,) = policy_changes(policy, POLICY)
    assert ("less", named, change.was, change.becomes) == (
        back.effect, back.what, back.becomes, back.was,
    )  # fmt: skip
    text = plain_text(diff_sheet(POLICY, policy), width=300)
    assert "Allowed that was not: 1" in text
    assert any(line.startswith("+") and named in line for line in text.splitlines())
    text = plain_text(diff_sheet(policy, POLICY), width=300)
    assert any(line.startswith("-") and named in line for line in text.splitlines())


BOTH = {
    "another period": (budget(period_days=1), POLICY),
    "another account": (budget(per="scientist"), POLICY),
    "another order": (rule(MOCK, KNOWN), POLICY),
    "another range": (
        rule(replace(KNOWN, parameters={**KNOWN.parameters, "n": Allowed(minimum=2, maximum=6)}), MOCK),
        POLICY,
    ),
    "other models": (airlock(models=("npz",)), airlock(models=("tflite",))),
    "other projects": (grant(projects=("a",)), grant(projects=("b",))),
}  # fmt: skip


@pytest.mark.parametrize("case", BOTH)
def test_what_allows_some_more_and_some_less_is_both(case):
    (change,) = policy_changes(*BOTH[case])
    assert "both" == change.effect
    assert "Changed: some of it allows more: 1" in plain_text(diff_sheet(*BOTH[case]))


def test_projects_that_are_listed_narrow_a_grant():
    (change,) = policy_changes(POLICY, grant(projects=("a",)))
    assert ("less", "any project", "a") == (change.effect, change.was, change.becomes)


def test_a_rule_that_is_called_otherwise_changes_nothing():
    assert () == policy_changes(POLICY, rule(replace(KNOWN, name="other"), MOCK))
    assert "It says the same" in plain_text(diff_sheet(POLICY, replace(POLICY, version=5)))


def test_exact_caps_are_shown_as_they_are():
    text = text_of(budget(epsilon=Fraction(1, 3)))
    assert "1/3" in text


def test_against_no_policy_all_that_is_allowed_is_new():
    changes = policy_changes(None, POLICY)
    assert {"more"} == {c.effect for c in changes}
    assert ["alice on plaza", "runs without review", "runs without review"] == [
        c.what for c in changes
    ]
    assert "against no policy at all" in plain_text(diff_sheet(None, POLICY))


@settings(max_examples=20, deadline=None)
@given(POLICIES, POLICIES)
def test_no_difference_is_left_out(one, other):
    """Rules may be renamed; whatever else differs is told, and each way back is."""
    assert () == policy_changes(one, one)
    same = replace(
        other, version=one.version, domain=one.domain,
        rules=tuple(replace(rule, name="x") for rule in other.rules[:1]),
    )  # fmt: skip
    before = replace(one, rules=tuple(replace(rule, name="y") for rule in one.rules[:1]))
    told = {change.effect for change in policy_changes(before, same)}
    back = {change.effect for change in policy_changes(same, before)}
    swap = {"more": "less", "less": "more", "both": "both"}
    assert told == {swap[effect] for effect in back}
    assert plain_text(policy_sheet(other))


def test_every_field_of_a_policy_is_compared():
    """A field that is added later is not forgotten here."""
    known = {
        "version", "domain", "schema", "grants", "rules", "reviews", "budgets", "airlock",
        "limits", "hosted_identities",
    }  # fmt: skip
    assert known == {field.name for field in fields(SitePolicy)}
    assert {
        "reviewers", "owner_as_scientist", "code", "release", "approval_days", "max_pending",
        "keep_on_new_version",
    } == {field.name for field in fields(Reviews)}  # fmt: skip
