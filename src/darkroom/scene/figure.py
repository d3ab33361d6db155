"""Draws a walking person: legs that swing, a torso, arms, a head with a face.

Limbs are placed in the world and projected; torso and head are flat shapes that
face the camera and narrow when seen from the side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from darkroom.scene.appearance import PersonLook, tint
from darkroom.scene.camera import Camera
from darkroom.scene.canvas import Canvas
from darkroom.scene.recipe import Rgb
from darkroom.scene.trajectory import Pose


_STRIDE = 0.82
"""Stride length as a share of body height."""
_NEAREST = 0.6
_ROUND = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 13)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 13)[:-1])],
    axis=1,
)  # fmt: skip


_BODY = np.array([
    (0.0, 0.05, 0.50), (0.0, 0.055, 0.035), (0.0, -0.05, 0.50), (0.0, -0.055, 0.035),
    (0.0, 0.125, 0.80), (0.0, 0.14, 0.46), (0.0, -0.125, 0.80), (0.0, -0.14, 0.46),
    (0.0, 0.0, 0.46), (0.0, 0.0, 0.84), (0.015, 0.0, 0.925), (-0.105, 0.0, 0.68),
    (0.0, 0.0, 0.28),
])  # fmt: skip
"""Joints as (ahead, to the left, up) in body heights: left hip and foot, right hip
and foot, left shoulder and hand, right shoulder and hand, waist, neck, head,
backpack, hem of a coat."""
_SWINGING = np.zeros((13, 3))
_SWINGING[[1, 3, 5, 7], 0] = (0.15, -0.15, -0.13, 0.13)


def draw_person(canvas: Canvas, camera: Camera, look: PersonLook, pose: Pose) -> bool:
    """Paint a person.

    Args:
        canvas: The picture; `begin` was called for this person.
        camera: Who looks.
        look: Body and clothes.
        pose: Where the person stands, and how the legs are.

    Returns:
        False where the person is behind or too near to the camera: not painted.
    """
    tall = look.height
    ahead = np.array([np.cos(pose.heading), np.sin(pose.heading)])
    side = np.array([-ahead[1], ahead[0]])
    to_camera = camera.position[:2] - pose.place
    to_camera /= max(float(np.hypot(*to_camera)), 1e-6)
    facing = float(ahead @ to_camera)
    across = np.array([-to_camera[1], to_camera[0]])
    stride = _STRIDE * tall
    swing = float(np.sin(2.0 * np.pi * pose.walked / stride)) if pose.moving else 0.12
    body = _BODY * [1.0, look.build, 1.0] + _SWINGING * swing
    spots = pose.place + tall * (body[:, :1] * ahead + body[:, 1:2] * side)
    joints, depth = camera.project(np.column_stack([spots, tall * body[:, 2]]))
    if depth.min() < _NEAREST:
        return False
    pixels = camera.focal / float(depth[9]) * tall  # picture height of the body
    half = (
        look.build
        * pixels
        * float(np.hypot(0.135 * facing, 0.085 * np.sqrt(1 - min(1.0, facing**2))))
    )
    far_leg, near_leg = (0, 2) if side @ to_camera < 0 else (2, 0)
    sleeve = tint(look.shirt, 0.82)

    for leg, shade in ((far_leg, 0.72), (near_leg, 1.0)):
        colour = tint(look.trousers, shade)
        _limb(canvas, joints[leg], joints[leg + 1], 0.048 * pixels, 0.03 * pixels, colour)
        foot = joints[leg + 1]
        _limb(
            canvas, foot, foot + [0.0, 0.022 * pixels], 0.034 * pixels, 0.036 * pixels, (32, 28, 26)
        )
    _arm(canvas, joints, far_leg, pixels, tint(sleeve, 0.8), look.skin)
    if look.backpack and facing > 0.0:
        _blob(canvas, joints[11], 0.095 * pixels, 0.13 * pixels, look.backpack)
    _torso(canvas, joints, half, look)
    if look.backpack and facing <= 0.0:
        _blob(canvas, joints[11], 0.085 * pixels, 0.13 * pixels, look.backpack)
    _arm(canvas, joints, near_leg, pixels, sleeve, look.skin)
    _head(canvas, joints[10], pixels, facing, float(ahead @ across), look)
    return True


def _limb(
    canvas: Canvas, start: NDArray, end: NDArray, wide: float, narrow: float, colour: Rgb
) -> None:
    (x1, y1), (x2, y2) = start.tolist(), end.tolist()
    length = max(math.hypot(x2 - x1, y2 - y1), 1e-6)
    over_x, over_y = (y1 - y2) / length, (x2 - x1) / length
    outline = (
        (x1 + over_x * wide, y1 + over_y * wide),
        (x1 - over_x * wide, y1 - over_y * wide),
        (x2 - over_x * narrow, y2 - over_y * narrow),
        (x2 + over_x * narrow, y2 + over_y * narrow),
    )
    canvas.convex(np.array(outline), colour)


def _arm(canvas: Canvas, joints: NDArray, leg: int, pixels: float, sleeve: Rgb, skin: Rgb) -> None:
    shoulder, hand = joints[4 + leg], joints[5 + leg]
    wrist = shoulder + 0.85 * (hand - shoulder)
    _limb(canvas, wrist, hand, 0.02 * pixels, 0.018 * pixels, skin)
    _limb(canvas, shoulder, wrist, 0.03 * pixels, 0.022 * pixels, sleeve)


def _torso(canvas: Canvas, joints: NDArray, half: float, look: PersonLook) -> None:
    bottom = joints[12] if look.coat else joints[8]
    top = joints[9]
    waist = 1.0 if look.coat else 0.8
    left, right = np.array([-half, 0.0]), np.array([half, 0.0])
    drop = 0.12 * (bottom - top)
    lit = np.array(
        [
            top + 0.6 * left,
            top + 0.75 * right,
            bottom + waist * right,
            bottom + waist * left,
            top + left + drop,
        ]
    )
    canvas.convex(lit, look.shirt)
    shaded = np.array(
        [
            top + 0.25 * right,
            top + 0.75 * right,
            top + right + drop,
            bottom + waist * right,
            bottom + 0.3 * right,
        ]
    )
    canvas.convex(shaded, tint(look.shirt, 0.8))


def _blob(canvas: Canvas, centre: NDArray, half_x: float, half_y: float, colour: Rgb) -> None:
    canvas.convex(centre + _ROUND * [half_x, half_y], colour)


def _head(
    canvas: Canvas, centre: NDArray, pixels: float, facing: float, turned: float, look: PersonLook
) -> None:
    wide, high = 0.055 * pixels, 0.072 * pixels
    _blob(canvas, centre, wide, high, look.hair)
    if facing > -0.5:  # noqa: PLR2004 - beyond that only hair is seen
        shown = centre + [-0.35 * wide * turned, 0.22 * high]
        _blob(canvas, shown, wide * (0.62 + 0.2 * max(0.0, facing)), high * 0.72, look.skin)
