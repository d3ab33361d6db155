"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def area(xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Areas of boxes [N, 4], in square pixels, [N]."""
    boxes = np.asarray(xyxy, dtype=np.float64)
    sides: NDArray[np.float64] = boxes[:, 2:] - boxes[:, :2]
    return sides[:, 0] * sides[:, 1]


def iou(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of every pair.

    Args:
        one: Boxes xyxy [N, 4].
        other: Boxes xyxy [M, 4].

    Returns:
        [N, M] in 0..1; 0 where both boxes are empty.
    """
    first = np.asarray(one, dtype=np.float64).reshape(-1, 4)
    second = np.asarray(other, dtype=np.float64).reshape(-1, 4)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    shared = sides[..., 0] * sides[..., 1]
    union = area(first)[:, None] + area(second)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0)
