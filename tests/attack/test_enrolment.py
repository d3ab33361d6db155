"""A gateway (or a stranger) that wants to stand between a scientist and a domain."""

from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import DarkroomError, DeniedError, TrustError, UnreachableError
from darkroom.post import Invitation, check_request, codec, enrol
from darkroom.post.enrolment import acceptance, proof
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


@pytest.fixture
def invitation(north):
    return Invitation.mint(
        gateway="http://127.0.0.1:1",
        domain="north",
        domain_fingerprint=north.identity.fingerprint,
        scientist="alice",
        expires_at=north.relay.gateway.clock.now() + 86_400,
    )


@pytest.fixture
def door(gateway, north, invitation):
    door = Door(north, invitation)
    gateway.pump = door.step
    return door


def enrolling(who, invitation):
    return enrol(
        invitation,
        relay=who.relay,
        keyring=who.keyring,
        verifier=SycVerifier(),
        pins=who.pins,
        clock=who.relay.gateway.clock,
        timeout=0.03,
    )


def shows(gateway, monkeypatch, name, identity):
    """The directory answers with another identity for a name."""
    honest = gateway.show
    monkeypatch.setattr(
        gateway, "show", lambda n, asked_by: identity if n == name else honest(n, asked_by)
    )


# ----------------------------------- without enrolment: the word of the directory is believed


@pytest.mark.attack("T15", "T17", control="off")
def test_who_believes_the_directory_writes_to_the_gateway(gateway, monkeypatch, north, alice):
    false = SycKeyring.generate("north", "domain")
    shows(gateway, monkeypatch, "north", false.identity)
    gateway.admitted.add(("north", "alice"))

    alice.pins.pin(alice.relay.identity("north"))
    alice.post.send(alice.post.write("job.submit", "north", {"request": {}, "mock": {}}))

    (parcel,) = gateway.mailboxes["north"]
    letter = codec.decode_letter(false.open(parcel.envelope, alice.identity)).letter
    assert (letter.sender, letter.kind) == ("alice", "job.submit")


@pytest.mark.attack("T15", "T17", control="off")
def test_a_domain_that_believes_the_directory_takes_letters_of_the_gateway(
    gateway, monkeypatch, north, alice
):
    false = SycKeyring.generate("alice", "scientist")
    shows(gateway, monkeypatch, "alice", false.identity)
    north.pins.pin(north.relay.identity("alice"))

    forge(gateway, false, north, {"job_id": "ab" * 16}, kind="job.cancel")

    (delivery,) = north.post.receive(wait=0)
    assert delivery.letter
    assert delivery.letter.sender == "alice"


# ----------------------------------------------------- the gateway swaps the domain's bundle


@pytest.mark.attack("T15", "T17", control="on")
def test_a_gateway_that_shows_its_own_keys_as_the_domain_is_refused(
    gateway, monkeypatch, north, alice, invitation, door
):
    shows(gateway, monkeypatch, "north", SycKeyring.generate("north", "domain").identity)

    with pytest.raises(TrustError, match="other keys") as caught:
        enrolling(alice, invitation)

    assert "do not go on" in caught.value.next_step
    assert alice.pins.get("north") is None
    assert [] == gateway.mailboxes.get("north", [])


@pytest.mark.attack("T15", "T17", control="on")
@pytest.mark.parametrize(
    "swap",
    [
        lambda true, false: replace(true, bundle=false.bundle),
        lambda true, false: replace(true, statement_key=false.statement_key),
        lambda true, false: replace(true, hosted=True),
        lambda true, false: replace(true, role="owner"),
        lambda true, false: replace(false, certificate=true.certificate),
    ],
)
def test_no_part_of_the_domains_identity_can_be_swapped(
    gateway, monkeypatch, north, alice, invitation, door, swap
):
    false = SycKeyring.generate("north", "domain").identity
    shows(gateway, monkeypatch, "north", swap(north.identity, false))

    with pytest.raises(TrustError):
        enrolling(alice, invitation)
    assert alice.pins.get("north") is None


# -------------------------------------------------- the gateway swaps the scientist's bundle


