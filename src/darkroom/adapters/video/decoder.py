"""The process apart: reads one source of unknown origin and gives masked JPEGs back.

One process is one connection, one device, one clip, or one series of pictures; it ends with
it. Masks are burnt in between the decoder and the encoder, and no file can grow here, so an
unmasked pixel has no way to a disk. What it is told comes on standard input, never as an
argument or in the environment, for it may hold a password.
"""

import contextlib
import io
import json
import math
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.adapters.video import wire
from darkroom.adapters.video.decoder_walls import DecoderWalls
from darkroom.adapters.video.stream_time import Sampler, StreamTime
from darkroom.adapters.video.wire import Kind, Reason
from darkroom.errors import IsolationError
from darkroom.vision.picture import burn, encode_bgr


LATE = 4.0  # seconds behind: frames are shed, not encoded
BEHIND = 10.0  # seconds behind: a new connection is nearer to now
SETTLE = 0.5  # seconds of frames that come as they were taken, and not from a pile
PILED = 8.0  # seconds after which a stream whose frames come in bursts is taken as it is
TICK = 1.0  # seconds: something is said at least that often, while frames come
OPEN_MS, READ_MS = 10_000, 15_000


class EndError(Exception):
    """This source is through."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be decoded: `stream`, `device`, `clip` or `pictures`."""

    kind: str
    source: str
    fps: float
    masks: list[NDArray[np.int32]]


class Output:
    """The pipe to our parent. Blocks while the parent is slow; that is its back-pressure."""

    def __init__(self, order: Order, pipe: BinaryIO) -> None:
        self._order = order
        self._pipe = pipe
        self._said = time.monotonic()
        self.shed = 0

    def frame(self, picture: Any, at: float) -> None:
        """Mask, encode, hand over."""
        if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.dtype != np.uint8:  # noqa: PLR2004
            raise EndError(Reason.BROKEN)
        height, width = picture.shape[:2]
        if width * height > wire.MOST_PIXELS or max(width, height) > wire.MOST_EDGE:
            raise EndError(Reason.TOO_LARGE)
        burn(picture, self._order.masks)
        data = encode_bgr(picture)
        if len(data) > wire.MOST_PICTURE:
            raise EndError(Reason.TOO_LARGE)
        self._write(
            wire.head(
                Kind.FRAME, time=at, number=self._take_shed(), width=width, height=height,
                size=len(data),
            )
            + data
        )  # fmt: skip

    def tick(self, at: float, *, now: bool = False) -> None:
        """Say that we are alive, now and then."""
        if now or time.monotonic() - self._said >= TICK:
            self._write(wire.head(Kind.TICK, time=at, number=self._take_shed()))

    def say(self, kind: Kind, number: int) -> None:
        """A message without a frame."""
        self._write(wire.head(kind, number=number))

    def _take_shed(self) -> int:
        shed, self.shed = self.shed, 0
        return shed

    def _write(self, data: bytes) -> None:
        self._pipe.write(data)
        self._pipe.flush()
        self._said = time.monotonic()


# ------------------------------------------------------------------------------- the sources


def _open(order: Order) -> cv2.VideoCapture:
    settings = [cv2.CAP_PROP_N_THREADS, 1]
    match order.kind:
        case "device":
            capture = cv2.VideoCapture(order.source, cv2.CAP_V4L2)
        case "stream":
            settings += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS]
            settings += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS + int(2000 / order.fps)]
            capture = cv2.VideoCapture(order.source, cv2.CAP_FFMPEG, settings)
        case _:
            capture = cv2.VideoCapture(order.source, cv2.CAP_FFMPEG, settings)
    if not capture.isOpened():
        raise EndError(Reason.NOT_OPENED)
    if not capture.get(cv2.CAP_PROP_FRAME_WIDTH):
        raise EndError(Reason.NO_SIZE)
    size = capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if size > wire.MOST_PIXELS:  # before the decoder allocates a picture
        raise EndError(Reason.TOO_LARGE)
    return capture


