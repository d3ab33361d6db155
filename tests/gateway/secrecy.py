"""Reads everything a gateway stored, and looks for plaintext in every form it could hide in.

    assert_gateway_holds_no(state, {"code": code, "mock": mock}, objects=store)

Looked through: the raw files (database, write-ahead log, blobs), every value of every table,
and blobs with their chunks put together again; each as it is, and everything inside that is
base64, hex, zlib, gzip, bz2, xz or raw deflate (as zip files hold it), three layers deep.
"""

import base64
import binascii
import bz2
import lzma
import re
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from darkroom.ports import BlobStore


WINDOW = 16  # bytes; shorter plaintexts would be found by chance
MAX_WINDOWS = 48  # spread over the whole plaintext
LAYERS = 3
MAX_UNPACKED = 64 << 20
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}")
_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|BZh[1-9]|\xfd7zXZ\x00|PK\x03\x04")


def windows(plaintext: bytes) -> set[bytes]:
    """Pieces of a plaintext, close enough that a fragment of it holds one.

    A piece of one repeated byte would be found everywhere and says nothing.
    """
    if len(plaintext) < WINDOW:
        raise ValueError("a plaintext under 16 bytes cannot be searched for")
    step = max(WINDOW, len(plaintext) // MAX_WINDOWS)
    starts = [*range(0, len(plaintext) - WINDOW, step), len(plaintext) - WINDOW]
    pieces = {plaintext[start : start + WINDOW] for start in starts}
    return {piece for piece in pieces if len(set(piece)) > 4}


def stored(state: Path, objects: BlobStore | None = None) -> Iterator[tuple[str, bytes]]:
    """Everything in a gateway's folder, and in its object store if it has another one."""
    blobs = state / "blobs"
    for path in sorted(p for p in state.rglob("*") if p.is_file()):
        if blobs not in path.parents:  # those follow, put together
            yield str(path.relative_to(state)), path.read_bytes()
    database = state / "gateway.sqlite"
    if database.exists():
        yield from _values(database)
    parts: defaultdict[str, bytes] = defaultdict(bytes)
    for path in sorted(blobs.rglob("*")):
        if path.is_file():
            parts[str(path.parent.relative_to(state))] += path.read_bytes()
    for key in objects.keys("") if objects else []:
        parts[key.rpartition("/")[0]] += objects.get(key)
    yield from parts.items()


def _values(database: Path) -> Iterator[tuple[str, bytes]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    data = value if isinstance(value, bytes) else str(value).encode()
                    yield f"table {table}", data
    finally:
        connection.close()


def _unpacked(data: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(data):
        text = match[0].translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        for start in range(4):  # the run may begin before the encoded part does
            part = text[start : start + (len(text) - start) // 4 * 4]
            yield base64.b64decode(part)
        if len(text) % 4 != 1:
            yield base64.b64decode(text + b"=" * (-len(text) % 4))
    for match in _HEX.finditer(data):
        yield binascii.unhexlify(match[0])
        yield binascii.unhexlify(match[0][1:-1])
    for match in _PACKED.finditer(data):
        yield _decompressed(match[0], memoryview(data)[match.start() :])


def _decompressed(magic: bytes, data: memoryview) -> bytes:
    try:
        if magic.startswith(b"PK"):
            names = int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
            return zlib.decompressobj(-15).decompress(data[30 + names :], MAX_UNPACKED)
        if magic.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(data, MAX_UNPACKED)
        if magic.startswith(b"\xfd7z"):
            return lzma.LZMADecompressor().decompress(data, MAX_UNPACKED)
        return zlib.decompressobj(47).decompress(data, MAX_UNPACKED)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return b""


def _layers(data: bytes, depth: int = LAYERS) -> Iterator[bytes]:
    yield data
    if depth:
        for inner in _unpacked(data):
            if len(inner) >= WINDOW:
                yield from _layers(inner, depth - 1)


def assert_gateway_holds_no(
    state: Path, plaintexts: Mapping[str, bytes], *, objects: BlobStore | None = None
) -> None:
    """Fail, naming the place, when a piece of any plaintext lies with the gateway.

    Args:
        state: the gateway's `--state` folder.
        plaintexts: what must not be there, each of at least 16 bytes, by a name to show.
        objects: the gateway's blob store, when it is not the folder in `state`.
    """
    sought = {name: windows(plaintext) for name, plaintext in plaintexts.items()}
    assert sought
    assert all(sought.values()), "a plaintext without any telling piece"
    places = 0
    for place, data in stored(state, objects):
        places += 1
        for layer in _layers(data):
            for name, pieces in sought.items():
                for piece in pieces:
                    assert piece not in layer, f"a piece of {name} lies in {place}"
    assert places, f"{state} holds nothing: is it the gateway's folder?"
