"""A segment: the pictures of one camera-minute as one file, and what is true on them.

The file is a ZIP whose members are stored, not compressed (JPEG is already), with fixed
dates and rights, so that the same pictures give the same bytes and one picture is read
without its neighbours. The file object comes from the caller; nothing is opened here.
"""

import math
import zipfile
from collections.abc import Sequence
from typing import BinaryIO

from darkroom.model.dataset import Split
from darkroom.model.detection import Annotations


SECONDS = 60
SLOWEST, FASTEST = 1 / SECONDS, 240.0  # frames per second: every minute has a frame
BOX_DECIMALS = 2  # a hundredth of a pixel
Row = list[float]
"""`[class_id, identity, x1, y1, x2, y2, visibility]`, as in an annotation file."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a ZIP can hold
_TEST_EVERY = 4


def first_frame(minute: int, fps: float) -> int:
    """Index of the first frame that lies in a minute of a recording."""
    return math.ceil(minute * SECONDS * fps - 1e-9)


def minute_of(index: int, fps: float) -> int:
    """The minute of a recording in which a frame lies; inverse of `first_frame`."""
    minute = int(index / (fps * SECONDS))
    while first_frame(minute, fps) > index:
        minute -= 1
    while first_frame(minute + 1, fps) <= index:
        minute += 1
    return minute


def picture_name(position: int) -> str:
    """Name of a picture by its position in the segment."""
    return f"{position:06d}.jpg"


class SegmentWriter:
    """Writes one segment, picture by picture.

    Args:
        target: A seekable file, open for writing; `close` leaves it open.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._archive = zipfile.ZipFile(target, "w", zipfile.ZIP_STORED)
        self.frames = 0

    def add(self, picture: bytes) -> None:
        """Append an encoded picture."""
        member = zipfile.ZipInfo(picture_name(self.frames), date_time=_EPOCH)
        member.create_system = 3  # Unix, on whatever system this runs
        member.external_attr = 0o100444 << 16
        self._archive.writestr(member, picture)
        self.frames += 1

    def close(self) -> None:
        """Write the table of contents."""
        self._archive.close()


def annotation_rows(annotations: Annotations) -> list[Row]:
    """The rows of one frame in an annotation file."""
    return [
        [
            int(class_id),
            int(identity),
            *(round(float(edge), BOX_DECIMALS) for edge in box),
            round(float(visibility), BOX_DECIMALS),
        ]
        for class_id, identity, box, visibility in zip(
            annotations.class_id,
            annotations.identity,
            annotations.xyxy,
            annotations.visibility,
            strict=True,
        )
    ]


def splits(minutes: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Split]:
    """Which camera-minutes are for training and which are held out.

    The rule looks at names and order only, never at pictures: of each camera every
    fourth minute is held out, and which of the four turns from camera to camera. With
    two camera-minutes or more both splits have one.

    Args:
        minutes: `(camera, minute)` of every segment.
    """
    given: dict[tuple[str, int], Split] = {}
    cameras = sorted({camera for camera, _ in minutes})
    for number, camera in enumerate(cameras):
        own = sorted(minute for name, minute in minutes if name == camera)
        offset = (_TEST_EVERY - 1 + number) % _TEST_EVERY
        for position, minute in enumerate(own):
            test = position % _TEST_EVERY == offset
            given[camera, minute] = "test" if test else "train"
    last = max(minutes, key=lambda each: (each[1], each[0]), default=None)
    if last is not None and len(given) > 1 and len(set(given.values())) == 1:
        given[last] = "test" if given[last] == "train" else "train"
    return given
