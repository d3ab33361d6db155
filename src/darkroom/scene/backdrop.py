"""The empty scene as one camera sees it, found by following each pixel's ray.

It is computed once per camera; a frame only copies it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.scene.camera import Camera
from darkroom.scene.layout import (
    END_WALL_X,
    FAR_WALL_Y,
    NEAR_WALL_Y,
    WALL_HEIGHT,
    Layout,
)
from darkroom.scene.recipe import Look, Rgb
from darkroom.scene.streams import Stream, stream
from darkroom.scene.surfaces import (
    GROUND_SCALE,
    WALL_SCALE,
    ground_texture,
    wall_texture,
)


_FINE = 2
"""Rays per pixel and axis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surfaces:
    """The textures of a world, shared by its cameras.

    Attributes:
        ground: uint8 [rows, columns, 3].
        walls: Near, far, left and right wall, each with its lit windows.
        sky: Colour of the sky.
    """

    ground: NDArray[np.uint8]
    walls: tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], ...]
    sky: Rgb

    @classmethod
    def of(cls, seed: int, look: Look, layout: Layout) -> Surfaces:
        """Paint the textures from the surface streams."""
        long = 2 * END_WALL_X
        near = tuple(g.x + END_WALL_X for g in layout.gates if g.side == "near")
        far = tuple(g.x + END_WALL_X for g in layout.gates if g.side == "far")
        deep = FAR_WALL_Y - NEAR_WALL_Y
        plans = ((long, near), (long, far), (deep, ()), (deep, ()))
        return cls(
            ground=ground_texture(stream(seed, Stream.SURFACE, 0), look.ground, look.paving),
            walls=tuple(
                wall_texture(stream(seed, Stream.SURFACE, 1 + k), look.walls, length, gates)
                for k, (length, gates) in enumerate(plans)
            ),
            sky=look.sky,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backdrop:
    """What a camera sees when nobody is there.

    Attributes:
        image: Colours in full light, uint8 [H, W, 3].
        glow: Lit windows, uint8 [H, W, 3].
        place: Where in the world each pixel lies, float32 [H, W, 3] in metres;
            NaN in the sky.
    """

    image: NDArray[np.uint8]
    glow: NDArray[np.uint8]
    place: NDArray[np.float32]


def build_backdrop(camera: Camera, surfaces: Surfaces) -> Backdrop:
    """Follow every ray to the ground, a wall or the sky.

    Args:
        camera: Who looks.
        surfaces: The textures.

    Returns:
        The empty scene.
    """
    rays = camera.rays(_FINE)
    shape = rays.shape[:2]
    image = _sky(rays, surfaces.sky)
    glow = np.zeros_like(image)
    place = np.full((*shape, 3), np.nan, dtype=np.float32)
    nearest = np.full(shape, np.inf)
    for plane in range(5):
        far, hit = _distance(camera.position, rays, plane)
        with np.errstate(invalid="ignore"):
            spot = camera.position + far[..., None] * rays
        if plane:  # walls end at the eaves
            hit &= spot[..., 2] < WALL_HEIGHT
        hit &= far < nearest
        nearest[hit] = far[hit]
        spots = spot[hit]
        place[hit] = spots
        picture, lit, columns, rows = _texels(surfaces, plane, spots)
        image[hit] = _sample(picture, columns, rows)
        glow[hit] = 0 if lit is None else _sample(lit, columns, rows)
    size = (camera.width, camera.height)
    return Backdrop(
        image=cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        glow=cv2.resize(glow, size, interpolation=cv2.INTER_AREA),
        place=place[::_FINE, ::_FINE].copy(),
    )


def _sky(rays: NDArray[np.float64], colour: Rgb) -> NDArray[np.uint8]:
    up = rays[..., 2] / np.linalg.norm(rays, axis=-1)
    haze = np.clip(1.08 - 0.35 * np.clip(up, 0.0, 1.0), 0.0, 1.1)
    return np.clip(haze[..., None] * np.array(colour), 0, 255).astype(np.uint8)


def _distance(
    origin: NDArray[np.float64], rays: NDArray[np.float64], plane: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How far along each ray the plane lies, and whether it is ahead."""
    axis, at = ((2, 0.0), (1, NEAR_WALL_Y), (1, FAR_WALL_Y), (0, -END_WALL_X), (0, END_WALL_X))[plane]  # noqa: E501
    step = rays[..., axis]
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (at - origin[axis]) / step
    ahead = np.isfinite(far) & (far > 0.0)
    return np.where(ahead, far, np.inf), ahead


def _texels(
    surfaces: Surfaces, plane: int, spots: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray, NDArray]:
    if plane == 0:
        columns = (spots[:, 0] + END_WALL_X) * GROUND_SCALE
        rows = (FAR_WALL_Y - spots[:, 1]) * GROUND_SCALE
        return surfaces.ground, None, columns, rows
    picture, lit = surfaces.walls[plane - 1]
    along = spots[:, 0] + END_WALL_X if plane <= 2 else spots[:, 1] - NEAR_WALL_Y  # noqa: PLR2004
    return picture, lit, along * WALL_SCALE, (WALL_HEIGHT - spots[:, 2]) * WALL_SCALE


def _sample(
    picture: NDArray[np.uint8], columns: NDArray, rows: NDArray
) -> NDArray[np.uint8]:
    column = np.clip(columns.astype(np.int64), 0, picture.shape[1] - 1)
    row = np.clip(rows.astype(np.int64), 0, picture.shape[0] - 1)
    return picture[row, column]
