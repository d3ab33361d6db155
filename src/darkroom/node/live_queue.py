"""Frames between the thread that takes them and the one that writes them, within bounds.

When writing is too slow the oldest frames go, half of the queue at once: few long gaps are
told better than many short ones. Every frame that goes is counted.
"""

import threading
from collections import deque
from dataclasses import replace

from darkroom.model.live_frame import LiveFrame


MOST_BYTES = 8 << 20
MOST_FRAMES = 600


class LiveQueue:
    """One camera's frames that are not written yet."""

    def __init__(self, *, most_bytes: int = MOST_BYTES, most_frames: int = MOST_FRAMES) -> None:
        self._most_bytes = most_bytes
        self._most_frames = most_frames
        self._frames: deque[LiveFrame] = deque()
        self._bytes = 0
        self._gap = False
        self._closed = False
        self._changed = threading.Condition()

    def put(self, frame: LiveFrame) -> int:
        """Append a frame.

        Returns:
            how many older ones had to go for it.
        """
        with self._changed:
            dropped = 0
            while self._frames and (
                self._bytes + len(frame.picture) > self._most_bytes
                or len(self._frames) >= self._most_frames
            ):
                for _ in range((len(self._frames) + 1) // 2):
                    self._bytes -= len(self._frames.popleft().picture)
                    dropped += 1
                self._gap = True
            self._frames.append(frame)
            self._bytes += len(frame.picture)
            self._changed.notify()
            return dropped

    def take(self, seconds: float) -> LiveFrame | None:
        """The oldest frame; None when none came in that time, or it is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._closed, seconds)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._bytes -= len(frame.picture)
            gap, self._gap = self._gap, False
            return replace(frame, gap=True) if gap else frame

    def close(self) -> None:
        """No frame will come any more; those that are here can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._frames
