"""One camera of a domain: where its pictures come from, and what is never stored of them."""

import re
from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.json_shape import (
    as_fields,
    as_tuple,
    is_number,
    is_whole,
    require_line,
    within,
)


MAX_MASKS = 64
MAX_EDGE = 1 << 15  # pixels
MIN_POINTS, MAX_POINTS = 3, 1000
# Frames per second. As in `segment`, which knows arrays: a node that starts does without them.
SLOWEST, FASTEST_LIVE = 1 / 60, 60.0
# An address holds no name and no password: domain.yaml is read by many.
URL = re.compile(
    r"rtsp://(?:[A-Za-z0-9.\-]{1,253}|\[[0-9A-Fa-f:]{2,45}\])(?::[0-9]{1,5})?(?:/[!-?A-~]*)?"
)
DEVICE = re.compile(r"/dev/(?:[A-Za-z0-9][A-Za-z0-9._:\-]*/){0,3}[A-Za-z0-9][A-Za-z0-9._:\-]*")
FOLDER = re.compile(r"/[^\x00-\x1f\x7f]*")
SOURCES = ("url", "device", "folder")
Polygon = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """One camera of a domain. Without `url`, `device` or `folder` it is not live.

    Attributes:
        id: its name within the domain.
        description: for the operator; it is not published.
        masks: polygons of `[x, y]` pixels that are burnt out before the first write.
        url: `rtsp://host:554/path` of a stream; name and password do not belong in it.
        credentials: the file, in the folder of camera credentials, with `name:password`.
        device: a V4L2 device such as `/dev/video0`.
        folder: where another program puts clips or pictures; they are removed once recorded.
        fps: frames per second that are kept of a live source, at most.
    """

    id: str
    description: str = ""
    masks: tuple[Polygon, ...] = ()
    url: str = ""
    credentials: str = ""
    device: str = ""
    folder: str = ""
    fps: float = 5.0

    def __post_init__(self) -> None:
        with within("id"):
            require_name(self.id, "camera")
        require_line(self.description, "description")
        self._require_masks()
        for name in SOURCES:
            require_line(getattr(self, name), name)
        given = [name for name in SOURCES if getattr(self, name)]
        if len(given) > 1:
            raise SpecError(
                f"camera {self.id} has {' and '.join(given)}",
                next_step="keep one of them, or make two cameras",
                where=(given[1],),
            )
        for name, form, example in (
            ("url", URL, "rtsp://door.local:554/stream; name and password go into a file"),
            ("device", DEVICE, "/dev/video0"),
            ("folder", FOLDER, "/spool/door"),
        ):
            text = getattr(self, name)
            if text and (not form.fullmatch(text) or ".." in text.split("/")):
                # The text itself may hold a password: it is not repeated.
                raise SpecError(
                    f"the {name} of camera {self.id} is not one",
                    next_step=f"write it as {name}: {example}",
                    where=(name,),
                )
        if self.credentials != "":
            with within("credentials"):
                require_name(self.credentials, f"credentials of camera {self.id}")
        if self.credentials and not self.url:
            raise SpecError(
                f"camera {self.id} has credentials and no url",
                next_step="add the url of its stream, or drop credentials",
                where=("credentials",),
            )
        if not is_number(self.fps) or not SLOWEST <= self.fps <= FASTEST_LIVE:
            raise SpecError(
                f"fps of camera {self.id} is not possible",
                next_step=f"set it between {SLOWEST:.4f} (one a minute) and {FASTEST_LIVE:g}",
                where=("fps",),
            )

    @property
    def source(self) -> str:
        """Which kind of live source it has: `url`, `device`, `folder` or ""."""
        return next((name for name in SOURCES if getattr(self, name)), "")

    def _require_masks(self) -> None:
        if len(self.masks) > MAX_MASKS:
            raise SpecError(
                f"camera {self.id} has more than {MAX_MASKS} masks",
                next_step="join polygons that touch",
                where=("masks",),
            )
        for index, polygon in enumerate(self.masks):
            if not MIN_POINTS <= len(polygon) <= MAX_POINTS or not all(
                len(point) == 2 and all(is_whole(edge) and edge <= MAX_EDGE for edge in point)  # noqa: PLR2004 - x and y
                for point in polygon
            ):
                raise SpecError(
                    f"a mask of camera {self.id} is no polygon",
                    next_step="list 3 or more points in whole pixels: [[10, 10], [90, 10], [90, 60]]",
                    where=("masks", index),
                )

    @classmethod
    def from_mapping(cls, value: object) -> "CameraConfig":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given: dict[str, Any] = as_fields(value, cls, "a camera")
        if "id" not in given:
            raise SpecError("a camera has no id", next_step="add id")
        with within("masks"):
            masks = []
            for index, polygon in enumerate(as_tuple(given.get("masks", ()), "masks")):
                with within(index):
                    points = as_tuple(polygon, "a mask")
                    masks.append(tuple(as_tuple(point, "a point") for point in points))
            given["masks"] = tuple(masks)
        return cls(**given)
