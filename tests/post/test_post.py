"""Letters from pinned sender to pinned recipient, over a relay that nobody trusts."""

from dataclasses import replace

import pytest

from darkroom.errors import EnvelopeError, StateError, TrustError, UnreachableError
from darkroom.post import codec
from tests.post.simulator import Gateway, HandClock, acquaint, party


HOUR = 3_600.0
DAY = 24 * HOUR


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


def send(sender, recipient, kind="job.cancel", **more):
    letter = sender.post.write(kind, recipient.identity.name, {"job_id": "1"}, **more)
    sender.post.send(letter)
    return letter


def test_a_letter_arrives_whole(alice, north):
    sent = send(alice, north, attachments={"code/a.py": b"small", "code/m.bin": bytes(300_000)})

    (delivery,) = north.post.receive(wait=0)

    assert sent == delivery.letter
    assert "" == delivery.problem


def test_the_gateway_sees_nothing_of_it(gateway, alice, north):
    secret = b"def job(data, params)" * 5_000
    sent = alice.post.write("job.cancel", "north", {"job_id": "needle"}, {"code/needle.py": secret})
    alice.post.send(sent)

    stored = [p.envelope for p in gateway.mailboxes["north"]]
    stored += [data for data, _ in gateway.blobs.values()]
    assert 2 == len(stored)
    assert not any(b"needle" in data or b"def job" in data for data in stored)


def test_it_stays_until_it_is_acknowledged(alice, north):
    send(alice, north)
    (first,) = north.post.receive(wait=0)
    (again,) = north.post.receive(wait=0)
    assert first == again

    north.post.acknowledge(first.cursor)

    assert [] == north.post.receive(wait=0)


def test_the_same_letter_sent_twice_is_delivered_once(alice, north):
    letter = send(alice, north)
    alice.post.send(letter)

    assert 1 == len(north.post.receive(wait=0))


def test_blobs_are_for_the_recipient_alone(gateway, alice, north):
    send(alice, north, attachments={"code/m.bin": bytes(100_000)})

    ((_, readers),) = gateway.blobs.values()
    assert ("north",) == readers


# -------------------------------------------------------------------- what is not sent at all


def test_nothing_is_sent_to_somebody_without_a_pin(gateway, alice, north):
    bob = party(gateway, "bob", "scientist")

    with pytest.raises(TrustError, match="no key of north"):
        send(bob, north)


def test_a_kind_is_sent_only_between_the_roles_it_is_for(alice, north):
    with pytest.raises(TrustError, match="scientist does not send"):
        send(alice, north, kind="owner.decision")


def test_an_enrolment_letter_alone_may_go_to_an_identity_that_is_not_pinned(gateway, north):
    bob = party(gateway, "bob", "scientist")
    letter = bob.post.write("job.cancel", "north", {})

    with pytest.raises(TrustError):
        bob.post.send(letter, introduce_to=north.identity)


# --------------------------------------------------------------- hostile and broken deliveries


def only_problem(receiver):
    (delivery,) = receiver.post.receive(wait=0)
    assert delivery.letter is None
    assert delivery.introduction is None
    return delivery.problem


@pytest.mark.attack
def test_a_bad_envelope_is_put_aside_and_the_next_letter_arrives(gateway, alice, north):
    gateway.put("north", "1", "alice", b"noise")
    gateway.put("north", "2", "nobody", b"noise")
    gateway.put("north", "3", "Not A Name\x1b[31m", b"noise")
    gateway.put("north", "4", "alice", bytes(2 << 20))
    good = send(alice, north)

    *bad, last = north.post.receive(wait=0)

    assert good == last.letter
    assert [True] * 4 == [bool(d.problem) and d.letter is None for d in bad]
    assert not any("\x1b" in d.problem for d in bad)


@pytest.mark.attack
def test_an_envelope_under_another_senders_name_is_put_aside(gateway, alice, north):
    mallory = party(gateway, "mallory", "scientist", north.identity)
    north.relay.admit("mallory")
    send(mallory, north)
    (parcel,) = gateway.mailboxes["north"]
    gateway.mailboxes["north"] = [replace(parcel, sender="alice")]

    assert "alice" in only_problem(north)


