"""A policy says one thing: what contradicts itself is found, all of it, with its place."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.policy.consistency import (
    UnsoundPolicyError,
    admits_all,
    contradictions,
    open_to_one,
    require_consistent,
    strangers,
)
from darkroom.policy.owner_word import succeeds
from darkroom.policy.screening import Knowledge, screen
from tests.model.shapes import POLICIES, REQUESTS, RULES
from tests.policy.test_screening import ALICE, REQUEST


def sha(digit):
    return "sha256:" + digit * 64


ALICES = Grant(scientist="alice", datasets=("plaza",), tiers=("mock", "reviewed"))
WEEK = Budget(name="week", per="dataset", period_days=7, releases=9)
CAROL = Reviewer(name="carol", fingerprint=sha("c"))
DAN = Reviewer(name="dan", fingerprint=sha("d"))
KNOWN = ApprovalRule(name="known", code_digest=sha("1"))
GOOD = SitePolicy(version=2, domain="north", grants=(ALICES,), budgets=(WEEK,), rules=(KNOWN,))


def with_grant(**more):
    return replace(GOOD, grants=(replace(ALICES, **more),))


def with_rules(*rules):
    return replace(GOOD, rules=rules)


def test_a_policy_that_fits_together_is_taken():
    assert [] == contradictions(GOOD)
    assert GOOD == require_consistent(GOOD)


def test_the_empty_policy_fits_together():
    assert [] == contradictions(SitePolicy(version=1, domain="north"))


# What is changed -> what is said, and where.
WRONG = {
    "no budget": (replace(GOOD, budgets=()), "without end", ("grants", 0, "datasets")),
    "a budget of another dataset": (
        replace(
            GOOD,
            grants=(ALICES, replace(ALICES, scientist="bob", datasets=("yard",))),
            budgets=(replace(WEEK, datasets=("plaza",)),),
        ),
        "bob may ask for yard without end",
        ("grants", 1, "datasets"),
    ),
    "a budget per scientist alone": (
        replace(GOOD, budgets=(replace(WEEK, per="scientist"),)),
        "without end",
        ("grants", 0, "datasets"),
    ),
    "a budget that caps rows alone": (
        replace(GOOD, budgets=(replace(WEEK, releases=None, rows=5),)),
        "caps its releases or bits",
        ("grants", 0, "datasets"),
    ),
    "a budget per project, and any project": (
        replace(GOOD, budgets=(WEEK, replace(WEEK, name="p", per="project"))),
        "any project",
        ("grants", 0),
    ),
    "a rule for a stranger": (
        with_rules(replace(KNOWN, scientists=("eve",))), "for nobody", ("rules", 0),
    ),
    "a rule on a strange dataset": (
        with_rules(replace(KNOWN, datasets=("yard",))), "for nobody", ("rules", 0),
    ),
    "a rule for a tier that nobody has": (
        replace(with_grant(tiers=("mock",)), rules=(KNOWN,)), "tier reviewed", ("rules", 0),
    ),
    "a rule that names a stranger too": (
        with_rules(replace(KNOWN, scientists=("alice", "eve"))),
        "names eve",
        ("rules", 0, "scientists"),
    ),
    "a rule that names a strange dataset too": (
        with_rules(replace(KNOWN, datasets=("plaza", "yard"))),
        "names yard",
        ("rules", 0, "datasets"),
    ),
    "a rule behind a wider one": (
        with_rules(KNOWN, replace(KNOWN, name="again", scientists=("alice",), release="auto")),
        "again never applies",
        ("rules", 1),
    ),
    "a budget of a strange dataset": (
        replace(GOOD, budgets=(replace(WEEK, datasets=("plaza", "yard")),)),
        "covers yard",
        ("budgets", 0, "datasets"),
    ),
    "one person with two votes": (
        replace(
            GOOD,
            reviews=Reviews(
                reviewers=(replace(CAROL, scientist="caro"), replace(DAN, scientist="caro")),
                code=2,
            ),
        ),
        "one person has one vote",
        ("reviews", "reviewers", 1, "scientist"),
    ),
    "the owner as a second reviewer": (
        replace(
            GOOD,
            reviews=Reviews(
                reviewers=(replace(CAROL, scientist="olga"),), owner_as_scientist="olga", code=2
            ),
        ),
        "one person has one vote",
        ("reviews", "reviewers", 0, "scientist"),
    ),
    "a reviewer with the name of a scientist": (
        replace(GOOD, reviews=Reviews(reviewers=(replace(CAROL, name="alice"),))),
        "cannot be both",
        ("reviews", "reviewers", 0, "name"),
    ),
    "nobody left to review the owner's jobs": (
        replace(GOOD, reviews=Reviews(owner_as_scientist="alice")),
        "0 people for 1 votes",
        ("grants", 0),
    ),
    "one too few for a reviewer's own release": (
        replace(
            GOOD, reviews=Reviews(reviewers=(replace(CAROL, scientist="alice"),), release=2)
        ),
        "1 people for 2 votes",
        ("grants", 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_contradiction_is_found_and_placed(case):
    policy, said, where = WRONG[case]
    (found,) = contradictions(policy)
    assert said in found.message
    assert where == found.where
    assert found.next_step
    with pytest.raises(SpecError):
        require_consistent(policy)
    assert "contradicts itself" in succeeds(policy, domain="north", version=1)


FINE = {
    "mock needs no budget": replace(with_grant(tiers=("mock",)), budgets=(), rules=()),
    "bits cap models too": replace(GOOD, budgets=(replace(WEEK, releases=None, bits=9),)),
    "listed projects": replace(
        with_grant(projects=("rush",)), budgets=(WEEK, replace(WEEK, name="p", per="project"))
    ),
    "two people of no scientist": replace(GOOD, reviews=Reviews(reviewers=(CAROL, DAN), code=3)),
    "a narrower rule first": with_rules(
        replace(KNOWN, name="first", scientists=("alice",), release="auto"), KNOWN
    ),
    "the same code on mock": with_rules(KNOWN, ApprovalRule(name="rehearsal", tier="mock")),
    "work on mock is nobody's to review": replace(
        with_grant(tiers=("mock",)),
        rules=(),
        reviews=Reviews(owner_as_scientist="alice"),
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_what_looks_odd_and_fits(case):
    assert [] == contradictions(FINE[case])


def test_all_contradictions_are_told_at_once():
    wrong = replace(GOOD, budgets=(), rules=(replace(KNOWN, scientists=("eve",)),))
    assert [("grants", 0, "datasets"), ("rules", 0)] == [e.where for e in contradictions(wrong)]


# ----------------------------------------------------------------------- which rule is wider

RANGE = Allowed(minimum=1, maximum=5)


@pytest.mark.parametrize(
    ("wide", "narrow", "held"),
    [
        (Allowed(anything=True), RANGE, True),
        (RANGE, Allowed(anything=True), False),
        (RANGE, Allowed(minimum=2, maximum=5), True),
        (RANGE, Allowed(minimum=0, maximum=5), False),
        (RANGE, Allowed(minimum=2), False),
        (RANGE, Allowed(maximum=4), False),
        (Allowed(minimum=1), Allowed(minimum=1, maximum=9), True),
        (Allowed(maximum=9), Allowed(minimum=1, maximum=9), True),
        (RANGE, Allowed(one_of=(1, 5.0)), True),
        (RANGE, Allowed(one_of=(1, 6)), False),
        (RANGE, Allowed(one_of=(True,)), False),
        (Allowed(one_of=(1, 2)), Allowed(one_of=(2,)), True),
        (Allowed(one_of=(1, 2)), Allowed(minimum=1, maximum=2), False),
    ],
)
def test_a_wider_range_holds_a_narrower_one(wide, narrow, held):
    one, other = (replace(KNOWN, parameters={"n": values}) for values in (wide, narrow))
    assert held == admits_all(one, other)


def test_a_rule_with_more_parameters_is_no_narrower_one():
    """What has no n is admitted by both; what has n only by one of them."""
    assert admits_all(replace(KNOWN, parameters={"n": RANGE}), KNOWN)
    assert not admits_all(KNOWN, replace(KNOWN, parameters={"n": RANGE}))


@pytest.mark.parametrize("what", ["scientists", "datasets"])
def test_a_rule_for_others_is_no_wider_one(what):
    one, other, any_of_them = (
        replace(KNOWN, **{what: names}) for names in (("a",), ("b",), ("a", "b"))
    )
    assert admits_all(any_of_them, one)
    assert admits_all(KNOWN, one)
    assert not admits_all(one, other)
    assert not admits_all(one, any_of_them)
    assert not admits_all(one, KNOWN)


@settings(max_examples=40, deadline=None)
@given(RULES, RULES, REQUESTS, st.booleans())
def test_a_rule_that_admits_all_admits_what_the_other_one_admits(one, other, request, same):
    if same:
        other = replace(one, scientists=(*one.scientists, request.submitter))
    if admits_all(one, other) and other.against(request) == "":
        assert "" == one.against(request)
    assert admits_all(one, one)


# -------------------------------------------------------------------------------- strangers


def test_what_the_domain_does_not_have_is_told():
    policy = replace(GOOD, rules=(replace(KNOWN, datasets=("plaza",)),))
    assert [] == [*strangers(policy, domain="north", datasets={"plaza"})]
    found = [*strangers(policy, domain="east", datasets={"yard"})]
    assert [("domain",), ("grants", 0, "datasets"), ("rules", 0, "datasets")] == [
        e.where for e in found
    ]
    assert "yard" in found[1].next_step


# ----------------------------------------------------------------------------- laws


@settings(max_examples=40, deadline=None)
@given(POLICIES)
def test_what_is_found_has_a_place_in_the_policy(policy):
    mapping = policy.to_mapping()
    for error in contradictions(policy):
        value = mapping
        for step in error.where:
            value = value[step]


@settings(max_examples=60, deadline=None)
@given(REQUESTS, st.integers(1, 9))
def test_the_empty_policy_denies_everything(request, version):
    """Whatever the node has, and even when everything else about the job fits."""
    submitter = replace(ALICE, name=request.submitter)
    fitting = replace(request, submitter_fingerprint=submitter.fingerprint)
    knowledge = Knowledge(
        domain=fitting.audience,
        datasets={fitting.dataset: fitting.dataset_version},
        environments={fitting.spec.environment.name: fitting.spec.environment.lock_hash},
    )
    empty = SitePolicy.from_mapping({"version": version, "domain": "north"})
    verdict = screen(fitting, submitter, empty, knowledge)
    assert ("deny", version) == (verdict.decision, verdict.policy_version)
    assert "no access" in " ".join(verdict.reasons)


def test_a_policy_without_grants_denies_what_its_rules_name():
    rules = (
        ApprovalRule(name="rehearsal", tier="mock"),
        ApprovalRule(name="known", code_digest=REQUEST.spec.code_digest, release="auto"),
    )
    policy = SitePolicy(version=1, domain="north", rules=rules, budgets=(WEEK,))
    for tier in ("mock", "reviewed"):
        request = replace(REQUEST, spec=replace(REQUEST.spec, tier=tier))
        assert "deny" == screen(request, ALICE, policy, KNOWLEDGE).decision


KNOWLEDGE = Knowledge(
    domain="north",
    datasets={"plaza": REQUEST.dataset_version},
    environments={"tflite": REQUEST.spec.environment.lock_hash},
)


# ---------------------------------------------------------------------- who takes it all

EACH = Budget(name="each", per="scientist", period_days=7, releases=8)


def shared(*budgets, **more):
    bobs = replace(ALICES, scientist="bob", **more)
    return [
        (budget.name, units)
        for budget, units in open_to_one(replace(GOOD, grants=(ALICES, bobs), budgets=budgets))
    ]


def test_a_tighter_budget_per_scientist_leaves_something_to_the_others():
    assert shared(WEEK) == [("week", ("releases",))]
    assert shared(WEEK, EACH) == []
    assert shared(replace(WEEK, rows=9), EACH) == [("week", ("rows",))]


@pytest.mark.parametrize(
    "looser",
    [
        {"releases": 9},
        {"per": "project"},
        {"datasets": ("yard",)},
        {"period_days": 1},  # seven times eight in a week
        {"period_days": 10, "releases": 5},  # a week can lie in two of them
    ],
)
def test_a_budget_that_one_scientist_outlasts_is_no_help(looser):
    assert shared(WEEK, replace(EACH, **looser)) == [("week", ("releases",))]


@pytest.mark.parametrize("tight", [{"period_days": 1, "releases": 1}, {"period_days": 14}])
def test_other_periods_count_as_often_as_they_touch(tight):
    assert shared(WEEK, replace(EACH, **tight)) == []


def test_budgets_that_name_the_dataset_are_held_against_each_other_too():
    named, each = (replace(budget, datasets=("plaza",)) for budget in (WEEK, EACH))
    assert shared(named) == [("week", ("releases",))]
    assert shared(named, each) == shared(WEEK, each) == []


def test_days_that_fit_into_a_week_touch_it_seven_times():
    eight, daily = replace(WEEK, releases=8), replace(EACH, period_days=1, releases=1)
    assert shared(eight, daily) == []
    assert shared(replace(eight, releases=7), daily) == [("week", ("releases",))]


def test_who_shares_with_nobody_takes_it_from_nobody():
    assert list(open_to_one(GOOD)) == []
    assert shared(WEEK, tiers=("mock",)) == []
    assert shared(WEEK, datasets=("yard",)) == []


# ------------------------------------------------------------------------- one after another


def test_a_grant_that_is_fine_hides_none_behind_it():
    rehearsing = replace(ALICES, scientist="ann", tiers=("mock",))
    two = replace(ALICES, scientist="bob", datasets=("plaza", "yard"))
    policy = replace(
        GOOD, grants=(rehearsing, two), rules=(), budgets=(replace(WEEK, datasets=("plaza",)),)
    )
    (found,) = contradictions(policy)
    assert "bob may ask for yard" in found.message


def test_an_idle_rule_hides_none_behind_it():
    idle = [replace(KNOWN, name=name, scientists=(name,)) for name in ("eve", "mallory")]
    found = contradictions(with_rules(*idle))
    assert [("rules", 0), ("rules", 1)] == [error.where for error in found]


def test_the_same_person_is_found_whoever_stands_between():
    fay = Reviewer(name="fay", fingerprint=sha("f"), scientist="caro")
    between = replace(DAN, scientist="daniel")
    reviews = Reviews(reviewers=(replace(CAROL, scientist="caro"), between, fay))
    (found,) = contradictions(replace(GOOD, reviews=reviews))
    assert ("reviews", "reviewers", 2, "scientist") == found.where


def test_a_stranger_is_named_wherever_it_stands_with_what_to_do():
    budgets = (WEEK, replace(WEEK, name="yards", datasets=("yard",)))
    found = [*strangers(replace(GOOD, budgets=budgets), domain="east", datasets=())]
    assert [("domain",), ("grants", 0, "datasets"), ("budgets", 1, "datasets")] == [
        error.where for error in found
    ]
    assert ["north", "plaza", "yard"] == [
        word for error, word in zip(found, ("north", "plaza", "yard"), strict=True)
        if word in error.message
    ]  # fmt: skip
    assert "domain.yaml" in found[0].next_step
    assert found[1].next_step.endswith("none")


def test_all_that_is_wrong_is_one_error_with_the_first_place():
    first, second = (
        SpecError(f"fault {n}", next_step=f"mend {n}", where=("rules", n)) for n in (1, 2)
    )
    alone, both = UnsoundPolicyError([first]), UnsoundPolicyError([first, second])
    assert alone.message == "fault 1"
    assert both.message == "fault 1 (and 1 more)"
    assert (both.next_step, both.where, both.faults) == ("mend 1", ("rules", 1), (first, second))
