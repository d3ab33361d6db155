"""What SYC leaves to its caller, and the key file."""

import contextlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import syft_crypto_python as syc
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.pysyft import key_file
from darkroom.adapters.pysyft.keyring import (
    MAX_ENVELOPE,
    MAX_FORMER,
    MAX_PLAINTEXT,
    OPEN_FOR,
    SycKeyring,
)
from darkroom.adapters.pysyft.verifier import SycVerifier, foreign, load_bundle
from darkroom.errors import EnvelopeError, InputError, SpecError, StateError
from darkroom.model.handover import MAX_LINKS


ALICE = SycKeyring.generate("alice", "scientist")
NORTH = SycKeyring.generate("north", "domain")
MALLORY = SycKeyring.generate("mallory", "scientist")


def sealed(sender_name, keyring, recipients, plaintext=b"x"):
    """An envelope as somebody makes it who uses the library without our checks."""
    to = [syc.EncryptionRecipient(identity=n, bundle=load_bundle(i)) for n, i in recipients]
    return syc.encrypt_message(sender_name, keyring._keys, to, plaintext)


# ----------------------------------------------------------------------------- the envelope


@pytest.mark.attack
def test_a_name_in_an_envelope_is_nothing_without_the_pinned_key():
    forged = sealed("alice", MALLORY, [("north", NORTH.identity)])

    with pytest.raises(EnvelopeError):
        NORTH.open(forged, ALICE.identity)


@pytest.mark.attack
def test_the_pinned_key_under_another_name_is_refused():
    renamed = sealed("alicia", ALICE, [("north", NORTH.identity)])

    with pytest.raises(EnvelopeError, match="another sender"):
        NORTH.open(renamed, ALICE.identity)


@pytest.mark.attack
def test_a_second_recipient_who_could_change_the_content_is_refused():
    shared = sealed("alice", ALICE, [("north", NORTH.identity), ("mallory", MALLORY.identity)])

    with pytest.raises(EnvelopeError, match="not for us alone"):
        NORTH.open(shared, ALICE.identity)


@pytest.mark.attack
@given(data=st.data())
def test_a_flipped_bit_opens_to_the_same_content_or_not_at_all(data):
    # Bits of the padding carry nothing and are covered by nothing: a receiver must know a
    # letter by its id, never by the hash of its envelope.
    envelope = bytearray(ENVELOPE)
    envelope[data.draw(st.integers(0, len(envelope) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with contextlib.suppress(EnvelopeError):
        assert b"the content" == NORTH.open(bytes(envelope), ALICE.identity)


ENVELOPE = ALICE.seal(b"the content", NORTH.identity)


@given(st.binary(max_size=200))
def test_noise_is_an_envelope_error(noise):
    for envelope in (noise, ENVELOPE[:20] + noise, ENVELOPE[: len(noise)]):
        with pytest.raises(EnvelopeError):
            NORTH.open(envelope, ALICE.identity)


def test_sizes_are_checked_before_anything_is_parsed():
    with pytest.raises(EnvelopeError, match="larger"):
        NORTH.open(bytes(MAX_ENVELOPE + 1), ALICE.identity)
    with pytest.raises(EnvelopeError, match="more than one envelope"):
        ALICE.seal(bytes(MAX_PLAINTEXT + 1), NORTH.identity)


def test_a_panic_of_the_native_library_is_one_of_our_errors_and_quotes_nothing():
    class Panic(BaseException):
        pass

    with pytest.raises(EnvelopeError) as caught, foreign("it failed", "try again"):
        raise Panic("secret bytes")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_stopping_the_program_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt), foreign("it failed", "try again"):
        raise KeyboardInterrupt


# ----------------------------------------------------------------------------- the key file


def test_a_key_file_is_for_its_owner_alone_and_comes_back(tmp_path):
    path = tmp_path / "deep" / "keys.json"
    ALICE.save(path)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())
    back = SycKeyring.load(path)
    assert ALICE.identity == back.identity
    assert b"x" == NORTH.open(back.seal(b"x", NORTH.identity), ALICE.identity)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_cure(tmp_path, mode):
    path = tmp_path / "keys.json"
    ALICE.save(path)
    path.chmod(mode)

    with pytest.raises(StateError) as caught:
        SycKeyring.load(path)
    assert "chmod 600" in caught.value.next_step


def test_keys_are_never_overwritten(tmp_path):
    path = tmp_path / "keys.json"
    ALICE.save(path)

    with pytest.raises(StateError, match="already"):
        MALLORY.save(path)
    assert ALICE.identity == SycKeyring.load(path).identity
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:100],
        lambda text: "[]",
        lambda text: text.replace("darkroom/keys/1", "darkroom/keys/9"),
        lambda text: text.replace('"role"', '"rule"'),
        lambda text: text.replace('"seed"', '"speed"'),
        lambda text: text + " " * (64 << 10),
    ],
)
def test_a_damaged_key_file_is_said_so(tmp_path, damage):
    path = tmp_path / "keys.json"
    ALICE.save(path)
    path.write_text(damage(path.read_text()))

    with pytest.raises(StateError, match="damaged"):
        SycKeyring.load(path)


