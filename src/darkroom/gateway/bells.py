"""Wakes the long polls of a recipient when something arrives. Nothing here polls."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from darkroom.errors import QuotaError


class Bells:
    """In-process wake-ups; used from the event loop only, but for `listeners`."""

    def __init__(self, *, per_name: int) -> None:
        """Let at most `per_name` polls of one name wait at once."""
        self._per_name = per_name
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.closed = False

    @contextmanager
    def listen(self, name: str) -> Iterator[asyncio.Event]:
        """An event that is set by the next ring. Listen first, then look: no lost ring.

        Raises:
            QuotaError: too many polls of this name wait already.
        """
        waiting = self._waiting[name]
        if len(waiting) >= self._per_name:
            raise QuotaError(
                f"{name} has {len(waiting)} long polls open, as many as it may",
                next_step="use one receiving process per identity",
            )
        event = asyncio.Event()
        if self.closed:
            event.set()
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting:
                self._waiting.pop(name, None)

    @property
    def listeners(self) -> int:
        """How many polls wait now; may be asked from any thread."""
        return sum(map(len, list(self._waiting.values())))

    def ring(self, name: str) -> None:
        """Wake all who listen for this name."""
        for event in self._waiting.get(name, ()):
            event.set()

    def close(self) -> None:
        """The gateway stops: wake everybody, and let nobody wait any more."""
        self.closed = True
        for waiting in self._waiting.values():
            for event in waiting:
                event.set()
