"""The `Relay` port: one suite for every client of a gateway.

Today there is one, `HttpRelay`; it runs against a real gateway, with blobs in a folder and in
a real S3 server.
"""

import hashlib
import itertools
import os
import threading
from types import SimpleNamespace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.bootstrap.gateway import S3Place
from darkroom.errors import (
    ForkError,
    NameTakenError,
    QuotaError,
    TrustError,
    UnknownNameError,
)
from darkroom.model.dataset import Camera, DatasetCard
from darkroom.model.merkle import leaf_hash
from darkroom.model.tree_head import KIND, LedgerMark, TreeHead
from tests.conformance.s3_server import s3_server  # noqa: F401
from tests.gateway.serving import SkewedClock, serving
from tests.model.trees import root_of


_numbers = itertools.count()
ID = itertools.count(1)


def fresh_id() -> str:
    return f"{next(ID):032x}"


@pytest.fixture(scope="module", params=["folder", "s3"])
def gateway(request, tmp_path_factory):
    place = None
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        place = S3Place(
            endpoint=server.endpoint,
            bucket="relay",
            access_key=server.access_key,
            secret_key=server.secret_key,
        )
    with serving(tmp_path_factory.mktemp("relay"), s3=place) as running:
        yield running


@pytest.fixture
def parties(gateway):
    """Alice, a scientist, and north, a domain; nobody is admitted anywhere yet."""
    number = next(_numbers)
    keys = SimpleNamespace(
        alice=SycKeyring.generate(f"alice{number}", "scientist"),
        north=SycKeyring.generate(f"north{number}", "domain"),
    )
    with gateway.relay(keys.alice) as alice, gateway.relay(keys.north) as north:
        alice.register(keys.alice.identity)
        north.register(keys.north.identity)
        yield SimpleNamespace(
            alice=alice, north=north, keys=keys, a=f"alice{number}", n=f"north{number}"
        )


def card(domain: str, dataset: str = "street", description: str = "a street") -> DatasetCard:
    return DatasetCard(
        domain=domain,
        name=dataset,
        version="sha256:" + "0" * 64,
        description=description,
        cameras=(Camera(id="cam1", width=64, height=48, fps=5.0, frames=10),),
        classes=("person",),
        annotations="none",
        split_frames={"train": 5, "test": 5},
        start=0,
    )


# ---------------------------------------------------------------------------- directory


def test_an_identity_is_found_by_its_name_as_it_was_registered(parties):
    assert parties.keys.north.identity == parties.alice.identity(parties.n)


def test_registering_again_with_the_same_keys_changes_nothing(parties):
    parties.alice.register(parties.keys.alice.identity)
    parties.alice.register(parties.keys.alice.identity)

    assert parties.keys.alice.identity == parties.north.identity(parties.a)


def test_a_name_is_kept_for_the_keys_that_came_first(parties, gateway):
    other = SycKeyring.generate(parties.n, "domain")

    with gateway.relay(other) as second, pytest.raises(NameTakenError) as caught:
        second.register(other.identity)

    assert parties.n in caught.value.message
    assert caught.value.next_step
    assert parties.keys.north.identity == parties.alice.identity(parties.n)


def test_only_the_holder_of_the_keys_registers_an_identity(parties, gateway):
    with gateway.relay(parties.keys.alice) as relay, pytest.raises(TrustError):
        relay.register(SycKeyring.generate("bob", "scientist").identity)


def test_who_is_not_registered_is_told_so(gateway):
    keyring = SycKeyring.generate("stranger", "scientist")
    with gateway.relay(keyring) as relay, pytest.raises(UnknownNameError, match="stranger"):
        relay.receive(wait=0)


def test_an_unknown_name_is_an_error(parties):
    with pytest.raises(UnknownNameError, match="nobody is registered here as nobody"):
        parties.alice.identity("nobody")


