"""How long a person stays in the world: a distribution known in closed form.

Duration-based privacy must declare a longest visible duration (rho). It can be
declared, and tested, only where the distribution of durations is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from darkroom.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Seconds between entering and leaving: a shifted mixture of exponentials.

    `P(D > d) = (1 - s) exp(-(d - m) / p) + s exp(-(d - m) / q)` for `d >= m`.
    It bounds what any camera sees, for a camera sees a part of the stay.

    Attributes:
        shortest: m, the shortest stay in seconds.
        passing: p, mean seconds beyond m of people who pass.
        staying: q, mean seconds beyond m of people who stay.
        staying_share: s, the share of people who stay.

    Raises:
        SpecError: A duration is not positive or the share is outside 0..1.
    """

    shortest: float = 14.0
    passing: float = 10.0
    staying: float = 60.0
    staying_share: float = 0.2

    def __post_init__(self) -> None:
        """Check the four numbers."""
        if min(self.shortest, self.passing, self.staying) <= 0.0:
            message = "the durations of a presence must be positive"
            raise SpecError(message, next_step="correct the world's recipe")
        if not 0.0 <= self.staying_share <= 1.0:
            message = "staying_share must lie in 0..1"
            raise SpecError(message, next_step="correct the world's recipe")

    @property
    def mean(self) -> float:
        """The mean stay in seconds."""
        share = self.staying_share
        return self.shortest + (1.0 - share) * self.passing + share * self.staying

    def longer_than(self, seconds: float) -> float:
        """The probability that a person stays longer than `seconds`."""
        beyond = max(0.0, seconds - self.shortest)
        share = self.staying_share
        return (1.0 - share) * math.exp(-beyond / self.passing) + share * math.exp(
            -beyond / self.staying
        )

    def draw(self, rng: np.random.Generator) -> float:
        """One stay in seconds."""
        mean = self.staying if rng.random() < self.staying_share else self.passing
        return self.shortest + float(rng.exponential(mean))
