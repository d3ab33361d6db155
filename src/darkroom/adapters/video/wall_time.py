"""The time of day of something that was timed on the clock that never goes back."""

from darkroom.ports import Clock


STEP = 1.0  # seconds: less is the clock being adjusted, and not a gap in the footage


class WallTime:
    """Follows the clock of the machine forwards, never backwards.

    A Pi without a battery begins in the past until it is told the time; footage that was
    taken later is never dated before footage that was taken earlier.
    """

    def __init__(self, clock: Clock, *, not_before: float = 0.0) -> None:
        """Tie both clocks together.

        Args:
            clock: of this machine.
            not_before: Unix seconds of the newest footage there is.
        """
        self._clock = clock
        self._offset = max(clock.now(), not_before) - clock.monotonic()

    def at(self, monotonic: float) -> float:
        """Unix seconds of a moment."""
        offset = self._clock.now() - self._clock.monotonic()
        if offset - self._offset > STEP:
            self._offset = offset
        return monotonic + self._offset
