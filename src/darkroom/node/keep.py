"""What a node does now and then: forget, tidy, and look whether the owner left a file."""

from collections.abc import Callable, Sequence

from darkroom.node.letter_box import LetterBox
from darkroom.node.store import NodeStore
from darkroom.ports import Clock
from darkroom.post.timing import SEEN_FOR


TIDY_EVERY = 600.0


class Housekeeping:
    """Called between two long polls, by the thread that takes letters in."""

    def __init__(
        self,
        *,
        store: NodeStore,
        clock: Clock,
        boxes: Sequence[LetterBox],
        retention: Callable[[], None],
        arrivals: Callable[[], None],
        forgetting: Callable[[], bool],
        sweep: Callable[[], None],
        close_day: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._boxes = boxes
        self._retention = retention
        self._arrivals = arrivals
        self._forgetting = forgetting
        self._sweep = sweep
        self._close_day = close_day
        self._tidied: float | None = None

    def tend(self) -> None:
        """Do what is due."""
        for box in self._boxes:
            box.look()
        self._arrivals()
        if self._forgetting():
            self._tidied = None
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied >= TIDY_EVERY:
            self._tidied = now
            self._store.forget_seen(self._clock.now() - 2 * SEEN_FOR)
            self._close_day()
            self._sweep()
            self._retention()
