"""How a scientist becomes known: the owner's invitation and a proof of its secret."""

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.post.enrolment import check_acceptance, proof
from tests.node.village import MemoryPins, Person, invitation, invited, keys


@pytest.fixture
def carol(village):
    pins = MemoryPins()
    pins.pin(keys("north", "domain").identity)
    carol = Person(keys("carol", "scientist"), village.exchange, village.clock, pins)
    carol.relay.admit("north")
    return carol


def ask(carol, offer, **more):
    ours = carol.keyring.identity
    body = {
        "identity": ours.to_mapping(),
        "invitation_id": offer.id,
        "proof": proof(offer, "scientist", ours.fingerprint),
    }
    carol.relay.redeem("north", offer.ticket)
    carol.say("enrol.request", {**body, **more})


def accepted(carol):
    return carol.letters("enrol.accepted")


def test_an_invited_scientist_is_pinned_and_gets_the_domains_proof(village, carol):
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    ask(carol, offer)
    village.settle()

    assert village.store.get("carol") == carol.keyring.identity
    (answer,) = accepted(carol)
    check_acceptance(offer, carol.keyring.identity, answer)
    assert "enrolled" in village.events()


def test_the_ticket_is_opened_even_if_the_gateway_was_away(village, carol):
    offer = invitation(village)
    invited(village, offer)
    village.poll()
    village.exchange.up = False
    village.restart()
    village.exchange.up = True
    village.settle()

    carol.relay.redeem("north", offer.ticket)


def test_asking_again_gives_the_same_answer_and_pins_once(village, carol):
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    ask(carol, offer)
    village.settle()
    ask(carol, offer)
    village.settle()

    first, second = accepted(carol)
    assert first.body == second.body
    assert village.events().count("enrolled") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"proof": "0" * 64},
        {"proof": None},
        {"invitation_id": "0" * 32},
        {"invitation_id": 7},
        {"identity": {}},
        {"more": 1},
    ],
)
def test_without_the_proof_nobody_is_pinned_and_the_owner_hears_of_it(village, carol, change):
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    ask(carol, offer, **change)
    village.settle()

    assert village.store.get("carol") is None
    assert accepted(carol) == []
    assert "enrolment-refused" in village.events()
    assert any("carol" in letter.body["text"] for letter in village.owner.letters("owner.notice"))
    # Nobody else is affected.
    village.in_force()
    assert village.state_of(village.submitted().job_id) == "screened"


def test_an_invitation_is_for_one_identity(village, carol):
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    ask(carol, offer)
    village.settle()
    village.exchange.identities.pop("carol")
    thief_keys = SycKeyring.generate("carol", "scientist")
    thief = Person(thief_keys, village.exchange, village.clock, carol.pins)
    village.exchange.mailboxes["carol"] = []
    ask(thief, offer)
    village.settle()

    assert village.store.get("carol") == carol.keyring.identity
    assert accepted(thief) == []


def test_an_invitation_that_is_over_is_refused(village, carol):
    offer = invitation(village, hours=0.5)
    invited(village, offer)
    village.settle()
    village.clock.forward(3600)
    ask(carol, offer)
    village.settle()

    assert village.store.get("carol") is None


def test_an_invitation_for_another_name_is_refused(village, carol):
    offer = invitation(village, scientist="dave")
    invited(village, offer)
    village.settle()
    ask(carol, offer)
    village.settle()

    assert village.store.get("carol") is None


def test_only_the_owner_invites(village, carol):
    offer = invitation(village)
    forged = village.alice.keyring.sign("invitation", offer.to_body())
    village.owner.say("owner.invitation", {"invitation": forged.to_mapping()})
    elsewhere = village.owner.keyring.sign("invitation", {**offer.to_body(), "domain": "east"})
    village.owner.say("owner.invitation", {"invitation": elsewhere.to_mapping()})
    village.settle()

    assert village.store.invitation(offer.id) is None
    assert village.events().count("invitation-refused") == 2


def test_a_reviewer_invites_nobody(village):
    """A key with the role of an owner, and pinned, but not our owner's."""
    dan = village.person("dan", "owner")
    village.store.pin(dan.keyring.identity)
    village.exchange.client("north").admit("dan")
    offer = invitation(village)
    said = dan.keyring.sign("invitation", offer.to_body())
    dan.say("owner.invitation", {"invitation": said.to_mapping()})
    village.settle()

    assert village.store.invitation(offer.id) is None
    assert "invitation-refused" in village.events()
