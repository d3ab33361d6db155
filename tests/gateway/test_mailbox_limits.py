"""Mail in bad weather: quotas, expiry, bounces, dismissed senders, many polls."""

import hashlib
import socket
import threading
import time

import pytest

from darkroom.bootstrap.gateway import forget_identity
from darkroom.errors import InputError, QuotaError, TrustError
from darkroom.gateway.limits import DAY, GatewayLimits
from tests.gateway.raw import Raw
from tests.gateway.serving import HandClock, serving


LIMITS = GatewayLimits(
    pair_parcels=4,
    pair_bytes=4000,
    mailbox_parcels=6,
    mailbox_bytes=6000,
    admitted_per_recipient=5,
    tickets_per_recipient=3,
    polls_per_identity=2,
    sweep_seconds=0.02,
    seen_seconds=30 * DAY,
    burst=1_000_000,  # the clock stands still: buckets do not fill up again
    stranger_burst=1_000_000,
)


@pytest.fixture(scope="module")
def clock():
    return HandClock()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("mailboxes")


@pytest.fixture(scope="module")
def gateway(state, clock):
    with serving(state, clock=clock, limits=LIMITS) as running:
        yield running


@pytest.fixture
def parties(gateway, state):
    for name in ("alice", "north", "bob"):  # each test begins with empty mailboxes
        forget_identity(state, name)
    with gateway.join("alice") as alice, gateway.join("north", "domain") as north:
        north.admit("alice")
        yield alice, north


def test_a_sender_has_so_many_envelopes_in_one_mailbox(parties):
    alice, north = parties
    for index in range(4):
        alice.send("north", str(index), b"x", expires_in=60)

    with pytest.raises(QuotaError, match="alice's share of the mailbox of north is full"):
        alice.send("north", "5", b"x", expires_in=60)

    north.acknowledge(north.receive(wait=0)[0].cursor)
    alice.send("north", "5", b"x", expires_in=60)  # there is room again


def test_a_sender_has_so_many_bytes_in_one_mailbox(parties):
    alice, _ = parties
    alice.send("north", "1", bytes(3000), expires_in=60)

    with pytest.raises(QuotaError, match="share of the mailbox"):
        alice.send("north", "2", bytes(1001), expires_in=60)
    alice.send("north", "3", bytes(1000), expires_in=60)


def test_what_was_refused_for_room_may_be_sent_again(parties):
    alice, north = parties
    alice.send("north", "1", bytes(4000), expires_in=60)
    with pytest.raises(QuotaError):
        alice.send("north", "2", b"x", expires_in=60)
    north.acknowledge(north.receive(wait=0)[0].cursor)

    alice.send("north", "2", b"x", expires_in=60)

    assert ["2"] == [parcel.id for parcel in north.receive(wait=0)]


def test_a_mailbox_has_a_limit_over_all_senders(parties, gateway):
    alice, north = parties
    north.admit("bob")
    with gateway.join("bob") as bob:
        for index in range(4):
            alice.send("north", str(index), b"x", expires_in=60)
        for index in range(2):
            bob.send("north", str(index), b"x", expires_in=60)

        with pytest.raises(QuotaError, match="all of the mailbox of north is full"):
            bob.send("north", "3", b"x", expires_in=60)


def test_what_nobody_fetched_in_time_comes_back_as_a_bounce(parties, clock):
    alice, north = parties
    alice.send("north", "late", b"sealed", expires_in=100)
    alice.send("north", "later", b"sealed", expires_in=1000)

    clock.forward(101)
    [bounce] = alice.receive(wait=20)

    assert "late" == bounce.id
    assert "alice" == bounce.sender
    assert "north did not fetch it in time" == bounce.bounced
    assert b"" == bounce.envelope
    assert ["later"] == [parcel.id for parcel in north.receive(wait=0)]
    alice.acknowledge(bounce.cursor)
    assert [] == alice.receive(wait=0)


def test_a_bounced_envelope_may_be_sent_again(parties, clock):
    alice, north = parties
    alice.send("north", "same", b"one", expires_in=10)
    clock.forward(11)
    assert alice.receive(wait=20)

    alice.send("north", "same", b"two", expires_in=60)

    assert [b"two"] == [parcel.envelope for parcel in north.receive(wait=0)]


