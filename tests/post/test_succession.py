"""A sender with new keys: read in order, followed along hand-overs, never further than they hold."""

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import QuotaError, StateError, TrustError, UnreachableError
from darkroom.post import Post
from darkroom.post.succession import Succession
from tests.post.simulator import Gateway, HandClock, MemoryRelay, Party, acquaint, party


@pytest.fixture
def gateway():
    return Gateway(HandClock())


@pytest.fixture
def alice(gateway):
    return party(gateway, "alice", "scientist")


@pytest.fixture
def north(gateway, alice):
    north = party(gateway, "north", "domain")
    acquaint(alice, north)
    return north


def rotated(who: Party, *, registers: bool = True) -> Party:
    """The same party after a rotation, as its next process."""
    gateway = who.relay.gateway
    fresh = who.keyring.having(now=gateway.clock.now).rotated(at=gateway.clock.now())
    relay = MemoryRelay(gateway, fresh.identity)
    if registers:
        relay.register(fresh.identity, fresh.handovers)
    post = Post(
        relay=relay, keyring=fresh, verifier=SycVerifier(), pins=who.pins, clock=gateway.clock,
        on_warning=who.said.append,
    )  # fmt: skip
    return Party(fresh, relay, who.pins, post, who.said)


def ask(sender: Party, number: int):
    letter = sender.post.write("job.cancel", "north", {"number": number})
    sender.post.send(letter)
    return letter


def heard(receiver: Party) -> list:
    """(number or problem) of what is there now."""
    deliveries = receiver.post.receive(wait=0)
    for delivery in deliveries:
        receiver.post.acknowledge(delivery.cursor)
    return [d.letter.body["number"] if d.letter else d.problem for d in deliveries]


def test_letters_before_and_after_are_read_in_their_order(alice, north):
    ask(alice, 1)
    ask(alice, 2)
    later = rotated(alice)
    ask(later, 3)

    assert heard(north) == [1, 2]
    assert north.pins.get("alice") == alice.identity
    assert heard(north) == [3]
    assert north.pins.get("alice") == later.identity
    assert [past.identity for past in north.pins.former("alice")] == [alice.identity]
    assert "alice has new keys" in north.said[-1]


def test_each_of_several_rotations_is_followed_as_its_letters_come(alice, north):
    second = rotated(alice)
    ask(second, 2)
    third = rotated(second)
    ask(third, 3)

    assert heard(north) == [2]
    assert north.pins.get("alice") == second.identity
    assert heard(north) == [3]
    assert north.pins.get("alice") == third.identity


def test_who_missed_some_rotations_follows_to_the_last(alice, north):
    third = rotated(rotated(alice))
    ask(third, 3)

    assert heard(north) == [3]
    assert len(north.pins.former("alice")) == 2


def test_a_hand_over_is_no_reason_to_follow_before_a_letter_comes(alice, north):
    later = rotated(alice)

    assert north.post.successor(alice.identity) == later.identity
    assert north.pins.get("alice") == alice.identity


def test_letters_are_sealed_for_the_keys_of_today(alice, north):
    later = rotated(north)
    ask(alice, 1)

    assert heard(later) == [1]
    (parcel,) = alice.relay.gateway.mailboxes["north"] or [None]
    assert parcel is None


def test_what_was_sealed_for_the_old_keys_is_still_opened(alice, north):
    ask(alice, 1)

    assert heard(rotated(north)) == [1]


@pytest.mark.parametrize("error", [UnreachableError, QuotaError])
def test_a_gateway_that_is_away_or_busy_loses_no_letter(gateway, alice, north, monkeypatch, error):
    ask(rotated(alice), 1)

    def refuse(self, name):
        raise error("not now", next_step="wait")

    monkeypatch.setattr(MemoryRelay, "handovers", refuse)
    with pytest.raises(error):
        north.post.receive(wait=0)
    monkeypatch.undo()

    assert heard(north) == [1]


def test_the_directory_is_asked_once_for_a_batch(alice, north, monkeypatch):
    asked = []
    plain = MemoryRelay.handovers
    monkeypatch.setattr(
        MemoryRelay, "handovers", lambda self, name: asked.append(name) or plain(self, name)
    )
    other = SycKeyring.generate("alice", "scientist")
    gateway = alice.relay.gateway
    for number in range(5):
        gateway.put("north", f"{number:032x}", "alice", other.seal(b"junk", north.identity))

    assert len(heard(north)) == 5
    assert asked == ["alice"]


def test_a_full_disk_loses_no_letter(alice, north):
    ask(rotated(alice), 1)

    def full(links):
        raise StateError("the disk is full", next_step="make room")

    north.post._succession = Succession(
        relay=north.relay, verifier=SycVerifier(), pins=north.pins,
        clock=north.relay.gateway.clock, accepted=full,
    )  # fmt: skip
    with pytest.raises(StateError):
        north.post.receive(wait=0)


def test_another_process_of_ours_may_have_followed_first(alice, north):
    later = rotated(alice)
    ask(later, 1)

    def late(links):
        north.pins.succeed(links, 1.0)
        raise TrustError("the pin has changed meanwhile", next_step="look again")

    north.post._succession = Succession(
        relay=north.relay, verifier=SycVerifier(), pins=north.pins,
        clock=north.relay.gateway.clock, accepted=late,
    )  # fmt: skip
    assert heard(north) == [1]


def test_keys_that_just_changed_are_said_once_with_what_to_do(alice, north):
    gateway = alice.relay.gateway
    false = SycKeyring.generate("alice", "scientist")
    gateway.directory["alice"] = false.identity
    for number in range(3):
        gateway.put("north", f"{number:032x}", "alice", false.seal(b"x", north.identity))
        heard(north)

    (said,) = north.said
    assert false.identity.fingerprint in said
    assert "compare fingerprints" in said
    assert north.pins.get("alice") == alice.identity
