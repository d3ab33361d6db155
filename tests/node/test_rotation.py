"""Keys change while jobs, decisions and results are under way, and nothing is lost or doubled."""

import secrets

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.model.handover import signer_of
from darkroom.model.letter import Letter
from darkroom.model.outgoing import Outgoing
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant
from darkroom.model.statement import Statement
from darkroom.post.enrolment import proof
from tests.node.village import Person, Village, invitation, invited


def renewed(village: Village, person: Person) -> Person:
    """The person's next process, after a rotation; what they know stays."""
    fresh = person.keyring.having(now=village.clock.now).rotated(at=village.clock.now())
    village.exchange.client(person.name).register(fresh.identity, fresh.handovers)
    later = Person(fresh, village.exchange, village.clock, person.pins)
    later.got = person.got
    return later


def domain_renewed(village: Village) -> None:
    """The node is stopped, rotates, and starts again."""
    village.keyring = village.keyring.having(now=village.clock.now).rotated(at=village.clock.now())
    for name in village.store.names():
        kind = "handover.domain" if village.store.get(name).role == "scientist" else "handover.node"
        village.store.queue(
            Outgoing(
                letter=Letter(
                    id=secrets.token_hex(16), kind=kind, sender="north", recipient=name,
                    sent_at=village.clock.now(), body={},
                )
            )
        )  # fmt: skip
    village.restart()


def notices(person: Person) -> str:
    return "\n".join(letter.body["text"] for letter in person.letters("owner.notice"))


def everything(person: Person, kind: str, job_id: str = "") -> list[Letter]:
    """All letters, also those that come in a later batch because a sender has new keys."""
    before = -1
    while before != len(person.got):
        before = len(person.got)
        person.read()
    return person.letters(kind, job_id)


# --------------------------------------------------------------------------- the scientist


def test_a_scientist_who_rotates_between_submit_and_result_gets_the_result(village):
    village.in_force()
    request = village.submitted()
    village.alice = renewed(village, village.alice)
    village.alice.say("handover.scientist", {})
    village.settle()
    assert village.store.get("alice") == village.alice.keyring.identity

    village.approve(request)
    village.settle()
    village.release(request.job_id)
    village.settle()

    assert village.state_of(request.job_id) == "released"
    (result,) = village.alice.letters("job.result", request.job_id)
    assert result.attachments


def test_what_was_sealed_for_the_old_keys_is_opened_with_them(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id)
    village.settle()  # the result waits at the gateway
    village.alice = renewed(village, village.alice)

    assert len(village.alice.letters("job.result", request.job_id)) == 1


def test_it_is_noted_and_the_owner_hears_of_it(village):
    village.alice = renewed(village, village.alice)
    village.alice.say("handover.scientist", {})
    village.settle()

    (noted,) = [d for event, _, d in village.store.events() if event == "keys-handed-over"]
    assert (noted["name"], noted["number"]) == ("alice", 1)
    assert noted["new"] == village.alice.keyring.identity.fingerprint
    assert noted["new"] in notices(village.owner)


def test_a_job_under_the_former_fingerprint_that_waited_on_her_side_is_hers(village):
    village.in_force()
    request = village.request()  # written down before, sent after
    village.alice = renewed(village, village.alice)
    village.submit(request)
    village.settle()
    assert village.state_of(request.job_id) == "screened"
    village.approve(request)
    village.settle()

    assert village.state_of(request.job_id) == "produced"
    (asked,) = village.owner.letters("review.request", request.job_id)
    assert asked.body["submitter"]["statement_key"] != village.alice.keyring.identity.statement_key


def test_a_fingerprint_that_was_never_hers_is_not(village):
    village.in_force()
    village.alice = renewed(village, village.alice)
    other = village.bob.keyring.identity.fingerprint
    request = village.request(submitter_fingerprint=other)
    village.submit(request)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"


def test_a_new_job_under_the_new_keys_runs(village):
    village.in_force()
    village.alice = renewed(village, village.alice)
    request = village.produced(by=village.alice)

    assert village.job(request.job_id).request.submitter_fingerprint == (
        village.alice.keyring.identity.fingerprint
    )


def test_the_old_keys_send_nothing_more(village):
    village.in_force()
    old = village.alice
    village.alice = renewed(village, old)
    village.alice.say("handover.scientist", {})
    village.settle()
    request = village.request(by=old)
    village.submit(request, by=old)
    village.settle()

    assert village.store.job(request.job_id) is None
    assert len(village.store.quarantined()) == 1


