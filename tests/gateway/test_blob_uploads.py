"""Uploads that are cut, lie, are too many, or end; in chunks of 1000 bytes."""

import hashlib
import itertools
import os
import time

import pytest

from darkroom.errors import QuotaError, UnknownNameError, UnreachableError
from darkroom.gateway.limits import DAY, GatewayLimits
from tests.gateway.raw import Raw
from tests.gateway.serving import HandClock, serving


CHUNK = 1000
LIMITS = GatewayLimits(
    chunk_bytes=CHUNK,
    blob_bytes=20_000,
    blob_readers=3,
    owner_bytes=50_000,
    owner_blobs=8,
    sweep_seconds=0.02,
    burst=1_000_000,  # the clock stands still: buckets do not fill up again
    stranger_burst=1_000_000,
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def clock():
    return HandClock()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, clock):
    with serving(tmp_path_factory.mktemp("blobs"), clock=clock, limits=LIMITS) as running:
        yield running


@pytest.fixture
def name():
    return f"alice{next(_numbers)}"


@pytest.fixture
def alice(gateway, name):
    with gateway.join(name) as relay:
        yield relay


@pytest.fixture
def raw(gateway, alice):
    with Raw(gateway.address, alice) as client:
        yield client


def address_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def begin(raw, data: bytes, *, address: str = "", size: int | None = None, readers=()):
    body = {
        "address": address or address_of(data),
        "size": len(data) if size is None else size,
        "readers": list(readers),
    }
    return raw("POST", "/v1/blobs", json=body)


def test_an_upload_goes_on_where_it_was_cut(raw, alice, name):
    data = os.urandom(3500)
    begin(raw, data)
    raw("PUT", f"/v1/blobs/{address_of(data)}/0", content=data[:CHUNK])
    raw("PUT", f"/v1/blobs/{address_of(data)}/1", content=data[CHUNK : 2 * CHUNK])

    asked = begin(raw, data).json()

    assert {"received": 2000, "ready": False, "chunk": CHUNK} == asked
    assert address_of(data) == alice.put_blob(data, [])  # sends the last two only
    assert data == alice.get_blob(name, address_of(data))


def test_an_upload_goes_on_after_a_restart_of_the_gateway(tmp_path):
    data = os.urandom(3500)
    with serving(tmp_path, limits=LIMITS) as gateway, gateway.join("alice") as alice:
        keyring = alice._keyring
        with Raw(gateway.address, alice) as raw:
            begin(raw, data)
            raw("PUT", f"/v1/blobs/{address_of(data)}/0", content=data[:CHUNK])

    with serving(tmp_path, limits=LIMITS) as gateway, gateway.relay(keyring) as alice:
        with Raw(gateway.address, alice) as raw:
            assert 1000 == begin(raw, data).json()["received"]
        alice.put_blob(data, [])
        assert data == alice.get_blob("alice", address_of(data))


def test_a_chunk_that_is_not_the_next_changes_nothing(raw):
    data = os.urandom(3500)
    begin(raw, data)
    path = f"/v1/blobs/{address_of(data)}"

    ahead = raw("PUT", f"{path}/2", content=data[2000:3000])
    first = raw("PUT", f"{path}/0", content=data[:1000])
    again = raw("PUT", f"{path}/0", content=os.urandom(1000))

    assert [0, 1000, 1000] == [r.json()["received"] for r in (ahead, first, again)]


@pytest.mark.parametrize(("index", "length"), [(0, 999), (0, 1001), (3, 1000), (3, 499), (4, 1)])
def test_a_chunk_has_its_one_length(raw, index, length):
    data = os.urandom(3500)
    begin(raw, data)

    answer = raw("PUT", f"/v1/blobs/{address_of(data)}/{index}", content=bytes(length))

    assert answer.status_code in {422, 429}
    assert 0 == begin(raw, data).json()["received"]


def test_bytes_with_another_hash_are_never_readable(raw, alice, name):
    data = os.urandom(1500)
    begin(raw, data)
    path = f"/v1/blobs/{address_of(data)}"
    raw("PUT", f"{path}/0", content=data[:1000])

    lie = raw("PUT", f"{path}/1", content=os.urandom(500))

    assert lie.status_code == 403
    assert "hash" in lie.json()["message"]
    with pytest.raises(UnknownNameError):
        alice.get_blob(name, address_of(data))
    assert address_of(data) == alice.put_blob(data, [])  # from the start
    assert data == alice.get_blob(name, address_of(data))


def test_an_unfinished_blob_does_not_exist_for_its_readers(raw, gateway, name):
    data = os.urandom(1500)
    begin(raw, data, readers=[f"bob-of-{name}"])
    raw("PUT", f"/v1/blobs/{address_of(data)}/0", content=data[:1000])

    with gateway.join(f"bob-of-{name}") as bob, pytest.raises(UnknownNameError):
        bob.get_blob(name, address_of(data))


