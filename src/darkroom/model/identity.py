"""Who somebody is on the wire: a name, a role and two sets of public keys."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.canonical import digest


Role = Literal["scientist", "owner", "domain"]
ROLES: tuple[Role, ...] = ("scientist", "owner", "domain")
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


def require_name(name: str, what: str) -> str:
    """The name itself; names are lower case ASCII, so that none can be a homoglyph.

    Raises:
        SpecError: when it is not 1 to 64 of `a-z 0-9 . _ @ -`.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SpecError(
            f"{what} {ascii(name)[:80]} is not a valid name",
            next_step="use 1 to 64 characters of a-z, 0-9, '.', '_', '@', '-'",
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicIdentity:
    """The public half of an identity.

    Attributes:
        name: unique at a gateway, for instance `alice` or `north`.
        role: what the identity is allowed to say on the wire.
        bundle: the SYC key bundle as a DID document (sealing keys).
        statement_key: hex Ed25519 key that signs statements (cards, decisions, releases).
        certificate: hex signature of the SYC identity key over the statement key.
        hosted: True when the private keys lie on the Hub and not with their owner.
    """

    name: str
    role: Role
    bundle: dict[str, Any]
    statement_key: str
    certificate: str
    hosted: bool = False

    def __post_init__(self) -> None:
        require_name(self.name, "identity")
        if self.role not in ROLES:
            raise SpecError(
                f"role {ascii(self.role)[:40]} is not known",
                next_step=f"use one of {', '.join(ROLES)}",
            )
        if (
            not isinstance(self.bundle, dict)
            or not isinstance(self.certificate, str)
            or not isinstance(self.hosted, bool)
        ):
            raise SpecError(
                "a public identity has a field of the wrong type",
                next_step="export it again with `darkroom identity show`",
            )
        if not isinstance(self.statement_key, str) or not re.fullmatch(
            r"[0-9a-f]{64}", self.statement_key
        ):
            raise SpecError(
                "a statement key is 64 hex digits", next_step="export the identity again"
            )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it."""
        return {
            "name": self.name,
            "role": self.role,
            "bundle": self.bundle,
            "statement_key": self.statement_key,
            "certificate": self.certificate,
            "hosted": self.hosted,
        }

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "PublicIdentity":
        """Read the JSON form, refusing unknown or missing keys.

        Raises:
            SpecError: when it is not the form that `to_mapping` writes.
        """
        try:
            return cls(**value)
        except TypeError as error:
            raise SpecError(
                "a public identity has missing or unknown fields",
                next_step="export it again with `darkroom identity show`",
            ) from error

    @property
    def fingerprint(self) -> str:
        """Digest over all public fields: what a person compares and a pin holds."""
        return digest(self.to_mapping())