def test_cards_and_profile_are_found_as_they_were_signed(parties):
    street = parties.keys.north.sign("card", card(parties.n).to_mapping())
    yard = parties.keys.north.sign("card", card(parties.n, "yard").to_mapping())
    profile = parties.keys.north.sign("profile", {"domain": parties.n, "workers": 2})

    parties.north.publish_card(street)
    parties.north.publish_card(yard)
    parties.north.publish_profile(profile)

    assert [street, yard] == parties.alice.cards(parties.n)
    assert profile == parties.alice.profiles()[parties.n]
    # Readers verify: what came back still carries the domain's signature.
    SycVerifier().check_statement(street, "card", parties.keys.north.identity)


def test_a_card_replaces_the_one_of_the_same_dataset(parties):
    old = parties.keys.north.sign("card", card(parties.n).to_mapping())
    new = parties.keys.north.sign("card", card(parties.n, description="new").to_mapping())

    for statement in (old, new, new):
        parties.north.publish_card(statement)

    assert [new] == parties.alice.cards(parties.n)


def test_a_domain_without_cards_has_none_and_an_unknown_one_is_an_error(parties):
    assert [] == parties.alice.cards(parties.n)
    with pytest.raises(UnknownNameError):
        parties.alice.cards("atlantis")


def test_many_cards_all_come_back(parties):
    names = [f"set{index:03d}" for index in range(60)]
    for name in names:
        mapping = card(parties.n, name).to_mapping()
        parties.north.publish_card(parties.keys.north.sign("card", mapping))

    assert names == [statement.body["name"] for statement in parties.alice.cards(parties.n)]


# -------------------------------------------------------------------------------- mail


def test_a_sender_who_is_not_admitted_has_no_quota(parties):
    with pytest.raises(QuotaError, match="has not admitted"):
        parties.alice.send(parties.n, fresh_id(), b"sealed", expires_in=60)


def test_what_is_sent_arrives_once_and_in_order_until_acknowledged(parties):
    parties.north.admit(parties.a)
    ids = [fresh_id() for _ in range(5)]
    for envelope_id in ids:
        parties.alice.send(parties.n, envelope_id, envelope_id.encode(), expires_in=60)

    first = parties.north.receive(wait=5)
    again = parties.north.receive(wait=5)

    assert ids == [parcel.id for parcel in first]
    assert first == again
    assert [i.encode() for i in ids] == [parcel.envelope for parcel in first]
    assert {parties.a} == {parcel.sender for parcel in first}
    assert {""} == {parcel.bounced for parcel in first}
    cursors = [parcel.cursor for parcel in first]
    assert sorted(set(cursors)) == cursors

    parties.north.acknowledge(cursors[2])
    assert ids[3:] == [parcel.id for parcel in parties.north.receive(wait=0)]
    parties.north.acknowledge(cursors[-1])
    parties.north.acknowledge(cursors[-1])
    assert [] == parties.north.receive(wait=0)


def test_the_same_id_is_delivered_once_also_after_it_was_acknowledged(parties):
    parties.north.admit(parties.a)
    envelope_id = fresh_id()

    parties.alice.send(parties.n, envelope_id, b"sealed", expires_in=60)
    parties.alice.send(parties.n, envelope_id, b"sealed again", expires_in=60)
    [parcel] = parties.north.receive(wait=5)
    parties.north.acknowledge(parcel.cursor)
    parties.alice.send(parties.n, envelope_id, b"sealed once more", expires_in=60)

    assert b"sealed" == parcel.envelope
    assert [] == parties.north.receive(wait=0)


def test_ids_of_different_senders_and_recipients_do_not_collide(parties):
    parties.north.admit(parties.a)
    parties.north.admit(parties.n)
    parties.alice.admit(parties.n)
    same = fresh_id()

    parties.alice.send(parties.n, same, b"a to n", expires_in=60)
    parties.north.send(parties.n, same, b"n to n", expires_in=60)
    parties.north.send(parties.a, same, b"n to a", expires_in=60)

    assert [b"a to n", b"n to n"] == [p.envelope for p in parties.north.receive(wait=5)]
    assert [b"n to a"] == [p.envelope for p in parties.alice.receive(wait=5)]


