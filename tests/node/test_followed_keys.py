"""How often a node follows one name to new keys, and how often its owner hears of that."""

import pytest

from darkroom.adapters.sqlite import former_pins
from darkroom.model.handover import MAX_LINKS
from darkroom.node.followed_keys import A_DAY, FOLLOWED_A_DAY
from tests.node.test_rotation import everything, renewed
from tests.node.village import Person, Village


def hand_over(village: Village, person: Person, *, steps: int = 1) -> Person:
    """So many steps at once, and the letter that makes the node follow them."""
    for _ in range(steps):
        person = renewed(village, person)
    person.say("handover.scientist", {})
    village.settle()
    return person


def told(village: Village, level: str) -> list[str]:
    letters = everything(village.owner, "owner.notice")
    bodies = [letter.body for letter in letters]
    return [b["text"] for b in bodies if b["level"] == level and "bob" in b["text"]]


def is_followed(village: Village, person: Person) -> bool:
    return village.store.get(person.name) == person.keyring.identity


def test_a_few_hand_overs_a_day_are_followed_and_the_next_is_put_aside_with_the_reason(village):
    bob = village.bob
    for _ in range(FOLLOWED_A_DAY):
        bob = hand_over(village, bob)
    assert is_followed(village, bob)

    later = hand_over(village, bob)
    assert is_followed(village, bob)
    ((_, sender, reason),) = village.store.quarantined()
    assert (sender, "within a day" in reason) == ("bob", True)
    assert len(village.store.former("bob")) == FOLLOWED_A_DAY
    assert village.events().count("keys-handed-over") == FOLLOWED_A_DAY

    village.clock.forward(A_DAY)
    later.say("handover.scientist", {})
    village.settle()
    assert is_followed(village, later)


def test_who_comes_with_all_the_steps_of_a_year_is_followed_once_a_day(village):
    bob = hand_over(village, village.bob, steps=MAX_LINKS)
    assert is_followed(village, bob)

    later = hand_over(village, bob)
    assert is_followed(village, bob)
    village.clock.forward(A_DAY)
    later = hand_over(village, later)
    assert is_followed(village, later)


def test_others_are_followed_meanwhile(village):
    bob = village.bob
    for _ in range(FOLLOWED_A_DAY + 1):
        bob = hand_over(village, bob)

    assert is_followed(village, hand_over(village, village.alice))


def test_the_owner_hears_of_it_once_a_day_and_once_of_what_was_refused(village):
    bob = village.bob
    for _ in range(FOLLOWED_A_DAY + 3):
        bob = hand_over(village, bob)
    assert len(told(village, "info")) == 1
    assert len(told(village, "warning")) == 1
    assert "not followed yet" in told(village, "warning")[0]

    village.clock.forward(A_DAY)
    bob.say("handover.scientist", {})
    village.settle()
    assert len(told(village, "info")) == 2


def test_the_owner_hears_of_what_goes_wrong_on_a_day_with_news(village):
    """The one notice of a day is no cover: what is refused has one of its own."""
    bob = hand_over(village, village.bob)
    for _ in range(2):
        stranger = bob.keyring.generate("bob", "scientist")
        village.exchange.identities["bob"] = stranger.identity
        village.exchange.chains["bob"] = ()
        impostor = Person(stranger, village.exchange, village.clock, bob.pins)
        impostor.say("handover.scientist", {})
        village.settle()

    assert len(told(village, "info")) == 1
    assert len(told(village, "warning")) == 1
    assert village.events().count("keys-refused") == 2


@pytest.mark.attack("T17", control="on")
def test_a_submission_reads_no_history_however_long_it_is(village, monkeypatch):
    village.in_force()
    bob = hand_over(village, village.bob, steps=MAX_LINKS)
    old = village.store.former("bob")[0].identity
    request = village.request(by=bob)

    def read(*_: object) -> None:
        raise AssertionError("every row was read")

    monkeypatch.setattr(former_pins, "read", read)
    village.submit(request, by=bob)
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert village.store.identity_of("bob", old.fingerprint) == old
    assert village.store.identity_of("bob", "sha256:" + "0" * 64) == bob.keyring.identity
    assert village.store.identity_of("eve", old.fingerprint) is None
