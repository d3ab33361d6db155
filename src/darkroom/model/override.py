"""The owner's word about a ledger: what a restore closed is open again, or the gateway forgot.

A statement of kind `override`. It names the domain, the epoch and a head of its log, so that
it counts for no other ledger and for no later restore; and what it is for, since each of the
two may be true where the other is not.
"""

from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.json_shape import is_whole
from darkroom.model.tree_head import FIRST_EPOCH, TreeHead


KIND = "override"
GATEWAY_LOST = "gateway-lost"  # nobody holds a newer state; says nothing of what was spent
NOTHING_RAN = "nothing-ran-since-backup"  # opens what the restore of one epoch closed
PURPOSES = (GATEWAY_LOST, NOTHING_RAN)
EVENTS = {GATEWAY_LOST: "gateway-lost", NOTHING_RAN: "epoch-believed"}  # what the log calls each
MAX_REASON = 300
_FIELDS = {"head", "purpose", "epoch", "reason"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What the owner signs.

    Attributes:
        head: of the domain and the epoch that it is in now.
        purpose: one of `PURPOSES`; it counts for nothing else.
        epoch: that it speaks for, and no other: the head's own, or with `NOTHING_RAN` an
            earlier one that this state went through.
        reason: for whoever reads the log later.
    """

    head: TreeHead
    purpose: str
    epoch: int
    reason: str = ""

    def __post_init__(self) -> None:
        now = self.head.epoch
        least = FIRST_EPOCH + 1 if self.purpose == NOTHING_RAN else now  # no restore opened 1
        if (
            self.purpose not in PURPOSES
            or not is_whole(self.epoch)
            or not least <= self.epoch <= now
            or not isinstance(self.reason, str)
            or len(self.reason) > MAX_REASON
            or not self.reason.isprintable()
        ):
            raise _malformed()

    def to_body(self) -> dict[str, Any]:
        """What is signed; `from_body` reads it."""
        return {
            "head": self.head.to_body(),
            "purpose": self.purpose,
            "epoch": self.epoch,
            "reason": self.reason,
        }

    @classmethod
    def from_body(cls, body: object) -> "Override":
        """Read the body of a statement; its signature is checked elsewhere.

        Raises:
            SpecError: for anything else.
        """
        if not isinstance(body, dict) or body.keys() != _FIELDS:
            raise _malformed()
        return cls(**{**body, "head": TreeHead.from_body(body["head"])})


def _malformed() -> SpecError:
    return SpecError("an override is not well formed", next_step="sign it again")
