"""What a decoder is told on its standard input, and what it says on its standard output.

Each message has a head of fixed size: kind, time, two numbers and the size of what follows.
The reader checks every number before it makes room for anything.
"""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO


HEAD = struct.Struct("<BdIHHI")  # kind, time, number, width, height, bytes that follow
MOST_ORDER = 256 << 10
MOST_PICTURE = 16 << 20
MOST_EDGE = 1 << 14
MOST_PIXELS = 16_000_000


class Kind(IntEnum):
    """What a message is."""

    FRAME = 1  # a kept frame, masked and encoded; number: frames shed before it
    TICK = 2  # nothing to keep just now, and alive; number: frames shed so far
    END = 3  # no more will come; number: a `Reason`
    DONE = 4  # the picture that was handed in is through


class Reason(IntEnum):
    """Why a decoder ended. A word of ours: what a stream says travels no further."""

    OVER = 0  # the stream, or the clip, is over
    NOT_OPENED = 1  # no stream, no device, or nothing that can be decoded
    TOO_LARGE = 2  # a picture has more pixels than allowed
    BEHIND = 3  # decoding takes longer than the camera: a new connection is nearer to now
    BROKEN = 4  # a frame that is none
    NO_SIZE = 5  # only its pictures say how large they are
    NO_WALLS = 6  # this machine cannot confine a decoder


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a decoder, checked."""

    kind: Kind
    time: float
    number: int
    width: int
    height: int
    size: int


class BrokenMessageError(Exception):
    """These bytes are no message."""


def head(
    kind: Kind,
    *,
    time: float = 0.0,
    number: int = 0,
    width: int = 0,
    height: int = 0,
    size: int = 0,
) -> bytes:
    """The head of a message."""
    return HEAD.pack(kind, time, number, width, height, size)


def read_head(data: bytes) -> Message:
    """The head of a message of untrusted origin.

    Raises:
        BrokenMessageError: a number is impossible.
    """
    kind, time, number, width, height, size = HEAD.unpack(data)
    sound = kind in tuple(Kind) and math.isfinite(time) and size <= MOST_PICTURE
    if kind == Kind.FRAME:
        sound = sound and 0 < width <= MOST_EDGE and 0 < height <= MOST_EDGE and size > 0
    else:
        sound = sound and size == 0
    if kind == Kind.END:
        sound = sound and number in tuple(Reason)
    if not sound:
        raise BrokenMessageError
    return Message(Kind(kind), time, number, width, height, size)


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """That many bytes, or fewer where the stream ends."""
    return stream.read(size) or b""
