"""T19, T2: approvals that are one's own, old, borrowed, or for something a little different."""

from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.reviews import SqliteReviews
from darkroom.model.airlock import Airlock
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.identity import PublicIdentity
from darkroom.model.output import Table
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant
from darkroom.node import review
from darkroom.node.laws import Laws
from darkroom.policy import owner_word
from darkroom.policy.owner_word import DAY
from tests.node.village import Person, card_of, rule, spec


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
    monkeypatch.setattr(owner_word, "is_author", lambda *_: False)
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


@pytest.fixture
def twins(village):
    """One person with one set of recovery words under three names."""
    words = SycKeyring.generate("erin", "owner").recovery_words
    people = []
    for name, role in (("erin", "owner"), ("ezra", "owner"), ("eve", "scientist")):
        ring = SycKeyring.recover(words, name, role)
        person = Person(ring, village.exchange, village.clock, village.alice.pins)
        person.relay.admit("north")
        people.append(person)
    return people


def with_twins(village, people, **more):
    reviewers = tuple(
        Reviewer(name=person.name, fingerprint=person.keyring.identity.fingerprint)
        for person in people
    )
    grants = tuple(
        Grant(scientist=name, datasets=("plaza",), tiers=("reviewed",)) for name in ("alice", "eve")
    )
    policy = village.policy(grants=grants, reviews=Reviews(reviewers=reviewers, **more))
    village.owner.say(
        "owner.policy",
        {
            "policy": village.owner.keyring.sign("policy", policy.to_mapping()).to_mapping(),
            "identities": [person.keyring.identity.to_mapping() for person in people],
        },
    )
    village.settle()


@pytest.mark.attack("T19", control="off")
def test_where_names_are_counted_one_person_is_two_reviewers(village, twins, monkeypatch):
    monkeypatch.setattr(SqliteReviews, "keys_of", lambda *_: frozenset())
    monkeypatch.setattr(review.Review, "_reviewers", honest_but_for_keys)
    erin, ezra, _ = twins
    with_twins(village, (erin, ezra), code=2)
    request = village.submitted()
    for person in (erin, ezra):
        says_yes(village, person, request)

    assert village.state_of(request.job_id) == "produced"


def honest_but_for_keys(self, _policy, identities):
    found = [PublicIdentity.from_mapping(value) for value in identities]
    return [identity for identity in found if self._store.get(identity.name) is None]


@pytest.mark.attack("T19", control="on")
def test_one_persons_keys_under_two_names_make_no_two_reviewers(village, twins):
    erin, ezra, _ = twins
    with_twins(village, (erin, ezra), code=2)

    assert village.store.policy() is None


@pytest.mark.attack("T19", control="on")
def test_a_second_name_with_the_reviewers_keys_does_not_get_its_job_approved(village, twins):
    erin, _, eve = twins
    village.store.pin(eve.keyring.identity)
    village.relay.admit("eve")
    with_twins(village, (erin,))
    request = village.request(eve)
    village.submit(request, eve)
    village.settle()
    says_yes(village, erin, request)

    assert village.state_of(request.job_id) == "screened"
    assert erin.letters("review.request") == []


# ---------------------------------------------------------------------------------- stale


@pytest.mark.attack("T19", control="off")
def test_an_approval_without_an_end_is_used_a_year_later(village, monkeypatch):
    monkeypatch.setattr(Laws, "against_start", lambda *_: "")
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


# ------------------------------------------------- what approved it is gone by the start


@pytest.fixture
def not_looked_at_again(monkeypatch):
    """The control is off: once approved, always approved."""
    monkeypatch.setattr(Laws, "_against", lambda *_: "")


def rule_taken_back(village):
    village.in_force(rules=(rule(spec().code_digest),))
    village.store.set_fact("isolation", {})
    request = village.request()
    village.submit(request)
    village.poll()  # admitted, and not started yet
    village.sign_policy(village.policy(2))
    village.poll()
    return request


def quorum_raised(village):
    village.in_force()
    request = village.approved()
    carol = village.person("carol", "owner")
    reviewer = Reviewer(name="carol", fingerprint=carol.keyring.identity.fingerprint)
    policy = village.policy(2, reviews=Reviews(reviewers=(reviewer,), code=2))
    village.owner.say(
        "owner.policy",
        {
            "policy": village.owner.keyring.sign("policy", policy.to_mapping()).to_mapping(),
            "identities": [carol.keyring.identity.to_mapping()],
        },
    )
    village.poll()
    return request


def access_taken_back(village):
    village.in_force()
    request = village.approved()
    only_bob = tuple(g for g in village.policy().grants if g.scientist == "bob")
    village.sign_policy(village.policy(2, grants=only_bob))
    village.poll()
    return request


WIDE = {"t": Table(columns={"a": "float"}, max_rows=9, bounds={"a": (0.0, 1.0)})}


def airlock_widened(village):
    village.in_force(airlock=Airlock(decimals=0))
    village.sandbox.job = lambda _: {"t": []}
    request = village.approved(outputs=WIDE)
    village.sign_policy(village.policy(2, airlock=Airlock(decimals=9)))
    village.poll()
    return request


GONE = [rule_taken_back, quorum_raised, access_taken_back, airlock_widened]


@pytest.mark.attack("T19", "T1", control="off")
@pytest.mark.parametrize("change", GONE)
def test_where_nobody_looks_again_it_runs_all_the_same(village, not_looked_at_again, change):
    request = change(village)
    village.settle()

    assert village.state_of(request.job_id) in ("produced", "released")


@pytest.mark.attack("T19", "T1", control="on")
@pytest.mark.parametrize("change", GONE)
def test_what_approved_a_job_must_still_hold_when_it_starts(village, change):
    request = change(village)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert [t for t in village.sandbox.started if t.program == "run"] == []


@pytest.mark.attack("T17", "T19", control="on")
def test_nothing_leaves_to_a_scientist_who_was_removed_during_the_run(village):
    village.in_force(rules=(rule(spec().code_digest),))

    def meanwhile(*_):
        village.sandbox.inside = lambda *_: None
        village.sign_policy(village.policy(2, grants=(), budgets=()))
        village.poll()

    village.sandbox.inside = meanwhile
    request = village.submitted()

    assert village.state_of(request.job_id) == "rejected"
    assert village.alice.letters("job.result") == []


@pytest.mark.attack("T19", control="on")
@pytest.mark.parametrize("ahead", [3 * 3600, 10 * 365 * DAY, 10**400])
def test_an_approval_dated_ahead_does_not_live_longer(village, ahead):
    village.in_force()
    request = village.submitted()
    says_yes(village, village.owner, request, decided_at=int(village.clock.now()) + ahead)

    assert village.state_of(request.job_id) == "screened"
    assert any("decision" in n.body["text"] for n in village.owner.letters("owner.notice"))
