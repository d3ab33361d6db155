from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.airlock import Airlock
from darkroom.model.amount import NOTHING, Amount
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import Account, Budget
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest, JobSpec, Limits
from darkroom.model.output import Histogram, Model, Scalars, Table
from darkroom.model.reviews import Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.policy.price import price
from darkroom.policy.screening import Knowledge, may_draw, released_by_rule, screen


def sha(digit: str) -> str:
    return "sha256:" + digit * 64


ALICE = PublicIdentity(
    name="alice", role="scientist", bundle={}, statement_key="0" * 64, certificate=""
)
SPEC = JobSpec(
    name="count",
    tier="reviewed",
    entrypoint="job:count",
    files={"job.py": sha("1")},
    environment=Environment(name="tflite", lock_hash=sha("2")),
    outputs={"n": Scalars(names=("n",))},
)
REQUEST = JobRequest(
    job_id="0" * 32,
    spec=SPEC,
    submitter="alice",
    submitter_fingerprint=ALICE.fingerprint,
    audience="north",
    project="p",
    dataset="plaza",
    dataset_version=sha("3"),
)
POLICY = SitePolicy(
    version=4,
    domain="north",
    grants=(Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",)),),
    budgets=(Budget(name="weekly", per="dataset", period_days=7, releases=3),),
)
RULE = ApprovalRule(name="known", code_digest=SPEC.code_digest)
KNOWN = Knowledge(domain="north", datasets={"plaza": sha("3")}, environments={"tflite": sha("2")})
WEEK = Account(budget=POLICY.budgets[0], holder="plaza", begins=0, ends=604_800)


def test_what_is_allowed_waits_for_a_person():
    verdict = screen(REQUEST, ALICE, POLICY, KNOWN)
    assert (verdict.decision, verdict.policy_version) == ("review", 4)


def test_a_rule_on_the_code_digest_lets_it_run():
    verdict = screen(REQUEST, ALICE, replace(POLICY, rules=(RULE,)), KNOWN)
    assert (verdict.decision, verdict.rule) == ("approve", "known")


def test_what_no_machine_can_hold_is_told_in_the_words_of_the_sandbox():
    verdict = screen(REQUEST, ALICE, POLICY, replace(KNOWN, oversize="too large"))
    assert verdict.reasons == ("too large",)


def test_no_policy_denies():
    verdict = screen(REQUEST, ALICE, None, KNOWN)
    assert (verdict.decision, verdict.policy_version) == ("deny", 0)


def test_the_empty_policy_denies():
    empty = SitePolicy(version=1, domain="north")
    assert screen(REQUEST, ALICE, empty, KNOWN).decision == "deny"


DENIED = {
    "another submitter": (replace(REQUEST, submitter="bob"), ALICE, POLICY, KNOWN),
    "another key": (
        replace(REQUEST, submitter_fingerprint=sha("9")), ALICE, POLICY, KNOWN,
    ),
    "hosted": (
        replace(REQUEST, submitter_fingerprint=replace(ALICE, hosted=True).fingerprint),
        replace(ALICE, hosted=True), POLICY, KNOWN,
    ),
    "no grant": (REQUEST, ALICE, replace(POLICY, grants=()), KNOWN),
    "another dataset": (replace(REQUEST, dataset="garage"), ALICE, POLICY, KNOWN),
    "another tier": (
        REQUEST, ALICE,
        replace(POLICY, grants=(replace(POLICY.grants[0], tiers=("mock",)),)), KNOWN,
    ),
    "another domain": (replace(REQUEST, audience="east"), ALICE, POLICY, KNOWN),
    "old version": (replace(REQUEST, dataset_version=sha("8")), ALICE, POLICY, KNOWN),
    "dataset gone": (REQUEST, ALICE, POLICY, replace(KNOWN, datasets={})),
    "no environment": (REQUEST, ALICE, POLICY, replace(KNOWN, environments={})),
    "another lock": (
        REQUEST, ALICE, POLICY, replace(KNOWN, environments={"tflite": sha("7")}),
    ),
    "no budget": (REQUEST, ALICE, replace(POLICY, budgets=()), KNOWN),
    "a budget of another dataset": (
        REQUEST, ALICE,
        replace(POLICY, budgets=(replace(POLICY.budgets[0], datasets=("garage",)),)), KNOWN,
    ),
    "a budget of the scientist alone": (
        REQUEST, ALICE,
        replace(POLICY, budgets=(replace(POLICY.budgets[0], per="scientist"),)), KNOWN,
    ),
    "another project": (
        REQUEST, ALICE,
        replace(POLICY, grants=(replace(POLICY.grants[0], projects=("q",)),)), KNOWN,
    ),
    "spent": (REQUEST, ALICE, POLICY, replace(KNOWN, spent=((WEEK, Amount(releases=3)),))),
    "too much memory": (
        REQUEST, ALICE, replace(POLICY, limits=Limits(memory_mib=1)), KNOWN,
    ),
    "more than a machine has": (REQUEST, ALICE, POLICY, replace(KNOWN, oversize="too large")),
}  # fmt: skip


@pytest.mark.parametrize("case", DENIED)
@pytest.mark.parametrize("rule", [False, True])
def test_one_reason_against_denies_and_a_rule_does_not_heal_it(case, rule):
    request, submitter, policy, known = DENIED[case]
    if rule:
        policy = replace(policy, rules=(replace(RULE, code_digest=request.spec.code_digest),))
    verdict = screen(request, submitter, policy, known)
    assert verdict.decision == "deny"
    assert all(verdict.reasons)


def test_all_reasons_against_are_told_at_once():
    request = replace(REQUEST, audience="east", dataset_version=sha("8"))
    assert len(screen(request, ALICE, POLICY, KNOWN).reasons) == 2


@given(
    rule=st.booleans(),
    version=st.booleans(),
    lock=st.booleans(),
    audience=st.booleans(),
    granted=st.booleans(),
    fits=st.booleans(),
)
def test_a_job_is_allowed_exactly_when_nothing_is_against_it(
    rule, version, lock, audience, granted, fits
):
    policy = replace(
        POLICY,
        grants=POLICY.grants if granted else (),
        rules=(RULE,) if rule else (),
        limits=Limits() if fits else Limits(wall_seconds=1),
    )
    known = Knowledge(
        domain="north" if audience else "east",
        datasets={"plaza": sha("3") if version else sha("4")},
        environments={"tflite": sha("2") if lock else sha("5")},
    )
    expected = "approve" if rule else "review"
    if not all((version, lock, audience, granted, fits)):
        expected = "deny"
    verdict = screen(REQUEST, ALICE, policy, known)
    assert verdict.decision == expected
    assert verdict.reasons


def test_a_tier_that_touches_nothing_needs_no_budget():
    policy = replace(POLICY, budgets=(), grants=(replace(POLICY.grants[0], tiers=("mock",)),))
    verdict = screen(replace(REQUEST, spec=replace(SPEC, tier="mock")), ALICE, policy, KNOWN)
    assert (verdict.decision, verdict.price) == ("review", NOTHING)


def test_the_price_stands_in_every_verdict_that_knows_the_policy():
    for policy in (POLICY, replace(POLICY, rules=(RULE,)), replace(POLICY, grants=())):
        assert screen(REQUEST, ALICE, policy, KNOWN).price.releases == 1


def test_the_last_release_fits_and_the_next_one_is_told_which_account_is_empty():
    last = replace(KNOWN, spent=((WEEK, Amount(releases=2)),))
    assert screen(REQUEST, ALICE, POLICY, last).decision == "review"
    over = screen(REQUEST, ALICE, POLICY, replace(KNOWN, spent=((WEEK, Amount(releases=3)),)))
    assert over.reasons == (
        "the budget weekly of dataset plaza has not enough releases left until 1970-01-08",
    )


@pytest.mark.parametrize(("pending", "expected"), [(1, "review"), (2, "deny"), (3, "deny")])
def test_no_more_than_so_many_jobs_of_one_person_wait(pending, expected):
    policy = replace(POLICY, reviews=Reviews(max_pending=2))
    verdict = screen(REQUEST, ALICE, policy, replace(KNOWN, pending=pending))
    assert verdict.decision == expected


def test_what_a_rule_admits_waits_for_nobody_and_is_not_counted():
    policy = replace(POLICY, rules=(RULE,), reviews=Reviews(max_pending=1))
    assert screen(REQUEST, ALICE, policy, replace(KNOWN, pending=9)).decision == "approve"


def test_several_reviewers_are_announced():
    from darkroom.model.reviews import Reviewer

    two = Reviews(code=2, reviewers=(Reviewer(name="carol", fingerprint=sha("6")),))
    verdict = screen(REQUEST, ALICE, replace(POLICY, reviews=two), KNOWN)
    assert "2 reviewers decide" in verdict.reasons[0]


# ------------------------------------------------------------------------------- airlock


TABLE = Table(columns={"camera": "text", "people": "int"}, max_rows=10)
STRICT = Airlock(
    max_rows=10, max_columns=2, min_count=5, free_text=False, models=("npz",), max_model_kib=1
)
GOOD = {
    "table": replace(TABLE, counts=("people",), labels={"camera": ("cam0", "cam1")}),
    "histogram": Histogram(edges=tuple(range(11))),
    "scalars": Scalars(names=tuple(f"n{i}" for i in range(10))),
    "model": Model(format="npz", max_bytes=1024),
}
WIDER = {
    "rows": (replace(GOOD["table"], max_rows=11), "at most 10 rows"),
    "columns": (
        replace(GOOD["table"], columns={**TABLE.columns, "more": "float"}), "at most 2 columns",
    ),
    "free text": (replace(GOOD["table"], labels={}), "needs labels"),
    "no counts": (replace(GOOD["table"], counts=()), "needs counts"),
    "bins": (Histogram(edges=tuple(range(12))), "at most 10 bins"),
    "numbers": (Scalars(names=tuple(f"n{i}" for i in range(11))), "at most 10 numbers"),
    "format": (Model(format="tflite", max_bytes=1), "none leaves here"),
    "size": (Model(format="npz", max_bytes=1025), "at most 1 KiB"),
}  # fmt: skip


def judged(output):
    request = replace(REQUEST, spec=replace(SPEC, outputs={"out": output}))
    return screen(request, ALICE, replace(POLICY, airlock=STRICT), KNOWN)


@pytest.mark.parametrize("case", GOOD)
def test_what_fits_the_airlock_to_the_last_place_is_admitted(case):
    assert judged(GOOD[case]).decision == "review"


@pytest.mark.parametrize("case", WIDER)
def test_what_is_declared_wider_than_the_airlock_is_denied_before_it_runs(case):
    output, words = WIDER[case]
    verdict = judged(output)
    assert verdict.decision == "deny"
    assert words in verdict.reasons[0]


def test_texts_and_counts_are_free_where_the_owner_asks_for_neither():
    request = replace(REQUEST, spec=replace(SPEC, outputs={"out": TABLE}))
    assert screen(request, ALICE, POLICY, KNOWN).decision == "review"


# ------------------------------------------------------------------------- automatic rules


SCHEMA = {"confidence": "float", "label": "text"}
WITH = replace(SPEC, parameter_schema=SCHEMA)
RANGED = ApprovalRule(
    name="ranged",
    code_digest=WITH.code_digest,
    parameters={
        "confidence": Allowed(minimum=0.2, maximum=0.9),
        "label": Allowed(one_of=("person", "vehicle")),
    },
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"confidence": 0.2, "label": "person"}, "approve"),
        ({"confidence": 0.9, "label": "vehicle"}, "approve"),
        ({"confidence": 0.91, "label": "person"}, "review"),
        ({"confidence": 0.19, "label": "person"}, "review"),
        ({"confidence": 0.5, "label": "Person"}, "review"),
    ],
)
def test_a_rule_holds_within_its_ranges_only(values, expected):
    request = replace(REQUEST, spec=WITH, parameters=values)
    assert screen(request, ALICE, replace(POLICY, rules=(RANGED,)), KNOWN).decision == expected