def test_an_envelope_is_kept_two_weeks_at_most(parties, clock):
    alice, north = parties
    alice.send("north", "1", b"x", expires_in=1e9)

    clock.forward(14 * DAY - 60)
    assert north.receive(wait=0)
    clock.forward(61)
    [bounce] = alice.receive(wait=20)

    assert bounce.bounced


def test_an_id_is_remembered_for_thirty_days(parties, clock):
    alice, north = parties
    alice.send("north", "1", b"x", expires_in=60)
    north.acknowledge(north.receive(wait=0)[0].cursor)

    clock.forward(29 * DAY)
    alice.send("north", "1", b"x", expires_in=60)

    assert [] == north.receive(wait=0)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "soon", "1e999"])
def test_an_expiry_is_a_time_span(parties, gateway, seconds):
    alice, _ = parties
    with Raw(gateway.address, alice) as raw:
        answer = raw("PUT", f"/v1/mailboxes/north/1?expires_in={seconds}", content=b"x")

    assert answer.status_code == 422


def test_a_dismissed_sender_sends_no_more_but_what_came_before_stays(parties):
    alice, north = parties
    alice.send("north", "1", b"x", expires_in=60)

    north.dismiss("alice")
    north.dismiss("alice")

    with pytest.raises(QuotaError, match="has not admitted"):
        alice.send("north", "2", b"x", expires_in=60)
    assert ["1"] == [parcel.id for parcel in north.receive(wait=0)]
    assert [] == north.admitted()


def test_an_admission_list_has_a_limit_and_can_be_repeated(parties):
    _, north = parties
    for index in range(4):
        north.admit(f"sender{index}")
    north.admit("sender1")

    with pytest.raises(QuotaError):
        north.admit("one-more")
    assert 5 == len(north.admitted())


def test_a_ticket_ends(parties, gateway, clock):
    _, north = parties
    # The client's clock is this machine's; what counts is the span, on the gateway's.
    north.open_ticket(hashlib.sha256(b"secret").hexdigest(), north._clock.now() + 60)
    clock.forward(61)

    with gateway.join("bob") as bob, pytest.raises(TrustError, match="unknown, used or"):
        bob.redeem("north", "secret")


def test_a_used_ticket_does_not_open_again_after_a_dismissal(parties, gateway):
    _, north = parties
    north.open_ticket(hashlib.sha256(b"secret").hexdigest(), north._clock.now() + 60)
    with gateway.join("bob") as bob:
        bob.redeem("north", "secret")
        north.dismiss("bob")
        bob.redeem("north", "secret")

    assert ["alice"] == north.admitted()


def test_open_tickets_have_a_limit(parties):
    _, north = parties
    for index in range(3):
        north.open_ticket(f"{index:064x}", north._clock.now() + 60)
    north.open_ticket(f"{1:064x}", north._clock.now() + 60)

    with pytest.raises(QuotaError, match="open tickets"):
        north.open_ticket(f"{9:064x}", north._clock.now() + 60)


def test_one_identity_holds_so_many_long_polls(gateway, parties):
    alice, north = parties
    results = []

    def poll() -> None:
        try:
            results.append(len(north.receive(wait=20)))
        except QuotaError:
            results.append("refused")
            alice.send("north", "1", b"x", expires_in=60)

    polls = [threading.Thread(target=poll) for _ in range(3)]
    for thread in polls:
        thread.start()
    for thread in polls:
        thread.join(20)

    # One of the three was told no, and woke the two others with its message.
    assert {1: 2, "refused": 1} == {key: results.count(key) for key in (1, "refused")}


def test_a_poll_whose_client_has_gone_frees_its_place(gateway, parties):
    _, north = parties
    host, _, port = gateway.address.removeprefix("http://").rpartition(":")
    head = (
        f"GET /v1/mailbox?wait=50 HTTP/1.1\r\nhost: x\r\n"
        f"authorization: Bearer {north._current_token()}\r\n\r\n"
    )
    for _ in range(6):  # three times as many as may wait
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head.encode())

    deadline = time.monotonic() + 20
    while True:
        try:
            assert [] == north.receive(wait=0)
            break
        except QuotaError:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("envelope_id", ["a b", "%2e%2e", "x" * 65, "ä"])
def test_an_envelope_id_is_plain(parties, envelope_id):
    alice, _ = parties

    with pytest.raises(InputError):
        alice.send("north", envelope_id, b"x", expires_in=60)