def test_a_link_in_the_place_of_a_key_file_is_not_followed(tmp_path):
    ALICE.save(tmp_path / "real.json")
    (tmp_path / "keys.json").symlink_to(tmp_path / "real.json")

    with pytest.raises(StateError):
        SycKeyring.load(tmp_path / "keys.json")


def test_the_words_bring_the_whole_identity_back_and_lie_nowhere(tmp_path):
    keyring = SycKeyring.generate("bob", "scientist", hosted=True)
    path = tmp_path / "keys.json"
    keyring.save(path)

    shouted = f"  {keyring.recovery_words.upper()} "
    again = SycKeyring.recover(shouted, "bob", "scientist", hosted=True)
    assert keyring.identity == again.identity
    assert "" == SycKeyring.load(path).recovery_words
    assert keyring.recovery_words not in path.read_text()


def test_words_that_are_no_recovery_key_are_refused():
    with pytest.raises(InputError, match="recovery words"):
        SycKeyring.recover("love " * 24, "bob", "scientist")


def test_statement_keys_are_a_history_of_which_the_last_signs(tmp_path):
    path = tmp_path / "keys.json"
    ALICE.save(path)
    fields = json.loads(path.read_text())
    fields["statement_keys"].insert(0, {"seed": "11" * 32, "not_after": 1.0})
    path.write_text(json.dumps(fields))

    assert ALICE.identity == SycKeyring.load(path).identity


def test_a_keyring_shows_no_key():
    assert "SycKeyring('alice', 'scientist')" == repr(ALICE)


def test_a_name_that_could_deceive_is_refused():
    with pytest.raises(SpecError):
        SycKeyring.generate("аlice", "scientist")


# ------------------------------------------------------------------------------- other keys


def test_a_rotation_writes_nothing_and_has_words_of_its_own():
    new = ALICE.rotated(at=1.0)

    assert new.recovery_words
    assert new.unsaid
    assert SycKeyring.recover(new.recovery_words, "alice", "scientist").identity == new.identity
    assert new.identity.fingerprint != ALICE.identity.fingerprint


def test_rotated_keys_take_the_place_of_the_old_ones_for_their_owner_alone(tmp_path):
    path = tmp_path / "keys.json"
    ALICE.save(path)
    new = ALICE.rotated(at=1.0)
    new.supersede(path)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())
    back = SycKeyring.load(path)
    assert (back.identity, back.handovers, back.unsaid) == (new.identity, new.handovers, True)
    assert new.recovery_words not in path.read_text()
    assert ALICE._statement_keys[0]["seed"] not in path.read_text()


def test_keys_that_nobody_handed_over_to_never_take_the_place(tmp_path):
    path = tmp_path / "keys.json"
    ALICE.save(path)

    for other in (MALLORY, SycKeyring.generate("alice", "scientist"), MALLORY.rotated(at=1.0)):
        with pytest.raises(StateError, match="other keys"):
            other.supersede(path)
    assert ALICE.identity == SycKeyring.load(path).identity


def test_two_rotations_at_once_leave_one(tmp_path):
    path = tmp_path / "keys.json"
    ALICE.save(path)
    one, other = ALICE.rotated(at=1.0), ALICE.rotated(at=1.0)
    one.supersede(path)

    with pytest.raises(StateError, match="other keys"):
        other.supersede(path)
    assert one.identity == SycKeyring.load(path).identity