def test_a_parameter_that_the_rule_does_not_name_needs_a_person():
    request = replace(REQUEST, spec=WITH, parameters={"confidence": 0.5, "label": "person"})
    blind = replace(RANGED, parameters={"confidence": Allowed(anything=True)})
    assert screen(request, ALICE, replace(POLICY, rules=(blind,)), KNOWN).decision == "review"


MOCK_RULE = ApprovalRule(name="rehearsal", tier="mock")


@pytest.mark.parametrize(("tier", "expected"), [("mock", "approve"), ("reviewed", "review")])
def test_a_rule_for_mock_admits_any_code_and_nothing_on_footage(tier, expected):
    both = (replace(POLICY.grants[0], tiers=("mock", "reviewed")),)
    policy = replace(POLICY, grants=both, rules=(MOCK_RULE,))
    request = replace(REQUEST, spec=replace(SPEC, tier=tier))
    assert screen(request, ALICE, policy, KNOWN).decision == expected


@pytest.mark.parametrize(
    ("by_rule", "rules", "expected"),
    [
        (True, (replace(RULE, release="auto"),), True),
        (True, (RULE,), False),
        (True, (), False),
        (False, (replace(RULE, release="auto"),), False),
    ],
)
def test_only_what_a_rule_approved_leaves_without_a_person(by_rule, rules, expected):
    policy = replace(POLICY, rules=rules)
    assert released_by_rule(REQUEST, policy, by_rule=by_rule) is expected


