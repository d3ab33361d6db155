"""What is ingested: a video file, a folder of pictures, or a synthetic world.

Only names, sizes and hashes of bytes are looked at here. What is *in* the bytes is the
decode worker's affair.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from darkroom.errors import DataError, SpecError
from darkroom.model.canonical import digest
from darkroom.model.identity import require_name
from darkroom.model.segment import FASTEST, SLOWEST


Kind = Literal["video", "pictures", "world"]
Polygon = list[list[int]]
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
RECIPES = frozenset({".yaml", ".yml"})
MOST_PICTURES = 1_000_000
MOST_POLYGONS = 64
LARGEST_EDGE = 1 << 15
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageSource:
    """One camera's footage.

    Attributes:
        camera: its name within the domain.
        path: the video or the folder; None for a world.
        fps: frames per second; 0 when the container says it.
        start: Unix seconds of the first frame.
        frames: how many there are, 0 when only decoding tells.
        masks: polygons of `[x, y]` pixels that are burnt out before the first write.
        pictures: names in the folder, in order.
        recipe: the world that is rendered.
        identity: hash of what is ingested; the same footage has the same one.
    """

    camera: str
    kind: Kind
    start: float
    identity: str
    path: Path | None = None
    fps: float = 0.0
    frames: int = 0
    masks: tuple[Polygon, ...] = ()
    pictures: tuple[str, ...] = ()
    recipe: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.camera, "camera")
        if self.fps and not SLOWEST <= self.fps <= FASTEST:
            raise SpecError(
                f"camera {self.camera}: {self.fps} frames a second are not possible",
                next_step=f"give --fps between {SLOWEST:.4f} (one a minute) and {FASTEST:g}",
            )
        for polygon in self.masks:
            _require_polygon(self.camera, polygon)
        if len(self.masks) > MOST_POLYGONS:
            raise SpecError(
                f"camera {self.camera} has more than {MOST_POLYGONS} masks",
                next_step="join polygons that touch",
            )

    @property
    def title(self) -> str:
        """The source as the manifest tells it: its kind and hash, no path."""
        return f"{self.camera}: {self.kind} {self.identity}"


def _require_polygon(camera: str, polygon: Polygon) -> None:
    whole = isinstance(polygon, list) and all(
        isinstance(point, list)
        and len(point) == 2  # noqa: PLR2004
        and all(
            isinstance(edge, int) and not isinstance(edge, bool) and abs(edge) <= LARGEST_EDGE
            for edge in point
        )
        for point in polygon
    )
    if not whole or not 3 <= len(polygon) <= 1000:  # noqa: PLR2004
        raise SpecError(
            f"camera {camera}: a mask is 3 or more points of two whole numbers",
            next_step="write it as --mask 'cam-1:10,10 90,10 90,60'",
        )


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror}",
            next_step="check the path and its rights",
        ) from error


def _reading_order(name: str) -> list[str | int]:
    """`frame-9` before `frame-10`."""
    return [int(p) if p.isdigit() else p.lower() for p in _NUMBERS.split(name)]


def _listed(folder: Path) -> tuple[str, ...]:
    names = [
        entry.name
        for entry in folder.iterdir()
        if entry.suffix.lower() in PICTURES
        and not entry.name.startswith(".")
        and not entry.is_symlink()
        and entry.is_file()
    ]
    if not names:
        raise DataError(
            f"{folder} holds no pictures ({', '.join(sorted(PICTURES))})",
            next_step="name a folder of pictures, a video file, or a world recipe",
        )
    if len(names) > MOST_PICTURES:
        raise DataError(
            f"{folder} holds more than {MOST_PICTURES} pictures",
            next_step="ingest it as several datasets",
        )
    return tuple(sorted(names, key=lambda name: (_reading_order(name), name)))


def footage_source(
    path: Path,
    *,
    camera: str,
    fps: float = 0.0,
    start: float | None = None,
    masks: tuple[Polygon, ...] = (),
) -> FootageSource:
    """A video file or a folder of pictures as a source.

    Args:
        path: Where it is.
        camera: Which camera took it.
        fps: Frames per second; 0 takes the container's, and 1 for pictures.
        start: Unix seconds of the first frame; None takes the time the file (of a
            folder: the first picture) was last modified, as nothing better is known.
        masks: What is burnt out.

    Raises:
        DataError: it is not there, empty, or not to be read.
    """
    if path.is_dir():
        names = _listed(path)
        when = (path / names[0]).stat().st_mtime if start is None else start
        listing = {name: _hash_file(path / name) for name in names}
        return FootageSource(
            camera=camera,
            kind="pictures",
            path=path.resolve(),
            fps=fps or 1.0,
            start=float(int(when)),
            frames=len(names),
            masks=masks,
            pictures=names,
            identity=digest(listing),
        )
    if not path.is_file():
        raise DataError(
            f"{path} is neither a file nor a folder",
            next_step="name a video file, a folder of pictures, or a world recipe",
        )
    if not path.stat().st_size:
        raise DataError(f"{path.name} is empty", next_step="copy the recording again")
    return FootageSource(
        camera=camera,
        kind="video",
        path=path.resolve(),
        fps=fps,
        start=float(int(path.stat().st_mtime if start is None else start)),
        masks=masks,
        identity=_hash_file(path),
    )


def world_sources(
    recipe: dict[str, Any],
    *,
    cameras: dict[str, tuple[float, int]],
    start: float,
    masks: dict[str, tuple[Polygon, ...]],
) -> tuple[FootageSource, ...]:
    """The cameras of a synthetic world.

    Args:
        recipe: The whole recipe, as a mapping.
        cameras: Name -> frames per second and number of frames.
        start: Unix seconds of the first frame.
        masks: Camera -> what is burnt out.
    """
    return tuple(
        FootageSource(
            camera=name,
            kind="world",
            fps=fps,
            start=start,
            frames=frames,
            masks=masks.get(name, ()),
            recipe=recipe,
            identity=digest(recipe),
        )
        for name, (fps, frames) in cameras.items()
    )