def test_cursors_go_on_after_everything_was_acknowledged(parties):
    parties.north.admit(parties.a)
    seen = []
    for _ in range(3):
        parties.alice.send(parties.n, fresh_id(), b"sealed", expires_in=60)
        [parcel] = parties.north.receive(wait=5)
        parties.north.acknowledge(parcel.cursor)
        seen.append(parcel.cursor)

    assert sorted(set(seen)) == seen


def test_a_long_poll_returns_when_a_message_comes(parties):
    parties.north.admit(parties.a)
    got = []
    poller = threading.Thread(target=lambda: got.extend(parties.north.receive(wait=20)))
    poller.start()

    parties.alice.send(parties.n, fresh_id(), b"wake up", expires_in=60)
    poller.join(10)

    assert not poller.is_alive()
    assert [b"wake up"] == [parcel.envelope for parcel in got]


def test_a_poll_of_an_empty_mailbox_ends_with_nothing(parties):
    assert [] == parties.north.receive(wait=0.05)


def test_a_mailbox_larger_than_one_answer_comes_whole(parties):
    parties.north.admit(parties.a)
    envelopes = [os.urandom(900_000) for _ in range(8)]
    for envelope in envelopes:
        parties.alice.send(parties.n, fresh_id(), envelope, expires_in=60)

    assert envelopes == [parcel.envelope for parcel in parties.north.receive(wait=5)]


def test_an_unknown_recipient_is_an_error(parties):
    with pytest.raises(UnknownNameError, match="nobody is registered here as nobody"):
        parties.alice.send("nobody", fresh_id(), b"x", expires_in=60)


def test_an_envelope_over_the_limit_is_refused(parties):
    parties.north.admit(parties.a)

    with pytest.raises(QuotaError, match="over the limit of 1048576 bytes"):
        parties.alice.send(parties.n, fresh_id(), bytes((1 << 20) + 1), expires_in=60)
    parties.alice.send(parties.n, fresh_id(), bytes(1 << 20), expires_in=60)


# ----------------------------------------------------------------------------- tickets


def ticket_pair() -> tuple[str, str]:
    ticket = os.urandom(16).hex()
    return ticket, hashlib.sha256(ticket.encode()).hexdigest()


def test_a_ticket_admits_the_first_who_shows_it(parties, gateway):
    ticket, ticket_hash = ticket_pair()
    parties.north.open_ticket(ticket_hash, SkewedClock(0).now() + 60)

    parties.alice.redeem(parties.n, ticket)
    parties.alice.redeem(parties.n, ticket)  # the answer was lost: nothing happens
    parties.alice.send(parties.n, fresh_id(), b"hello", expires_in=60)

    assert [b"hello"] == [parcel.envelope for parcel in parties.north.receive(wait=5)]
    with gateway.join(f"mallory{next(_numbers)}") as mallory, pytest.raises(TrustError):
        mallory.redeem(parties.n, ticket)


def test_a_ticket_is_good_for_its_own_mailbox_only(parties):
    ticket, ticket_hash = ticket_pair()
    parties.north.open_ticket(ticket_hash, SkewedClock(0).now() + 60)

    with pytest.raises(TrustError):
        parties.alice.redeem(parties.a, ticket)


def test_the_hash_of_a_ticket_is_no_ticket(parties):
    _, ticket_hash = ticket_pair()
    parties.north.open_ticket(ticket_hash, SkewedClock(0).now() + 60)

    with pytest.raises(TrustError, match="unknown, used or expired"):
        parties.alice.redeem(parties.n, ticket_hash)


# ------------------------------------------------------------------------------- blobs


@pytest.mark.parametrize("size", [0, 1, (4 << 20) - 1, 4 << 20, (9 << 20) + 5])
def test_a_blob_comes_back_whole(parties, size):
    data = os.urandom(size)

    address = parties.alice.put_blob(data, [parties.n])

    assert "sha256:" + hashlib.sha256(data).hexdigest() == address
    assert data == parties.north.get_blob(parties.a, address)
    assert data == parties.alice.get_blob(parties.a, address)