def test_a_process_that_changes_the_file_keeps_others_out(tmp_path):
    path = tmp_path / "keys.json"
    ALICE.save(path)

    with key_file.exclusive(path), pytest.raises(StateError, match="another process"):
        ALICE.rotated(at=1.0).supersede(path)
    assert ALICE.identity == SycKeyring.load(path).identity


@pytest.mark.parametrize("step", ["open", "fchmod", "fsync", "replace"])
def test_a_disk_that_fails_anywhere_leaves_the_old_keys(tmp_path, monkeypatch, step):
    path = tmp_path / "keys.json"
    ALICE.save(path)
    fresh = ALICE.rotated(at=1.0)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "replace":
        monkeypatch.setattr(Path, "rename", fail)
    else:
        plain = getattr(os, step)
        writes = lambda *a: step != "open" or a[1] & os.O_CREAT  # noqa: E731
        monkeypatch.setattr(os, step, lambda *a, **k: fail() if writes(*a) else plain(*a, **k))
    with pytest.raises(StateError, match="could not be written"):
        fresh.supersede(path)
    monkeypatch.undo()

    assert ALICE.identity == SycKeyring.load(path).identity
    assert [path] == list(tmp_path.iterdir())


def test_former_keys_open_what_is_under_way_and_are_forgotten(tmp_path):
    hand = [1_000.0]
    old = SycKeyring.generate("north", "domain").having(now=lambda: hand[0])
    envelope = ALICE.seal(b"under way", old.identity)
    path = tmp_path / "keys.json"
    old.save(path)
    new = old.rotated(at=hand[0])
    new.supersede(path)
    again = SycKeyring.load(path, now=lambda: hand[0])

    assert b"under way" == again.open(envelope, ALICE.identity)
    assert again.forgotten(at=hand[0]) is again
    hand[0] += OPEN_FOR
    with pytest.raises(EnvelopeError):
        again.open(envelope, ALICE.identity)
    again.forgotten(at=hand[0]).supersede(path)
    assert old._jwks["identity_dh"]["d"] not in path.read_text()
    assert SycKeyring.load(path).handovers == new.handovers


def test_a_few_former_keys_are_kept_and_a_bounded_chain():
    keyring = ALICE
    for _ in range(MAX_LINKS + 3):
        keyring = keyring.rotated(at=1.0)

    assert len(keyring.handovers) == MAX_LINKS
    assert keyring.handovers[-1].number == MAX_LINKS + 3
    assert len(keyring._former) == MAX_FORMER
    assert len(json.dumps(keyring._fields(), indent=1)) < key_file.MAX_KEY_FILE


def test_a_clock_that_was_set_back_makes_no_hand_over_older_than_the_last():
    twice = ALICE.rotated(at=100.0).rotated(at=50.0)

    assert [link.at for link in twice.handovers] == [100, 100]


def test_words_bring_the_keys_back_and_the_directory_their_history():
    new = ALICE.rotated(at=1.0)
    back = SycKeyring.recover(new.recovery_words, "alice", "scientist")
    check = SycVerifier().check_statement

    assert back.handovers == ()
    assert back.resumed(new.handovers, check).handovers == new.handovers
    forged = replace(new.handovers[-1], number=9)
    assert back.resumed((forged,), check).handovers == ()
    assert back.resumed(MALLORY.rotated(at=1.0).handovers, check).handovers == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f["handovers"].clear(),
        lambda f: f["handovers"][0]["new"].update(name="bob"),
        lambda f: f["former"][0].pop("until"),
        lambda f: f.update(handovers="x"),
        lambda f: f.pop("unsaid"),
        lambda f: f.update(more=1),
    ],
)
def test_a_damaged_history_is_said_so(tmp_path, damage):
    path = tmp_path / "keys.json"
    ALICE.rotated(at=1.0).save(path)
    fields = json.loads(path.read_text())
    damage(fields)
    path.write_text(json.dumps(fields))

    with pytest.raises(StateError, match="damaged"):
        SycKeyring.load(path)
