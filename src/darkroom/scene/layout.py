"""The place: a plaza between houses, a street along it, and where things stand.

The plan, seen from above (metres; x to the right, y up), is the same for every
world; what stands where in it is drawn from the layout stream:

    y = 13    ------- houses, archways -------
    y 11..13  pavement
    y 5..11   street, two lanes
    y 3..5    kerb, parking bays
    y -8..3   plaza: people, posts, planters
    y = -8.5  ------- houses, archways -------
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from darkroom.scene.camera import Camera
from darkroom.scene.recipe import CameraSpec, Look
from darkroom.scene.streams import Stream, stream


NEAR_WALL_Y = -8.5
FAR_WALL_Y = 13.0
END_WALL_X = 36.0
WALL_HEIGHT = 9.0
PLAZA = (-8.5, -7.3, 8.5, 2.4)
"""x1, y1, x2, y2 of the ground on which people choose their way-points."""
FAR_PAVEMENT = (-11.0, 11.7, 11.0, 12.4)
LANES = (6.5, 9.5)
BAY_Y = 4.1
BAYS = (-6.5, 0.0, 6.5)
LANE_END = 31.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """An archway through which people enter and leave.

    Attributes:
        x: Its middle along the wall in metres.
        side: Which wall, "near" or "far".
    """

    x: float
    side: Literal["near", "far"]

    @property
    def point(self) -> NDArray[np.float64]:
        """The threshold on the ground, [2]."""
        y = NEAR_WALL_Y if self.side == "near" else FAR_WALL_Y
        return np.array([self.x, y])


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluder:
    """A post or a planter that hides what is behind it.

    Attributes:
        kind: What it is.
        x: Middle in metres.
        y: Middle in metres.
        radius: Half its width in metres.
        height: Height in metres.
        tone: Brightness of its colour, 0..1.
    """

    kind: Literal["post", "planter"]
    x: float
    y: float
    radius: float
    height: float
    tone: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything stands.

    Attributes:
        gates: The archways, at least two on the near and two on the far side.
        occluders: Posts and planters on the plaza.
        lamps: Places of the lit street lamps, [K, 3] in metres.
        sun: Where a shadow's tip falls per metre of height, [2] in metres.
        cameras: One per camera of the recipe, in its order.
    """

    gates: tuple[Gate, ...]
    occluders: tuple[Occluder, ...]
    lamps: NDArray[np.float64]
    sun: NDArray[np.float64]
    cameras: tuple[Camera, ...]


def build_layout(seed: int, look: Look, cameras: tuple[CameraSpec, ...]) -> Layout:
    """Draw a layout. Adding a camera at the end moves nothing else.

    Args:
        seed: The world's seed.
        look: The recipe's look.
        cameras: The recipe's cameras.

    Returns:
        The layout.
    """
    rng = stream(seed, Stream.LAYOUT)
    gates = tuple(_gates(rng))
    lamps = np.array(
        [
            (-10.0 + 20.0 * (k + 0.5) / look.lamps + rng.uniform(-1, 1), 2.8, 4.6)
            for k in range(look.lamps)
        ]
    ).reshape(-1, 3)
    azimuth = rng.uniform(0.0, 2.0 * np.pi)
    length = rng.uniform(0.5, 1.3)
    sun = length * np.array([np.cos(azimuth), np.sin(azimuth)])
    places = rng.permutation(len(_PLACES))
    occluders = tuple(_occluders(rng, look.occluders))
    return Layout(
        gates=gates,
        occluders=occluders,
        lamps=lamps,
        sun=sun,
        cameras=tuple(
            _camera(seed, index, int(places[index % len(_PLACES)]), look, spec)
            for index, spec in enumerate(cameras)
        ),
    )


def _gates(rng: np.random.Generator) -> Iterator[Gate]:
    for x in (-7.0, 0.0, 7.0):
        yield Gate(x=x + rng.uniform(-1.2, 1.2), side="near")
    for x in (-8.5, 8.5):
        yield Gate(x=x + rng.uniform(-1.5, 1.5), side="far")


def _occluders(rng: np.random.Generator, count: int) -> Iterator[Occluder]:
    for _ in range(count):
        post = rng.random() < 0.65  # noqa: PLR2004 - two posts to a planter
        yield Occluder(
            kind="post" if post else "planter",
            x=rng.uniform(-6.5, 6.5),
            y=rng.uniform(-5.0, 1.6),
            radius=rng.uniform(0.09, 0.24) if post else rng.uniform(0.45, 0.75),
            height=rng.uniform(2.2, 4.2) if post else rng.uniform(0.7, 1.1),
            tone=rng.uniform(0.2, 0.6),
        )


_PLACES = (
    # x, y of the camera; x, y of what it looks at, before jitter; lens
    (-7.0, -8.1, 1.0, 0.5, 1.0),
    (7.0, -8.1, -1.0, 0.5, 1.0),
    (-10.2, -2.5, 1.0, 0.5, 1.0),
    (10.2, -2.5, -1.0, 0.5, 1.0),
    (1.5, 12.4, 0.0, -1.5, 1.3),  # across the street: a longer lens
)


def _camera(seed: int, index: int, place: int, look: Look, spec: CameraSpec) -> Camera:
    rng = stream(seed, Stream.CAMERA, index)
    x, y, to_x, to_y, lens = _PLACES[place]
    position = np.array([x + rng.uniform(-1.2, 1.2), y, rng.uniform(*look.camera_height)])
    target = np.array([to_x, to_y, 0.8]) + [*rng.uniform(-1.3, 1.3, size=2), 0.0]
    return Camera.looking_at(
        size=(spec.width, spec.height),
        focal=lens * rng.uniform(*look.focal) * spec.width,
        position=position,
        target=target,
    )