@pytest.mark.attack
@pytest.mark.parametrize("change", [{"sender": "bob"}, {"recipient": "east"}])
def test_inner_names_must_be_those_of_the_envelope(gateway, alice, north, change):
    letter = replace(alice.post.write("job.cancel", "north", {}), **change)
    envelope = alice.keyring.seal(codec.encode_letter(letter, {}, {}), north.identity)
    gateway.put("north", letter.id, "alice", envelope)

    assert "names another" in only_problem(north)


@pytest.mark.attack
def test_a_pinned_scientist_cannot_speak_as_an_owner(gateway, alice, north):
    letter = alice.post.write("owner.decision", "north", {"verdict": "approve"})
    envelope = alice.keyring.seal(codec.encode_letter(letter, {}, {}), north.identity)
    gateway.put("north", letter.id, "alice", envelope)

    assert "does not send owner.decision" in only_problem(north)


@pytest.mark.attack
def test_a_letter_from_somebody_who_is_not_pinned_is_put_aside(gateway, alice, north):
    bob = party(gateway, "bob", "scientist", north.identity)
    north.relay.admit("bob")
    send(bob, north)

    assert "not pinned" in only_problem(north)


@pytest.mark.attack
def test_a_stranger_is_introduced_but_never_a_letter(gateway, alice, north):
    bob = party(gateway, "bob", "scientist")
    north.relay.admit("bob")
    letter = bob.post.write("enrol.request", "north", {})
    bob.post.send(letter, introduce_to=north.identity)

    (delivery,) = north.post.receive(wait=0)

    assert delivery.letter is None
    assert (letter, bob.identity, False) == (
        delivery.introduction.letter,
        delivery.introduction.identity,
        delivery.introduction.pinned,
    )


@pytest.mark.attack
def test_an_introduction_brings_no_files(gateway, alice, north):
    bob = party(gateway, "bob", "scientist")
    north.relay.admit("bob")
    letter = bob.post.write("enrol.request", "north", {}, {"code/big": bytes(100_000)})
    bob.post.send(letter, introduce_to=north.identity)

    assert "carries files" in only_problem(north)


@pytest.mark.attack
def test_a_swapped_attachment_is_noticed(gateway, alice, north):
    send(alice, north, attachments={"code/m.bin": bytes(100_000)})
    other = alice.keyring.seal(b"\1" * 100_000, north.identity)
    (key,) = gateway.blobs
    gateway.blobs[key] = (other, ("north",))

    assert "not what was announced" in only_problem(north)


@pytest.mark.attack
def test_an_attachment_larger_than_announced_is_not_opened(gateway, alice, north):
    send(alice, north, attachments={"code/m.bin": bytes(100_000)})
    (key,) = gateway.blobs
    gateway.blobs[key] = (bytes(1 << 20), ("north",))

    assert "larger than announced" in only_problem(north)


def test_a_lost_attachment_loses_its_letter_only(gateway, alice, north):
    send(alice, north, attachments={"code/m.bin": bytes(100_000)})
    gateway.blobs.clear()
    good = send(alice, north)

    bad, fine = north.post.receive(wait=0)

    assert bad.problem
    assert good == fine.letter


def test_our_own_letter_that_comes_back_says_which_and_why(gateway, alice, north):
    gateway.bounce("alice", "ab" * 16, "nobody fetched it for 7 days\x1b[2J")

    (delivery,) = alice.post.receive(wait=0)

    assert delivery.bounced
    assert "ab" * 16 == delivery.envelope_id
    assert "nobody fetched it" in delivery.problem
    assert "\x1b" not in delivery.problem


# ------------------------------------------------------------------------ when things are away


