"""Turn footage of unknown origin into segments. Runs inside the sandbox, without keys.

This is the only place that opens a video or a picture that somebody brought. One run does
one window: some hundred frames of one camera. Masks are burnt in between the decoder and
the first write, so an unmasked pixel never reaches a disk.

What it leaves in `/out`: `pictures`, JPEGs one after the other; `result.json`, their sizes,
the hash of the whole and a few numbers; `truth.json`, the annotations of a synthetic world.

A refusal is a word out of `REFUSALS`, never text: what was read from a file of unknown
origin does not travel to the node's messages.
"""

import errno
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


MOST_PIXELS = 16_000_000
# OpenCV reads this when it is loaded: no picture of unknown origin allocates more.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)

# ruff: noqa: E402  # OpenCV after its limit
import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.model.containers import HEAD_BYTES, is_recording
from darkroom.model.segment import FASTEST, SLOWEST, Row, annotation_rows
from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World
from darkroom.vision.picture import burn, encode_bgr


REFUSALS = (
    "not-footage",  # nothing here that the decoder knows
    "no-rate",  # the container does not say how many frames a second has
    "too-large",  # a picture has more pixels than allowed
    "size-differs",  # a picture of another size than the ones before
    "no-room",  # no space left for the output
)
MOST_BYTES = 64 << 20  # of one window: `/out` may lie in memory
Picture = NDArray[np.uint8]
Frame = tuple[Picture, list[Row] | None]


class RefusedError(Exception):
    """The footage cannot be used; the reason is a word of `REFUSALS`.

    Attributes:
        index: The frame or picture at which it was seen.
    """

    def __init__(self, reason: str, index: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index


@dataclass(kw_only=True)
class Reel:
    """Opened footage, wound to the first frame of the window.

    Attributes:
        declared: How many frames the whole recording says it has, 0 if it does not say.
        frames: BGR pictures and, where the source knows them, the rows of annotations.
        overlap: The frame before the window, to prove that the reel was wound right.
    """

    fps: float
    declared: int
    frames: Iterator[Frame]
    overlap: Any = None


# ------------------------------------------------------------------------- three sources


def _checked(picture: Any, index: int) -> Picture:  # noqa: ANN401 - what OpenCV gave
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.dtype != np.uint8:  # noqa: PLR2004
        raise RefusedError("not-footage", index)
    if picture.shape[0] * picture.shape[1] > MOST_PIXELS:
        raise RefusedError("too-large", index)
    return picture


def _wind(capture: cv2.VideoCapture, target: int, *, sequential: bool) -> None:
    """Make `target` the next frame; one frame too far or near shows in the overlap."""
    if not sequential:
        capture.set(cv2.CAP_PROP_POS_FRAMES, target)
        return
    for _ in range(target):
        if not capture.grab():
            return


def _rest(capture: cv2.VideoCapture, index: int) -> Iterator[tuple[Picture, None]]:
    while True:
        ok, picture = capture.read()
        if not ok:
            return
        yield _checked(picture, index), None
        index += 1


def open_video(request: dict[str, Any], source: Path) -> Reel:
    """A video file through FFmpeg; playlists are not followed."""
    path = source / request["file"]
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not is_recording(head):
        raise RefusedError("not-footage")
    settings = [cv2.CAP_PROP_N_THREADS, 1]
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, settings)
    if not capture.isOpened():
        raise RefusedError("not-footage")
    width = capture.get(cv2.CAP_PROP_FRAME_WIDTH)
    height = capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MOST_PIXELS:  # before the decoder allocates a picture
        raise RefusedError("too-large")
    fps = request["fps"] or capture.get(cv2.CAP_PROP_FPS)
    if not (math.isfinite(fps) and SLOWEST <= fps <= FASTEST):
        raise RefusedError("no-rate")
    declared = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    declared = int(declared) if 0 < declared < 1e9 else 0  # noqa: PLR2004
    first, overlap = request["first"], None
    if first:
        _wind(capture, first - 1, sequential=request["sequential"])
        ok, overlap = capture.read()
        if not ok:  # the recording ended before this window
            return Reel(fps=fps, declared=declared, frames=iter(()))
    return Reel(
        fps=fps,
        declared=declared,
        frames=_rest(capture, first),
        overlap=overlap,
    )


