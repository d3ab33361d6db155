"""The search finds what was planted in every form that it claims, and nothing else."""

import base64
import bz2
import codecs
import gzip
import io
import json
import lzma
import urllib.parse
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack.canaries import PIXELS, PLACES, picture, search, word


SECRET = word("environment").encode()
NOISE = np.random.default_rng(7).integers(0, 256, 4096, np.uint8).tobytes()


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", b"before " + data)
    return file.getvalue()


WAYS = {
    "plain": bytes,
    "upper case": bytes.upper,
    "half of it": lambda d: d[: len(d) // 2],
    "base64": base64.b64encode,
    "base64, second alignment": lambda d: base64.b64encode(b"x" + d),
    "base64, third alignment": lambda d: base64.b64encode(b"xy" + d),
    "base64 for addresses": lambda d: base64.urlsafe_b64encode(b"\xff\xfe\xff" + d),
    "base64 over lines": lambda d: base64.encodebytes(bytes(40) + d),
    "hex": lambda d: d.hex().encode(),
    "HEX": lambda d: d.hex().upper().encode(),
    "spaced hex": lambda d: d.hex(":").encode(),
    "escaped hex": lambda d: "".join(f"\\x{b:02x}" for b in d).encode(),
    "reversed": lambda d: d[::-1],
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
    "UTF-16": lambda d: d.decode().encode("utf-16"),
    "UTF-16, big end first": lambda d: d.decode().encode("utf-16-be"),
    "UTF-32": lambda d: d.decode().encode("utf-32-le"),
    "URL": lambda d: "".join(f"%{b:02X}" for b in d).encode(),
    "quoted printable": lambda d: "".join(f"={b:02X}" for b in d).encode(),
    "JSON escapes": lambda d: "".join(f"\\u{b:04x}" for b in d).encode(),
    "JSON numbers": lambda d: json.dumps(list(d)).encode(),
    "JSON rows": lambda d: json.dumps([["cam0", i, b] for i, b in enumerate(d)]).encode(),
    "rot13": lambda d: codecs.encode(d.decode(), "rot13").encode(),
    "base32": base64.b32encode,
    "ascii85": base64.a85encode,
    "base85": base64.b85encode,
    "XOR": lambda d: bytes(b ^ 0x5A for b in d),
    "XOR, reversed": lambda d: bytes(b ^ 0xC3 for b in d[::-1]),
    "base64 of base64": lambda d: base64.b64encode(base64.b64encode(d)),
    "hex in zlib in base64": lambda d: base64.b64encode(zlib.compress(d.hex().encode())),
    "UTF-16 in base64 in gzip": lambda d: gzip.compress(
        base64.b64encode(d.decode().encode("utf-16-le"))
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_word_is_found_in_every_form(way: str) -> None:
    blob = NOISE + b'{"message": "' + WAYS[way](SECRET) + b'"}' + NOISE

    assert "environment" in {f.planted for f in search(blob)}, way


def npz(values: np.ndarray, *, packed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, weights=values)
    return file.getvalue()


PICTURE_WAYS = {
    "raw": lambda p: p.tobytes(),
    "one row": lambda p: p[3].tobytes(),
    "grey": lambda p: p[:, :, 0].tobytes(),
    "every second pixel": lambda p: p[0, ::2, 0].tobytes(),
    "negative": lambda p: (255 - p).tobytes(),
    "mirrored": lambda p: p[:, ::-1].tobytes(),
    "JPEG": lambda p: cv2.imencode(".jpg", p)[1].tobytes(),
    "PNG in base64": lambda p: base64.b64encode(cv2.imencode(".png", p)[1].tobytes()),
    "through JPEG, as JSON": lambda p: json.dumps(
        cv2.imdecode(cv2.imencode(".jpg", p)[1], 0)[0].tolist()
    ).encode(),
    "shares of one": lambda p: json.dumps((p[0, :, 0] / 255).round(3).tolist()).encode(),
    "rows of a table": lambda p: json.dumps(
        [["cam0", i, int(v)] for i, v in enumerate(p[0, :, 0])]
    ).encode(),
    "npz": npz,
    "packed npz": lambda p: npz(p, packed=True),
}


@pytest.mark.parametrize("way", PICTURE_WAYS)
def test_the_picture_is_found_in_every_form(way: str) -> None:
    assert PIXELS in {f.planted for f in search(NOISE + PICTURE_WAYS[way](picture()))}, way


def test_it_says_what_was_found_and_how() -> None:
    (finding,) = search(base64.b64encode(word("keys").encode()))

    assert finding.planted == "keys"
    assert "base64" in finding.how
    assert [f.how for f in search(word("keys").encode())] == ["plain"]


def test_each_place_has_a_word_of_its_own() -> None:
    blob = " ".join(map(word, PLACES)).encode()

    assert {f.planted for f in search(blob)} == set(PLACES)
    for place in PLACES:
        assert {f.planted for f in search(word(place).encode())} == {place}


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
def test_nothing_is_found_where_nothing_was_planted(blob: bytes) -> None:
    assert search(blob) == []


def test_ordinary_pictures_tables_and_code_are_no_canaries() -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (48, 64, 3), np.uint8)
    ramp = np.tile(np.arange(256, dtype=np.uint8), 64)
    for blob in (
        image.tobytes(),
        ramp.tobytes(),
        cv2.imencode(".jpg", image)[1].tobytes(),
        json.dumps(rng.integers(0, 256, 3000).tolist()).encode(),
        base64.b64encode(NOISE),
        urllib.parse.quote(NOISE).encode(),
        bytes(100_000),
        b"\xff" * 100_000,
        Path(__file__).read_bytes(),
    ):
        assert search(blob) == []
