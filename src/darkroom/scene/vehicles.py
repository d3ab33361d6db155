"""Vehicles drive along the street; some stop in a bay at the kerb.

Arrivals are a Poisson process. A vehicle for whom the way is not free waits
outside and is dropped when the way stays taken, so none drives through another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom.scene.layout import BAY_Y, BAYS, LANE_END, LANES
from darkroom.scene.recipe import Traffic
from darkroom.scene.streams import Stream, stream
from darkroom.scene.trajectory import Trajectory


WARM_UP = 150.0
FIRST_IDENTITY = 100_000
"""Vehicles are numbered from here, people from 0."""
_GAP = 6.2
_SIDE_GAP = 2.2
_TRIES = 6


def vehicles(seed: int, duration: float, traffic: Traffic) -> tuple[Trajectory, ...]:
    """All vehicles that are in the world during the recording.

    Args:
        seed: The world's seed.
        duration: Length of the recording in seconds.
        traffic: Rate of arrival and share of parkers.

    Returns:
        Trajectories in order of arrival.
    """
    rng = stream(seed, Stream.VEHICLES_ARRIVE)
    rate = traffic.vehicles_per_minute / 60.0
    if rate == 0.0:
        return ()
    on_road: list[Trajectory] = []
    second = -WARM_UP
    number = 0
    while (second := second + float(rng.exponential(1.0 / rate))) < duration:
        own = stream(seed, Stream.VEHICLE, number)
        times, points = _route(own, traffic.parking_share)
        for wait in range(_TRIES):
            candidate = Trajectory(
                identity=FIRST_IDENTITY + number,
                kind="vehicle",
                times=second + 1.5 * wait + times,
                points=points,
            )
            if not any(_meet(candidate, other) for other in on_road):
                on_road.append(candidate)
                break
        number += 1
    return tuple(each for each in on_road if each.left > 0.0)


def _route(
    rng: np.random.Generator, parking_share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    parks = rng.random() < parking_share
    lane = 0 if parks else int(rng.integers(2))
    direction = 1.0 if lane == 0 else -1.0
    y = LANES[lane]
    speed = rng.uniform(3.5, 6.0)
    start, end = -direction * LANE_END, direction * LANE_END
    if not parks:
        return np.array([0.0, 2 * LANE_END / speed]), np.array([(start, y), (end, y)])
    bay = BAYS[int(rng.integers(len(BAYS)))]
    stop = 8.0 + float(rng.exponential(25.0))
    to_kerb = (bay - 7.0 + LANE_END) / speed
    turn = 7.4 / (0.5 * speed)
    away = (LANE_END - bay - 7.0) / speed
    times = np.cumsum([0.0, to_kerb, turn, stop, turn, away])
    points = [(start, y), (bay - 7, y), (bay, BAY_Y), (bay, BAY_Y), (bay + 7, y), (end, y)]
    return times, np.array(points)


def _meet(one: Trajectory, other: Trajectory) -> bool:
    """Whether two vehicles ever come too close, looked at twice a second."""
    begin, end = max(one.entered, other.entered), min(one.left, other.left)
    if begin > end:
        return False
    when = np.arange(begin, end + 0.5, 0.5)
    along = np.interp(when, one.times, one.points[:, 0]) - np.interp(
        when, other.times, other.points[:, 0]
    )
    across = np.interp(when, one.times, one.points[:, 1]) - np.interp(
        when, other.times, other.points[:, 1]
    )
    return bool(((np.abs(along) < _GAP) & (np.abs(across) < _SIDE_GAP)).any())