def live(capture: cv2.VideoCapture, order: Order, output: Output) -> None:
    """A stream or a device, until it is over. Times are those of CLOCK_MONOTONIC."""
    stamped = order.kind == "stream"
    clock, sampler = StreamTime(), Sampler(order.fps)
    opened = time.monotonic()
    since = before = (0.0, math.inf)
    while capture.grab():
        arrival = time.monotonic()
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if stamped else None
        if opened and stamp is not None and arrival - opened < PILED:
            # Frames that piled up while the stream was opened come faster than they were taken.
            if arrival - before[0] < (stamp - before[1]) / 2 or stamp <= before[1]:
                since = (arrival, stamp)
            before = (arrival, stamp)
            if arrival - since[0] < SETTLE:
                continue
        opened = 0.0
        taken = clock.time_of(stamp, arrival)
        if clock.lag > BEHIND:
            raise EndError(Reason.BEHIND)
        if not sampler.keeps(taken if stamp is None else stamp):
            output.tick(taken)
        elif clock.lag > LATE:
            output.shed += 1
            output.tick(taken)
        else:
            output.frame(capture.retrieve()[1], taken)
    raise EndError(Reason.OVER)


def clip(capture: cv2.VideoCapture, order: Order, output: Output) -> None:
    """A recording. Times are seconds since its begin; the first tick says its length."""
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if math.isfinite(fps) and 0 < fps <= 1000 else order.fps  # noqa: PLR2004
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    output.tick(count / fps if 0 < count < 1e9 else 0.0, now=True)  # noqa: PLR2004
    sampler, index, last, first = Sampler(order.fps), 0, -1.0, None
    while capture.grab():
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        first = stamp if first is None else first
        at = stamp - first
        if index and not at > last:  # no time stamps, or broken ones
            at = max(last + 1 / fps, index / fps)
        index, last = index + 1, at
        if sampler.keeps(at):
            output.frame(capture.retrieve()[1], at)
        else:
            output.tick(at)
    raise EndError(Reason.OVER)


def pictures(stdin: BinaryIO, output: Output) -> None:
    """Pictures as our parent hands them in, one by one."""
    while True:
        head = stdin.read(4)
        if len(head) < 4:  # noqa: PLR2004
            raise EndError(Reason.OVER)
        data = stdin.read(min(int.from_bytes(head, "big"), wire.MOST_PICTURE))
        number = 0
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            output.frame(picture, 0.0)
        except (cv2.error, EndError):
            number = Reason.BROKEN
        output.say(Kind.DONE, number)


# ------------------------------------------------------------------------------- the process


def _read_order(stdin: BinaryIO) -> Order:
    size = int.from_bytes(stdin.read(4), "big")
    if size > wire.MOST_ORDER:
        raise EndError(Reason.BROKEN)
    given = json.loads(stdin.read(size))
    masks = [np.array(polygon, np.int32) for polygon in given["masks"]]
    return Order(given["kind"], given["source"], float(given["fps"]), masks)


def main() -> None:
    """Decode one source, then end."""
    cv2.setNumThreads(1)
    pipe = io.BufferedWriter(io.FileIO(os.dup(1), "wb"))
    os.dup2(2, 1)  # nothing that a library prints gets into the messages
    with contextlib.suppress(BrokenPipeError):
        try:
            order = _read_order(sys.stdin.buffer)
            output = Output(order, pipe)
            _warm()
            walls = DecoderWalls(
                connects=order.kind == "stream", opens=order.kind in ("device", "clip")
            )
            walls.before_reading()
            if order.kind == "pictures":
                walls.after_opening()
                pictures(sys.stdin.buffer, output)
            capture = _open(order)
            walls.after_opening()
            (clip if order.kind == "clip" else live)(capture, order, output)
        except (EndError, IsolationError) as end:
            reason = end.reason if isinstance(end, EndError) else Reason.NO_WALLS
            pipe.write(wire.head(Kind.END, number=reason))
            pipe.flush()
    os._exit(0)  # a library that hangs while it tidies up holds nobody


def _warm() -> None:
    """Load what is loaded late, while files can still be opened."""
    encode_bgr(np.zeros((8, 8, 3), np.uint8))


if __name__ == "__main__":
    main()