def test_the_chunks_of_a_finished_blob_cannot_be_changed(raw, alice, name):
    data = os.urandom(1500)
    alice.put_blob(data, [])

    answer = raw("PUT", f"/v1/blobs/{address_of(data)}/0", content=os.urandom(1000))
    other_size = begin(raw, data, size=1600)

    assert {"received": 1500, "ready": True} == answer.json()
    assert other_size.status_code == 422
    assert data == alice.get_blob(name, address_of(data))


def test_limits_of_a_blob(alice):
    with pytest.raises(QuotaError, match="at most 20000 bytes"):
        alice.put_blob(bytes(20_001), [])
    with pytest.raises(QuotaError, match="readers"):
        alice.put_blob(b"x", ["a", "b", "c", "d"])
    alice.put_blob(b"x", ["a", "b", "c"])
    with pytest.raises(QuotaError, match="3 readers, not 4"):
        alice.put_blob(b"x", ["d"])


def test_an_owner_has_so_much_storage(alice, gateway, name):
    for _ in range(2):
        alice.put_blob(os.urandom(20_000), [])

    with pytest.raises(QuotaError, match=f"the storage of {name} is full"):
        alice.put_blob(os.urandom(10_001), [])
    alice.put_blob(os.urandom(10_000), [])
    with gateway.join(f"bob-of-{name}") as bob:
        bob.put_blob(os.urandom(20_000), [])  # the quota is per owner


def test_uploads_that_were_only_announced_count_as_well(raw):
    statuses = [
        begin(raw, b"", address=f"sha256:{index:064x}", size=20_000).status_code
        for index in range(3)
    ]

    assert [200, 200, 429] == statuses


def test_an_owner_has_so_many_blobs(alice):
    for index in range(8):
        alice.put_blob(bytes([index]), [])

    with pytest.raises(QuotaError, match="8 of 8 blobs"):
        alice.put_blob(b"one more", [])


def wait_until_gone(raw, folder) -> None:
    # The janitor works in the background; healthz gives it the floor without a sleep.
    deadline = time.monotonic() + 20
    while any(names for _, _, names in os.walk(folder)):
        assert time.monotonic() < deadline, "the janitor left files behind"
        raw("GET", "/healthz")


def test_a_blob_ends_and_its_bytes_go(alice, raw, clock, gateway, name):
    data = os.urandom(2500)
    alice.put_blob(data, [])

    clock.forward(21 * DAY + 1)
    wait_until_gone(raw, gateway.state / "blobs" / "blobs" / name)
    with pytest.raises(UnknownNameError):
        alice.get_blob(name, address_of(data))

    assert address_of(data) == alice.put_blob(data, [])
    assert data == alice.get_blob(name, address_of(data))


def test_an_unfinished_upload_is_given_up_after_a_day(raw, clock, gateway, name):
    data = os.urandom(2500)
    begin(raw, data)
    raw("PUT", f"/v1/blobs/{address_of(data)}/0", content=data[:1000])

    clock.forward(DAY + 1)

    wait_until_gone(raw, gateway.state / "blobs" / "blobs" / name)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"address": "sha256:00", "size": 1, "readers": []},
        {"address": "sha256:" + "0" * 64, "size": -1, "readers": []},
        {"address": "sha256:" + "0" * 64, "size": True, "readers": []},
        {"address": "sha256:" + "0" * 64, "size": 1.5, "readers": []},
        {"address": "sha256:" + "0" * 64, "size": 1, "readers": ["../x"]},
        {"address": "sha256:" + "0" * 64, "size": 1, "readers": [5]},
        {"address": "sha256:" + "0" * 64, "size": 1, "readers": {}},
        {"address": ["sha256:" + "0" * 64], "size": 1, "readers": []},
    ],
)
def test_a_malformed_beginning_is_refused(raw, body):
    assert raw("POST", "/v1/blobs", json=body).status_code in {422, 429}


def test_a_chunk_of_nothing_begun_does_not_exist(raw):
    assert raw("PUT", f"/v1/blobs/sha256:{'0' * 64}/0", content=b"x").status_code == 404


def test_a_client_says_when_an_upload_does_not_advance(alice, monkeypatch):
    # Two uploads of the same blob at once: the other one was faster, and was then cut.
    wire = alice._wire
    original = wire.exchange

    def stuck(ask, *, token=""):
        if ask.method == "PUT":
            return b'{"received": 0, "ready": false}'
        return original(ask, token=token)

    monkeypatch.setattr(wire, "exchange", stuck)
    with pytest.raises(UnreachableError, match="did not advance"):
        alice.put_blob(os.urandom(2500), [])
