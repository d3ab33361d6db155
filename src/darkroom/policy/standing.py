"""Is this state the newest one? Heads of its own audit log, shown before, tell. Pure.

A head is believed because the domain signed it, whoever brings it. One that the log does not
have means that the state is an old copy, or that two states went on from one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from darkroom.model.epoch import Epoch
from darkroom.model.tree_head import TreeHead


Is = Literal["level", "behind", "unknown"]
LEVEL: Is = "level"
BEHIND: Is = "behind"
UNKNOWN: Is = "unknown"
AHEAD = 1000  # epochs that a restore may skip: each was a restore of its own
LATER = 6 * 3600.0  # seconds that the clocks of two machines may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How a state stands.

    Attributes:
        is_: `level`; `behind` (an old copy or a fork); `unknown` (nobody can tell now).
        why: for people; "" when level.
        lost: the gateway shows less than it was shown: only the owner's word helps.
    """

    is_: Is
    why: str = ""
    lost: bool = False


NOT_ASKED = Finding(is_=UNKNOWN, why="the gateway has not answered yet")
AWAY = Finding(is_=UNKNOWN, why="the gateway is away")
UNSIGNED = Finding(is_=UNKNOWN, why="the gateway shows a head that this domain did not sign")
ALL_WELL = Finding(is_=LEVEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """This state's own log.

    Attributes:
        size: number of its entries.
        has: whether a head of this epoch, not longer than the log, is one that it had.
    """

    epoch: Epoch
    size: int
    has: Callable[[TreeHead], bool]


def outruns(seen: TreeHead, log: Log) -> str:
    """Why a head that this domain signed shows that its state is not the newest; "" if not."""
    ours = log.epoch.number
    if seen.epoch > ours:
        return f"epoch {seen.epoch} was opened elsewhere, and this state is of epoch {ours}"
    if seen.epoch < ours:
        if seen.at > log.epoch.opened_at:
            return (
                f"epoch {ours} was opened while the clock of this machine was behind: epoch "
                f"{seen.epoch} showed a later time"
            )
        return ""  # what was lost with it is why this epoch was opened
    if seen.size > log.size:
        return f"{seen.size} entries of its log were shown, and it is shorter: an old copy"
    if not log.has(seen):
        return f"the first {seen.size} entries of its log are not those that were shown: a fork"
    return ""


def too_far(heads: Iterable[TreeHead], *, epoch: int, now: float) -> TreeHead | None:
    """The first head that must not decide the epoch and the time of a restore; None: all may.

    Both only grow, so that a wrong one could never be taken back: somebody may hold keys that
    were given up, or a clock may have been wrong.

    Args:
        heads: signed by this domain.
        epoch: of the backup.
        now: the clock's time, or that of the backup's ledger where it is later.
    """
    too_much = (head for head in heads if head.epoch > epoch + AHEAD or head.at > now + LATER)
    return next(too_much, None)


def judge(seen: TreeHead | None, *, shown: tuple[int, int] | None, log: Log) -> Finding:
    """How a state stands by what its gateway shows.

    Args:
        seen: the last head there, signed by this domain; None: it has none.
        shown: epoch and size of the last head that it took from this state; None: none yet.
        log: of this state.
    """
    if seen is not None and (why := outruns(seen, log)):
        return Finding(is_=BEHIND, why=why)
    there = (seen.epoch, seen.size) if seen is not None else (0, 0)
    if shown is not None and there < shown:
        why = f"the gateway shows {there[1]} entries of its log and was shown {shown[1]}"
        return Finding(is_=UNKNOWN, why=why, lost=True)
    return ALL_WELL