def open_pictures(request: dict[str, Any], source: Path) -> Reel:
    """A folder of pictures; the node lists the names, in order, for this window only."""

    def frames() -> Iterator[tuple[Picture, None]]:
        for index, name in enumerate(request["pictures"], start=request["first"]):
            try:
                data = np.fromfile(source / name, np.uint8)
                picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
            except (OSError, cv2.error) as error:  # among others: too many pixels
                raise RefusedError("not-footage", index) from error
            yield _checked(picture, index), None

    return Reel(fps=request["fps"], declared=request["declared"], frames=frames())


def open_world(request: dict[str, Any]) -> Reel:
    """The seeded synthetic world; no file is read."""
    world = World(WorldRecipe.from_mapping(request["recipe"]))
    camera = request["camera"]
    spec = next(c for c in world.cameras if c.id == camera)
    count = world.frame_count(camera)

    def frames() -> Iterator[tuple[Picture, list[list[float]]]]:
        for index in range(request["first"], count):
            picture, annotations = world.frame(camera, index)
            yield (
                np.ascontiguousarray(picture[:, :, ::-1]),
                annotation_rows(annotations),
            )

    return Reel(fps=spec.fps, declared=count, frames=frames())


# ---------------------------------------------------------------------------- the window


def _open(request: dict[str, Any], source: Path) -> Reel:
    match request["kind"]:
        case "video":
            return open_video(request, source)
        case "pictures":
            return open_pictures(request, source)
        case _:
            return open_world(request)


def decode(request: dict[str, Any], source: Path, out: Path) -> dict[str, Any]:
    """Decode one window.

    Args:
        request: `kind` ("video", "pictures" or "world"); `first` frame and `count` of the
            window; `fps` (0: ask the container); `masks`; `size` (`[width, height]` of
            earlier windows or None); and what the kind needs.
        source: Where the footage is.
        out: Where pictures and annotations go.

    Returns:
        The facts for the node: none of them is more than a number or a hash.

    Raises:
        RefusedError: The footage cannot be used.
    """
    reel = _open(request, source)
    masks = [np.array(polygon, np.int32) for polygon in request["masks"]]

    def develop(picture: Picture) -> bytes:
        burn(picture, masks)  # masked, then encoded, and only then written
        return encode_bgr(picture)

    overlap = ""
    if reel.overlap is not None:
        picture = _checked(reel.overlap, request["first"] - 1)
        overlap = hashlib.sha256(develop(picture)).hexdigest()
    size = tuple(request["size"] or ())
    sizes: list[int] = []
    truth: list[list[Row] | None] = []
    hasher = hashlib.sha256()
    ended = True
    with (out / "pictures").open("wb") as target:
        for picture, rows in itertools.islice(reel.frames, request["count"]):
            found = (picture.shape[1], picture.shape[0])
            if (size or found) != found:
                raise RefusedError("size-differs", request["first"] + len(sizes))
            size = found
            encoded = develop(picture)
            target.write(encoded)
            hasher.update(encoded)
            sizes.append(len(encoded))
            truth.append(rows)
            if len(sizes) == request["count"] or target.tell() >= MOST_BYTES:
                ended = False
                break
    if any(rows is not None for rows in truth):
        (out / "truth.json").write_text(json.dumps(truth, separators=(",", ":")))
    width, height = size or (0, 0)
    return {
        "width": width,
        "height": height,
        "fps": reel.fps,
        "declared": reel.declared,
        "ended": ended,
        "overlap": overlap,
        "sizes": sizes,
        "sha256": hasher.hexdigest(),
    }


def main(request: dict[str, Any], source: Path = Path("/data"), out: Path = Path("/out")) -> None:
    """Decode and leave the facts, or the refusal, in `result.json`."""
    cv2.setNumThreads(1)
    cv2.setLogLevel(0)
    try:
        result = decode(request, source, out)
    except RefusedError as refusal:
        result = {"refused": refusal.reason, "at": refusal.index}
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        (out / "pictures").unlink(missing_ok=True)  # room for the word
        result = {"refused": "no-room", "at": 0}
    (out / "result.json").write_text(json.dumps(result))