def test_what_ran_on_mock_leaves_without_a_person():
    request = replace(REQUEST, spec=replace(SPEC, tier="mock"))
    assert released_by_rule(request, replace(POLICY, rules=(MOCK_RULE,)), by_rule=True)


def test_without_a_policy_nothing_leaves_without_a_person():
    assert not released_by_rule(REQUEST, None, by_rule=True)


# -------------------------------------------------------------------------- what is told


@pytest.mark.parametrize("case", DENIED)
def test_every_reason_is_a_text_and_every_verdict_names_its_policy(case):
    verdict = screen(*DENIED[case])
    assert verdict.policy_version == POLICY.version
    assert all(isinstance(reason, str) for reason in verdict.reasons)


@pytest.mark.parametrize("rules", [(), (RULE,)])
def test_a_verdict_that_admits_names_its_policy_too(rules):
    assert screen(REQUEST, ALICE, replace(POLICY, rules=rules), KNOWN).policy_version == 4


def test_it_is_told_who_decides_and_why_nobody_does():
    assert "the data owner decides" in screen(REQUEST, ALICE, POLICY, KNOWN).reasons[0]
    (alone,) = screen(REQUEST, ALICE, None, KNOWN).reasons
    assert "no policy" in alone


def test_it_is_told_how_many_jobs_may_wait():
    policy = replace(POLICY, reviews=Reviews(max_pending=2))
    (reason,) = screen(REQUEST, ALICE, policy, replace(KNOWN, pending=2)).reasons
    assert reason.startswith("2 of your jobs wait")


