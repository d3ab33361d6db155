"""The centre-point detector's language: pictures to input, output to boxes.

An object is a peak in a heat map at its centre and four numbers beside it (Zhou et
al., "Objects as Points", 2019). Per cell of the grid: the offset of the centre from
the middle of the cell, in cells, and the logarithm of width and height over a
reference box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.errors import DataError
from darkroom.model.detection import Detections
from darkroom.vision.nms import suppress


STRIDE = 8
REFERENCE_WIDTH = 16.0
REFERENCE_HEIGHT = 32.0
_LONGEST_LOG = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The detector's input size, and the cells of its output.

    Attributes:
        width: Input width in pixels, a multiple of 16.
        height: Input height in pixels, a multiple of 16.

    Raises:
        DataError: A side is no positive multiple of 16.
    """

    width: int = 240
    height: int = 192

    def __post_init__(self) -> None:
        """Check that the detector's up-sampling fits."""
        for side in (self.width, self.height):
            if side <= 0 or side % (2 * STRIDE):
                message = f"a side of {side} pixels is no multiple of {2 * STRIDE}"
                raise DataError(message, next_step="choose another input size")

    @property
    def columns(self) -> int:
        """Cells across."""
        return self.width // STRIDE

    @property
    def rows(self) -> int:
        """Cells down."""
        return self.height // STRIDE


DEFAULT_GRID = Grid()


def prepare(image: NDArray[np.uint8], grid: Grid = DEFAULT_GRID) -> NDArray[np.uint8]:
    """Bring a picture to the detector's input size; proportions may change.

    Args:
        image: RGB uint8 [H, W, 3].
        grid: The detector's size.

    Returns:
        RGB uint8 [grid.height, grid.width, 3].

    Raises:
        DataError: The picture is no RGB uint8 picture.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:  # noqa: PLR2004
        message = f"a picture is uint8 [H, W, 3], not {image.dtype} {image.shape}"
        raise DataError(message, next_step="decode the frame to RGB first")
    ready = cv2.resize(image, (grid.width, grid.height), interpolation=cv2.INTER_AREA)
    return ready.astype(np.uint8, copy=False)


def normalise(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels 0..255 to -1..1, float32 of the same shape."""
    return image.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def decode(
    heat: NDArray[np.floating],
    boxes: NDArray[np.floating],
    size: tuple[int, int],
    *,
    threshold: float = 0.3,
    most: int = 60,
    overlap: float = 0.5,
) -> Detections:
    """Read boxes out of the detector's two outputs.

    Args:
        heat: Logits [rows, columns, classes].
        boxes: dx, dy, log width, log height [rows, columns, 4].
        size: Width and height of the original picture in pixels.
        threshold: Lowest confidence; 0.05 for AP, 0.3 to look at or to track.
        most: At most so many peaks are read, best first.
        overlap: Same-class boxes above this IoU are one object.

    Returns:
        Detections in pixels of the original picture, best first.
    """
    rows, columns, classes = heat.shape
    score = 1.0 / (1.0 + np.exp(-heat.astype(np.float64)))
    score[~_is_peak(score) | (score < threshold)] = 0.0
    flat = score.reshape(-1)
    best = np.argsort(-flat, kind="stable")[:most]
    best = best[flat[best] > 0.0]
    row, column, class_id = np.unravel_index(best, (rows, columns, classes))
    code = boxes[row, column].astype(np.float64)
    sides = np.exp(np.clip(code[:, 2:], -_LONGEST_LOG, _LONGEST_LOG))
    half = 0.5 * sides * (REFERENCE_WIDTH, REFERENCE_HEIGHT)
    centre = (np.stack([column, row], axis=1) + 0.5 + code[:, :2]) * STRIDE
    to_picture = np.array(size) / (columns * STRIDE, rows * STRIDE)
    low = np.clip((centre - half) * to_picture, 0.0, size)
    high = np.clip((centre + half) * to_picture, 0.0, size)
    found = Detections(
        xyxy=np.concatenate([low, np.maximum(low, high)], axis=1),
        confidence=flat[best],
        class_id=class_id,
    )
    return suppress(found, overlap)


def _is_peak(score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a cell is the highest of its 3x3 neighbourhood, per class.

    A plateau, frequent with int8 outputs, has its peak in the first cell.
    """
    rows, columns, _ = score.shape
    framed = np.pad(score, ((1, 1), (1, 1), (0, 0)), constant_values=-1.0)
    peak = np.ones(score.shape, dtype=bool)
    for down in range(3):
        for right in range(3):
            beside = framed[down : down + rows, right : right + columns]
            if (down, right) < (1, 1):
                peak &= score > beside
            elif (down, right) > (1, 1):
                peak &= score >= beside
    return peak
