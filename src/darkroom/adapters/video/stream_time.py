"""When a frame of a stream was taken, and which frames are kept. Pure.

A frame's own time stamp (its place in the stream) has no jitter and no date; its arrival has
a date and jitter. Each is tied to the other by the frame that came with the least delay.
"""

import math


FASTEST_DRIFT = 5e-4  # of a camera's clock, against ours: 43 s a day
JUMP = 120.0  # seconds: the stream's own clock was set
LEAST = 1e-3  # seconds between two frames
EARLY = 0.25  # of a slot: a frame that comes so much early still belongs to it
MINUTE = 60.0


class StreamTime:
    """Turns time stamps of one connection into times of arrival without jitter."""

    def __init__(self) -> None:
        self._anchor: float | None = None
        self._least = math.inf
        self._since = 0.0
        self._last = -math.inf
        self.lag = 0.0

    def time_of(self, stamp: float | None, arrival: float) -> float:
        """When a frame was taken, on the clock of `arrival`; always after the one before.

        Args:
            stamp: seconds of the stream's clock; None where it has none.
            arrival: when we had it.
        """
        if stamp is None or not math.isfinite(stamp):
            return self._forward(arrival)
        if self._anchor is None or abs(arrival - self._anchor - stamp) > JUMP:
            self._anchor, self._least, self._since = arrival - stamp, math.inf, arrival
        lag = arrival - self._anchor - stamp
        if lag < 0:  # it came faster than any before it: nearer to the truth
            self._anchor += lag
            lag = 0.0
        self._least = min(self._least, lag)
        if arrival - self._since >= MINUTE:  # a camera's clock is slow: follow it, slowly
            self._anchor += min(self._least, FASTEST_DRIFT * (arrival - self._since))
            self._least, self._since = math.inf, arrival
        self.lag = lag
        return self._forward(self._anchor + stamp)

    def _forward(self, time: float) -> float:
        self._last = max(self._last + LEAST, time)
        return self._last


class Sampler:
    """Keeps at most so many frames a second: the first one of each slot of time.

    It looks at the stream's own clock, so that nothing on the way changes which frames it is.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._first = math.nan
        self._last = math.nan
        self._slot = -1

    def keeps(self, stamp: float) -> bool:
        """Whether the frame of that time stamp is kept."""
        if not 0 <= stamp - self._last <= JUMP:  # the first one, or the clock was set
            self._first, self._slot = stamp, -1
        self._last = stamp
        slot = math.floor((stamp - self._first) * self._fps + EARLY)
        if slot <= self._slot:
            return False
        self._slot = slot
        return True