def test_putting_a_blob_again_changes_nothing_and_adds_readers(parties, gateway):
    data = os.urandom(100)
    address = parties.alice.put_blob(data, [])
    with pytest.raises(UnknownNameError):
        parties.north.get_blob(parties.a, address)

    assert address == parties.alice.put_blob(data, [parties.n])

    assert data == parties.north.get_blob(parties.a, address)


def test_nobody_but_readers_and_owner_gets_a_blob_nor_learns_of_it(parties, gateway):
    address = parties.alice.put_blob(os.urandom(1000), [parties.n])
    unknown = "sha256:" + "ab" * 32

    with gateway.join(f"eve{next(_numbers)}") as eve:
        with pytest.raises(UnknownNameError) as not_for_us:
            eve.get_blob(parties.a, address)
        with pytest.raises(UnknownNameError) as not_there:
            eve.get_blob(parties.a, unknown)
        with pytest.raises(UnknownNameError) as nobody_there:
            eve.get_blob("nobody", address)

    assert str(not_there.value) == str(not_for_us.value) == str(nobody_there.value)


def test_each_owner_has_a_namespace(parties):
    data = os.urandom(500)

    address = parties.alice.put_blob(data, [])
    with pytest.raises(UnknownNameError):
        parties.north.get_blob(parties.n, address)
    parties.north.put_blob(data, [])

    assert data == parties.north.get_blob(parties.n, address)
    with pytest.raises(UnknownNameError):
        parties.north.get_blob(parties.a, address)


# --------------------------------------------------------------------- heads of a log


def test_heads_of_a_log_are_taken_from_its_domain_and_shown_to_all(parties):
    leaf = leaf_hash(b"1")
    ledger = LedgerMark(number=0, chain="0" * 64)

    def head(leaves, at=1.0):
        root = root_of(leaves).hex()
        made = TreeHead(
            domain=parties.n, epoch=1, size=len(leaves), root=root, at=at, ledger=ledger
        )
        return parties.keys.north.sign(KIND, made.to_body())

    first, later = head([leaf]), head([leaf, leaf])
    parties.north.witness(first, since=0, proof=())
    parties.north.witness(later, since=1, proof=(leaf,))
    parties.north.witness(later, since=1, proof=(leaf,))
    with pytest.raises(ForkError):
        parties.north.witness(head([leaf]), since=1, proof=())
    with pytest.raises(TrustError):
        parties.alice.witness(later, since=1, proof=(leaf,))

    assert parties.alice.last_head(parties.n) == later
    assert parties.alice.heads(parties.n) == [first, later]
    assert parties.alice.forks(parties.n) == [(later, first)]
    assert parties.alice.last_head(parties.a) is None


# ------------------------------------------------------------------------------- clock


@pytest.mark.parametrize("skew", [3600.0, -3600.0, 7200.0])
def test_a_client_whose_clock_is_hours_off_works_and_learns_it(gateway, skew):
    number = next(_numbers)
    with (
        gateway.join(f"late{number}", clock=SkewedClock(skew)) as late,
        gateway.join(f"other{number}") as other,
    ):
        other.admit(f"late{number}")
        ticket, ticket_hash = ticket_pair()
        late.open_ticket(ticket_hash, SkewedClock(skew).now() + 60)
        other.redeem(f"late{number}", ticket)

        late.send(f"other{number}", fresh_id(), b"from the past", expires_in=60)
        other.send(f"late{number}", fresh_id(), b"from today", expires_in=60)

        assert [b"from the past"] == [p.envelope for p in other.receive(wait=5)]
        assert [b"from today"] == [p.envelope for p in late.receive(wait=5)]
        assert -skew == pytest.approx(late.clock_offset, abs=2.0)
        assert 0.0 == pytest.approx(other.clock_offset, abs=2.0)


def test_before_the_first_answer_the_offset_is_zero(gateway):
    with gateway.relay(SycKeyring.generate("nobody", "scientist")) as relay:
        assert relay.clock_offset == 0.0
