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
    scale = np.array([grid.width / size[0], grid.height / size[1]])
    edges = annotations.xyxy.astype(np.float64).reshape(-1, 2, 2) * scale
    sides = np.maximum(edges[:, 1] - edges[:, 0], _SMALLEST_SIDE)
    centres = edges.mean(axis=1) / STRIDE
    logs = np.log(sides / (REFERENCE_WIDTH, REFERENCE_HEIGHT))
    cells = np.clip(centres.astype(np.int64), 0, (grid.columns - 1, grid.rows - 1))
    for index in np.argsort(annotations.xyxy[:, 3], kind="stable"):
        class_id = annotations.class_id[index]
        if class_id < classes:
            column, row = cells[index].tolist()
            _paint_bell(heat[:, :, class_id], (column, row), sides[index])
            _paint_box(boxes, weight, (column, row), centres[index], sides[index], logs[index])
    return Target(heat, boxes, weight)


def _paint_bell(
    heat: NDArray[np.float32], cell: tuple[int, int], sides: NDArray[np.float64]
) -> None:
    """A bell around a centre, as wide as the object, and 1 on the centre itself."""
    column, row = cell
    spread = np.maximum(0.5, sides / STRIDE / _SPREAD)
    across = np.exp(-0.5 * ((np.arange(heat.shape[1]) - column) / spread[0]) ** 2)
    down = np.exp(-0.5 * ((np.arange(heat.shape[0]) - row) / spread[1]) ** 2)
    bell = _HIGHEST_BESIDE * np.outer(down, across)
    np.maximum(heat, bell, out=heat, casting="same_kind")
    heat[row, column] = 1.0


def _paint_box(
    boxes: NDArray[np.float32],
    weight: NDArray[np.float32],
    cell: tuple[int, int],
    centre: NDArray[np.float64],
    sides: NDArray[np.float64],
    logs: NDArray[np.float64],
) -> None:
    """A box in its cell and, with less weight, in the cells around that it covers."""
    column, row = cell
    (x, y), (log_width, log_height) = centre.tolist(), logs.tolist()
    half_width, half_height = (sides / STRIDE / 2.0).tolist()
    rows, columns = weight.shape
    for r in range(max(0, row - 1), min(rows, row + 2)):
        for c in range(max(0, column - 1), min(columns, column + 2)):
            dx, dy = x - (c + 0.5), y - (r + 0.5)
            if (r, c) == cell[::-1]:
                boxes[r, c] = (dx, dy, log_width, log_height)
                weight[r, c] = 1.0
            elif abs(dx) <= half_width and abs(dy) <= half_height and weight[r, c] != 1.0:
                # a neighbour never takes the place of a centre
                boxes[r, c] = (dx, dy, log_width, log_height)
                weight[r, c] = _NEIGHBOUR_WEIGHT