def test_a_gateway_that_is_away_says_so_and_loses_nothing(gateway, alice, north):
    letter = alice.post.write("job.cancel", "north", {})
    gateway.away = True
    with pytest.raises(UnreachableError):
        alice.post.send(letter)
    with pytest.raises(UnreachableError):
        north.post.receive(wait=0)

    gateway.away = False
    alice.post.send(letter)

    (delivery,) = north.post.receive(wait=0)
    assert letter == delivery.letter


def test_letters_before_an_attachment_that_cannot_be_fetched_are_still_delivered(
    alice, north, monkeypatch
):
    first = send(alice, north)
    send(alice, north, attachments={"code/m.bin": bytes(100_000)})

    def away(*_):
        raise UnreachableError("the object store is away", next_step="wait")

    monkeypatch.setattr(north.relay, "get_blob", away)

    (delivery,) = north.post.receive(wait=0)
    assert first == delivery.letter
    north.post.acknowledge(delivery.cursor)
    with pytest.raises(UnreachableError):
        north.post.receive(wait=0)


def test_a_flood_of_attachments_comes_in_parts(alice, north, monkeypatch):
    monkeypatch.setattr("darkroom.post.post.RECEIVE_BUDGET", 150_000)
    for _ in range(4):
        send(alice, north, attachments={"code/m.bin": bytes(100_000)})

    first = north.post.receive(wait=0)
    north.post.acknowledge(first[-1].cursor)
    rest = north.post.receive(wait=0)

    assert (2, 2) == (len(first), len(rest))


# -------------------------------------------------------------------------------------- clocks


def test_our_clock_an_hour_off_is_said_once_and_tolerated(gateway, alice, north):
    gateway.offset = HOUR
    send(alice, north)
    send(alice, north)

    deliveries = [*north.post.receive(wait=0), *north.post.receive(wait=0)]

    assert all(d.letter for d in deliveries)
    (warning,) = north.said
    assert "60 minutes behind" in warning
    assert [warning] == north.post.warnings


def test_our_clock_three_hours_off_stops_us_and_keeps_the_letters(gateway, alice, north):
    send(alice, north)
    gateway.offset = -3 * HOUR

    with pytest.raises(StateError) as caught:
        north.post.receive(wait=0)
    assert "set the clock" in caught.value.next_step

    gateway.offset = 0.0
    assert 1 == len(north.post.receive(wait=0))


def test_a_sender_an_hour_ahead_is_named_once(gateway, alice, north):
    gateway.clock.time += HOUR
    send(alice, north)
    send(alice, north)
    gateway.clock.time -= HOUR

    assert all(d.letter for d in north.post.receive(wait=0))
    (warning,) = north.said
    assert "alice" in warning


def test_a_letter_from_three_hours_ahead_is_put_aside(gateway, alice, north):
    gateway.clock.time += 3 * HOUR
    send(alice, north)
    gateway.clock.time -= 3 * HOUR

    assert "in the future" in only_problem(north)


@pytest.mark.attack
def test_a_letter_kept_back_for_more_than_eight_days_is_put_aside(gateway, alice, north):
    send(alice, north)
    gateway.clock.time += 8 * DAY + 60

    assert "8 days old" in only_problem(north)


def test_a_letter_that_waited_a_week_is_fine(gateway, alice, north):
    send(alice, north)
    gateway.clock.time += 7 * DAY + HOUR

    (delivery,) = north.post.receive(wait=0)
    assert delivery.letter


@pytest.mark.attack
def test_ids_are_remembered_for_as_long_as_any_tolerated_clock_could_take_a_replay():
    from darkroom.post.timing import MAX_AGE, MAX_SKEW, SEEN_FOR, age_warning

    first_seen = 0.0
    sent_at = first_seen + MAX_SKEW  # a sender as far ahead as is tolerated
    purged = first_seen + SEEN_FOR

    with pytest.raises(EnvelopeError):
        # our clock turned back as far as is tolerated, and a gateway that agrees
        age_warning("alice", sent_at, purged - 2 * MAX_SKEW)
    assert SEEN_FOR > MAX_AGE
