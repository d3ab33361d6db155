"""The private half of one identity, on PySyft's sealed envelopes (SYC).

SYC leaves to its caller what this module adds: the sender's name and key are compared with
the pinned identity, exactly one recipient is accepted, sizes are checked first, and every
foreign exception ends here. Replays are the receiver's part (`post.seen`).
"""

import contextlib
import hmac
import json
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import syft_crypto_python as syc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from darkroom.adapters.pysyft import key_file
from darkroom.adapters.pysyft.commitment import committed, redeemed
from darkroom.adapters.pysyft.verifier import (
    certified_bytes,
    decode_key,
    did_of,
    foreign,
    load_bundle,
)
from darkroom.errors import DarkroomError, EnvelopeError, InputError, StateError, TrustError
from darkroom.model.canonical import canonical
from darkroom.model.handover import (
    HANDOVER,
    MAX_LINKS,
    Check,
    Handover,
    check_chain,
    handover_body,
    read_chain,
)
from darkroom.model.identity import PublicIdentity, Role, require_name
from darkroom.model.statement import Statement, pre_authentication_encoding


MAX_PLAINTEXT = 65 << 20  # one model of 64 MiB, and room for its frame
MAX_ENVELOPE = MAX_PLAINTEXT + (64 << 10)
KEY_FILE_FORMAT = "darkroom/keys/1"
ROTATED_FORMAT = "darkroom/keys/2"  # with a history
OPEN_FOR = 14 * 86_400.0  # seconds that former keys open what was under way; letters live for 8
MAX_FORMER = 4


