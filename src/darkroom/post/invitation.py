"""An invitation: what a data owner gives to a scientist on a channel of their own.

One printable line. It says where the gateway is, which domain answers there (by
fingerprint, so that the gateway cannot put another in its place) and carries a one-time
secret under which both sides show their keys to each other.
"""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from darkroom.errors import SpecError, TrustError
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256


PREFIX = "darkroom1:"
MAX_LINE = 2_000
_CHECKSUM = 6
_HEX16 = re.compile(r"[0-9a-f]{32}")
_HEX32 = re.compile(r"[0-9a-f]{64}")
_GATEWAY = re.compile(
    r"https?://[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~/\-]*)?|"
    r"https?://\[[0-9a-f:.]{2,45}\](:[0-9]{1,5})?(/[A-Za-z0-9._~/\-]*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One scientist, one domain, once.

    Attributes:
        id: 32 hex digits.
        gateway: address, `https://…` (or `http://…` on one machine).
        domain, domain_fingerprint: who answers.
        scientist: the name that may use it.
        secret: 64 hex digits; seen by the owner, the domain and the scientist only.
        ticket: 64 hex digits; shown to the gateway, which learned its SHA-256 before.
        expires_at: Unix seconds.
    """

    id: str
    gateway: str
    domain: str
    domain_fingerprint: str
    scientist: str
    secret: str = field(repr=False)
    ticket: str = field(repr=False)
    expires_at: float

    def __post_init__(self) -> None:
        require_name(self.domain, "domain")
        require_name(self.scientist, "scientist")
        for value, form, what in (
            (self.id, _HEX16, "id"),
            (self.secret, _HEX32, "secret"),
            (self.ticket, _HEX32, "ticket"),
            (self.domain_fingerprint, SHA256, "domain fingerprint"),
            (self.gateway, _GATEWAY, "gateway address"),
        ):
            if not isinstance(value, str) or not form.fullmatch(value):
                raise SpecError(
                    f"the {what} of an invitation is not well formed",
                    next_step="ask the data owner for a new invitation",
                )
        if type(self.expires_at) not in (int, float) or not self.expires_at > 0:
            raise SpecError(
                "an invitation has no end", next_step="ask the data owner for a new one"
            )

    @classmethod
    def mint(
        cls,
        *,
        gateway: str,
        domain: str,
        domain_fingerprint: str,
        scientist: str,
        expires_at: float,
    ) -> "Invitation":
        """A new invitation with fresh secrets."""
        return cls(
            id=secrets.token_hex(16),
            gateway=gateway.rstrip("/"),
            domain=domain,
            domain_fingerprint=domain_fingerprint,
            scientist=scientist,
            secret=secrets.token_hex(32),
            ticket=secrets.token_hex(32),
            expires_at=expires_at,
        )

    @property
    def ticket_hash(self) -> str:
        """What the node gives to `Relay.open_ticket`: SHA-256 (hex) of the ticket's text."""
        return hashlib.sha256(self.ticket.encode()).hexdigest()

    # ---------------------------------------------------- the body of the owner's statement

    def to_body(self) -> dict[str, Any]:
        """What the owner signs for the domain (which knows its own fingerprint)."""
        return {
            "id": self.id,
            "scientist": self.scientist,
            "domain": self.domain,
            "gateway": self.gateway,
            "secret": self.secret,
            "ticket": self.ticket,
            "expires_at": self.expires_at,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any], domain_fingerprint: str) -> "Invitation":
        """Read `to_body`, at the domain.

        Raises:
            SpecError: for anything else.
        """
        try:
            return cls(domain_fingerprint=domain_fingerprint, **body)
        except TypeError:
            raise SpecError(
                "an invitation has missing or unknown fields",
                next_step="ask the data owner for a new invitation",
            ) from None

    # -------------------------------------------------------------- the line for a person

    def encode(self) -> str:
        """One printable line; treat it as a password until it is used."""
        payload = json.dumps(
            [
                self.gateway,
                self.domain,
                self.domain_fingerprint.removeprefix("sha256:"),
                self.scientist,
                self.id,
                self.secret,
                self.ticket,
                self.expires_at,
            ],
            separators=(",", ":"),
        ).encode()
        sealed = payload + hashlib.sha256(payload).digest()[:_CHECKSUM]
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    @classmethod
    def decode(cls, line: str) -> "Invitation":
        """Read a line; white space that a mail program put in does not matter.

        Raises:
            TrustError: a character is missing or changed.
        """
        text = "".join(line[: MAX_LINE * 2].split())
        try:
            if not text.startswith(PREFIX) or len(text) > MAX_LINE:
                raise ValueError
            text = text.removeprefix(PREFIX)
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            payload, checksum = sealed[:-_CHECKSUM], sealed[-_CHECKSUM:]
            if hashlib.sha256(payload).digest()[:_CHECKSUM] != checksum:
                raise ValueError
            gateway, domain, fingerprint, scientist, id_, secret, ticket, end = json.loads(payload)
            return cls(
                id=id_,
                gateway=gateway,
                domain=domain,
                domain_fingerprint=f"sha256:{fingerprint}",
                scientist=scientist,
                secret=secret,
                ticket=ticket,
                expires_at=end,
            )
        except (ValueError, TypeError, RecursionError, SpecError):
            raise TrustError(
                "this is not a complete invitation",
                next_step=f"copy the whole line, from {PREFIX} to its end, and try again",
            ) from None
