"""Enrolment when everybody is honest, and when things are late or lost."""

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import DeniedError, InputError, UnreachableError
from darkroom.post import Invitation, enrol
from tests.post.door import Door
from tests.post.simulator import Gateway, HandClock, party


@pytest.fixture
def gateway():
    return Gateway(HandClock())


@pytest.fixture
def north(gateway):
    return party(gateway, "north", "domain")


@pytest.fixture
def alice(gateway):
    return party(gateway, "alice", "scientist")


def invite(north, scientist="alice", days=7):
    return Invitation.mint(
        gateway="http://127.0.0.1:1",
        domain="north",
        domain_fingerprint=north.identity.fingerprint,
        scientist=scientist,
        expires_at=north.relay.gateway.clock.now() + days * 86_400,
    )


def enrolling(who, invitation, **more):
    return enrol(
        invitation,
        relay=who.relay,
        keyring=who.keyring,
        verifier=SycVerifier(),
        pins=who.pins,
        clock=who.relay.gateway.clock,
        **{"timeout": 0.05, **more},
    )


def test_both_sides_pin_each_other_and_can_write(gateway, north, alice):
    door = Door(north, invitation := invite(north))
    gateway.pump = door.step

    domain = enrolling(alice, invitation)

    assert north.identity == domain == alice.pins.get("north")
    assert alice.identity == north.pins.get("alice")
    assert [] == door.refused
    alice.post.send(alice.post.write("job.cancel", "north", {}))
    north.post.send(north.post.write("job.state", "alice", {}))
    assert alice.post.receive(wait=0)[-1].letter
    assert north.post.receive(wait=0)[-1].letter


def test_an_answer_that_was_lost_is_asked_for_again(gateway, north, alice):
    door = Door(north, invitation := invite(north))
    gateway.pump = door.step
    door.answers = False
    with pytest.raises(UnreachableError, match="did not answer"):
        enrolling(alice, invitation)
    assert alice.pins.get("north") is None

    door.answers = True

    assert north.identity == enrolling(alice, invitation)
    assert [] == door.refused


def test_the_domain_may_open_the_ticket_later(gateway, north, alice):
    invitation = invite(north)
    doors = []

    def late():
        if not doors:
            doors.append(Door(north, invitation))
        doors[0].step()

    gateway.pump = late

    assert north.identity == enrolling(alice, invitation, timeout=2)


def test_a_domain_that_is_not_there_is_said_so(north, alice):
    with pytest.raises(DeniedError, match="has not opened this invitation") as caught:
        enrolling(alice, invite(north), timeout=0.001)
    assert "running" in caught.value.next_step


def test_other_mail_is_not_lost_meanwhile(gateway, north, alice):
    east = party(gateway, "east", "domain", alice.identity)
    alice.pins.pin(east.identity)
    alice.relay.admit("east")
    other = east.post.write("job.state", "alice", {"state": "running"})
    east.post.send(other)
    door = Door(north, invitation := invite(north))
    gateway.pump = door.step

    kept = []
    enrolling(alice, invitation, others=kept.append)

    assert [other] == [d.letter for d in kept]
    assert [] == alice.post.receive(wait=0)


def test_without_somebody_to_take_it_other_mail_stays_at_the_gateway(gateway, north, alice):
    east = party(gateway, "east", "domain", alice.identity)
    alice.pins.pin(east.identity)
    alice.relay.admit("east")
    other = east.post.write("job.state", "alice", {"state": "running"})
    east.post.send(other)
    door = Door(north, invitation := invite(north))
    original = alice.relay.receive

    def receive(*, wait):
        door.step()
        return original(wait=wait)

    alice.relay.receive = receive

    enrolling(alice, invitation)

    assert other in [d.letter for d in alice.post.receive(wait=0)]


def test_an_invitation_for_another_name_is_refused_before_anything_is_sent(gateway, north, alice):
    with pytest.raises(InputError, match="is for bob") as caught:
        enrolling(alice, invite(north, "bob"))
    assert "bob" in caught.value.next_step
    assert {} == gateway.mailboxes


def test_an_invitation_that_is_over_is_refused(gateway, north, alice):
    Door(north, invitation := invite(north, days=1))
    gateway.clock.time += 2 * 86_400

    with pytest.raises(DeniedError, match="over") as caught:
        enrolling(alice, invitation)
    assert "north" in caught.value.message
    assert "new one: darkroom owner invite alice" in caught.value.next_step
