"""T19, T2: approvals that are one's own, old, borrowed, or for something a little different."""

from dataclasses import replace

import pytest

from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.node import laws, review
from darkroom.policy import owner_word
from darkroom.policy.owner_word import DAY
from tests.node.village import card_of, spec


@pytest.fixture
def mallory(village):
    """A reviewer who submits jobs as alice."""
    return village.person("mallory", "owner")


def with_reviewer(village, mallory, scientist="alice", **more):
    fingerprint = mallory.keyring.identity.fingerprint
    reviewer = Reviewer(name="mallory", fingerprint=fingerprint, scientist=scientist)
    policy = village.policy(reviews=Reviews(reviewers=(reviewer,), **more))
    village.owner.say(
        "owner.policy",
        {
            "policy": village.owner.keyring.sign("policy", policy.to_mapping()).to_mapping(),
            "identities": [mallory.keyring.identity.to_mapping()],
        },
    )
    village.settle()


def says_yes(village, person, request, **more):
    statement = person.keyring.sign(
        "decision",
        {
            "job_id": request.job_id, "subject": "code", "verdict": "approve", "reason": "",
            "digest": request.job_digest, "decided_at": village.clock.now(), **more,
        },
    )  # fmt: skip
    person.say("owner.decision", {"decision": statement.to_mapping()})
    village.settle()


# ------------------------------------------------------------------------------ one's own


@pytest.mark.attack("T19", control="off")
def test_where_nobody_asks_who_submitted_a_reviewer_approves_their_own(
    village, mallory, monkeypatch
):
    honest = owner_word.people
    monkeypatch.setattr(
        laws, "people",
        lambda owner, reviews: {
            name: replace(person, scientist="") for name, person in honest(owner, reviews).items()
        },
    )  # fmt: skip
    with_reviewer(village, mallory)
    request = village.submitted()
    says_yes(village, mallory, request)

    assert village.state_of(request.job_id) == "produced"


@pytest.mark.attack("T19", control="on")
def test_a_reviewer_does_not_approve_what_they_submitted_themselves(village, mallory):
    with_reviewer(village, mallory)
    request = village.submitted()
    says_yes(village, mallory, request)

    assert village.state_of(request.job_id) == "screened"
    assert village.sandbox.started == []


@pytest.mark.attack("T19", control="on")
def test_one_person_is_not_two_however_often_they_say_it(village, mallory):
    with_reviewer(village, mallory, scientist="", code=2)
    request = village.submitted()
    for _ in range(3):
        says_yes(village, mallory, request)

    assert village.state_of(request.job_id) == "screened"


# ---------------------------------------------------------------------------------- stale


@pytest.mark.attack("T19", control="off")
def test_an_approval_without_an_end_is_used_a_year_later(village, monkeypatch):
    monkeypatch.setattr(laws, "void", lambda *_, **__: "")
    village.in_force()
    request = village.approved()
    village.clock.forward(365 * DAY)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


@pytest.mark.attack("T19", control="on")
def test_a_stale_approval_starts_nothing(village):
    village.in_force()
    request = village.approved()
    village.clock.forward(365 * DAY)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert village.sandbox.started == []


@pytest.mark.attack("T19", control="on")
def test_a_clock_that_is_set_back_brings_no_approval_back(village):
    """The ledger's time does not go back: what expired by it stays expired."""
    village.in_force()
    request = village.approved()
    village.clock.forward(15 * DAY)
    village.submit(village.request(village.bob), village.bob)  # the ledger sees the date
    village.poll()
    village.clock.forward(-15 * DAY)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"


@pytest.mark.attack("T19", control="on")
def test_an_approval_on_one_version_of_the_footage_is_none_on_the_next(village):
    village.in_force()
    request = village.approved()
    newer = replace(village.manifest, source="the owner added a bedroom")
    village.store.register_dataset(card_of(newer), newer.version)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert village.sandbox.started == []


@pytest.mark.attack("T19", control="off")
def test_where_expiry_is_not_looked_at_an_approval_from_last_year_is_heard(village, monkeypatch):
    honest = review.decide
    monkeypatch.setattr(
        review, "decide", lambda body, **k: honest({**body, "decided_at": k["now"]}, **k)
    )
    village.in_force()
    request = village.submitted()
    says_yes(village, village.owner, request, decided_at=village.clock.now() - 365 * DAY)

    assert village.state_of(request.job_id) == "produced"


@pytest.mark.attack("T19", control="on")
def test_an_approval_from_last_year_that_the_gateway_kept_back_is_not_heard(village):
    village.in_force()
    request = village.submitted()
    says_yes(village, village.owner, request, decided_at=village.clock.now() - 365 * DAY)

    assert village.state_of(request.job_id) == "screened"


# ------------------------------------------------------------- rules, and what looks alike


SCHEMA = {"confidence": "float", "camera": "text"}
KNOWN = spec(parameter_schema=SCHEMA)
RULE = ApprovalRule(
    name="known",
    code_digest=KNOWN.code_digest,
    parameters={
        "confidence": Allowed(minimum=0.2, maximum=0.9),
        "camera": Allowed(one_of=("cam0",)),
    },
    release="auto",
)
BEYOND = {
    "below": {"confidence": 0.1, "camera": "cam0"},
    "above": {"confidence": 1e308, "camera": "cam0"},
    "another text": {"confidence": 0.5, "camera": "cam1"},
    "a look-alike": {"confidence": 0.5, "camera": "cаm0"},
    "with a space": {"confidence": 0.5, "camera": "cam0 "},
    "other case": {"confidence": 0.5, "camera": "CAM0"},
}


@pytest.mark.attack("T2", control="off")
@pytest.mark.parametrize("case", BEYOND)
def test_a_rule_without_ranges_admits_any_value(village, case):
    wide = replace(RULE, parameters={n: Allowed(anything=True) for n in SCHEMA})
    village.in_force(rules=(wide,))
    request = village.submitted(parameter_schema=SCHEMA, parameters=BEYOND[case])

    assert village.state_of(request.job_id) == "released"


@pytest.mark.attack("T2", control="on")
@pytest.mark.parametrize("case", BEYOND)
def test_a_value_outside_the_ranges_of_a_rule_waits_for_a_person(village, case):
    village.in_force(rules=(RULE,))
    request = village.submitted(parameter_schema=SCHEMA, parameters=BEYOND[case])

    assert village.state_of(request.job_id) == "screened"
    assert village.sandbox.started == []


@pytest.mark.attack("T2", control="on")
def test_a_rule_for_mock_is_none_for_footage(village):
    village.in_force(rules=(ApprovalRule(name="rehearsal", tier="mock"),))
    mock, private = village.submitted(tier="mock"), village.submitted()

    assert village.state_of(mock.job_id) == "released"
    assert village.state_of(private.job_id) == "screened"
    (run,) = [t for t in village.sandbox.started if t.program == "run"]
    assert run.dataset == village.mock_face[0]
