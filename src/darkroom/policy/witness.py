"""What a witness of a log's heads believes: a log only grows, and no two of them are signed. Pure.

A witness keeps heads whose signatures it checked. It cannot read the log and need not: the
proof that comes with a head is enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.model.merkle import is_beginning
from darkroom.model.tree_head import TreeHead, contradiction


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a head that was offered.

    Attributes:
        against: why it is not taken; "".
        fork: whether both heads are to be kept as evidence.
        new: whether it is one more than was known.
    """

    against: str = ""
    fork: bool = False
    new: bool = False


def rule(held: TreeHead | None, offered: TreeHead, since: int, proof: Sequence[bytes]) -> Ruling:
    """Rule on a signed head.

    Args:
        held: the last head that was taken of the same domain; None: none yet.
        offered: the one that is offered.
        since: size of the head that the proof starts from; 0: no proof.
        proof: that the log of that size is the beginning of the one offered.
    """
    if held is None:
        return Ruling(new=True)
    if offered.epoch < held.epoch:
        return Ruling(f"it is of epoch {offered.epoch}, and {held.epoch} has begun", fork=True)
    if offered.epoch > held.epoch:
        return Ruling(new=True)  # what was before it is kept, and its reader sees both
    if why := contradiction(held, offered):
        return Ruling(why, fork=True)
    if offered.size < held.size:
        why = f"it has {offered.size} entries, fewer than the {held.size} that were shown before"
        return Ruling(why, fork=True)
    if offered.size == held.size:
        return Ruling()
    if since != held.size:
        return Ruling(f"its proof does not start from the {held.size} entries that are known here")
    if not is_beginning(held.size, held.root_bytes, offered.size, offered.root_bytes, proof):
        why = f"the {held.size} entries that were shown before are not the beginning of it"
        return Ruling(why, fork=True)
    return Ruling(new=True)
