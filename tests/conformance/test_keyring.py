"""What every `Keyring` and `Verifier` must do. One adapter so far: PySyft's envelopes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import EnvelopeError, TrustError
from darkroom.model.identity import PublicIdentity


KEYRINGS = {"syc": (SycKeyring.generate, SycVerifier())}


@pytest.fixture(params=KEYRINGS, scope="module")
def maker(request):
    return KEYRINGS[request.param][0]


@pytest.fixture(params=KEYRINGS, scope="module")
def verifier(request):
    return KEYRINGS[request.param][1]


@pytest.fixture(scope="module")
def alice(maker):
    return maker("alice", "scientist")


@pytest.fixture(scope="module")
def north(maker):
    return maker("north", "domain")


@pytest.fixture(scope="module")
def mallory(maker):
    return maker("mallory", "scientist")


@given(plaintext=st.binary(max_size=2_000))
def test_what_is_sealed_for_somebody_opens_there(alice, north, plaintext):
    envelope = alice.seal(plaintext, north.identity)

    assert plaintext == north.open(envelope, alice.identity)


def test_sealing_hides_the_content_and_never_gives_the_same_bytes_twice(alice, north):
    one, two = (alice.seal(b"twenty secret letters", north.identity) for _ in range(2))

    assert b"twenty secret" not in one
    assert one != two


def test_nobody_else_opens_it(alice, north, mallory):
    envelope = alice.seal(b"x", north.identity)

    with pytest.raises(EnvelopeError):
        mallory.open(envelope, alice.identity)


def test_it_opens_only_as_coming_from_its_sender(alice, north, mallory):
    envelope = mallory.seal(b"x", north.identity)

    with pytest.raises(EnvelopeError):
        north.open(envelope, alice.identity)


def test_an_identity_is_consistent_and_survives_its_json_form(alice, verifier):
    copy = PublicIdentity.from_mapping(alice.identity.to_mapping())

    verifier.check_identity(copy)
    assert alice.identity.fingerprint == copy.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"name": "alicia"},
        {"role": "owner"},
        {"hosted": True},
        {"statement_key": "00" * 32},
        {"certificate": "00" * 64},
        {"certificate": "not hex"},
        {"bundle": {}},
        {"bundle": {"id": "x" * 20_000}},
        {"bundle": {"id": float("nan")}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_identity_with_a_changed_field_is_refused(alice, verifier, change):
    with pytest.raises(TrustError):
        verifier.check_identity(replace(alice.identity, **change))


def test_an_identity_put_together_from_two_is_refused(alice, mallory, verifier):
    with pytest.raises(TrustError):
        verifier.check_identity(replace(alice.identity, bundle=mallory.identity.bundle))


def test_nothing_rides_along_in_a_bundle(alice, verifier):
    more = {**alice.identity.bundle, "note": "<script>"}

    with pytest.raises(TrustError):
        verifier.check_identity(replace(alice.identity, bundle=more))


def test_a_signed_statement_verifies(alice, verifier):
    statement = alice.sign("card", {"frames": 3})

    assert {"frames": 3} == verifier.check_statement(statement, "card", alice.identity)


def test_a_statement_of_one_kind_never_passes_for_another(alice, verifier):
    statement = alice.sign("card", {"frames": 3})

    for forged in (statement, replace(statement, kind="policy")):
        with pytest.raises(TrustError):
            verifier.check_statement(forged, "policy", alice.identity)


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"frames": 4}},
        {"body": {"frames": float("nan")}},
        {"signature": "00" * 64},
        {"signature": "zz"},
        {"signature": ""},
    ],
)
def test_a_changed_statement_is_refused(alice, verifier, change):
    statement = replace(alice.sign("card", {"frames": 3}), **change)

    with pytest.raises(TrustError):
        verifier.check_statement(statement, "card", alice.identity)


def test_a_statement_of_somebody_else_is_refused(alice, mallory, verifier):
    with pytest.raises(TrustError):
        verifier.check_statement(mallory.sign("card", {}), "card", alice.identity)


def test_what_was_signed_does_not_change_with_the_callers_copy(alice, verifier):
    body = {"frames": [1]}
    statement = alice.sign("card", body)
    body["frames"].append(2)

    assert {"frames": [1]} == verifier.check_statement(statement, "card", alice.identity)
