"""How much light falls where, and when: clouds, lamps and cast shadows."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.scene.appearance import PersonLook, VehicleLook
from darkroom.scene.camera import Camera
from darkroom.scene.canvas import fill_mask
from darkroom.scene.recipe import Look
from darkroom.scene.trajectory import Pose


_LAMP_REACH = 3.6
_LAMP_POWER = 0.62
_CASTING = 0.85
"""Shadows are a little shorter than a pole's: shoulders and roofs are not tips."""
_SIGNS = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])


def daylight(look: Look, second: float, phase: float) -> float:
    """The ambient light at a time: slow clouds over the look's level.

    Args:
        look: Level, amplitude and frequency.
        second: Time since the recording began.
        phase: The camera's own phase, in radians.
    """
    wave = np.sin(2.0 * np.pi * look.flicker_hz * second + phase)
    return look.light * (1.0 + look.flicker * float(wave))


def lamplight(lamps: NDArray[np.float64], places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Light of the street lamps at some places.

    Args:
        lamps: [K, 3] in metres.
        places: [..., 3] in metres; NaN (the sky) gets no light.

    Returns:
        float32 [...]; about 0.6 below a lamp.
    """
    total = np.zeros(places.shape[:-1], dtype=np.float32)
    for lamp in lamps:
        away = (places - lamp).astype(np.float32)
        square = away[..., 0] ** 2 + away[..., 1] ** 2 + 0.25 * away[..., 2] ** 2
        total += _LAMP_POWER / (1.0 + square / _LAMP_REACH**2) ** 2
    return np.nan_to_num(total, copy=False)


def shadow_mask(
    camera: Camera,
    sun: NDArray[np.float64],
    standing: Iterable[tuple[Pose, PersonLook | VehicleLook]],
) -> NDArray[np.float32]:
    """Where the ground lies in somebody's shadow, 0..1, float32 [H, W].

    Args:
        camera: Who looks.
        sun: Where a shadow's tip falls per metre of height, [2].
        standing: Who casts shadows, and where.
    """
    mask = np.zeros((camera.height, camera.width), dtype=np.uint8)
    for pose, look in standing:
        outline = _footprint(pose, look)
        tip = outline + sun * (_CASTING * look.height)
        hull = cv2.convexHull(np.concatenate([outline, tip]).astype(np.float32))[:, 0]
        ground = np.column_stack([hull, np.zeros(len(hull))]).astype(np.float64)
        pixels, depth = camera.project(ground)
        if depth.min() > 0.5:  # noqa: PLR2004 - metres; nearer ones are off the picture
            fill_mask(mask, pixels, 255)
    return cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32) / 255.0


def _footprint(pose: Pose, look: PersonLook | VehicleLook) -> NDArray[np.float64]:
    """Corners of what touches the ground, [4, 2] in metres."""
    half = (0.13, 0.2) if isinstance(look, PersonLook) else (look.length / 2.0, look.width / 2.0)
    ahead = np.array([np.cos(pose.heading), np.sin(pose.heading)])
    frame = np.array([ahead, [-ahead[1], ahead[0]]])
    return pose.place + (_SIGNS * half) @ frame
