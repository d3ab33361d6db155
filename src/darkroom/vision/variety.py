"""Variety: annotated pictures changed at random, so that a detector learns the objects."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.model.detection import Annotations


_KEPT = 0.5
"""An object stays annotated when at least this share of its box is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """How much a picture is changed; zeros and `gain=(1, 1)` leave it but for the mirror.

    Attributes:
        gain: Range of the brightness factor.
        offset: Largest brightness offset, in grey levels.
        cast: Largest change of one colour channel, as a share.
        crop: Largest share of width and height that is cut off.
        mirror: Probability of exchanging left and right.
    """

    gain: tuple[float, float] = (0.7, 1.3)
    offset: float = 20.0
    cast: float = 0.15
    crop: float = 0.2
    mirror: float = 0.5


def vary(
    rng: np.random.Generator, image: NDArray[np.uint8], truth: Annotations, variety: Variety
) -> tuple[NDArray[np.uint8], Annotations]:
    """A changed picture and its annotations.

    Args:
        rng: Where the chance comes from.
        image: RGB uint8 [H, W, 3].
        truth: Its annotations.
        variety: How much.

    Returns:
        A picture that may be smaller, and its annotations.
    """
    image, truth = _cropped(rng, image, truth, variety.crop)
    if rng.random() < variety.mirror:
        image, truth = _mirrored(image, truth)
    factor = rng.uniform(*variety.gain) * rng.uniform(1.0 - variety.cast, 1.0 + variety.cast, 3)
    offset = rng.uniform(-variety.offset, variety.offset)
    levels = np.arange(256)[:, None] * factor + offset
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.stack([table[image[..., k], k] for k in range(3)], axis=-1), truth


def _mirrored(
    image: NDArray[np.uint8], truth: Annotations
) -> tuple[NDArray[np.uint8], Annotations]:
    width = image.shape[1]
    xyxy = truth.xyxy.copy()
    xyxy[:, [0, 2]] = width - xyxy[:, [2, 0]]
    return image[:, ::-1], dataclasses.replace(truth, xyxy=xyxy)


def _cropped(
    rng: np.random.Generator, image: NDArray[np.uint8], truth: Annotations, most: float
) -> tuple[NDArray[np.uint8], Annotations]:
    """A random part of the picture, and the objects of which at least half is left."""
    size = np.array(image.shape[1::-1])
    part = np.maximum(1, np.rint(size * (1.0 - most * rng.random()))).astype(np.int64)
    corner = np.floor(rng.random(2) * (size - part + 1)).astype(np.int64)
    (x, y), (width, height) = corner, part
    shifted = truth.xyxy.reshape(-1, 2, 2) - corner
    inside = np.clip(shifted, 0, part)
    left = np.prod(inside[:, 1] - inside[:, 0], axis=1)
    whole = np.prod(shifted[:, 1] - shifted[:, 0], axis=1)
    kept = dataclasses.replace(truth, xyxy=inside.reshape(-1, 4)).select(left >= _KEPT * whole)
    return image[y : y + height, x : x + width], kept
