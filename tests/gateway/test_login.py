"""Who gets in: challenges, proofs, tokens, all on the gateway's time."""

import json

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.gateway import forget_identity
from darkroom.errors import TrustError, UnknownNameError
from tests.gateway.raw import Raw
from tests.gateway.serving import HandClock, serving


@pytest.fixture
def keyring():
    return SycKeyring.generate("alice", "scientist")


@pytest.fixture(scope="module")
def clock():
    return HandClock()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, clock):
    with serving(tmp_path_factory.mktemp("login"), clock=clock) as running:
        yield running


@pytest.fixture
def door(gateway, request):
    """A raw client, and a registered identity with a name of its own."""
    keyring = SycKeyring.generate(f"door{abs(hash(request.node.name))}", "scientist")
    with gateway.relay(keyring) as relay, Raw(gateway.address) as raw:
        relay.register(keyring.identity)
        raw.keyring = keyring
        raw.gateway = gateway
        yield raw


def nonce(raw) -> str:
    return raw("POST", "/v1/challenge", json={}).json()["nonce"]


def login(raw, *, kind="login", signer=None, **changes):
    signer = signer or raw.keyring
    name = raw.keyring.identity.name
    body = {"gateway": raw.gateway.address, "name": name, "nonce": changes.get("nonce")}
    body["nonce"] = body["nonce"] or nonce(raw)
    body |= changes
    statement = signer.sign(kind, body)
    return raw("POST", "/v1/login", json={"name": name, "statement": statement.to_mapping()})


def test_a_signed_challenge_opens_a_session(door):
    answer = login(door)

    assert answer.status_code == 200
    assert 600 == answer.json()["expires_in"]
    token = answer.json()["token"]
    who = door("GET", "/v1/admitted", headers={"authorization": f"Bearer {token}"})
    assert {"senders": []} == who.json()


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "1.2.3"},
        {"nonce": "9999999999999." + "0" * 32 + "." + "0" * 64},
        {"nonce": "é" * 20},
        {"name": "somebody"},
        {"gateway": "https://another.example.org"},
        {"gateway": "http://127.0.0.1:1"},
        {"gateway": "not an address"},
        {"more": 1},
        {"kind": "decision"},
        {"signer": SycKeyring.generate("thief", "scientist")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_login_that_does_not_fit_is_refused(door, changes):
    answer = login(door, **changes)

    assert answer.status_code == 403
    assert "trust" == answer.json()["code"]


def test_a_login_cannot_be_replayed(door):
    challenge = nonce(door)

    assert login(door, nonce=challenge).status_code == 200
    assert login(door, nonce=challenge).status_code == 403


def test_a_challenge_ends_on_the_gateways_clock(door, clock):
    challenge = nonce(door)
    clock.forward(61)

    assert login(door, nonce=challenge).status_code == 403


def test_a_token_ends_on_the_gateways_clock(door, clock):
    headers = {"authorization": f"Bearer {login(door).json()['token']}"}
    assert door("GET", "/v1/admitted", headers=headers).status_code == 200

    clock.forward(601)

    refused = door("GET", "/v1/admitted", headers=headers)
    assert refused.status_code == 401
    assert "trust" == refused.json()["code"]


def test_a_client_renews_its_session_by_itself(gateway, clock):
    # The client's own clock does not move: it learns from the refusal.
    with gateway.join("renewer") as relay:
        relay.admit("bob")
        clock.forward(3600)

        assert ["bob"] == relay.admitted()


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer é"]
)
def test_every_path_of_the_api_asks_for_a_token(gateway, header):
    paths = [
        ("GET", "/v1/identities/alice"),
        ("PUT", "/v1/profile"),
        ("GET", "/v1/profiles"),
        ("PUT", "/v1/card"),
        ("GET", "/v1/cards/north"),
        ("GET", "/v1/admitted"),
        ("PUT", "/v1/admitted/alice"),
        ("DELETE", "/v1/admitted/alice"),
        ("PUT", "/v1/tickets/" + "0" * 64),
        ("POST", "/v1/redeem"),
        ("PUT", "/v1/mailboxes/north/1"),
        ("GET", "/v1/mailbox"),
        ("DELETE", "/v1/mailbox"),
        ("POST", "/v1/blobs"),
        ("PUT", "/v1/blobs/sha256:" + "0" * 64 + "/0"),
        ("GET", "/v1/blobs/alice/sha256:" + "0" * 64),
        ("GET", "/v1/blobs/alice/sha256:" + "0" * 64 + "/0"),
    ]
    headers = {} if header is None else {"authorization": header.encode()}
    with Raw(gateway.address) as raw:
        statuses = {path: raw(method, path, headers=headers).status_code for method, path in paths}

    assert {401} == set(statuses.values()), statuses


def test_a_registration_proves_that_the_keys_are_there(gateway, keyring):
    thief = SycKeyring.generate("thief", "scientist")
    with Raw(gateway.address) as raw:
        body = {"gateway": gateway.address, "name": "alice", "nonce": nonce(raw)}
        statement = thief.sign("login", body)
        answer = raw(
            "POST",
            "/v1/register",
            json={
                "identity": keyring.identity.to_mapping(),
                "statement": statement.to_mapping(),
            },
        )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("certificate", "00" * 64),
        ("certificate", 5),
        ("certificate", "0" * 10_000),
        ("bundle", {}),
        ("bundle", "text"),
        ("bundle", {"id": "\ud800"}),
        ("hosted", "yes"),
        ("hosted", True),
        ("role", "domain"),
        ("role", ["scientist"]),
        ("name", "../alice"),
        ("name", "ALICE"),
        ("name", None),
        ("statement_key", "00"),
        ("statement_key", 7),
        ("more", 1),
    ],
)
def test_an_identity_that_does_not_hold_is_not_registered(gateway, keyring, field, value):
    mapping = keyring.identity.to_mapping() | {field: value}
    with Raw(gateway.address) as raw:
        body = {"gateway": gateway.address, "name": "alice", "nonce": nonce(raw)}
        statement = keyring.sign("login", body)
        # In ASCII: a lone surrogate can be said in JSON, though in no encoding.
        content = json.dumps({"identity": mapping, "statement": statement.to_mapping()})
        answer = raw("POST", "/v1/register", content=content)

    assert answer.status_code in {403, 422}, answer.text


def test_the_operator_frees_a_name_whose_keys_are_lost(tmp_path):
    lost = SycKeyring.generate("north", "domain")
    new = SycKeyring.generate("north", "domain")
    with (
        serving(tmp_path) as gateway,
        gateway.relay(lost) as old_relay,
        gateway.relay(new) as new_relay,
        gateway.join("alice") as alice,
    ):
        old_relay.register(lost.identity)
        old_relay.admit("alice")
        alice.send("north", "1", b"for the old keys", expires_in=60)

        assert forget_identity(tmp_path, "north")
        assert not forget_identity(tmp_path, "north")

        with pytest.raises((TrustError, UnknownNameError)):
            old_relay.receive(wait=0)  # its session ended with the name
        new_relay.register(new.identity)
        assert [] == new_relay.receive(wait=0)
        assert [] == new_relay.admitted()
        assert new.identity == alice.identity("north")
