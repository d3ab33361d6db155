"""One actor's path through the world: a pure function of time.

A path is a line through way-points with a time at each; equal points in a row
are a wait. Asking for a place changes nothing, so any frame can be rendered in
any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


Kind = Literal["person", "vehicle"]
_ROUNDING = np.array([-0.4, -0.2, 0.0, 0.2, 0.4])
_STANDING = 0.05


class Pose(NamedTuple):
    """How an actor stands at one moment.

    Attributes:
        place: On the ground in metres, [2].
        heading: Where it goes, in radians from the x axis.
        walked: Metres since entering: the phase of a walker's legs.
        moving: Whether it moves.
    """

    place: NDArray[np.float64]
    heading: float
    walked: float
    moving: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory:
    """Who was where, when.

    Attributes:
        identity: The same number on every camera.
        kind: What moves.
        times: Seconds since the recording began, rising, [K]; may be negative for
            somebody who was there before.
        points: Way-points on the ground in metres, [K, 2].

    Raises:
        ValueError: Fewer than two way-points, or times that do not rise.
    """

    identity: int
    kind: Kind
    times: NDArray[np.float64]
    points: NDArray[np.float64]
    _length: NDArray[np.float64] = field(init=False, repr=False)
    _heading: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check, freeze, and derive walked length and headings."""
        times = np.array(self.times, dtype=np.float64)
        points = np.array(self.points, dtype=np.float64)
        if len(times) < 2 or points.shape != (len(times), 2):  # noqa: PLR2004
            message = "a trajectory needs two way-points or more, and a time for each"
            raise ValueError(message)
        if (np.diff(times) <= 0.0).any():
            message = "the times of a trajectory must rise"
            raise ValueError(message)
        steps = np.diff(points, axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        headings = np.arctan2(steps[:, 1], steps[:, 0])
        moving = np.flatnonzero(lengths > _STANDING)
        if len(moving):  # who stands keeps looking where he went
            last = np.searchsorted(moving, np.arange(len(steps)), side="right") - 1
            headings = headings[moving[np.maximum(last, 0)]]
        for array in (times, points):
            array.setflags(write=False)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "_length", np.concatenate([[0.0], np.cumsum(lengths)]))
        object.__setattr__(self, "_heading", headings)

    @property
    def entered(self) -> float:
        """The second of the first way-point."""
        return float(self.times[0])

    @property
    def left(self) -> float:
        """The second of the last way-point."""
        return float(self.times[-1])

    @property
    def duration(self) -> float:
        """Seconds between entering and leaving."""
        return self.left - self.entered

    def is_present(self, second: float) -> bool:
        """Whether the actor is in the world at that time."""
        return self.entered <= second <= self.left

    def position(self, second: float) -> NDArray[np.float64]:
        """The place on the ground in metres, [2]; corners are rounded off."""
        when = second + _ROUNDING
        x = np.interp(when, self.times, self.points[:, 0])
        y = np.interp(when, self.times, self.points[:, 1])
        return np.array([x.mean(), y.mean()])

    def pose(self, second: float) -> Pose:
        """Place, heading and gait at that time; a wait keeps the last heading."""
        leg = int(np.searchsorted(self.times, second, side="right")) - 1
        before, now, after = np.interp(
            (second - 0.1, second, second + 0.1), self.times, self._length
        )
        return Pose(
            place=self.position(second),
            heading=float(self._heading[min(max(leg, 0), len(self._heading) - 1)]),
            walked=float(now),
            moving=bool(after - before > _STANDING),
        )
