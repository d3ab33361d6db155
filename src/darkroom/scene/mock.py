"""The mock twin of a dataset, made from what its card tells everybody.

Nothing here can see a private frame: the arguments are public facts, and layout,
palette, people and noise come from the mock's own seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from darkroom.errors import SpecError
from darkroom.model.detection import CLASSES, Annotations
from darkroom.scene.looks import Busyness, Light, random_look, random_traffic
from darkroom.scene.recipe import DRAWN_AS, CameraSpec, WorldRecipe
from darkroom.scene.world import World


DEFAULT_DURATION = 60.0
_MOCK = 0xD0CC
"""Keeps a mock's chance apart from a private world's of the same seed."""


class PublicCamera(Protocol):
    """The facts of a camera that a dataset card tells."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def width(self) -> int:
        """Picture width in pixels."""

    @property
    def height(self) -> int:
        """Picture height in pixels."""

    @property
    def fps(self) -> float:
        """Frames per second."""


def mock_recipe(
    cameras: Iterable[PublicCamera],
    look: Mapping[str, Any],
    classes: Sequence[str],
    seed: int,
    *,
    duration: float = DEFAULT_DURATION,
) -> WorldRecipe:
    """The recipe of a mock twin.

    Args:
        cameras: Public facts of the cameras; any size and rate.
        look: Coarse public hints: `light` ("day" or "night"; day if absent) and
            `busyness` ("quiet", "moderate" or "busy"; moderate if absent).
        classes: The dataset's class names; where the world can draw none of them
            (or there are none), it draws its own people and vehicles, and annotates
            them in that order.
        seed: The mock's seed.
        duration: Length of the mock in seconds.

    Returns:
        A recipe; its seed is drawn from `seed` and the names of the cameras, and
        decides layout, palette and people anew.

    Raises:
        SpecError: A hint is unknown or has an unknown value, or a camera is
            impossible.
    """
    hints = {"light": "day", "busyness": "moderate", **look}
    legal = {"light": get_args(Light), "busyness": get_args(Busyness)}
    for name, value in hints.items():
        if name not in legal:
            message = f"a mock's look knows no {name!r}, only {sorted(legal)}"
            raise SpecError(message, next_step="correct the look of the dataset card")
        if value not in legal[name]:
            message = f"a mock's {name} cannot be {ascii(value)[:60]}, only {list(legal[name])}"
            raise SpecError(message, next_step="correct the look of the dataset card")
    specs = tuple(CameraSpec(id=c.id, width=c.width, height=c.height, fps=c.fps) for c in cameras)
    # two sites with one seed get two mocks
    site = zlib.crc32("\n".join(spec.id for spec in specs).encode())
    rng = np.random.default_rng([seed, site, _MOCK])
    drawable = any(name in DRAWN_AS for name in classes)
    return WorldRecipe(
        seed=int(rng.integers(2**62)),
        duration=duration,
        cameras=specs,
        look=random_look(rng, hints["light"]),
        traffic=random_traffic(rng, hints["busyness"]),
        classes=tuple(classes) if drawable else CLASSES,
    )


def clip(
    recipe: WorldRecipe, camera_id: str, seconds: float
) -> Iterator[tuple[NDArray[np.uint8], Annotations]]:
    """The first seconds of one camera, frame by frame: a tiny clip to look at.

    Args:
        recipe: Usually a mock's.
        camera_id: Which camera.
        seconds: How much of it; the end of the recording ends it too.

    Yields:
        RGB uint8 [H, W, 3] and its annotations.

    Raises:
        KeyError: There is no such camera.
    """
    world = World(recipe)
    for index in range(world.frame_count(camera_id)):
        if world.second(camera_id, index) >= seconds:
            return
        yield world.frame(camera_id, index)
