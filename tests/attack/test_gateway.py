"""T17: at the relay: floods, replays, stolen tokens, and who learns what is there."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.errors import QuotaError
from darkroom.gateway.limits import GatewayLimits
from tests.gateway.raw import Raw
from tests.gateway.serving import Gateway, HandClock, serving


ROOM = 8
PATIENT = {"burst": 1_000_000, "stranger_burst": 1_000_000}  # rates are another test's matter


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Gateway]:
    limits = GatewayLimits(pair_parcels=ROOM // 2, mailbox_parcels=ROOM, **PATIENT)
    with serving(tmp_path_factory.mktemp("gateway"), limits=limits) as running:
        yield running


# ----------------------------------------------------------------------------------- floods


def fill(sender, mailbox: str) -> int:
    """Send until refused; how many got in."""
    for number in range(10 * ROOM):
        try:
            sender.send(mailbox, f"{number:032x}", b"flood", expires_in=60)
        except QuotaError:
            return number
    return 10 * ROOM


def flood(gateway: Gateway, mallory: str, alice: str, north: str) -> bool:
    """Mallory sends until she is refused; whether alice can still write."""
    with (
        gateway.join(north, "domain") as n,
        gateway.join(mallory) as m,
        gateway.join(alice) as a,
    ):
        n.admit(mallory)
        n.admit(alice)
        assert fill(m, north) < 10 * ROOM
        try:
            a.send(north, "a" * 32, b"honest", expires_in=60)
        except QuotaError:
            return False
        return b"honest" in [parcel.envelope for parcel in n.receive(wait=0)]


@pytest.mark.attack("T17", control="off")
def test_without_a_share_of_its_own_one_sender_fills_the_mailbox(tmp_path):
    limits = GatewayLimits(pair_parcels=ROOM, mailbox_parcels=ROOM, **PATIENT)
    with serving(tmp_path / "gateway", limits=limits) as unfair:
        assert not flood(unfair, "mallory", "alice", "north")


@pytest.mark.attack("T17", control="on")
def test_one_sender_cannot_block_another(gateway):
    assert flood(gateway, "mallory1", "alice1", "north1")


@pytest.mark.attack("T17", control="on")
def test_who_is_not_admitted_fills_nothing(gateway):
    with gateway.join("north2", "domain") as north, gateway.join("eve2") as eve:
        with pytest.raises(QuotaError):
            eve.send("north2", "e" * 32, b"flood", expires_in=60)
        assert north.receive(wait=0) == []


# ---------------------------------------------------------------- is it there, or not for me


def asked(raw: Raw, path: str) -> tuple[object, ...]:
    """All of an answer but the time, which every answer tells."""
    answer = raw("GET", path)
    headers = {k: v for k, v in answer.headers.items() if "date" not in k and "time" not in k}
    return answer.status_code, headers, answer.content


@pytest.fixture(scope="module")
def blobs(gateway):
    """A blob of alice for north, and what others may guess."""
    with gateway.join("alice3") as alice, gateway.join("north3", "domain") as north:
        address = alice.put_blob(os.urandom(1000), ["north3"])
        with (
            gateway.join("eve3") as eve,
            Raw(gateway.address, eve) as stranger,
            Raw(gateway.address, north) as reader,
        ):
            yield stranger, reader, address


PATHS = {
    "of nobody": "/v1/blobs/nobody3/{address}",
    "of another who has none": "/v1/blobs/north3/{address}",
    "of that owner, another": "/v1/blobs/alice3/sha256:" + "ab" * 32,
}


@pytest.mark.attack("T17", control="off")
def test_a_reader_sees_the_difference(blobs):
    """The comparison below would notice an answer that tells something."""
    _, reader, address = blobs
    there = asked(reader, f"/v1/blobs/alice3/{address}")

    assert there[0] == 200
    assert there != asked(reader, PATHS["of nobody"].format(address=address))


@pytest.mark.attack("T17", control="on")
@pytest.mark.parametrize("chunk", ["", "/0", "/1", "/99"])
@pytest.mark.parametrize("what", PATHS)
def test_what_is_not_for_you_looks_like_what_is_not_there(blobs, what, chunk):
    stranger, _, address = blobs
    forbidden = asked(stranger, f"/v1/blobs/alice3/{address}{chunk}")
    missing = asked(stranger, PATHS[what].format(address=address) + chunk)

    assert forbidden == missing
    assert forbidden[0] == 404
    assert address.encode() not in forbidden[2]


# ---------------------------------------------------------------------------- stolen tokens


def works(gateway: Gateway, token: str) -> bool:
    said = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=gateway.address, trust_env=False, verify=False) as thief:
        answer = thief.get("/v1/mailbox", headers=said)
    return answer.status_code == 200


@pytest.mark.attack("T17", control="off")
def test_a_stolen_token_works_as_long_as_it_lives(gateway):
    with gateway.join("alice4") as alice:
        assert works(gateway, alice._current_token())


@pytest.mark.attack("T17", control="on")
def test_a_stolen_token_ends_soon(tmp_path):
    clock = HandClock()
    with serving(tmp_path, clock=clock) as gateway, gateway.join("alice") as alice:
        token = alice._current_token()
        assert works(gateway, token)
        clock.forward(GatewayLimits().token_seconds + 1)

        assert not works(gateway, token)


@pytest.mark.attack("T17", control="on")
@pytest.mark.parametrize("token", ["x", "null", "0" * 64, "../../etc", "Bearer"])
def test_a_token_is_not_guessed(gateway, token):
    assert not works(gateway, token)


@pytest.mark.attack("T17", control="on")
def test_a_login_that_was_overheard_opens_no_second_session(gateway):
    alice = SycKeyring.generate("alice6", "scientist")
    with gateway.relay(alice) as relay, Raw(gateway.address) as raw:
        relay.register(alice.identity)
        nonce = raw("POST", "/v1/challenge").json()["nonce"]
        body = {"gateway": gateway.address, "name": "alice6", "nonce": nonce}
        said = {"name": "alice6", "statement": alice.sign("login", body).to_mapping()}

        assert raw("POST", "/v1/login", json=said).status_code == 200
        assert raw("POST", "/v1/login", json=said).status_code != 200


@pytest.mark.attack("T17", control="on")
def test_a_login_at_another_gateway_does_not_open_this_one(gateway):
    """A false gateway hands our challenge on to its own client."""
    alice = SycKeyring.generate("alice7", "scientist")
    with gateway.relay(alice) as relay, Raw(gateway.address) as raw:
        relay.register(alice.identity)
        nonce = raw("POST", "/v1/challenge").json()["nonce"]
        body = {"gateway": "https://false.example", "name": "alice7", "nonce": nonce}
        said = {"name": "alice7", "statement": alice.sign("login", body).to_mapping()}

        assert raw("POST", "/v1/login", json=said).status_code != 200


# --------------------------------------------------------------------- default credentials

SECRET = re.compile(
    r"(?i)(?:password|passwd|secret_?key|access_?key|token)[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9+/]{8,})"
)


@pytest.mark.attack("T17", "T23", control="off")
def test_a_password_in_a_values_file_would_be_seen():
    assert SECRET.search("rootPassword: minioadmin123")
    assert SECRET.search('SECRET_KEY = "aGVsbG8gd29ybGQ"')


@pytest.mark.attack("T17", "T23", control="on")
def test_no_password_lies_in_the_repository():
    """Values, notebooks and charts; what code calls its variables is not meant."""
    folder = Path(__file__).parents[2]
    places = ("domains", "notebooks", "docs", "data", "helm", "requirements")
    looked = 0
    for path in (p for place in places for p in (folder / place).rglob("*")):
        if path.suffix in (".yaml", ".yml", ".ipynb", ".md", ".json", ".toml", ".env", ".txt"):
            looked += 1
            assert not SECRET.search(path.read_text()), path
    assert looked > 20
