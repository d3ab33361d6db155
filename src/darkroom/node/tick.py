"""The moments at which a run may be heard of: 0.5, 1, 2, 4 … seconds after its begin.

A clock is a way out for data: a job could run longer when a person is in the picture. What
is told at such a moment says which power of two, and nothing finer.
"""

from darkroom.policy.disclosure import seconds_bucket
from darkroom.ports import Clock


class Tick:
    """The times of one run, from now on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin = clock.monotonic()
        self._told = 0.0

    def seconds(self) -> float:
        """How long the run has taken, rounded up."""
        return seconds_bucket(self._elapsed())

    def left(self) -> float:
        """Seconds until the next moment."""
        elapsed = self._elapsed()
        return max(0.0, seconds_bucket(elapsed) - elapsed)

    def passed(self) -> bool:
        """Whether a moment has passed since this was asked last."""
        before, self._told = self._told, self._elapsed()
        return seconds_bucket(self._told) > seconds_bucket(before)

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._begin