@pytest.mark.attack("T15", "T17", control="on")
def test_a_gateway_that_shows_its_own_keys_as_the_scientist_gets_no_pin(
    gateway, monkeypatch, north, alice, invitation, door
):
    shows(gateway, monkeypatch, "alice", SycKeyring.generate("alice", "scientist").identity)

    with pytest.raises(UnreachableError):
        enrolling(alice, invitation)

    assert north.pins.get("alice") is None
    assert door.refused


@pytest.mark.attack("T15", control="on")
def test_a_gateway_that_writes_the_request_itself_cannot_prove_the_secret(
    gateway, monkeypatch, north, invitation, door
):
    false = SycKeyring.generate("alice", "scientist")
    shows(gateway, monkeypatch, "alice", false.identity)
    guess = replace(invitation, secret="00" * 32)
    forge(gateway, false, north, {
        "identity": false.identity.to_mapping(),
        "invitation_id": invitation.id,
        "proof": proof(guess, "scientist", false.identity.fingerprint),
    })  # fmt: skip

    door.step()

    assert north.pins.get("alice") is None
    assert "does not prove" in door.refused[-1]


@pytest.mark.attack("T15", control="on")
def test_a_proof_that_was_seen_does_not_cover_other_keys(
    gateway, monkeypatch, north, alice, invitation, door
):
    false = SycKeyring.generate("alice", "scientist")
    shows(gateway, monkeypatch, "alice", false.identity)
    forge(gateway, false, north, {
        "identity": false.identity.to_mapping(),
        "invitation_id": invitation.id,
        "proof": proof(invitation, "scientist", alice.identity.fingerprint),
    })  # fmt: skip

    door.step()

    assert north.pins.get("alice") is None


@pytest.mark.attack("T15", control="on")
def test_the_proof_of_one_side_is_not_that_of_the_other(north, alice, invitation):
    letter = alice.post.write("enrol.request", "north", {
        "identity": alice.identity.to_mapping(),
        "invitation_id": invitation.id,
        "proof": acceptance(invitation, alice.identity)["proof"],
    })  # fmt: skip

    with pytest.raises(TrustError, match="does not prove"):
        check_request(invitation, north.identity, alice.identity, letter, now=0.0)


@pytest.mark.attack("T15", control="on")
def test_true_keys_inside_an_envelope_of_others_are_refused(north, alice, invitation):
    letter = request(alice, invitation)
    false = SycKeyring.generate("alice", "scientist")

    with pytest.raises(TrustError, match="not those that sealed it"):
        check_request(invitation, north.identity, false.identity, letter, now=0.0)


@pytest.mark.attack("T15", control="on")
def test_an_answer_that_does_not_prove_the_secret_is_refused(gateway, north, alice, invitation):
    """The domain's own keys without the invitation's secret: a domain that was not invited to."""
    guess = replace(invitation, secret="00" * 32)

    def answer():
        north.post.receive(wait=0)
        if alice.pins.get("north") is None and not gateway.mailboxes.get("alice"):
            north.pins.pin(alice.identity)
            body = acceptance(guess, alice.identity)
            north.post.send(north.post.write("enrol.accepted", "alice", body))

    north.relay.open_ticket(invitation.ticket_hash, invitation.expires_at)
    gateway.pump = answer

    with pytest.raises(TrustError, match="does not prove"):
        enrolling(alice, invitation)
    assert alice.pins.get("north") is None


# ----------------------------------------------------------------- used up, over, wrong name


@pytest.mark.attack("T15", control="on")
def test_a_second_scientist_cannot_use_an_invitation_again(north, alice, invitation):
    thief = SycKeyring.generate("alice", "scientist")
    body = {
        "identity": thief.identity.to_mapping(),
        "invitation_id": invitation.id,
        "proof": proof(invitation, "scientist", thief.identity.fingerprint),
    }
    letter = replace(request(alice, invitation), body=body)

    with pytest.raises(DeniedError, match="used before") as caught:
        check_request(
            invitation,
            north.identity,
            thief.identity,
            letter,
            now=0.0,
            redeemed_by=alice.identity.fingerprint,
        )
    assert "new invitation" in caught.value.next_step


@pytest.mark.attack("T15", control="on")
def test_the_same_scientist_may_ask_again_even_when_it_is_over(north, alice, invitation):
    check_request(
        invitation,
        north.identity,
        alice.identity,
        request(alice, invitation),
        now=invitation.expires_at + 1,
        redeemed_by=alice.identity.fingerprint,
    )


