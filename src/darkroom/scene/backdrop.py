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
_PLANES = ((2, 0.0), (1, NEAR_WALL_Y), (1, FAR_WALL_Y), (0, -END_WALL_X), (0, END_WALL_X))
"""Ground, near, far, left and right wall: the axis that is constant, and where."""
_SKY = 5


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
    shape = (camera.height * _FINE, camera.width * _FINE)
    # one row per axis, so that each plane reads contiguous numbers
    rays = np.ascontiguousarray(camera.rays(_FINE).reshape(-1, 3).T, dtype=np.float32)
    origin = camera.position.astype(np.float32)
    distances = np.stack([_distance(origin, rays, plane) for plane in range(len(_PLANES))])
    nearest = distances.argmin(axis=0)
    nearest[np.isinf(distances.min(axis=0))] = _SKY
    image = np.empty((rays.shape[1], 3), dtype=np.uint8)
    glow = np.zeros_like(image)
    place = np.full(image.shape, np.nan, dtype=np.float32)
    for plane in range(len(_PLANES)):
        hit = np.flatnonzero(nearest == plane)
        spots = origin + (distances[plane, hit] * rays[:, hit]).T
        place[hit] = spots
        picture, lit, columns, rows = _texels(surfaces, plane, spots)
        image[hit] = _sample(picture, columns, rows)
        if lit is not None:
            glow[hit] = _sample(lit, columns, rows)
    sky = np.flatnonzero(nearest == _SKY)
    image[sky] = _sky(rays[:, sky], surfaces.sky)
    return Backdrop(
        image=_averaged(image.reshape(*shape, 3)),
        glow=_averaged(glow.reshape(*shape, 3)),
        place=place.reshape(*shape, 3)[::_FINE, ::_FINE].copy(),
    )


def _averaged(fine: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of the rays of each pixel."""
    size = (fine.shape[1] // _FINE, fine.shape[0] // _FINE)
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _sky(rays: NDArray[np.float32], colour: Rgb) -> NDArray[np.uint8]:
    """The sky is paler near the horizon."""
    up = rays[2] / np.linalg.norm(rays, axis=0)
    haze = 1.08 - 0.35 * np.clip(up, 0.0, 1.0)
    return np.clip(haze[:, None] * np.array(colour), 0, 255).astype(np.uint8)


def _distance(
    origin: NDArray[np.float32], rays: NDArray[np.float32], plane: int
) -> NDArray[np.float32]:
    """How far along each ray the surface lies, in ray lengths; infinite where it does not."""
    axis, at = _PLANES[plane]
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (np.float32(at) - origin[axis]) / rays[axis]
        ahead = np.isfinite(far) & (far > 0.0)
        if plane:  # walls end at the eaves
            ahead &= origin[2] + far * rays[2] < WALL_HEIGHT
    return np.where(ahead, far, np.float32(np.inf))


def _texels(
    surfaces: Surfaces, plane: int, spots: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray, NDArray]:
    if plane == 0:
        columns = (spots[:, 0] + END_WALL_X) * GROUND_SCALE
        rows = (FAR_WALL_Y - spots[:, 1]) * GROUND_SCALE
        return surfaces.ground, None, columns, rows
    picture, lit = surfaces.walls[plane - 1]
    along = spots[:, 0] + END_WALL_X if plane <= 2 else spots[:, 1] - NEAR_WALL_Y  # noqa: PLR2004
    return picture, lit, along * WALL_SCALE, (WALL_HEIGHT - spots[:, 2]) * WALL_SCALE


def _sample(picture: NDArray[np.uint8], columns: NDArray, rows: NDArray) -> NDArray[np.uint8]:
    column = np.clip(columns.astype(np.int32), 0, picture.shape[1] - 1)
    row = np.clip(rows.astype(np.int32), 0, picture.shape[0] - 1)
    return picture[row, column]
