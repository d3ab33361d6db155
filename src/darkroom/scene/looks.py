"""Draws a look at random: for mock twins, and for worlds to train detectors on."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import numpy as np

from darkroom.scene.recipe import Clothing, Look, Paving, Rgb, Traffic


_T = TypeVar("_T")
Light = Literal["day", "night"]
Busyness = Literal["quiet", "moderate", "busy"]

_PEOPLE = {"quiet": (3.0, 6.0), "moderate": (8.0, 13.0), "busy": (14.0, 20.0)}
_VEHICLES = {"quiet": (3.0, 6.0), "moderate": (6.0, 12.0), "busy": (12.0, 18.0)}
"""Arrivals per minute."""


def random_look(rng: np.random.Generator, light: Light) -> Look:
    """A look of the given kind of light; everything else is chance.

    Args:
        rng: Where the chance comes from.
        light: "day" or "night".

    Returns:
        The look.
    """
    day = light == "day"
    low = rng.uniform(3.0, 4.6)
    near = rng.uniform(1.02, 1.28)
    return Look(
        light=rng.uniform(0.7, 1.1) if day else rng.uniform(0.1, 0.2),
        lamps=0 if day else int(rng.integers(2, 5)),
        flicker=rng.uniform(0.02, 0.2),
        flicker_hz=rng.uniform(0.01, 0.08),
        noise=rng.uniform(2.0, 6.0) if day else rng.uniform(6.0, 9.0),
        shadow=rng.uniform(0.1, 0.5) if day else 0.0,
        ground=_colour(rng, (90, 185), 38),
        paving=_one_of(rng, get_args(Paving)),
        walls=_colour(rng, (90, 195), 42),
        sky=_colour(rng, (185, 220), 20) if day else (14, 18, 30),
        clothing=_one_of(rng, get_args(Clothing)),
        camera_height=(low, low + 0.9),
        focal=(near, near + 0.15),
        occluders=int(rng.integers(1, 6)),
    )


def random_traffic(rng: np.random.Generator, busyness: Busyness) -> Traffic:
    """Arrival rates of the given kind.

    Args:
        rng: Where the chance comes from.
        busyness: "quiet", "moderate" or "busy".

    Returns:
        The traffic.
    """
    return Traffic(
        people_per_minute=rng.uniform(*_PEOPLE[busyness]),
        vehicles_per_minute=rng.uniform(*_VEHICLES[busyness]),
        parking_share=rng.uniform(0.2, 0.5),
    )


def _colour(rng: np.random.Generator, grey: tuple[int, int], spread: int) -> Rgb:
    level = rng.uniform(*grey)
    red, green, blue = np.clip(level + rng.uniform(-spread, spread, 3), 0, 255)
    return int(red), int(green), int(blue)


def _one_of(rng: np.random.Generator, choices: tuple[_T, ...]) -> _T:
    return choices[int(rng.integers(len(choices)))]
