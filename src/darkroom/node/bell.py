"""Wakes who waits for work, without a loop that looks again and again."""

import threading


class Bell:
    """Counts its rings, so that none is missed between looking and waiting."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        """How often it rang; read it before looking for work."""
        return self._rings

    def ring(self) -> None:
        """There may be work."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, heard: int, timeout: float | None = None) -> None:
        """Return once it rang more often than `heard`, or after `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != heard, timeout)
