"""The clock of this machine."""

import time


class SystemClock:
    """The `Clock` port."""

    def now(self) -> float:
        """Unix seconds; may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""
        return time.monotonic()
