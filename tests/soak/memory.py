"""Does a process grow? Told from samples of its resident memory. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


MOST = 1.2  # last third by first third
FEWEST = 9  # samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """One process from start to end: (seconds, MiB), oldest first."""

    name: str
    samples: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What its memory did after the warm-up.

    Attributes:
        mib_per_10_min: slope of the line of least squares.
        ratio: median of the last third by that of the first.
    """

    name: str
    minutes: float
    mib: float
    mib_per_10_min: float
    ratio: float

    @property
    def flat(self) -> bool:
        """Whether that is no growth to speak of."""
        return self.ratio <= MOST


def growth(life: Lifetime, *, warm_up: float, shortest: float) -> Growth | None:
    """Judge a process; None when it did not live long enough."""
    if not life.samples:
        return None
    begin = life.samples[0][0] + warm_up
    kept = [(at, mib) for at, mib in life.samples if at >= begin]
    if len(kept) < FEWEST or kept[-1][0] - kept[0][0] < shortest:
        return None
    sizes = [mib for _, mib in kept]
    third = len(sizes) // 3
    slope = statistics.linear_regression([at for at, _ in kept], sizes).slope
    return Growth(
        name=life.name,
        minutes=(kept[-1][0] - kept[0][0]) / 60,
        mib=sizes[-1],
        mib_per_10_min=600 * slope,
        ratio=statistics.median(sizes[-third:]) / statistics.median(sizes[:third]),
    )
