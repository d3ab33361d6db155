"""A signed statement: what was said, by which key. DSSE v1 framing.

Source of the framing: https://github.com/secure-systems-lab/dsse (PAE).
This module signs nothing: a `Signer` port does, `verify` is given the check.
"""

from dataclasses import dataclass
from typing import Any

from darkroom.errors import TrustError
from darkroom.model.canonical import canonical


MEDIA = "application/vnd.darkroom.{}+json"
RECEIPT = "receipt"  # the one kind that other people's tools read: an in-toto statement
IN_TOTO = "application/vnd.in-toto+json"


def pre_authentication_encoding(kind: str, payload: bytes) -> bytes:
    """The exact bytes that are signed (DSSE: PAE(type, body)); no two kinds share a type."""
    media = (IN_TOTO if kind == RECEIPT else MEDIA.format(kind)).encode()
    return b"DSSEv1 %d %s %d %s" % (len(media), media, len(payload), payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement with its signature.

    Attributes:
        kind: `card`, `decision`, `policy`, `release`, `receipt`, …; part of what is signed,
            so that one kind can never pass for another.
        body: the JSON value that was signed, in canonical form when signed.
        key: hex Ed25519 public key of the signer.
        signature: hex signature over the pre-authentication encoding.
    """

    kind: str
    body: dict[str, Any]
    key: str
    signature: str

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return pre_authentication_encoding(self.kind, canonical(self.body))

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it."""
        return {
            "kind": self.kind,
            "body": self.body,
            "key": self.key,
            "signature": self.signature,
        }

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "Statement":
        """Read the JSON form.

        Raises:
            TrustError: when fields are missing, unknown or of the wrong type.
        """
        try:
            statement = cls(**value)
        except TypeError as error:
            raise TrustError(
                "a signed statement has missing or unknown fields",
                next_step="ask its author to send it again",
            ) from error
        texts = (statement.kind, statement.key, statement.signature)
        if not all(isinstance(t, str) for t in texts) or not isinstance(statement.body, dict):
            raise TrustError(
                "a signed statement has fields of the wrong type",
                next_step="ask its author to send it again",
            )
        return statement
