"""A pinhole camera above a flat ground, and where a pixel looks.

World axes in metres: x and y on the ground, z up. Picture axes in pixels: the
origin is the outer corner of the upper left pixel, so boxes need no offset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera without lens distortion.

    Attributes:
        width: Picture width in pixels.
        height: Picture height in pixels.
        focal: Focal length in pixels.
        position: Its place in metres, [3].
        axes: Unit vectors right, down and forward as rows, [3, 3].
    """

    width: int
    height: int
    focal: float
    position: NDArray[np.float64]
    axes: NDArray[np.float64] = field(repr=False)

    @classmethod
    def looking_at(
        cls,
        *,
        size: tuple[int, int],
        focal: float,
        position: NDArray[np.float64],
        target: NDArray[np.float64],
    ) -> Self:
        """A level camera (no roll) whose middle pixel sees `target`.

        Args:
            size: Width and height in pixels.
            focal: Focal length in pixels.
            position: Place of the camera in metres, [3].
            target: A point that is not straight above or below it, [3].
        """
        forward = target - position
        forward = forward / np.linalg.norm(forward)
        right = np.array([forward[1], -forward[0], 0.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        return cls(
            width=size[0],
            height=size[1],
            focal=focal,
            position=position,
            axes=np.stack([right, down, forward]),
        )

    def project(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Picture positions of points in the world.

        Args:
            points: [N, 3] in metres.

        Returns:
            Pixels [N, 2] and depth along the viewing axis [N] in metres. Pixels
            of points at a depth below 0.1 m mean nothing.
        """
        seen = (points - self.position) @ self.axes.T
        depth = seen[:, 2]
        scale = self.focal / np.maximum(depth, 0.1)
        centre = (self.width / 2.0, self.height / 2.0)
        return seen[:, :2] * scale[:, None] + centre, depth

    def rays(self, per_pixel: int) -> NDArray[np.float64]:
        """Viewing directions of a grid of `per_pixel` x `per_pixel` per pixel.

        Returns:
            [height * per_pixel, width * per_pixel, 3], not normalised.
        """
        step = 1.0 / per_pixel
        x = (np.arange(self.width * per_pixel) + 0.5) * step - self.width / 2.0
        y = (np.arange(self.height * per_pixel) + 0.5) * step - self.height / 2.0
        right, down, forward = self.axes
        across = x[None, :, None] * right
        along = y[:, None, None] * down
        return across + along + self.focal * forward
