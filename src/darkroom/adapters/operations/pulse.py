"""Whether the main loop of a process still turns."""

from collections.abc import Callable


class Pulse:
    """A watchdog. The loop beats; who asks hears how long ago."""

    def __init__(self, monotonic: Callable[[], float], *, longest: float) -> None:
        """Begin to watch.

        Args:
            monotonic: seconds that never go back.
            longest: seconds between two beats that are still healthy.
        """
        self._monotonic = monotonic
        self._longest = longest
        self._last = monotonic()

    def beat(self) -> None:
        """The loop turned."""
        self._last = self._monotonic()

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self._monotonic() - self._last

    def why_dead(self) -> str:
        """Why this process should be started anew; "" while it lives."""
        if self.age <= self._longest:
            return ""
        return f"the main loop has not turned for {self.age:.0f} s"
