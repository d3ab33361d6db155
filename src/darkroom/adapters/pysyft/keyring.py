"""The private half of one identity, on PySyft's sealed envelopes (SYC).

SYC leaves to its caller what this module adds: the sender's name and key are compared with
the pinned identity, exactly one recipient is accepted, sizes are checked first, and every
foreign exception ends here. Replays are the receiver's part (`post.seen`).
"""

import hmac
import json
import os
import stat
import unicodedata
from pathlib import Path
from typing import Any

import syft_crypto_python as syc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from darkroom.adapters.pysyft.verifier import (
    certified_bytes,
    decode_key,
    did_of,
    foreign,
    load_bundle,
)
from darkroom.errors import EnvelopeError, InputError, StateError, TrustError
from darkroom.model.canonical import canonical
from darkroom.model.identity import PublicIdentity, Role, require_name
from darkroom.model.statement import Statement, pre_authentication_encoding


MAX_PLAINTEXT = 65 << 20  # one model of 64 MiB, and room for its frame
MAX_ENVELOPE = MAX_PLAINTEXT + (64 << 10)
MAX_KEY_FILE = 64 << 10
KEY_FILE_FORMAT = "darkroom/keys/1"


class SycKeyring:
    """The `Keyring` port.

    Statement keys form a history, newest last: after a rotation the older ones stay with
    their `not_after`, so that what they signed can still be shown to verify.

    Attributes:
        recovery_words: 24 words right after `generate`; "" ever after.
    """

    def __init__(
        self,
        *,
        name: str,
        role: Role,
        hosted: bool,
        jwks: dict[str, Any],
        statement_keys: list[dict[str, Any]],
    ) -> None:
        self._jwks = jwks
        self._statement_keys = statement_keys
        self._keys = syc.SyftPrivateKeys.from_jwks(jwks)
        self._statement_key = Ed25519PrivateKey.from_private_bytes(
            bytes.fromhex(statement_keys[-1]["seed"])
        )
        statement_key = self._statement_key.public_key().public_bytes_raw().hex()
        identity_key = Ed25519PrivateKey.from_private_bytes(decode_key(jwks["identity_key"]["d"]))
        certificate = identity_key.sign(
            certified_bytes(name=name, role=role, statement_key=statement_key, hosted=hosted)
        )
        self._identity = PublicIdentity(
            name=name,
            role=role,
            bundle=self._keys.to_public_bundle().to_did_document(did_of(name)),
            statement_key=statement_key,
            certificate=certificate.hex(),
            hosted=hosted,
        )
        self._fingerprint = self._keys.to_public_bundle().identity_fingerprint()
        self.recovery_words = ""

    def __repr__(self) -> str:
        return f"SycKeyring({self._identity.name!r}, {self._identity.role!r})"

    # ------------------------------------------------------------------ making and keeping

    @classmethod
    def generate(cls, name: str, role: Role, *, hosted: bool = False) -> "SycKeyring":
        """A new identity from fresh randomness; its `recovery_words` are set."""
        require_name(name, "identity")
        words = syc.generate_identity_material(did_of(name)).recovery_key_mnemonic
        keyring = cls.recover(words, name, role, hosted=hosted)
        keyring.recovery_words = words
        return keyring

    @classmethod
    def recover(cls, words: str, name: str, role: Role, *, hosted: bool = False) -> "SycKeyring":
        """The identity that these recovery words stand for, with the same fingerprint.

        Raises:
            InputError: when the words are not a recovery key.
        """
        try:
            with foreign("bad words", "type them again"):
                recovery = syc.SyftRecoveryKey.from_mnemonic(
                    unicodedata.normalize("NFKD", " ".join(words.lower().split()))
                )
                jwks = recovery.derive_keys().to_jwks()
                root = bytes.fromhex(recovery.to_hex_string().replace("-", ""))
        except EnvelopeError:
            raise InputError(
                "these are not the recovery words of an identity",
                next_step="type all 24 words in their order",
            ) from None
        # A key of its own, so that a leaked statement key opens no envelope; derived from
        # the words, so that they bring the whole identity back.
        seed = HKDF(
            algorithm=SHA256(), length=32, salt=None, info=b"darkroom/statement-key/1/0"
        ).derive(root)
        return cls(
            name=name,
            role=role,
            hosted=hosted,
            jwks=jwks,
            statement_keys=[{"seed": seed.hex(), "not_after": None}],
        )

    def save(self, path: Path) -> None:
        """Write the key file: mode 0600 from the first byte, atomic, on disk when done.

        Raises:
            StateError: a key file is already there (it is never overwritten), or no room.
        """
        path = Path(path)
        text = json.dumps(
            {
                "format": KEY_FILE_FORMAT,
                "name": self._identity.name,
                "role": self._identity.role,
                "hosted": self._identity.hosted,
                "jwks": self._jwks,
                "statement_keys": self._statement_keys,
            },
            indent=1,
        )
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(draft, path)  # unlike rename, fails when the place is taken
            finally:
                draft.unlink()
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError:
            raise StateError(
                f"there is already a key file at {path}",
                next_step="use it, or move it away first; a lost key cannot be made again",
            ) from None
        except OSError as error:
            raise StateError(
                f"the key file {path} could not be written: {error.strerror}",
                next_step="make room or choose another folder",
            ) from error

    @classmethod
    def load(cls, path: Path) -> "SycKeyring":
        """Read a key file that only its owner can read.

        Raises:
            StateError: missing, corrupt, or readable by others.
        """
        fields = _read_private(Path(path))
        try:
            with foreign("bad key file", "restore it"):
                if fields.pop("format") != KEY_FILE_FORMAT:
                    raise ValueError
                keyring = cls(**fields)
        except EnvelopeError:
            raise StateError(
                f"the key file {path} is damaged or of a newer version",
                next_step="restore it from a copy, or with `darkroom identity recover`",
            ) from None
        return keyring

    # ------------------------------------------------------------------------ the port

    @property
    def identity(self) -> PublicIdentity:
        """The public half, self-consistent (the certificate verifies)."""
        return self._identity

    def seal(self, plaintext: bytes, recipient: PublicIdentity) -> bytes:
        """An envelope that only `recipient` opens and that names us as sender."""
        if len(plaintext) > MAX_PLAINTEXT:
            raise EnvelopeError(
                f"{len(plaintext)} bytes are more than one envelope holds",
                next_step="send less than 64 MiB at a time",
            )
        bundle = load_bundle(recipient)
        with foreign("sealing failed", "send it again"):
            to = syc.EncryptionRecipient(identity=recipient.name, bundle=bundle)
            return bytes(syc.encrypt_message(self._identity.name, self._keys, [to], plaintext))

    def open(self, envelope: bytes, sender: PublicIdentity) -> bytes:
        """The plaintext of an envelope sealed by exactly `sender`, for us alone."""
        if len(envelope) > MAX_ENVELOPE:
            raise EnvelopeError(
                "an envelope is larger than any that is accepted",
                next_step="ask the sender to split it",
            )
        try:
            bundle = load_bundle(sender)
        except EnvelopeError:
            raise
        except TrustError as error:
            raise EnvelopeError(error.message, next_step=error.next_step) from None
        with foreign(
            f"an envelope from {sender.name} is corrupt, or sealed for another key",
            "ask the sender to send it again; if it repeats, compare fingerprints",
        ):
            parsed = syc.parse_envelope(bytes(envelope))
            self._check_prelude(parsed.prelude, sender, bundle.identity_fingerprint())
            # The signature covers the prelude only: nothing counts before this call.
            return bytes(syc.decrypt_message(self._identity.name, self._keys, bundle, parsed))

    def _check_prelude(
        self, prelude: dict[str, Any], sender: PublicIdentity, fingerprint: str
    ) -> None:
        named = prelude["sender"]
        if named["identity"] != sender.name or not hmac.compare_digest(
            named["ik_fingerprint"], fingerprint
        ):
            raise EnvelopeError(
                f"an envelope names another sender or key than the pinned {sender.name}",
                next_step="treat it as forged; compare fingerprints with the sender",
            )
        # A second recipient would know the content key and could, under the sender's
        # signature, put other content in.
        recipients = [r["identity"] for r in prelude["recipients"]]
        if recipients != [self._identity.name]:
            raise EnvelopeError(
                f"an envelope from {sender.name} is not for us alone",
                next_step="ask the sender to send it again",
            )

    def sign(self, kind: str, body: dict[str, Any]) -> Statement:
        """A statement signed with the statement key."""
        payload = canonical(body)
        signature = self._statement_key.sign(pre_authentication_encoding(kind, payload))
        return Statement(
            kind=kind,
            body=json.loads(payload),  # as signed: later changes of `body` do not matter
            key=self._identity.statement_key,
            signature=signature.hex(),
        )


def _read_private(path: Path) -> dict[str, Any]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise StateError(
            f"there is no readable key file at {path}",
            next_step="make one with `darkroom identity init`, or name another folder",
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
            raise StateError(
                f"others on this machine can read the key file {path}",
                next_step=f"run `chmod 600 {path}`, and make new keys if it was shared",
            )
        data = file.read(MAX_KEY_FILE + 1)
    try:
        fields = json.loads(data) if len(data) <= MAX_KEY_FILE else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise StateError(
            f"the key file {path} is damaged",
            next_step="restore it from a copy, or with `darkroom identity recover`",
        )
    return fields
