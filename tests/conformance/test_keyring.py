"""What every `Keyring` and `Verifier` must do.

One adapter so far, PySyft's envelopes, in every way that its keys come to be: made now, read
from a file, brought back from words, rotated, and rotated and read from a file.
"""

import contextlib
import hashlib
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import syft_crypto_python as syc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier, load_bundle
from darkroom.errors import EnvelopeError, TrustError
from darkroom.model.handover import follow
from darkroom.model.identity import PublicIdentity
from tests.attack.other_content import replaced


MIB = 1 << 20


def loaded(keyring: SycKeyring) -> SycKeyring:
    with tempfile.TemporaryDirectory() as folder:
        keyring.save(Path(folder) / "keys.json")
        return SycKeyring.load(Path(folder) / "keys.json")


def recovered(name, role):
    words = SycKeyring.generate(name, role).recovery_words
    return SycKeyring.recover(words, name, role)


def rotated(name, role):
    return SycKeyring.generate(name, role).rotated(at=time.time())


KEYRINGS = {
    "fresh": (SycKeyring.generate, SycVerifier()),
    "loaded": (lambda name, role: loaded(SycKeyring.generate(name, role)), SycVerifier()),
    "recovered": (recovered, SycVerifier()),
    "rotated": (rotated, SycVerifier()),
    "rotated and loaded": (lambda name, role: loaded(rotated(name, role)), SycVerifier()),
}


@pytest.fixture(params=KEYRINGS, scope="module")
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def maker(kind):
    return KEYRINGS[kind][0]


@pytest.fixture(scope="module")
def verifier(kind):
    return KEYRINGS[kind][1]


@pytest.fixture(scope="module")
def alice(maker):
    return maker("alice", "scientist")


@pytest.fixture(scope="module")
def north(maker):
    return maker("north", "domain")


@pytest.fixture(scope="module")
def mallory(maker):
    return maker("mallory", "scientist")


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65_535, 65_536, 65_537, MIB - 1, MIB])
def test_every_size_comes_back(alice, north, size):
    plaintext = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    assert plaintext == north.open(alice.seal(plaintext, north.identity), alice.identity)


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


def test_a_second_recipient_is_refused(alice, north, mallory):
    both = [
        syc.EncryptionRecipient(identity=i.name, bundle=load_bundle(i))
        for i in (north.identity, mallory.identity)
    ]
    envelope = bytes(syc.encrypt_message("alice", alice._keys, both, b"x"))

    with pytest.raises(EnvelopeError):
        north.open(envelope, alice.identity)


@pytest.fixture(scope="module")
def envelope(alice, north):
    return alice.seal(b"the content", north.identity)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_change_at_any_byte_is_refused_or_changes_nothing(alice, north, envelope, data):
    """Bytes of the padding carry nothing; any other one and it does not open."""
    changed = bytearray(envelope)
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))

    with contextlib.suppress(EnvelopeError):
        assert b"the content" == north.open(bytes(changed), alice.identity)


@given(cut=st.integers(0, 400), noise=st.binary(max_size=50))
@example(cut=0, noise=b"")
@settings(max_examples=40, deadline=None)
def test_what_is_no_envelope_is_refused(alice, north, envelope, cut, noise):
    with pytest.raises(EnvelopeError):
        north.open(envelope[:cut] + noise, alice.identity)


def test_the_content_of_the_cipher_is_covered(alice, north, envelope):
    body = bytes(syc.parse_envelope(envelope).ciphertext)
    place = envelope.rfind(body)
    assert place > 0
    for offset in range(len(body)):
        changed = bytearray(envelope)
        changed[place + offset] ^= 1
        with pytest.raises(EnvelopeError):
            north.open(bytes(changed), alice.identity)


@given(plaintext=st.binary(max_size=200))
def test_who_knows_the_content_key_puts_nothing_else_under_the_signature(alice, north, plaintext):
    """The one thing that counts is what the sender sealed: not even its recipient changes it."""

    def other(content: bytes) -> bytes:
        return content[:-1] + bytes([content[-1] ^ 1])

    envelope = alice.seal(plaintext, north.identity)
    forged = replaced(envelope, north, alice.identity, other)

    with pytest.raises(EnvelopeError):
        north.open(forged, alice.identity)


@pytest.mark.parametrize("hint", [None, "", "letter.txt", "0" * 64, "é" * 32])
def test_an_envelope_whose_signature_is_not_for_its_content_is_refused(alice, north, hint):
    to = [syc.EncryptionRecipient(identity="north", bundle=load_bundle(north.identity))]
    for content in (b"", b"short", bytes(100)):
        plain = bytes(syc.encrypt_message("alice", alice._keys, to, content, hint))
        with pytest.raises(EnvelopeError):
            north.open(plain, alice.identity)


def test_the_hash_in_the_prelude_tells_nobody_whether_they_guessed_the_content(alice, north):
    said = {
        syc.parse_envelope(alice.seal(b"yes", north.identity)).prelude["public_meta"][
            "filename_hint"
        ]
        for _ in range(5)
    }

    assert len(said) == 5
    assert hashlib.sha256(b"yes").hexdigest() not in said


def test_the_hand_overs_lead_to_these_keys(alice, verifier, kind):
    chain = alice.handovers

    assert bool(chain) == kind.startswith("rotated")
    if chain:
        assert chain[-1].new == alice.identity
        assert follow(alice.identity, chain, check=verifier.check_statement) == ()
        before = SycKeyring.generate("alice", "scientist")
        after = before.rotated(at=1.0)
        links = follow(before.identity, after.handovers, check=verifier.check_statement)
        assert links[-1].new == after.identity


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