class SycKeyring:
    """The `Keyring` port.

    After a rotation the file also holds the hand-overs that led here, and for a while the
    former sealing keys. What former statement keys signed verifies by whoever pinned them.

    Attributes:
        recovery_words: 24 words right after `generate` and `rotated`; "" ever after.
        unsaid: a rotation began and nobody was told yet.
    """

    def __init__(
        self,
        *,
        name: str,
        role: Role,
        hosted: bool,
        jwks: dict[str, Any],
        statement_keys: list[dict[str, Any]],
        handovers: tuple[Handover, ...] = (),
        former: list[dict[str, Any]] | None = None,
        unsaid: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._jwks = jwks
        self._handovers = handovers
        self._former = former or []
        self.unsaid = unsaid
        self._now = now
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
        self._opening = [
            (float(key["until"]), syc.SyftPrivateKeys.from_jwks(key["jwks"]))
            for key in self._former
        ]
        if handovers and handovers[-1].new != self._identity:
            raise ValueError("these keys are not what the hand-overs lead to")
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
        key_file.write_new(Path(path), self._fields())

    def content(self) -> bytes:
        """What a key file holds, for another place that keeps secrets: never for a log."""
        return json.dumps(self._fields(), indent=1).encode()

    def supersede(self, path: Path) -> None:
        """Write these keys in the place of those that they come from, all or nothing.

        Raises:
            StateError: the file holds other keys by now, another process changes it, or no
                room; then it stays as it is.
        """
        path = Path(path)
        with key_file.exclusive(path):
            held = SycKeyring.load(path).identity.fingerprint
            before = self._handovers[-1].old if self._handovers else ""
            if held not in (before, self._identity.fingerprint):
                raise StateError(
                    f"the key file {path} holds other keys by now",
                    next_step="look with `darkroom identity show`, then do this again",
                )
            key_file.replace(path, self._fields())

    def _fields(self) -> dict[str, Any]:
        fields = {
            "format": KEY_FILE_FORMAT,
            "name": self._identity.name,
            "role": self._identity.role,
            "hosted": self._identity.hosted,
            "jwks": self._jwks,
            "statement_keys": self._statement_keys,
        }
        if self._handovers or self._former:
            fields |= {
                "format": ROTATED_FORMAT,
                "handovers": [link.to_mapping() for link in self._handovers],
                "former": self._former,
                "unsaid": self.unsaid,
            }
        return fields

    @classmethod
    def load(cls, path: Path, *, now: Callable[[], float] = time.time) -> "SycKeyring":
        """Read a key file that only its owner can read.

        Raises:
            StateError: missing, corrupt, or readable by others.
        """
        path = Path(path)
        fields = key_file.read_private(path)
        try:
            with foreign("bad key file", "restore it"):
                written = fields.pop("format")
                if written == ROTATED_FORMAT:
                    fields["handovers"] = read_chain(fields["handovers"])
                    if not fields["handovers"] or not {"former", "unsaid"} <= fields.keys():
                        raise ValueError
                    keyring = cls(**fields, now=now)
                elif written == KEY_FILE_FORMAT:
                    keyring = cls(**fields, now=now)
                else:
                    raise ValueError
        except DarkroomError:
            raise key_file.damaged(path) from None
        return keyring

    # ------------------------------------------------------------------------ other keys

    def rotated(self, *, at: float) -> "SycKeyring":
        """New keys of the same identity, with the hand-over from these; nothing is written.

        The old sealing keys stay beside them for `OPEN_FOR` seconds, to open what is under
        way. The old statement key is not kept: nothing is signed with it any more.
        """
        ours = self._identity
        fresh = SycKeyring.generate(ours.name, ours.role, hosted=ours.hosted)
        new = fresh.identity
        last = self._handovers[-1] if self._handovers else None
        number, date = (last.number + 1, last.at) if last else (1, 0)
        body = handover_body(old=ours.fingerprint, new=new, number=number, at=max(int(at), date))
        link = Handover(
            old=ours.fingerprint,
            new=new,
            number=number,
            at=body["at"],
            by_old=self.sign(HANDOVER, body).signature,
            by_new=fresh.sign(HANDOVER, body).signature,
        )
        opening = [key for key in self._former if key["until"] > at][1 - MAX_FORMER :]
        rotated = fresh.having(
            handovers=(*self._handovers, link)[-MAX_LINKS:],
            former=[*opening, {"jwks": self._jwks, "until": at + OPEN_FOR}],
            unsaid=True,
            now=self._now,
        )
        rotated.recovery_words = fresh.recovery_words
        return rotated

    def said(self) -> "SycKeyring":
        """The same keys, once everybody who must know of them is written to."""
        return self.having(unsaid=False)

    def resumed(self, chain: Sequence[Handover], check: Check) -> "SycKeyring":
        """The same keys with the hand-overs that led to them, where they hold.

        Recovery words bring keys back, not their history; the directory has it. It is taken
        only when its links are one chain and signed, the last one by these keys.
        """
        if self._handovers or not chain or chain[-1].new != self._identity:
            return self
        try:
            check_chain(chain, check=check)
        except TrustError:
            return self
        return self.having(handovers=tuple(chain))

    def forgotten(self, *, at: float) -> "SycKeyring":
        """The same keys without former ones whose time is over; itself when there are none."""
        left = [key for key in self._former if key["until"] > at]
        return self if len(left) == len(self._former) else self.having(former=left)

    def having(self, **changes: Any) -> "SycKeyring":
        """The same keys with another history (`handovers`, `former`, `unsaid`) or clock."""
        kept: dict[str, Any] = {
            "handovers": self._handovers,
            "former": self._former,
            "unsaid": self.unsaid,
            "now": self._now,
        }
        return SycKeyring(
            name=self._identity.name,
            role=self._identity.role,
            hosted=self._identity.hosted,
            jwks=self._jwks,
            statement_keys=self._statement_keys,
            **(kept | changes),
        )

    # ------------------------------------------------------------------------ the port

    @property
    def identity(self) -> PublicIdentity:
        """The public half, self-consistent (the certificate verifies)."""
        return self._identity

    @property
    def handovers(self) -> tuple[Handover, ...]:
        """How these keys came from those before them, oldest first."""
        return self._handovers

    def seal(self, plaintext: bytes, recipient: PublicIdentity) -> bytes:
        """An envelope that only `recipient` opens and that names us as sender."""
        if len(plaintext) > MAX_PLAINTEXT:
            raise EnvelopeError(
                f"{len(plaintext)} bytes are more than one envelope holds",
                next_step="send less than 64 MiB at a time",
            )
        bundle = load_bundle(recipient)
        content, said = committed(plaintext)
        with foreign("sealing failed", "send it again"):
            to = [syc.EncryptionRecipient(identity=recipient.name, bundle=bundle)]
            name, keys = self._identity.name, self._keys
            return bytes(syc.encrypt_message(name, keys, to, content, filename_hint=said))

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
            # The signature covers the prelude only: nothing counts before these two.
            content = self._decrypt(bundle, parsed)
            plaintext = redeemed(content, parsed.prelude["public_meta"]["filename_hint"])
        if plaintext is None:
            raise EnvelopeError(
                f"an envelope from {sender.name} holds another content than they signed for",
                next_step="treat it as forged; if our keys were stolen, this is how they are used",
            )
        return plaintext

    def _decrypt(self, sender: syc.SyftPublicKeyBundle, parsed: Any) -> bytes:
        """With our keys; with former ones, as long as they are kept, what was under way."""
        now = self._now()
        former = [keys for until, keys in reversed(self._opening) if until > now]
        *tries, last = [self._keys, *former]
        for keys in tries:
            with contextlib.suppress(EnvelopeError), foreign("other keys", "try those before"):
                return bytes(syc.decrypt_message(self._identity.name, keys, sender, parsed))
        return bytes(syc.decrypt_message(self._identity.name, last, sender, parsed))

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
        # A second recipient would know the content key.
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
