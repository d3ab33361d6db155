"""Variety: annotated pictures changed at random, so that a detector learns the objects."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
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
    size = np.array(image.shape[1::-1])
    part = np.maximum(1, np.rint(size * (1.0 - variety.crop * rng.random()))).astype(np.int64)
    corner = np.floor(rng.random(2) * (size - part + 1)).astype(np.int64)
    mirrored = rng.random() < variety.mirror
    factor = rng.uniform(*variety.gain) * rng.uniform(1.0 - variety.cast, 1.0 + variety.cast, 3)
    offset = rng.uniform(-variety.offset, variety.offset)

    (x, y), (width, height) = corner, part
    chosen = image[y : y + height, x : x + width]
    levels = np.arange(256)[:, None] * factor + offset
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    changed = cv2.LUT(chosen[:, ::-1] if mirrored else chosen, table[None])
    return changed.astype(np.uint8, copy=False), _moved(truth, corner, part, mirrored=mirrored)


def _moved(
    truth: Annotations, corner: NDArray[np.int64], part: NDArray[np.int64], *, mirrored: bool
) -> Annotations:
    """The annotations of a part of the picture."""
    shifted = truth.xyxy.reshape(-1, 2, 2) - corner
    inside = np.clip(shifted, 0, part)
    left = np.prod(inside[:, 1] - inside[:, 0], axis=1)
    kept = left >= _KEPT * np.prod(shifted[:, 1] - shifted[:, 0], axis=1)
    xyxy = inside.reshape(-1, 4)
    if mirrored:
        xyxy[:, [0, 2]] = part[0] - xyxy[:, [2, 0]]
    return Annotations(
        xyxy=xyxy[kept].astype(np.float32),
        class_id=truth.class_id[kept],
        identity=truth.identity[kept],
        visibility=truth.visibility[kept],
    )
