"""Files that go along with the code: what they are by their first bytes, not by their name."""

import io
import re
import zipfile
from ast import literal_eval
from collections.abc import Iterator
from typing import Any

from darkroom.owner.findings.literals import entropy
from darkroom.owner.findings.uses import Said


CARRIED = "carried file"
MAX_TENSORS = 200
MAX_HEADER = 4096
DENSE = 7.2  # bits a byte
_SOME = 256  # bytes, before entropy says anything
# offset, magic, what it is, what to think of it
_KINDS: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"TFL3", "a TFLite model", "its weights go in with the code; who trained them, on what?"),
    (0, b"PK\x03\x04", "a ZIP archive", "what is in it is not shown here"),
    (0, b"PK\x05\x06", "an empty ZIP archive", "why is it here?"),
    (0, b"\x7fELF", "a program or library for Linux", "machine code cannot be reviewed"),
    (0, b"MZ", "a program for Windows", "machine code cannot be reviewed"),
    (0, b"\xcf\xfa\xed\xfe", "a program for macOS", "machine code cannot be reviewed"),
    (0, b"\x80\x04", "a pickle", "it runs code when it is read"),
    (0, b"\x80\x05", "a pickle", "it runs code when it is read"),
    (0, b"\x80\x02", "a pickle", "it runs code when it is read"),
    (0, b"\x1f\x8b", "a gzip file", "what is in it is not shown here"),
    (0, b"BZh", "a bzip2 file", "what is in it is not shown here"),
    (0, b"\xfd7zXZ", "an xz file", "what is in it is not shown here"),
    (0, b"\x89PNG", "a picture (PNG)", "why does the code need one?"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)", "why does the code need one?"),
    (0, b"SQLite format 3", "an SQLite database", "what is in it is not shown here"),
    (0, b"\x93NUMPY", "an array of numpy", "numbers go in with the code"),
    (0, b"\x89HDF", "an HDF5 file", "Keras keeps code in such files, too"),
    (0, b"%PDF", "a PDF", "why does the code need one?"),
    (0, b"#!", "a script of another language", "it is shown below as text"),
)
_PYC = re.compile(rb".\x0d\x0d\x0a", re.DOTALL)


def carried(path: str, data: bytes, size: int) -> Iterator[Said]:
    """What a file is that is not Python.

    Args:
        path: for its extension only.
        data: its beginning; all of it for an archive of arrays.
        size: of the whole file.
    """
    what, thought = _what(data)
    if path.endswith(".npz") and data.startswith(b"PK"):
        arrays, more = tensors(data)
        listed = "; ".join(f"{name} {kind}{shape}" for name, kind, shape in arrays[:3])
        rest = len(arrays) - 3 + more
        thought = f"arrays: {listed or 'none'}" + (f" and {rest} more" if rest > 0 else "")
    yield 0, CARRIED, f"{what}, {size:,} bytes: {thought}"
    if what == "a file of no known kind" and len(data) >= _SOME and entropy(data) >= DENSE:
        yield 0, CARRIED, "its bytes look packed or encrypted"


def _what(data: bytes) -> tuple[str, str]:
    for offset, magic, what, thought in _KINDS:
        if data[offset : offset + len(magic)] == magic:
            return what, thought
    if _PYC.match(data):
        return "compiled Python", "it runs, and its source is not shown"
    if not data:
        return "an empty file", "nothing is in it"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 4:
            return "a file of no known kind", "it cannot be shown"
    return "text", "it is shown below"


def tensors(data: bytes) -> tuple[list[tuple[str, str, str]], int]:
    """(name, type, shape) of the arrays in an archive, from their headers; and how many more.

    Raises:
        ValueError: it is no archive of arrays.
    """
    found: list[tuple[str, str, str]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            for member in members[:MAX_TENSORS]:
                with archive.open(member) as file:
                    kind, shape = _header(file.read(MAX_HEADER))
                found.append((member.filename.removesuffix(".npy")[:80], kind, shape))
    except Exception as error:  # zipfile raises what it finds on the way
        raise ValueError("no archive of arrays") from error
    return found, max(0, len(members) - MAX_TENSORS)


def _header(start: bytes) -> tuple[str, str]:
    """Type and shape from the beginning of a .npy file."""
    if start[:6] != b"\x93NUMPY":
        return "not an array", ""
    wide = start[6] > 1
    begin = 12 if wide else 10
    length = int.from_bytes(start[8:begin], "little")
    fields: Any = literal_eval(start[begin : begin + length].decode("latin-1").strip())
    match fields:
        case {"descr": str(kind), "shape": tuple(shape)} if len(shape) <= 8:  # noqa: PLR2004
            return kind[:20], "(" + ", ".join(str(int(side)) for side in shape) + ")"
    return "an array of objects", ""
