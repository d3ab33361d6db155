"""What the gateway needs kept. `adapters/sqlite/gateway/` keeps it, and says the details."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from darkroom.policy.witness import Ruling
from darkroom.ports import Parcel


class DirectoryStore(Protocol):
    """Identities (claimed once), profiles and cards (replaced by their domain)."""

    def claim(
        self,
        name: str,
        fingerprint: str,
        role: str,
        mapping: dict[str, Any],
        *,
        handovers: Sequence[dict[str, Any]] = (),
        instead_of: str = "",
        now: float,
    ) -> None:
        """Give a name to the first who comes, or instead of one fingerprint; NameTakenError."""
        ...

    def handovers(self, name: str) -> list[dict[str, Any]]:
        """The hand-overs that a name was registered with."""
        ...

    def identity(self, name: str) -> dict[str, Any]:
        """The mapping of an identity; UnknownNameError."""
        ...

    def fingerprint(self, name: str) -> str:
        """The fingerprint under which a name is held, or ""."""
        ...

    def put_profile(self, domain: str, statement: dict[str, Any]) -> None:
        """Replace the domain's profile."""
        ...

    def profiles(self, *, after: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """One page of profiles by domain name."""
        ...

    def put_card(self, domain: str, dataset: str, statement: dict[str, Any]) -> None:
        """Replace the card of a dataset; QuotaError."""
        ...

    def cards(self, domain: str, *, after: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """One page of a domain's cards by dataset name."""
        ...


class HeadStore(Protocol):
    """Heads of audit logs by domain."""

    def judge(
        self,
        domain: str,
        statement: dict[str, Any],
        rule: Callable[[dict[str, Any] | None], Ruling],
        *,
        now: float,
    ) -> Ruling:
        """Rule on a head against the body of the last one, and keep what follows; atomic."""
        ...

    def last(self, domain: str) -> dict[str, Any] | None:
        """The last head."""
        ...

    def heads(self, domain: str, *, after: int, limit: int) -> list[tuple[int, dict[str, Any]]]:
        """One page of heads by number."""
        ...

    def forks(self, domain: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Heads that were held, each with one that contradicts it."""
        ...


class MailboxStore(Protocol):
    """Parcels in order, who may send them, and what was seen. Each method is atomic."""

    def admit(self, recipient: str, sender: str) -> None:
        """Put a sender on the list; QuotaError."""
        ...

    def dismiss(self, recipient: str, sender: str) -> None:
        """Take a sender off the list."""
        ...

    def admitted(self, recipient: str) -> list[str]:
        """The list."""
        ...

    def open_ticket(self, recipient: str, ticket_hash: str, *, expires_at: float) -> None:
        """Keep a ticket's hash; QuotaError."""
        ...

    def redeem(self, recipient: str, sender: str, ticket_hash: str, *, now: float) -> None:
        """Admit the first who shows the ticket; TrustError to all others."""
        ...

    def put(
        self,
        recipient: str,
        sender: str,
        envelope_id: str,
        envelope: bytes,
        *,
        now: float,
        expires_at: float,
    ) -> bool:
        """Append; False when seen before; UnknownNameError, QuotaError."""
        ...

    def parcels(
        self, recipient: str, *, after: int, max_count: int, max_bytes: int
    ) -> tuple[list[Parcel], bool]:
        """One page past a cursor, and whether there is more; empty only when nothing is."""
        ...

    def acknowledge(self, recipient: str, cursor: int) -> None:
        """Forget up to and including a cursor."""
        ...

    def expire(self, *, now: float) -> set[str]:
        """Bounce what nobody fetched in time; names of those who got a bounce."""
        ...


class BlobIndex(Protocol):
    """Uploads and who may read what. UnknownNameError never tells why."""

    def begin(
        self,
        owner: str,
        address: str,
        size: int,
        readers: Sequence[str],
        *,
        upload_until: float,
        keep_until: float,
    ) -> tuple[int, bool]:
        """Begin or resume: bytes received, and whether ready; QuotaError, SpecError."""
        ...

    def upload(self, owner: str, address: str) -> tuple[int, int, bool]:
        """Size, bytes received, ready."""
        ...

    def advance(self, owner: str, address: str, received: int) -> None:
        """The bytes up to `received` are stored."""
        ...

    def publish(self, owner: str, address: str, *, expires_at: float) -> None:
        """The hash fits: readable from now on."""
        ...

    def readable(self, owner: str, address: str, reader: str) -> int:
        """The size, if `reader` may read it."""
        ...

    def doom(self, owner: str, address: str) -> None:
        """Unreadable from now on."""
        ...

    def doomed(self, *, now: float) -> list[tuple[str, str]]:
        """Doom what expired; all whose bytes may go."""
        ...

    def is_doomed(self, owner: str, address: str) -> bool:
        """Whether its bytes may go."""
        ...

    def remove(self, owner: str, address: str) -> None:
        """Forget a doomed blob."""
        ...
