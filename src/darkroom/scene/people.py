"""People come through an archway, stay for a while and leave through another.

Arrivals are a Poisson process; the stay of each person follows the recipe's
`Presence` exactly, because the way is fitted to the stay and not the other way
round. Nobody crosses the street: who comes on one side leaves on that side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom.scene.layout import FAR_PAVEMENT, PLAZA, Gate, Layout, Occluder
from darkroom.scene.recipe import Traffic
from darkroom.scene.streams import Stream, stream
from darkroom.scene.trajectory import Trajectory


WARM_UP = 240.0
"""Seconds simulated before the recording, so that it starts in full swing."""
_FAR_SIDE_SHARE = 0.06
_CLEARANCE = 0.35
_WAYPOINT_PAUSE = 0.3


def people(seed: int, duration: float, traffic: Traffic, layout: Layout) -> tuple[Trajectory, ...]:
    """All people who are in the world during the recording.

    Args:
        seed: The world's seed.
        duration: Length of the recording in seconds.
        traffic: Rate of arrival and distribution of stays.
        layout: Gates, and what to walk around.

    Returns:
        Trajectories in order of arrival; identity is the number of the arrival,
        and each person has a stream of chance of its own.
    """
    rng = stream(seed, Stream.PEOPLE_ARRIVE)
    rate = traffic.people_per_minute / 60.0
    found = []
    if rate == 0.0:
        return ()
    second = -WARM_UP
    number = 0
    while (second := second + float(rng.exponential(1.0 / rate))) < duration:
        own = stream(seed, Stream.PERSON, number)
        stay = traffic.presence.draw(own)
        if second + stay > 0.0:
            times, points = _route(own, stay, layout)
            found.append(
                Trajectory(identity=number, kind="person", times=second + times, points=points)
            )
        number += 1
    return tuple(found)


def _route(
    rng: np.random.Generator, stay: float, layout: Layout
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times from 0 to exactly `stay`, and the way-points."""
    side = "far" if rng.random() < _FAR_SIDE_SHARE else "near"
    gates = [gate for gate in layout.gates if gate.side == side]
    first, last = rng.choice(len(gates), size=2, replace=False)
    speed = rng.uniform(0.9, 1.5)
    points = _waypoints(rng, gates[first], gates[last], stay * speed, layout)
    legs = np.linalg.norm(np.diff(points, axis=0), axis=1)
    rest = max(0.0, stay - float(legs.sum()) / speed)
    pauses = np.zeros(len(legs) - 1)
    if rng.random() < 1.0 - _WAYPOINT_PAUSE and rest < 0.5 * stay:
        rest = 0.0  # strolls instead of waiting
    else:
        pauses = rest * rng.dirichlet(np.full(len(pauses), 0.6))
    walking = (stay - rest) * legs / legs.sum()
    return _schedule(points, walking, pauses, stay)


def _waypoints(
    rng: np.random.Generator, first: Gate, last: Gate, reach: float, layout: Layout
) -> NDArray[np.float64]:
    """A way from gate to gate that is not longer than `reach` where it can be."""
    area = PLAZA if first.side == "near" else FAR_PAVEMENT
    inside = 1.2 if first.side == "near" else -0.9
    points = [first.point, first.point + [0.0, inside]]
    out = [last.point + [0.0, inside], last.point]
    length = 2.0 * abs(inside)
    for _ in range(int(rng.integers(1, 6))):
        spot = _free_spot(rng, area, points[-1], layout.occluders)
        step = float(np.linalg.norm(spot - points[-1]))
        home = float(np.linalg.norm(out[0] - spot))
        if length + step + home > reach:
            break
        points.append(spot)
        length += step
    return np.array(points + out)


def _free_spot(
    rng: np.random.Generator,
    area: tuple[float, float, float, float],
    start: NDArray[np.float64],
    occluders: tuple[Occluder, ...],
) -> NDArray[np.float64]:
    """A spot that can be reached without walking through an occluder."""
    spot = start
    for _ in range(12):
        spot = np.array([rng.uniform(area[0], area[2]), rng.uniform(area[1], area[3])])
        if all(_passes(start, spot, occluder) for occluder in occluders):
            break
    return spot


def _passes(start: NDArray[np.float64], end: NDArray[np.float64], occluder: Occluder) -> bool:
    centre = np.array([occluder.x, occluder.y])
    leg = end - start
    along = np.clip((centre - start) @ leg / max(float(leg @ leg), 1e-9), 0.0, 1.0)
    gap = float(np.linalg.norm(start + along * leg - centre))
    return gap > occluder.radius + _CLEARANCE


def _schedule(
    points: NDArray[np.float64],
    walking: NDArray[np.float64],
    pauses: NDArray[np.float64],
    stay: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times, places = [0.0], [points[0]]
    for index, seconds in enumerate(walking):
        times.append(times[-1] + max(float(seconds), 1e-3))
        places.append(points[index + 1])
        if index < len(pauses) and pauses[index] > 0.1:  # noqa: PLR2004
            times.append(times[-1] + float(pauses[index]))
            places.append(points[index + 1])
    scaled = np.array(times) * (stay / times[-1])
    return scaled, np.array(places)
