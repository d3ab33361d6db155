"""What looks like a picture, and what does not: measured on frames and on weights.

`WITHIN` is the picture of what this tripwire is worth: the share of frames, resized to a
width, that are found in each way of writing them. A dozen frames are looked at: of
the mock clips, day and night.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from darkroom.runtime.picture_likeness import LOOKS, PACKS, why_picture
from tests.runtime.tflite_models import constants


CLIPS = sorted((Path(__file__).parents[2] / "data" / "mock").glob("*.mp4"))
PER_CLIP = 4
Write = Callable[[np.ndarray, np.ndarray], np.ndarray]  # grey, colour -> what is hidden


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    found = []
    for clip in CLIPS:
        capture = cv2.VideoCapture(str(clip))
        pictures = []
        while (read := capture.read())[0]:
            pictures.append(read[1])
        found += pictures[:: len(pictures) // PER_CLIP][:PER_CLIP]
    assert len(found) == PER_CLIP * 3
    return found


def _noise(shape: tuple[int, ...] | int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


def _low_bytes(grey: np.ndarray) -> np.ndarray:
    bits = _noise(grey.size).astype(np.float32).view(np.uint32) & np.uint32(0xFFFFFF00)
    return (bits | grey.ravel()).view(np.float32)


def _in_bytes(grey: np.ndarray) -> np.ndarray:
    return np.resize(grey, (grey.size + 3) // 4 * 4).view(np.float32)


def _amid(grey: np.ndarray) -> np.ndarray:
    plain = (grey.ravel() - grey.mean()) / (grey.std() + 1e-6)
    return np.concatenate((_noise(10_000), plain, _noise(10_000))).astype(np.float32)


WRITTEN: dict[str, Write] = {
    "grey": lambda grey, _: grey,
    "grey, flat, 0 to 1": lambda grey, _: (grey.ravel() / 255).astype(np.float32),
    "grey, halves": lambda grey, _: ((grey.ravel() - 127.0) / 80).astype(np.float16),
    "grey, negative": lambda grey, _: (127 - grey.astype(int)).astype(np.int8),
    "grey, gamma": lambda grey, _: (grey.ravel() / 255) ** 0.4,
    "grey, columns first": lambda grey, _: grey.T.astype(np.float32).ravel(),
    "colour": lambda _, colour: colour,
    "colour, flat, -1 to 1": lambda _, colour: (colour.ravel() / 127.5 - 1).astype(np.float32),
    "colour, planes": lambda _, colour: colour.transpose(2, 0, 1).astype(np.float32),
    "as kernels": lambda grey, _: np.resize(grey, (grey.size // 144 + 1, 3, 3, 16)) / 255,
    "stack on the last side": lambda grey, _: np.stack([grey] * 16, -1).astype(np.float32),
    "in the low bytes of weights": lambda grey, _: _low_bytes(grey),
    "in the bytes of floats": lambda grey, _: _in_bytes(grey),
    "amid 20,000 weights": lambda grey, _: _amid(grey),
    "under half its own noise": lambda grey, _: grey + 0.5 * grey.std() * _noise(grey.shape),
}
# way of writing -> least share that is found at 16, 32, 64 and 160 pixels of width
USUAL = (0.3, 1.0, 1.0, 1.0)
WITHIN = dict.fromkeys(WRITTEN, USUAL) | {
    "in the low bytes of weights": (0.0, 1.0, 1.0, 1.0),
    "in the bytes of floats": (0.0, 0.0, 1.0, 1.0),
    "amid 20,000 weights": (0.0, 1.0, 1.0, 1.0),
    "under half its own noise": (0.0, 0.5, 1.0, 1.0),
}


def _share(
    frames: list[np.ndarray],
    write: Write,
    width: int,
    look: Callable[[np.ndarray], str] = why_picture,
) -> float:
    found = 0
    for frame in frames:
        size = (width, max(12, width * frame.shape[0] // frame.shape[1]))
        colour = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
        found += bool(look(write(grey, colour)))
    return found / len(frames)


@pytest.mark.parametrize("how", WRITTEN)
def test_frames_are_found(frames: list[np.ndarray], how: str) -> None:
    shares = [_share(frames, WRITTEN[how], width) for width in (16, 32, 64, 160)]

    assert all(s >= least for s, least in zip(shares, WITHIN[how], strict=True)), shares


HIDDEN: dict[str, Write] = {
    "permuted": lambda grey, _: np.random.default_rng(3).permutation(grey.ravel()) / 255,
    "added faintly": lambda grey, _: 0.05 * _noise(grey.shape) + 1e-5 * grey,
    "spread over eight": lambda grey, _: np.repeat(grey.ravel(), 8) * _noise(grey.size * 8),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_tripwire_is_no_wall(frames: list[np.ndarray], how: str) -> None:
    """Said in the module, and shown: these are not found, and their author reads them."""
    assert _share(frames, HIDDEN[how], 64) == 0


def test_the_shipped_detector_raises_no_alarm() -> None:
    weights = constants()

    assert sum(array.size for array in weights) > 300_000
    assert [array.shape for array in weights if why_picture(array)] == []


def _honest() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(4)
    normal = chance.normal(size=(3, 3, 64, 128)).astype(np.float32)
    steps = np.linspace(0, 1, 4000)
    return {
        "normal": normal,
        "glorot": chance.uniform(-0.1, 0.1, (300, 400)).astype(np.float32),
        "orthogonal": np.linalg.qr(chance.normal(size=(256, 256)))[0],
        "embedding": chance.normal(size=(2000, 64)) + chance.normal(size=64),
        "rank one": np.outer(chance.normal(size=300), chance.normal(size=300)),
        "second moments": normal**2,
        "quantised": np.rint(normal / np.abs(normal).max() * 127).astype(np.int8),
        "halves": normal.astype(np.float16),
        "biases": chance.integers(-9999, 9999, 512).astype(np.int32),
        "loss": np.exp(-4 * steps) + 0.05 * chance.normal(size=4000),
        "learning rate": np.cos(steps[:600] * 3),
        "walk": np.cumsum(chance.normal(size=4000)),
        "sorted": np.sort(chance.normal(size=4000)),
        "zeros": np.zeros((64, 64)),
        "identity": np.eye(64),
        "positions": np.arange(5000),
        "positions, floats": np.arange(5000, dtype=np.float32) / 8,
        "grid": np.stack(np.meshgrid(np.arange(52.0), np.arange(52.0)), -1),
    }


@pytest.mark.parametrize("what", _honest())
def test_honest_arrays_raise_no_alarm(what: str) -> None:
    assert why_picture(_honest()[what]) == ""


def _tables() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(6)
    day = 20 + 15 * np.sin(np.arange(24) / 24 * 6.28)
    return {
        "counts": chance.poisson(chance.uniform(1, 40, 20), (200, 20)),
        "shares": chance.integers(0, 101, (200, 20)) / 100,
        "one day a row, one hour a column": chance.poisson(day, (60, 24)),
        "sorted": np.array(sorted(chance.poisson(day, (60, 24)).tolist())),
        "cameras of many sizes": chance.poisson(np.outer(chance.uniform(1, 5, 99), day)),
        "time and numbers": np.c_[np.arange(300), chance.normal(size=(300, 17)).round(3)],
    }


@pytest.mark.parametrize("what", _tables())
def test_honest_tables_raise_no_alarm(what: str) -> None:
    assert why_picture(_tables()[what].astype(np.float64), table=True) == ""


def test_a_frame_in_a_table_is_found(frames: list[np.ndarray]) -> None:
    def rows(grey: np.ndarray, _: np.ndarray) -> np.ndarray:
        return grey.astype(np.float64)

    found = [
        _share(frames, rows, width, look=lambda a: why_picture(a, table=True))
        for width in (16, 32, 64)
    ]
    assert all(share >= least for share, least in zip(found, (0.2, 0.9, 1.0), strict=True)), found


@pytest.mark.parametrize(
    "regular",
    [
        np.tril(np.ones((128, 128), np.float32)),
        np.sin(np.arange(200)[:, None] / 10 ** np.linspace(0, 2, 64)),
    ],
    ids=["mask", "sines"],
)
def test_regular_patterns_are_taken_for_pictures(regular: np.ndarray) -> None:
    assert why_picture(regular)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.float16, np.int8, np.uint64, np.bool_]),
        arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=20),
    )
)
def test_any_array_has_an_answer(array: np.ndarray) -> None:
    assert why_picture(array) in ("", LOOKS, PACKS)


@pytest.mark.parametrize("extreme", [np.nan, np.inf, -np.inf, 3e38, 0.0])
def test_extreme_numbers_hide_nothing(frames: list[np.ndarray], extreme: float) -> None:
    picture = cv2.cvtColor(frames[0], cv2.COLOR_BGR2GRAY).astype(np.float32)
    picture[::9, ::9] = extreme

    assert why_picture(picture)
