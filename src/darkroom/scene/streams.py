"""One stream of chance per cause, so that no cause disturbs another.

Each stream is a child of the world's seed, addressed by what it is for. Drawing
noise for a frame cannot move a person, and any frame can be rendered alone.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream is for. Numbers are part of every recipe's meaning."""

    LAYOUT = 0
    PEOPLE_ARRIVE = 1
    VEHICLES_ARRIVE = 2
    PERSON = 3
    VEHICLE = 4
    SURFACE = 5
    CAMERA = 6
    NOISE = 7


def stream(seed: int, cause: Stream, *which: int) -> np.random.Generator:
    """The stream of one cause, for example of frame 7 on camera 0.

    Args:
        seed: The world's seed.
        cause: What the stream is for.
        which: Which one of its kind.

    Returns:
        A fresh generator; the same arguments give the same numbers. The key is
        what `SeedSequence.spawn` would hand to that child.
    """
    child = np.random.SeedSequence(seed, spawn_key=(int(cause), *which))
    return np.random.Generator(np.random.PCG64(child))
