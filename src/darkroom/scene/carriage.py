"""Draws a vehicle: two stacked boxes with windows, wheels and lights.

Only faces that look at the camera are painted; body first, then the cabin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.scene.appearance import VehicleLook, tint
from darkroom.scene.camera import Camera
from darkroom.scene.canvas import Canvas
from darkroom.scene.recipe import Rgb
from darkroom.scene.trajectory import Pose


_NEAREST = 0.6
_FLOOR = 0.22
_WHEEL = 0.32
_GLASS: Rgb = (52, 62, 72)
_TYRE: Rgb = (24, 24, 26)
_SHADES = {"top": 1.12, "left": 0.92, "right": 0.8, "front": 0.98, "rear": 0.86}
_ROUND = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 11)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 11)[:-1])],
    axis=1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Face:
    name: str
    corners: NDArray[np.float64]  # [4, 3]: top edge first, then the bottom edge back


_FACES: tuple[tuple[str, int, float, list[int]], ...] = (
    ("left", 1, 1.0, [3, 7, 6, 2]),
    ("right", 1, -1.0, [5, 1, 0, 4]),
    ("front", 0, 1.0, [7, 5, 4, 6]),
    ("rear", 0, -1.0, [1, 3, 2, 0]),
    ("top", 2, 1.0, [1, 5, 7, 3]),
)
"""Name, axis and sign of the outward normal, and which corners of `_corners`."""


def draw_vehicle(
    canvas: Canvas,
    camera: Camera,
    look: VehicleLook,
    pose: Pose,
    *,
    lights: bool,
) -> bool:
    """Paint a vehicle.

    Args:
        canvas: The picture; `begin` was called for this vehicle.
        camera: Who looks.
        look: Size and paint.
        pose: Where its middle is and where it goes.
        lights: Whether head and tail lights are on.

    Returns:
        False where it is behind or too near to the camera: not painted.
    """
    ahead = np.array([np.cos(pose.heading), np.sin(pose.heading), 0.0])
    frame = np.array([ahead, [-ahead[1], ahead[0], 0.0], [0.0, 0.0, 1.0]])
    origin = np.array([*pose.place, 0.0])
    half, wide = look.length / 2.0, look.width / 2.0
    body = (-half, half, -wide, wide, _FLOOR, look.body)
    back = half * look.cabin
    inset = 0.06 * look.width
    cabin = (-look.setback - back, back - look.setback, -wide + inset, wide - inset,
             look.body, look.height)  # fmt: skip
    if camera.project(_corners(body) @ frame + origin)[1].min() < _NEAREST:
        return False
    for face in _seen(body, frame, origin, camera):
        canvas.convex(camera.project(face.corners)[0], tint(look.paint, _SHADES[face.name]))
        if face.name in {"left", "right"}:
            _wheels(canvas, camera, face, look.length)
        elif face.name in {"front", "rear"}:
            _lamps(canvas, camera, face, lights=lights)
    for face in _seen(cabin, frame, origin, camera):
        canvas.convex(camera.project(face.corners)[0], tint(look.paint, _SHADES[face.name]))
        if face.name != "top":
            canvas.convex(
                camera.project(_window(face.corners))[0], tint(_GLASS, _SHADES[face.name])
            )
    return True


def _corners(box: tuple[float, ...]) -> NDArray[np.float64]:
    x1, x2, y1, y2, z1, z2 = box
    return np.array([(x, y, z) for x in (x1, x2) for y in (y1, y2) for z in (z1, z2)])


def _seen(
    box: tuple[float, ...],
    frame: NDArray[np.float64],
    origin: NDArray[np.float64],
    camera: Camera,
) -> Iterator[_Face]:
    corners = _corners(box)
    eye = (camera.position - origin) @ frame.T
    for name, axis, sign, order in _FACES:
        if sign * (eye[axis] - corners[order[0], axis]) > 0.0:
            yield _Face(name, corners[order, :] @ frame + origin)


def _window(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The face shrunk to its glass."""
    top_left, top_right, low_right, low_left = corners
    across = 0.08 * (top_right - top_left)
    down = low_left - top_left
    return np.array([
        top_left + across + 0.14 * down, top_right - across + 0.14 * down,
        low_right - across - 0.1 * down, low_left + across - 0.1 * down,
    ])  # fmt: skip


def _wheels(canvas: Canvas, camera: Camera, face: _Face, length: float) -> None:
    low_right, low_left = face.corners[2], face.corners[3]
    along = (low_right - low_left) / length
    for offset in (0.19, 0.81):
        hub = low_left + along * length * offset
        hub = np.array([hub[0], hub[1], _WHEEL])
        rim = hub + _WHEEL * (_ROUND[:, :1] * along + _ROUND[:, 1:] * [0.0, 0.0, 1.0])
        canvas.convex(camera.project(rim)[0], _TYRE)


def _lamps(canvas: Canvas, camera: Camera, face: _Face, *, lights: bool) -> None:
    top_left, top_right, _, low_left = face.corners
    across, down = top_right - top_left, low_left - top_left
    front = face.name == "front"
    colour: Rgb = (236, 232, 214) if front else (150, 26, 24)
    for start in (0.06, 0.74):
        corner = top_left + start * across + 0.38 * down
        quad = np.array(
            [
                corner,
                corner + 0.2 * across,
                corner + 0.2 * across + 0.22 * down,
                corner + 0.22 * down,
            ]
        )
        pixels = camera.project(quad)[0]
        canvas.convex(pixels, colour)
        if lights:
            canvas.shine(pixels, (225, 215, 180) if front else (120, 14, 10))