# -------------------------------------------------------------------------------- the owner


def test_the_policy_and_approvals_of_the_old_keys_stay_in_force(village):
    village.in_force()
    request = village.approved()
    policy = village.store.policy()
    at = village.clock.now()
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.clock.forward(1)
    village.settle()

    assert village.state_of(request.job_id) == "produced"
    assert village.store.policy() == policy
    signer = signer_of(village.store.get("olga"), village.store.former("olga"), policy.key, at)
    SycVerifier().check_statement(policy, "policy", signer)


def test_the_new_keys_decide_and_sign_policies(village):
    village.in_force()
    village.owner = renewed(village, village.owner)
    request = village.produced()
    village.release(request.job_id)
    village.in_force(version=2)

    assert village.state_of(request.job_id) == "released"
    assert village.store.policy().body["version"] == 2


def test_a_decision_that_the_old_key_signed_counts_no_more_once_it_was_followed(village):
    village.in_force()
    request = village.submitted()
    old = village.decision(request.job_id, "code", "approve", request.job_digest)
    village.owner = renewed(village, village.owner)
    village.owner.say("owner.decision", {"decision": old.to_mapping()})
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert "another key" in notices(village.owner)


def test_the_file_of_the_policy_in_force_is_no_news_under_either_key(village):
    import json

    village.in_force()
    held = village.store.policy().to_mapping()
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.settle()
    (village.state / "policy.signed.json").write_text(json.dumps({"policy": held}))
    village.restart()
    village.settle()

    assert not [line for line in village.said if "policy.signed.json" in line]


def test_a_policy_file_under_the_owners_former_key_is_refused(village):
    import json

    village.in_force()
    later = village.owner.keyring.sign("policy", village.policy(version=2).to_mapping())
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.settle()
    (village.state / "policy.signed.json").write_text(json.dumps({"policy": later.to_mapping()}))
    village.restart()
    village.settle()

    assert village.store.policy().body["version"] == 1
    assert [line for line in village.said if "another key" in line]


# ----------------------------------------------------------------------------- the reviewer


@pytest.fixture
def carol(village):
    """A reviewer beside the owner; two have to say yes."""
    carol = village.person("carol", "owner")
    policy = village.policy(reviews=reviews_of(carol))
    said = village.owner.keyring.sign("policy", policy.to_mapping()).to_mapping()
    identities = [carol.keyring.identity.to_mapping()]
    village.owner.say("owner.policy", {"policy": said, "identities": identities})
    village.settle()
    return carol


def reviews_of(person: Person) -> Reviews:
    named = Reviewer(name=person.name, fingerprint=person.keyring.identity.fingerprint)
    return Reviews(reviewers=(named,), code=2)


def vote(village: Village, person: Person, request) -> None:
    body = village.decision(request.job_id, "code", "approve", request.job_digest).body
    said = person.keyring.sign("decision", body)
    person.say("owner.decision", {"decision": said.to_mapping()})


def test_a_reviewer_votes_again_once_the_owner_signed_for_the_new_fingerprint(village, carol):
    later = renewed(village, carol)
    later.say("handover.owner", {})
    village.settle()
    print_of = later.keyring.identity.fingerprint
    assert print_of in notices(village.owner)
    assert "your votes count again" in notices(later)

    request = village.submitted()
    village.approve(request)
    vote(village, later, request)
    village.settle()
    assert village.state_of(request.job_id) == "screened"

    village.in_force(version=2, reviews=reviews_of(later))
    vote(village, later, request)
    village.settle()
    assert village.state_of(request.job_id) in {"approved", "produced"}


def test_a_yes_that_waits_is_void_with_its_key_and_its_signer_is_asked_again(village, carol):
    request = village.submitted()
    vote(village, carol, request)
    village.poll()
    later = renewed(village, carol)
    later.say("handover.owner", {})
    village.approve(request)
    village.settle()
    assert village.state_of(request.job_id) == "screened"

    village.in_force(version=2, reviews=reviews_of(later))
    assert len(everything(later, "review.request", request.job_id)) == 2
    assert "votes-void" in village.events(request.job_id)
    vote(village, later, request)
    village.settle()
    assert village.job(request.job_id).approved_by == "olga, carol"


def test_the_owners_yes_that_waits_is_asked_anew_at_once(village, carol):
    request = village.submitted()
    village.approve(request)
    village.poll()
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.settle()
    assert len(everything(village.owner, "review.request", request.job_id)) == 2
    vote(village, carol, request)
    village.settle()
    assert village.state_of(request.job_id) == "screened"

    village.approve(request)
    village.settle()
    assert village.state_of(request.job_id) == "produced"