@pytest.mark.attack("T15", control="on")
def test_an_invitation_that_is_over_is_refused(north, alice, invitation):
    with pytest.raises(DeniedError, match="over") as caught:
        check_request(
            invitation,
            north.identity,
            alice.identity,
            request(alice, invitation),
            now=invitation.expires_at + 1,
        )
    assert "new invitation" in caught.value.next_step


@pytest.mark.attack("T15", "T17", control="on")
def test_the_line_in_the_wrong_hands_gives_no_other_name(gateway, north, invitation):
    mallory = party(gateway, "mallory", "scientist")
    letter = request(mallory, invitation)

    with pytest.raises(TrustError, match="another name") as caught:
        check_request(invitation, north.identity, mallory.identity, letter, now=0.0)
    assert "alice" in caught.value.next_step


@pytest.mark.attack("T15", "T17", control="on")
def test_an_owner_or_domain_cannot_enrol_as_a_scientist(gateway, north, invitation):
    owner = SycKeyring.generate("alice", "owner")
    body = {
        "identity": owner.identity.to_mapping(),
        "invitation_id": invitation.id,
        "proof": proof(invitation, "scientist", owner.identity.fingerprint),
    }
    letter = party(gateway, "alice", "scientist").post.write("enrol.request", "north", body)

    with pytest.raises(TrustError):
        check_request(invitation, north.identity, owner.identity, letter, now=0.0)


@pytest.mark.attack("T15", "T16", control="on")
def test_an_invitation_of_another_domain_is_refused(gateway, alice, invitation):
    east = party(gateway, "east", "domain")

    with pytest.raises(TrustError, match="another domain"):
        check_request(
            invitation, east.identity, alice.identity, request(alice, invitation), now=0.0
        )


@pytest.mark.attack("T15", control="on")
@pytest.mark.parametrize(
    "change",
    [
        {"proof": None},
        {"proof": 7},
        {"proof": "\ud800"},
        {"identity": None},
        {"identity": {}},
        {"identity": {"name": 3}},
        {"invitation_id": None},
        {"more": 1},
    ],
)
def test_a_malformed_request_is_one_of_our_errors(north, alice, invitation, change):
    letter = request(alice, invitation)
    letter = replace(letter, body={**letter.body, **change})

    with pytest.raises(DarkroomError):
        check_request(invitation, north.identity, alice.identity, letter, now=0.0)


# -------------------------------------------------------------------- after the first contact


@pytest.mark.attack("T15", "T17", control="on")
def test_a_new_key_under_a_pinned_name_reaches_nobody(
    gateway, monkeypatch, north, alice, invitation, door
):
    enrolling(alice, invitation)
    false = SycKeyring.generate("alice", "scientist")
    shows(gateway, monkeypatch, "alice", false.identity)
    again = Invitation.mint(
        gateway=invitation.gateway,
        domain="north",
        domain_fingerprint=north.identity.fingerprint,
        scientist="alice",
        expires_at=invitation.expires_at,
    )
    door.invitations[again.id] = again  # even with the secret of a second invitation
    forge(gateway, false, north, {
        "identity": false.identity.to_mapping(),
        "invitation_id": again.id,
        "proof": proof(again, "scientist", false.identity.fingerprint),
    })  # fmt: skip

    door.step()

    assert alice.identity == north.pins.get("alice")
    assert door.refused


def request(who, invitation):
    return who.post.write(
        "enrol.request",
        "north",
        {
            "identity": who.identity.to_mapping(),
            "invitation_id": invitation.id,
            "proof": proof(invitation, "scientist", who.identity.fingerprint),
        },
    )


def forge(gateway, keyring, north, body, kind="enrol.request"):
    """A letter in alice's name, put straight into the domain's mailbox."""
    letter = replace(
        party(Gateway(gateway.clock), "alice", "scientist").post.write(kind, "north", body),
        sender=keyring.identity.name,
    )
    envelope = keyring.seal(codec.encode_letter(letter, {}, {}), north.identity)
    gateway.put("north", letter.id, keyring.identity.name, envelope)
