"""A head of an audit log: how long it was, and the root of all its entries, at one moment.

Signed by its domain as a statement of kind `audit-head`. Two heads that one log cannot both
have had prove a fork, whoever shows them.
"""

import re
from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.json_shape import is_number, is_whole
from darkroom.model.merkle import EMPTY


KIND = "audit-head"  # of the statement
FIRST_EPOCH = 1
MAX_COUNT = (1 << 53) - 1  # whole numbers that every reader of JSON reads alike
LAST_DATE = 253_402_300_799  # the end of the year 9999
_HASH = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"domain", "epoch", "size", "root", "at", "ledger"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """The last entry of the ledger when a head was made: a ledger that is cut shows by it.

    Attributes:
        number: of that entry; 0 for an empty ledger.
        chain: hex hash that holds it and all before it.
    """

    number: int
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """One head.

    Attributes:
        domain: whose log it is.
        epoch: 1, and one more after each restore from a backup.
        size: number of entries; the last one has this number.
        root: hex hash over all of them, RFC 9162 §2.1.1.
        at: when, Unix seconds of the domain's clock.
        ledger: the ledger at that moment.
    """

    domain: str
    epoch: int
    size: int
    root: str
    at: float
    ledger: LedgerMark

    def __post_init__(self) -> None:
        require_name(self.domain, "domain")
        counts = ((self.epoch, FIRST_EPOCH), (self.size, 0), (self.ledger.number, 0))
        hashes = (self.root, self.ledger.chain)
        if (
            not all(is_whole(count, least) and count <= MAX_COUNT for count, least in counts)
            or not all(isinstance(h, str) and _HASH.fullmatch(h) for h in hashes)
            or not is_number(self.at)
            or not 0 <= self.at <= LAST_DATE
            or (self.size == 0) != (self.root == EMPTY.hex())
        ):
            raise _malformed()

    @property
    def root_bytes(self) -> bytes:
        """The root as bytes."""
        return bytes.fromhex(self.root)

    def to_body(self) -> dict[str, Any]:
        """What is signed; `from_body` reads it."""
        return {
            "domain": self.domain,
            "epoch": self.epoch,
            "size": self.size,
            "root": self.root,
            "at": self.at,
            "ledger": {"number": self.ledger.number, "chain": self.ledger.chain},
        }

    @classmethod
    def from_body(cls, body: object) -> "TreeHead":
        """Read the body of a statement of any origin; its signature is checked elsewhere.

        Raises:
            SpecError: for anything else.
        """
        if not isinstance(body, dict) or body.keys() != _FIELDS:
            raise _malformed()
        ledger = body["ledger"]
        if not isinstance(ledger, dict) or ledger.keys() != {"number", "chain"}:
            raise _malformed()
        return cls(**{**body, "ledger": LedgerMark(**ledger)})


def contradiction(one: TreeHead, other: TreeHead) -> str:
    """Why one log cannot have had both heads, as far as the two alone can tell; "" if it can."""
    if one.domain != other.domain or one.epoch != other.epoch:
        return ""
    if one.size == other.size and one.root != other.root:
        return f"two heads of size {one.size} have other entries"
    first, second = sorted((one, other), key=lambda head: (head.size, head.ledger.number))
    if first.ledger.number > second.ledger.number:
        return f"the log grew to {second.size} entries while the ledger became shorter"
    if first.ledger.number == second.ledger.number and first.ledger.chain != second.ledger.chain:
        return f"two heads have another entry {first.ledger.number} of the ledger"
    return ""


def _malformed() -> SpecError:
    return SpecError("a head of an audit log is not well formed", next_step="ask for it again")
