"""Draws what stands on the plaza and hides people: posts and planters."""

from __future__ import annotations

import numpy as np

from darkroom.scene.appearance import tint
from darkroom.scene.camera import Camera
from darkroom.scene.canvas import Canvas
from darkroom.scene.layout import Occluder
from darkroom.scene.recipe import Rgb


_NEAREST = 0.4
_STRIPES = ((-1.0, -0.3, 1.1), (-0.3, 0.45, 0.92), (0.45, 1.0, 0.7))
"""From, to (in radii) and brightness: three stripes make a column look round."""
_HEDGE: Rgb = (62, 92, 48)


def draw_occluder(canvas: Canvas, camera: Camera, occluder: Occluder) -> None:
    """Paint a post or a planter; nothing where it is behind the camera.

    Args:
        canvas: The picture; `begin` was called with the occluder's mark.
        camera: Who looks.
        occluder: What and where.
    """
    foot = np.array([occluder.x, occluder.y, 0.0])
    view = camera.position[:2] - foot[:2]
    view /= max(float(np.linalg.norm(view)), 1e-6)
    across = np.array([view[1], -view[0], 0.0]) * occluder.radius
    grey = round(255 * occluder.tone)
    if occluder.kind == "post":
        _column(canvas, camera, foot, across, (0.0, occluder.height), (grey, grey, grey))
    else:
        rim = 0.55 * occluder.height
        _column(
            canvas, camera, foot, across, (0.0, rim), (grey, round(0.93 * grey), round(0.86 * grey))
        )
        _column(canvas, camera, foot, 0.9 * across, (rim, occluder.height), _HEDGE)


def _column(
    canvas: Canvas,
    camera: Camera,
    foot: np.ndarray,
    across: np.ndarray,
    span: tuple[float, float],
    colour: Rgb,
) -> None:
    low, high = np.array([0.0, 0.0, span[0]]), np.array([0.0, 0.0, span[1]])
    for start, end, shade in _STRIPES:
        quad = foot + np.array(
            [start * across + high, end * across + high, end * across + low, start * across + low]
        )
        pixels, depth = camera.project(quad)
        if depth.min() < _NEAREST:
            return
        canvas.convex(pixels, tint(colour, shade))
