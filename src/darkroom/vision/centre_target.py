"""What the centre-point detector should say: annotations to training targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.model.detection import Annotations
from darkroom.vision.centre_point import (
    REFERENCE_HEIGHT,
    REFERENCE_WIDTH,
    STRIDE,
    Grid,
)


_SPREAD = 5.0
_HIGHEST_BESIDE = 0.98
_NEIGHBOUR_WEIGHT = 0.3
_SMALLEST_SIDE = 1.0


class Target(NamedTuple):
    """Targets of one picture.

    Attributes:
        heat: 1 at the cell of a centre, a bell around it, float32 [rows, columns,
            classes].
        boxes: dx, dy, log width, log height, float32 [rows, columns, 4].
        weight: How much each cell's box counts: 1 at a centre, 0.3 beside it, 0
            elsewhere, float32 [rows, columns].
    """

    heat: NDArray[np.float32]
    boxes: NDArray[np.float32]
    weight: NDArray[np.float32]


def encode(annotations: Annotations, size: tuple[int, int], classes: int, grid: Grid) -> Target:
    """Paint the targets of one picture.

    Boxes are painted in the order of their lower edge, so the nearer object wins a
    cell that two objects want.

    Args:
        annotations: What is true, in pixels of the original picture.
        size: Width and height of the original picture.
        classes: Number of classes; annotations of other classes are left out.
        grid: The detector's size.

    Returns:
        The targets.
    """
    heat = np.zeros((grid.rows, grid.columns, classes), dtype=np.float32)
    boxes = np.zeros((grid.rows, grid.columns, 4), dtype=np.float32)
    weight = np.zeros((grid.rows, grid.columns), dtype=np.float32)
    known = annotations.select(annotations.class_id < classes)
    scale = np.array([grid.width / size[0], grid.height / size[1]])
    edges = known.xyxy.astype(np.float64).reshape(-1, 2, 2) * scale
    for index in np.argsort(known.xyxy[:, 3], kind="stable"):
        low, high = edges[index]
        sides = np.maximum(high - low, _SMALLEST_SIDE)
        centre = (low + high) / 2.0 / STRIDE
        layer = heat[:, :, known.class_id[index]]
        _paint(layer, boxes, weight, centre, sides)
    return Target(heat, boxes, weight)


def _paint(
    heat: NDArray[np.float32],
    boxes: NDArray[np.float32],
    weight: NDArray[np.float32],
    centre: NDArray[np.float64],
    sides: NDArray[np.float64],
) -> None:
    """One object: a bell in its class's heat map, its box in and beside its cell."""
    rows, columns = heat.shape
    column = int(np.clip(centre[0], 0, columns - 1))
    row = int(np.clip(centre[1], 0, rows - 1))
    spread = np.maximum(0.5, sides / STRIDE / _SPREAD)
    across = ((np.arange(columns) - column) / spread[0]) ** 2
    down = ((np.arange(rows) - row) / spread[1]) ** 2
    bell = _HIGHEST_BESIDE * np.exp(-0.5 * (down[:, None] + across[None]))
    np.maximum(heat, bell, out=heat, casting="same_kind")
    heat[row, column] = 1.0
    logs = np.log(sides / (REFERENCE_WIDTH, REFERENCE_HEIGHT))
    half = sides / STRIDE / 2.0
    for r in range(max(0, row - 1), min(rows, row + 2)):
        for c in range(max(0, column - 1), min(columns, column + 2)):
            offset = centre - (c + 0.5, r + 0.5)
            at_centre = (r, c) == (row, column)
            if not at_centre and (weight[r, c] == 1.0 or (np.abs(offset) > half).any()):
                continue  # a neighbour never takes the place of a centre
            boxes[r, c] = (*offset, *logs)
            weight[r, c] = 1.0 if at_centre else _NEIGHBOUR_WEIGHT
