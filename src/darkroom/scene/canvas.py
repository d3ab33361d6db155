"""A picture in the making: colours, and which actor each pixel belongs to.

Actors are painted from far to near (painter's algorithm). The canvas keeps the
id of the last painter of each pixel, which gives visibility for free.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.scene.recipe import Rgb


_SHIFT = 4
_FAR_OUT = 4000.0
NOBODY = 0
OCCLUDER = 255
MOST_ACTORS = 254


class Canvas:
    """Paints convex shapes given in pixels.

    Attributes:
        image: Colours in full light, uint8 [H, W, 3].
        owner: 0 for background, 255 for an occluder, else the actor's number on
            this picture, uint8 [H, W].
    """

    def __init__(self, background: NDArray[np.uint8]) -> None:
        """Start from a copy of an empty scene, uint8 [H, W, 3]."""
        self.image = background.copy()
        self.owner = np.zeros(background.shape[:2], dtype=np.uint8)
        self._glow = np.zeros_like(background)
        self._shiner = np.zeros_like(self.owner)
        self._painter = NOBODY
        self._shapes: list[NDArray[np.float64]] = []

    def begin(self, painter: int) -> None:
        """All further shapes belong to `painter`, 1..255."""
        self._painter = painter
        self._shapes = []

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 around all that the painter painted, unclipped."""
        corners = np.concatenate(self._shapes)
        return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())

    def held_by(self, painter: int, box: tuple[float, float, float, float]) -> int:
        """How many pixels inside the box belong to `painter`."""
        height, width = self.owner.shape
        x1, y1 = max(0, int(box[0]) - 2), max(0, int(box[1]) - 2)
        x2, y2 = min(width, int(box[2]) + 3), min(height, int(box[3]) + 3)
        if x1 >= x2 or y1 >= y2:
            return 0
        return int(np.count_nonzero(self.owner[y1:y2, x1:x2] == painter))

    def convex(self, corners: NDArray[np.float64], colour: Rgb) -> None:
        """Fill a convex shape, corners [N, 2] in pixels."""
        self._shapes.append(corners)
        fixed = _fixed_point(corners)
        cv2.fillConvexPoly(self.image, fixed, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillConvexPoly(self.owner, fixed, (self._painter,), cv2.LINE_8, _SHIFT)

    def shine(self, corners: NDArray[np.float64], colour: Rgb) -> None:
        """Add light of its own to a convex shape, corners [N, 2]."""
        fixed = _fixed_point(corners)
        cv2.fillConvexPoly(self._glow, fixed, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillConvexPoly(self._shiner, fixed, (self._painter,), cv2.LINE_8, _SHIFT)

    def glow(self) -> NDArray[np.uint8]:
        """The light that things give off and nothing nearer hides, uint8 [H, W, 3]."""
        seen = (self._shiner == self.owner) & (self._shiner != NOBODY)
        glow = cv2.bitwise_and(self._glow, self._glow, mask=seen.view(np.uint8))
        return glow.astype(np.uint8, copy=False)


def fill_mask(mask: NDArray[np.uint8], corners: NDArray[np.float64], value: int) -> None:
    """Fill a convex shape in a one-channel picture, with soft edges."""
    cv2.fillConvexPoly(mask, _fixed_point(corners), (value,), cv2.LINE_AA, _SHIFT)


def _fixed_point(corners: NDArray[np.float64]) -> NDArray[np.int32]:
    # OpenCV counts from the middle of a pixel, we from its outer corner
    inside = np.minimum(np.maximum(corners - 0.5, -_FAR_OUT), _FAR_OUT)
    return np.rint(inside * (1 << _SHIFT)).astype(np.int32)