def test_the_price_is_that_under_the_airlock_of_the_policy():
    table = Table(
        columns={"people": "int"}, max_rows=4, counts=("people",), bounds={"people": (0, 63)}
    )
    spec = replace(SPEC, outputs={"out": table})
    for airlock in (Airlock(round_counts=1), Airlock(round_counts=8)):
        verdict = screen(
            replace(REQUEST, spec=spec), ALICE, replace(POLICY, airlock=airlock), KNOWN
        )
        assert verdict.price == price(spec, airlock)


def test_a_budget_that_names_the_dataset_covers_it():
    named = replace(POLICY, budgets=(replace(POLICY.budgets[0], datasets=("plaza",)),))
    assert screen(REQUEST, ALICE, named, KNOWN).decision == "review"


@pytest.mark.parametrize(("least", "expected"), [(1, "review"), (2, "deny")])
def test_counts_are_needed_as_soon_as_a_row_must_rest_on_several(least, expected):
    request = replace(REQUEST, spec=replace(SPEC, outputs={"out": TABLE}))
    policy = replace(POLICY, airlock=Airlock(min_count=least, free_text=True))
    assert screen(request, ALICE, policy, KNOWN).decision == expected


# ---------------------------------------------------------------------------- who may draw


FOREIGN = {
    "another submitter", "another key", "hosted", "no grant", "another dataset", "another tier",
    "another project",
}  # fmt: skip
FULL = ((WEEK, Amount(releases=3)),)


def test_who_is_granted_the_dataset_may_draw_on_its_budget():
    assert may_draw(REQUEST, ALICE, POLICY)


@pytest.mark.parametrize("case", sorted(FOREIGN))
def test_who_may_not_draw_on_a_budget_is_not_told_what_is_left_of_it(case):
    request, submitter, policy, known = DENIED[case]
    assert not may_draw(request, submitter, policy)
    reasons = screen(request, submitter, policy, replace(known, spent=FULL)).reasons
    assert not any("left until" in reason for reason in reasons)


def test_what_is_wrong_with_the_job_alone_hides_no_balance():
    request, submitter, policy, known = DENIED["old version"]
    reasons = screen(request, submitter, policy, replace(known, spent=FULL)).reasons
    assert any("left until" in reason for reason in reasons)
