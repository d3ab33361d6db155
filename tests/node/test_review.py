"""HOP 5: the owner's word, and what looks like it."""

import pytest

from darkroom.model.statement import Statement
from tests.node.village import changed, rule, spec


OTHER = "sha256:" + "a" * 64


def notices(village):
    return [letter.body["text"] for letter in village.owner.letters("owner.notice")]


def test_the_owner_approves_one_digest(village):
    village.in_force()
    request = village.approved()

    assert village.job(request.job_id).approved_by == "olga"
    assert "owner-decided" in village.events(request.job_id)


def test_the_owner_rejects_and_the_scientist_reads_why(village):
    village.in_force()
    request = village.submitted()
    village.decide(request.job_id, "code", "reject", request.job_digest, reason="too\x1b[31m long")
    village.settle()

    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert last.body["state"] == "rejected"
    assert last.body["reasons"] == ["the data owner rejected it: too[31m long"]


@pytest.mark.parametrize(
    ("subject", "verdict", "digest"),
    [
        ("code", "approve", OTHER),
        ("code", "approve", ""),
        ("code", "release", None),
        ("output", "release", None),
        ("output", "approve", None),
        ("code", "approved", None),
        (None, "approve", None),
    ],
)
def test_a_decision_that_does_not_fit_changes_nothing(village, subject, verdict, digest):
    village.in_force()
    request = village.submitted()
    if digest is None:
        digest = request.job_digest
    village.decide(request.job_id, subject, verdict, digest)
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert "decision-refused" in village.events()
    assert any("not done" in text for text in notices(village))


def test_the_digest_of_the_code_alone_is_not_an_approval(village):
    village.in_force()
    request = village.submitted()
    village.decide(request.job_id, "code", "approve", request.spec.code_digest)
    village.settle()

    assert village.state_of(request.job_id) == "screened"


def test_a_decision_signed_by_somebody_else_is_refused(village):
    village.in_force()
    request = village.submitted()
    body = village.decision(request.job_id, "code", "approve", request.job_digest).body
    forged = village.alice.keyring.sign("decision", body)
    village.owner.say("owner.decision", {"decision": forged.to_mapping()})
    village.settle()

    assert village.state_of(request.job_id) == "screened"


def test_a_decision_changed_after_it_was_signed_is_refused(village):
    village.in_force()
    first, second = village.submitted(), village.submitted()
    said = village.decision(first.job_id, "code", "approve", first.job_digest)
    forged = changed(said, job_id=second.job_id)
    village.owner.say("owner.decision", {"decision": forged})
    village.settle()

    assert {village.state_of(r.job_id) for r in (first, second)} == {"screened"}


def test_a_policy_statement_does_not_pass_for_a_decision(village):
    village.in_force()
    request = village.submitted()
    body = village.decision(request.job_id, "code", "approve", request.job_digest).body
    as_policy = village.owner.keyring.sign("policy", body)
    for said in (as_policy, Statement(**{**as_policy.to_mapping(), "kind": "decision"})):
        village.owner.say("owner.decision", {"decision": said.to_mapping()})
    village.settle()

    assert village.state_of(request.job_id) == "screened"


@pytest.mark.parametrize("said", [None, 1, [], {}, {"kind": "decision"}, "x"])
def test_what_is_no_statement_is_refused(village, said):
    village.owner.say("owner.decision", {"decision": said})
    village.owner.say("owner.policy", {"policy": said})
    village.owner.say("owner.invitation", {"invitation": said})
    village.settle()

    refused = {"decision-refused", "policy-refused", "invitation-refused"}
    assert refused <= set(village.events())
    assert village.store.quarantined() == []


def test_a_scientist_cannot_say_what_an_owner_says(village):
    village.in_force()
    request = village.submitted()
    said = village.decision(request.job_id, "code", "approve", request.job_digest)
    from darkroom.errors import TrustError

    with pytest.raises(TrustError):
        village.alice.say("owner.decision", {"decision": said.to_mapping()})


@pytest.mark.parametrize(
    ("job_id", "said"),
    [(None, "names no job"), (7, "names no job"), ("../x", "names no job"), ("f" * 32, "no such")],
)
def test_a_decision_on_no_job_is_answered(village, job_id, said):
    village.decide(job_id, "code", "approve", OTHER)
    village.settle()

    assert any(said in text for text in notices(village))
    assert "decision-refused" in village.events()


def test_a_reason_that_is_no_text_is_not_passed_on(village):
    village.in_force()
    request = village.submitted()
    village.decide(request.job_id, "code", "reject", request.job_digest, reason=["a"])
    village.settle()

    assert village.job(request.job_id).reasons == ("the data owner rejected it",)


# --------------------------------------------------------------------------------- policy


def test_a_higher_version_takes_over(village):
    village.in_force(version=1).in_force(version=2, hosted_identities=True)

    assert village.store.policy().body["version"] == 2
    assert "policy 2 is in force" in notices(village)


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_that_is_not_higher_is_refused_and_the_last_good_one_stays(village, version):
    village.in_force(version=2)
    village.sign_policy(village.policy(version, hosted_identities=True))
    village.settle()

    assert village.store.policy().body["hosted_identities"] is False
    assert any("not newer" in text for text in notices(village))


def test_the_same_policy_again_is_no_news(village):
    village.in_force(version=2)
    before = len(notices(village))
    village.sign_policy(village.policy(2))
    village.settle()

    assert len(notices(village)) == before


def test_a_policy_for_another_domain_is_refused(village):
    village.sign_policy(village.policy(1, domain="east"))
    village.settle()

    assert village.store.policy() is None


def test_a_policy_that_somebody_else_signed_is_refused(village):
    village.sign_policy(village.policy(1), signer=village.alice)
    village.settle()

    assert village.store.policy() is None


def test_a_malformed_policy_is_refused_with_the_field(village):
    body = {**village.policy(1).to_mapping(), "relase": "auto"}
    said = village.owner.keyring.sign("policy", body)
    village.owner.say("owner.policy", {"policy": said.to_mapping()})
    village.settle()

    assert any("relase" in text for text in notices(village))


def test_a_new_policy_judges_what_waits_for_the_owner(village):
    village.in_force(version=1)
    admitted, denied = village.submitted(), village.request(village.bob)
    village.submit(denied, village.bob)
    village.settle()
    only_alice = tuple(g for g in village.policy().grants if g.scientist == "alice")
    village.sign_policy(village.policy(2, grants=only_alice, rules=(rule(spec().code_digest),)))
    village.poll()

    assert village.job(admitted.job_id).approved_by.startswith("rule known-")
    assert village.state_of(denied.job_id) == "rejected"


def test_access_taken_back_stops_an_approved_job(village):
    village.in_force(version=1)
    request = village.approved()
    village.in_force(version=2, grants=(), budgets=())

    assert village.state_of(request.job_id) == "rejected"
    assert "no access" in village.job(request.job_id).reasons[0]
    assert village.sandbox.started == []
