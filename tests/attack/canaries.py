"""What is planted where a job must not reach, and the search for it in all that leaves.

A canary word is text that occurs nowhere else; the canary picture is a row of light and dark
blocks that survives JPEG. `search` finds both in plain and in the usual encodings, one inside
the other three deep.
"""

import base64
import hashlib
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.gateway.secrecy import _PACKED, _decompressed, _unpacked


PLACES = ("environment", "keys", "other dataset", "frame", "file", "memory", "secret")
LETTERS = "bcdfghjkmnpqrstvwxyz23456789"
DEPTH = 3
SHORTEST = 14  # half a word gives it away
MOST = 32 << 20  # bytes of one layer
# The picture: 64 columns of light (1) and dark (0), two pixels wide, in every row.
COLUMNS = [int(bit) for bit in f"{int.from_bytes(hashlib.sha256(b'columns').digest()[:8]):064b}"]
LIGHT, DARK = 230, 25
WIDTH, HEIGHT = 128, 48
PIXELS = "pixels"


@dataclass(frozen=True, slots=True)
class Finding:
    """A canary that was found.

    Attributes:
        planted: where it belongs: a place, or `pixels`.
        how: the encodings around it, the outermost first; "plain" when there was none.
    """

    planted: str
    how: str


def word(place: str) -> str:
    """The canary word of a place: 28 letters and digits, the same in every process."""
    number = int.from_bytes(hashlib.sha256(f"canary {place}".encode()).digest())
    return "".join(LETTERS[number // len(LETTERS) ** i % len(LETTERS)] for i in range(28))


def picture(height: int = HEIGHT) -> NDArray[np.uint8]:
    """The canary picture, RGB."""
    row = np.repeat(np.array([LIGHT if bit else DARK for bit in COLUMNS], np.uint8), 2)
    return np.broadcast_to(row[None, :, None], (height, WIDTH, 3)).copy()


# ------------------------------------------------------------------------------ the search


def search(blob: bytes) -> list[Finding]:
    """Every canary in a blob, each once, by the shortest way to it."""
    found: dict[str, Finding] = {}
    seen: set[bytes] = set()
    layers = [("", blob)]
    for depth in range(DEPTH + 1):
        following: list[tuple[str, bytes]] = []
        for how, data in layers:
            mark = hashlib.sha256(data).digest()
            if mark in seen or len(data) < SHORTEST:
                continue
            seen.add(mark)
            for planted, way in _directly(data):
                found.setdefault(planted, Finding(planted, _join(how, way) or "plain"))
            if depth < DEPTH:
                following += [(_join(how, way), inner) for way, inner in _inside(data, depth)]
        layers = following
    return list(found.values())


def _join(how: str, way: str) -> str:
    return " > ".join(part for part in (how, way) if part)


_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM",
)


def _steps(data: bytes) -> bytes:
    """Neighbours XORed: the same whatever one byte everything was XORed with."""
    values = np.frombuffer(data, np.uint8)
    return (values[1:] ^ values[:-1]).tobytes()


def _pieces(text: str) -> list[bytes]:
    data = text.encode()
    return [data[at : at + SHORTEST] for at in range(0, len(data) - SHORTEST + 1, 7)]


_WORDS = {place: _pieces(word(place)) for place in PLACES}
_STEPS = {place: [_steps(piece) for piece in pieces] for place, pieces in _WORDS.items()}


def _directly(data: bytes) -> Iterator[tuple[str, str]]:
    """(what, how) for what needs no decoding, only another look."""
    lower, steps = data.lower(), _steps(data)
    looks = {
        "": lower,
        "reversed": lower[::-1],
        "rot13": lower.translate(_ROT13),
        "UTF-16": lower[::2],
        "UTF-16, from the second byte": lower[1::2],
        **{f"UTF-32, from byte {at}": lower[at::4] for at in range(4)},
    }
    every, ways = b"\0".join(looks.values()), b"\0".join((steps, steps[::-1]))
    for place in PLACES:
        if _any(_WORDS[place], every):
            yield place, next(h for h, look in looks.items() if _any(_WORDS[place], look))
        elif _any(_STEPS[place], ways):
            yield place, "XOR"
    if _shows(np.frombuffer(data, np.uint8)):
        yield PIXELS, ""


def _any(pieces: list[bytes], data: bytes) -> bool:
    return any(piece in data for piece in pieces)


_ROWS = {
    stride: np.repeat(np.array(COLUMNS, np.uint8), stride).tobytes() for stride in (1, 2, 3, 6)
}


def _shows(values: NDArray[np.uint8]) -> bool:
    """Whether a row of the picture is there: grey or RGB, whole or thinned out, or negative."""
    if values.size < len(COLUMNS):
        return False
    light = (values >= (LIGHT + DARK) // 2).astype(np.uint8)
    dark = 1 - light
    return any(
        row in look or row[::-1] in look
        for look in (light.tobytes(), dark.tobytes())
        for row in _ROWS.values()
    )


# ---------------------------------------------------------------------------- the decoders


_TEXT = re.compile(rb"[\t\n\r -~]{18,}")


def _inside(data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    """Archives and pictures anywhere; everything else is text, and only in runs of text."""
    text = b"\0".join(_TEXT.findall(data))
    ways = [(_archives, data), (_pictures, data), (_runs, text), (_numbers, text)]
    if depth < 2:
        ways += [(_percent, text), (_escapes, text), (_base32, text)]
    if depth < 1:
        ways += [(_base85, text)]
    for decode, material in ways:
        for how, inner in decode(material):
            if SHORTEST <= len(inner) <= MOST:
                yield how, inner


def _archives(data: bytes) -> Iterator[tuple[str, bytes]]:
    """zlib, gzip, bz2, xz, members of a zip."""
    for match in _PACKED.finditer(data):
        yield "archive", _decompressed(match[0], memoryview(data)[match.start() :])


def _runs(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Base64 in every alignment, hex in both cases, also with signs or line ends between."""
    for inner in _unpacked(text):
        yield "base64 or hex", inner
    spaced = re.sub(rb"(?i)(?:\\x|0x|[:, \n-])(?=[0-9a-f]{2}(?![0-9a-f]))", b"", text)
    if spaced != text:
        for inner in _unpacked(spaced):
            yield "spaced hex", inner
    unbroken = re.sub(rb"\r?\n[ \t]*", b"", text)
    if unbroken != text:
        for inner in _unpacked(unbroken):
            yield "base64 or hex over lines", inner


def _percent(data: bytes) -> Iterator[tuple[str, bytes]]:
    if re.search(rb"%[0-9a-fA-F]{2}", data):
        yield "URL", urllib.parse.unquote_to_bytes(data)
    if re.search(rb"=[0-9A-F]{2}", data):
        yield "quoted printable", urllib.parse.unquote_to_bytes(data.replace(b"=", b"%"))


def _escapes(data: bytes) -> Iterator[tuple[str, bytes]]:
    if b"\\u" in data:
        plain = re.sub(
            rb"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)).encode("utf-8", "replace"), data
        )
        yield "JSON escapes", plain


def _base32(data: bytes) -> Iterator[tuple[str, bytes]]:
    for match in re.finditer(rb"[A-Z2-7]{24,}|[a-z2-7]{24,}", data):
        run = match[0].upper()
        for start in range(8):
            part = run[start : start + (len(run) - start) // 8 * 8]
            if part:
                yield "base32", base64.b32decode(part)


def _base85(data: bytes) -> Iterator[tuple[str, bytes]]:
    for match in re.finditer(rb"[!-~]{20,65536}", data):
        for start in range(5):
            run = match[0][start:].removeprefix(b"<~").removesuffix(b"~>")
            for how, decode in (("ascii85", base64.a85decode), ("base85", base64.b85decode)):
                for part in (run, run[: len(run) // 5 * 5]):
                    try:
                        yield how, decode(part)
                        break
                    except ValueError:
                        continue


_NUMBER = re.compile(rb"(?<![\w.])\d{1,3}(?:\.\d+)?(?![\w.]|%)")


def _numbers(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Numbers one after the other, whatever stands between: lists, rows, repr of bytes."""
    numbers = [float(text) for text in _NUMBER.findall(data)]
    if len(numbers) < SHORTEST:
        return
    for every in (1, 2, 3, 4):
        for start in range(every):
            values = np.array(numbers[start::every])
            if values.size < SHORTEST:
                continue
            for scale in (1.0, 255.0):  # whole levels, and shares of one
                yield "numbers", np.clip(values * scale, 0, 255).astype(np.uint8).tobytes()


def _pictures(data: bytes) -> Iterator[tuple[str, bytes]]:
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n"):
        at = data.find(magic)
        while at >= 0:
            image = cv2.imdecode(np.frombuffer(data, np.uint8, offset=at), cv2.IMREAD_GRAYSCALE)
            if image is not None:
                yield "picture", image.tobytes()
            at = data.find(magic, at + 1)
