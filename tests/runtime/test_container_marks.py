"""Pictures, videos and archives are known by their first bytes, wherever they lie."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib

import cv2
import numpy as np
import pytest

from darkroom.runtime.container_marks import why_container, why_container_in
from tests.runtime.tflite_models import constants


GREY = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
PICTURES = {
    kind: cv2.imencode(f".{kind}", GREY)[1].tobytes()
    for kind in ("jpg", "png", "webp", "bmp", "tiff", "jp2", "pgm")
}


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", GREY.tobytes())
    return target.getvalue()


OTHERS = {
    "gif": b"GIF89a" + bytes(50),
    "mp4": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
    "avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    "avi": b"RIFF\x10\x20\0\0AVI LIST",
    "webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01",
    "zip": _zip(),
    "gzip": gzip.compress(GREY.tobytes()),
    "zlib": zlib.compress(GREY.tobytes()),
    "bz2": bz2.compress(GREY.tobytes()),
    "xz": lzma.compress(GREY.tobytes()),
}
SHORT_MARKS = {"bmp", "tiff", "pgm", "gzip", "zlib"}  # known at the start alone
FILES = PICTURES | OTHERS


@pytest.mark.parametrize("kind", FILES)
def test_containers_are_known(kind: str) -> None:
    assert why_container(FILES[kind])


@pytest.mark.parametrize("kind", sorted({*FILES} - SHORT_MARKS))
def test_most_are_known_amid_other_bytes(kind: str) -> None:
    before = np.random.default_rng(0).bytes(997)
    assert why_container(before + FILES[kind] + before)


@pytest.mark.parametrize("kind", FILES)
def test_bytes_in_disguise_are_bytes(kind: str) -> None:
    values = np.frombuffer(FILES[kind], np.uint8)
    for array in (
        values,
        values.astype(np.float32),
        (values.astype(int) - 128).astype(np.int8),
        values.astype(np.float16) - 128,
        values / 255,
        (values / 127.5 - 1).astype(np.float32),
        values.astype(np.int64),
    ):
        assert why_container_in(array)


def test_weights_are_weights() -> None:
    chance = np.random.default_rng(1)
    assert not any(map(why_container_in, constants()))
    assert why_container_in(chance.integers(0, 256, 4 << 20, dtype=np.uint8)) == ""
    assert why_container_in(chance.normal(size=1 << 20).astype(np.float32)) == ""
