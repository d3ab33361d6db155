"""Textures of the ground and of the houses, made of noise and lines.

Pictures are seen from above (ground) or from the front (walls); row 0 is the far
edge or the eaves. The scale is pixels per metre.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.scene.layout import (
    END_WALL_X,
    FAR_WALL_Y,
    LANES,
    NEAR_WALL_Y,
    WALL_HEIGHT,
)
from darkroom.scene.recipe import Paving, Rgb


GROUND_SCALE = 24
WALL_SCALE = 20
_STREET = (5.0, 11.0)
_KERB = 3.0
_SLAB = {"slabs": (0.9, 0.6), "setts": (0.34, 0.22), "asphalt": (0.0, 0.0)}
_JOINT = {"slabs": 0.8, "setts": 0.78, "asphalt": 1.0}


def ground_texture(rng: np.random.Generator, colour: Rgb, paving: Paving) -> NDArray[np.uint8]:
    """The ground between the houses, uint8 [rows, columns, 3]."""
    rows = round((FAR_WALL_Y - NEAR_WALL_Y) * GROUND_SCALE)
    columns = round(2 * END_WALL_X * GROUND_SCALE)
    tone = _grain(rng, (rows, columns))
    tone *= _slabs(rng, (rows, columns), paving)
    texture = tone[:, :, None] * np.array(colour, dtype=np.float32)

    def row(y: float) -> int:
        return round((FAR_WALL_Y - y) * GROUND_SCALE)

    asphalt = np.array([84.0, 85.0, 88.0], dtype=np.float32) * rng.uniform(0.75, 1.1)
    road = _grain(rng, (row(_KERB) - row(_STREET[1]), columns))[:, :, None] * asphalt
    texture[row(_STREET[1]) : row(_KERB)] = road
    white = np.array([214, 212, 204], dtype=np.float32)
    dash = (np.arange(columns) // (2 * GROUND_SCALE)) % 2 == 0
    middle = row(sum(LANES) / 2)
    texture[middle - 2 : middle + 2, dash] = white
    for x in np.arange(-12.75, 13.0, 6.5):  # bays
        column = round((x + END_WALL_X) * GROUND_SCALE)
        texture[row(5.0) : row(_KERB), column - 1 : column + 2] = white
    for y in (_KERB, _STREET[1]):
        texture[row(y) - 4 : row(y) + 4] = [150, 148, 144]
    return np.clip(texture, 0, 255).astype(np.uint8)


def wall_texture(
    rng: np.random.Generator,
    colour: Rgb,
    length: float,
    gates: tuple[float, ...] = (),
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A row of houses, and which of its windows are lit at night.

    Args:
        rng: The stream of this wall.
        colour: The plaster of the houses, each a little different.
        length: In metres.
        gates: Middles of the archways, metres from the left end.

    Returns:
        Colours uint8 [rows, columns, 3] and lit windows uint8 [rows, columns, 3].
    """
    rows, columns = round(WALL_HEIGHT * WALL_SCALE), round(length * WALL_SCALE)
    tone = _grain(rng, (rows, columns))
    texture = np.zeros((rows, columns, 3), dtype=np.float32)
    lit = np.zeros((rows, columns, 3), dtype=np.uint8)
    start = 0.0
    while start < length:
        end = min(length, start + rng.uniform(6.0, 11.0))
        left, right = round(start * WALL_SCALE), round(end * WALL_SCALE)
        plaster = np.array(colour) * rng.uniform(0.72, 1.18) + rng.uniform(-11, 11, 3)
        texture[:, left:right] = tone[:, left:right, None] * plaster.astype(np.float32)
        texture[-round(0.6 * WALL_SCALE) :, left:right] *= 0.7  # plinth
        _windows(rng, texture, lit, (start, end))
        start = end
    for gate in gates:
        left = round((gate - 0.9) * WALL_SCALE)
        right = round((gate + 0.9) * WALL_SCALE)
        top = rows - round(2.6 * WALL_SCALE)
        texture[top - 3 :, left - 3 : right + 3] = 0.6 * np.array(colour)
        texture[top:, left:right] = (30, 28, 27)
        lit[top:, left:right] = 0
    return np.clip(texture, 0, 255).astype(np.uint8), lit


def _windows(
    rng: np.random.Generator,
    texture: NDArray[np.float32],
    lit: NDArray[np.uint8],
    house: tuple[float, float],
) -> None:
    rows = texture.shape[0]
    wide, gap = rng.uniform(0.9, 1.4), rng.uniform(1.9, 2.6)
    frame = rng.uniform(0.5, 1.3)
    shop = rng.random() < 0.35  # noqa: PLR2004 - every third house has a shop window
    x = house[0] + 0.5 * gap
    while x + wide < house[1] - 0.3:
        for floor, (low, high) in enumerate(((0.9, 2.4), (3.8, 5.4), (6.6, 8.1))):
            base = 0.5 if shop and floor == 0 else low
            width = wide + (0.7 if shop and floor == 0 else 0.0)
            top, bottom = rows - round(high * WALL_SCALE), rows - round(base * WALL_SCALE)
            left = round(x * WALL_SCALE)
            right = round(min(x + width, house[1] - 0.2) * WALL_SCALE)
            texture[top - 2 : bottom + 2, left - 2 : right + 2] *= frame
            glass = np.array([70, 80, 92]) * rng.uniform(0.5, 1.3)
            texture[top:bottom, left:right] = glass
            if rng.random() < 0.22:  # noqa: PLR2004 - most people sleep
                lit[top:bottom, left:right] = np.array([150, 118, 62]) * rng.uniform(0.4, 1)
        x += wide + gap


def _grain(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Wear and dirt around 1, on three scales."""
    tone = np.ones(shape, dtype=np.float32)
    for cell, strength in ((2, 0.05), (16, 0.05), (90, 0.09)):
        small = (shape[0] // cell + 2, shape[1] // cell + 2)
        coarse = rng.standard_normal(small, dtype=np.float32) * strength
        tone += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return tone


def _slabs(rng: np.random.Generator, shape: tuple[int, int], paving: Paving) -> NDArray[np.float32]:
    """The tone of each slab, and dark joints between them."""
    wide, deep = _SLAB[paving]
    if not wide:
        return np.ones(shape, dtype=np.float32)
    row = (np.arange(shape[0]) / (deep * GROUND_SCALE)).astype(np.int64)
    shift = (row % 2) * 0.5
    column = (np.arange(shape[1])[None] / (wide * GROUND_SCALE) + shift[:, None]).astype(np.int64)
    tones = rng.uniform(0.9, 1.1, size=(row.max() + 1, column.max() + 1))
    tone = tones[row[:, None], column].astype(np.float32)
    joint = np.zeros(shape, dtype=bool)
    joint[1:] |= row[1:, None] != row[:-1, None]
    joint[:, 1:] |= column[:, 1:] != column[:, :-1]
    tone[joint] *= _JOINT[paving]
    return tone
