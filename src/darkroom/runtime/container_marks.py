"""Does a run of bytes or an array hold a picture, video or archive in its container?

A tripwire: it knows the first bytes of the usual formats. A file without its head, or
written backwards, is not known again. Texts are looked at by `encoded_text`.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


# Anywhere: six bytes or more, so that not even 64 MiB of chance hold one.
_ANYWHERE = re.compile(
    b"|".join(
        (
            rb"\xff\xd8\xff[\xe0-\xef]..(?:JFIF|Exif|Adobe|ICC_|SPIFF|http)",
            rb"\xff\xd8\xff\xdb\0[\x43\x84]\0",  # JPEG without a header of its own
            rb"\x89PNG\r\n\x1a\n",
            rb"\x8aMNG\r\n\x1a\n",
            rb"GIF8[79]a",
            rb"RIFF....(?:WEBP|AVI |WAVE)",
            rb"\0\0\0[\x08-\x40]ftyp[A-Za-z0-9]{3}",  # MP4, MOV, HEIC, AVIF
            rb"\0\0\0\x0c(?:jP  |JXL )\r\n\x87\n",
            rb"\x1aE\xdf\xa3.{1,12}\x42\x86\x81",  # Matroska, WebM
            rb"PK\x03\x04[\x0a-\x3f]\0",
            rb"BZh[1-9]1AY&SY",
            rb"\xfd7zXZ\0",
            rb"7z\xbc\xaf\x27\x1c",
            rb"\x93NUMPY[\x01-\x03]",
            rb"\x89HDF\r\n\x1a\n",
            rb"SQLite format 3\0",
        )
    ),
    re.DOTALL,
)
# At the start alone: four bytes.
_AT_START = re.compile(
    b"|".join(
        (
            rb"\xff\xd8\xff[\xc0-\xfe]",
            rb"BM....\0\0\0\0",
            rb"II\*\0|MM\0\*|II\+\0|MM\0\+",
            rb"\x1f\x8b\x08[\0-\x1f]",
            rb"\x28\xb5\x2f\xfd",
            rb"\x1aE\xdf\xa3",
            rb"OggS|fLaC|qoif|%PDF|FLIF",
            rb"P[1-7]\s\d+\s\d+\s",
        )
    ),
    re.DOTALL,
)
_ZLIB = (0x7801, 0x785E, 0x789C, 0x78DA)
_SMALLEST_ZLIB = 64
_PEEK = 1 << 16
_TOLERANCE = 1e-3
_FOUND = "holds a picture, video or archive file"


def why_container(content: bytes) -> str:
    """Words without data if a container begins at, or in, these bytes; else ""."""
    found = _ANYWHERE.search(content) or _AT_START.match(content) or _unpacks(content)
    return _FOUND if found else ""


def why_container_in(array: NDArray[Any]) -> str:
    """The same for an array: its bytes, and its values where they are bytes in disguise."""
    return next(filter(None, map(why_container, _disguises(array))), "")


def _unpacks(content: bytes) -> bool:
    """A zlib stream has two first bytes only; so it is tried."""
    head = int.from_bytes(content[:2], "big")
    if head not in _ZLIB or len(content) < _SMALLEST_ZLIB:
        return False
    try:
        return bool(zlib.decompressobj().decompress(content[:_PEEK], _PEEK))
    except zlib.error:
        return False


def _disguises(array: NDArray[Any]) -> Iterator[bytes]:
    yield array.tobytes()
    if array.dtype == np.int8:
        yield (array.view(np.uint8) ^ 0x80).tobytes()
    if array.dtype.kind not in "fiu" or array.dtype.itemsize == 1 or not array.size:
        return
    values = array.reshape(-1)
    for scale, shift in ((1, 0), (1, 128), (255, 0), (127.5, 127.5)):
        if _is_bytes(values[:_PEEK], scale, shift) and _is_bytes(values, scale, shift):
            yield np.rint(values * scale + shift).astype(np.uint8).tobytes()


def _is_bytes(values: NDArray[Any], scale: float, shift: float) -> bool:
    """Whether the values, scaled, are whole numbers from 0 to 255."""
    with np.errstate(all="ignore"):
        scaled = values.astype(np.float64) * scale + shift
        whole = np.rint(scaled)
        return bool(
            (whole >= 0).all()
            and (whole <= np.iinfo(np.uint8).max).all()
            and (np.abs(scaled - whole) <= _TOLERANCE * max(1, scale)).all()
        )