def test_an_approval_that_was_used_is_not_asked_for_again(village, carol):
    request = village.submitted()
    vote(village, carol, request)
    village.approve(request)
    village.settle()
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.settle()

    assert village.state_of(request.job_id) == "produced"
    assert "votes-void" not in village.events()
    assert len(everything(village.owner, "release.request", request.job_id)) == 1


def test_nobody_reviews_their_own_under_keys_of_before(village, monkeypatch):
    """One person, two names, the same words: a rotation of one of them does not hide it."""
    from darkroom.adapters.pysyft.keyring import SycKeyring

    words = SycKeyring.generate("dora", "scientist").recovery_words
    dora = Person(
        SycKeyring.recover(words, "dora", "scientist"), village.exchange, village.clock,
        village.alice.pins,
    )  # fmt: skip
    both = Person(
        SycKeyring.recover(words, "erin", "owner"), village.exchange, village.clock,
        village.alice.pins,
    )  # fmt: skip
    for person in (dora, both):
        village.store.pin(person.keyring.identity)
    later = renewed(village, dora)
    village.store.succeed(later.keyring.handovers, village.clock.now())
    policy = village.policy(
        grants=(Grant(scientist="dora", datasets=("plaza",), tiers=("reviewed",)),),
        reviews=reviews_of(both),
    )
    village.sign_policy(policy)
    village.settle()
    village.relay.admit("dora")
    later.relay.admit("north")
    both.relay.admit("north")
    request = village.request(later)
    village.submit(request, later)
    village.settle()
    assert both.letters("review.request") == []
    vote(village, both, request)
    village.settle()

    assert village.job(request.job_id).votes == ()
    assert "nobody reviews their own job" in notices(both)


# ------------------------------------------------------------------------------- the domain


def test_a_domain_that_rotates_while_letters_are_under_way_loses_none(village):
    village.in_force()
    running = village.produced()
    village.alice.read()
    village.release(running.job_id)
    village.poll()  # released and signed; the result is in the outbox
    waiting = village.request()
    village.submit(waiting)  # sealed for the old keys, not read yet
    domain_renewed(village)
    village.settle()

    assert village.state_of(running.job_id) == "released"
    (result,) = everything(village.alice, "job.result", running.job_id)
    statement = Statement.from_mapping(result.body["release"])
    SycVerifier().check_statement(statement, "release", village.keyring.identity)
    assert village.alice.pins.get("north") == village.keyring.identity
    assert village.state_of(waiting.job_id) == "screened"
    assert len(everything(village.owner, "review.request", waiting.job_id)) == 1


def test_owner_and_scientists_are_told_by_letter(village):
    village.in_force()
    domain_renewed(village)
    village.settle()

    for person, kind in ((village.owner, "handover.node"), (village.alice, "handover.domain")):
        assert len(everything(person, kind)) == 1
        assert person.pins.get("north") == village.keyring.identity
        assert "north has new keys" not in "".join(person.post.warnings)


def test_profile_and_cards_are_published_under_the_new_keys(village):
    village.in_force()
    domain_renewed(village)
    village.settle()

    key = village.keyring.identity.statement_key
    assert village.exchange.profiles["north"].key == key
    assert {card.key for card in village.exchange.cards.values()} == {key}


def test_an_invitation_from_before_is_void_and_said_so(village):
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    domain_renewed(village)
    village.settle()
    frank = village.person("frank", "scientist")
    frank.pins.pin(village.keyring.identity)
    carol = Person(
        frank.keyring.generate("carol", "scientist"), village.exchange, village.clock, frank.pins
    )
    carol.relay.redeem("north", offer.ticket)
    ours = carol.keyring.identity
    carol.say(
        "enrol.request",
        {
            "identity": ours.to_mapping(), "invitation_id": offer.id,
            "proof": proof(offer, "scientist", ours.fingerprint),
        },
    )  # fmt: skip
    village.settle()

    assert village.store.get("carol") is None
    everything(village.owner, "owner.notice")
    assert "enrolment of carol refused" in notices(village.owner)


def test_a_new_invitation_is_for_the_new_keys(village):
    domain_renewed(village)
    village.settle()
    everything(village.owner, "handover.node")
    offer = invitation(village)
    invited(village, offer)
    village.settle()

    assert village.store.invitation(offer.id) is not None
