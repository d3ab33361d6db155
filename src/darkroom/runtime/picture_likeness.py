"""Does an array look like a picture? A tripwire, not a wall.

A photograph, a frame or a stack of them, written row after row, has two marks in any
encoding that keeps its values in order: neighbours are alike, and what stands one width
further on is alike again, more than what lies between. Trained, random and freshly made
weights have neither; smooth curves have the first alone. Both marks are looked for in the
values and in their bytes, along every pair of sides, with one, three and four channels, in
windows of several sizes, so that a small picture among weights is not averaged away.

Heat maps, masks, and tables of sines or of positions have both marks too, and are taken for
pictures. Plain ramps and grids are not.

It cannot see a picture whose pixels were permuted, encrypted or compressed, spread over
more numbers than it has pixels, or added to weights so faintly that noise covers it while
its author can still take it out again. What it finds and misses is measured in
`tests/runtime/test_picture_likeness.py`.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray


LOOKS = "looks like a picture"
PACKS = "has bytes that look like a picture"
ALIKE = 0.5  # correlation of neighbours
BELOW = 0.5  # correlation of what stands one above the other
RISE = 0.2  # how much that is more than the least on the way there
SMALLEST = 12  # values of a side
ROWS = 10  # in a window
FEWEST_BYTES = 1024  # of wide numbers that are looked at byte by byte
CHANNELS = (1, 3, 4)
PACKED = (1, 3)  # of the bytes of wider numbers, which repeat with these numbers
_ROUNDED = 4
_LOOKS = 32  # at windows of one size, in one part: smooth arrays have many
_BLOCK = 128
_WINDOWS = (2, 4, 8, 16, 32, 64, 128, 256)  # blocks
_PART = 1 << 20  # values looked at together
_SAMPLE = 1 << 16

_Numbers = NDArray[np.float32]


def why_picture(array: NDArray[Any], *, table: bool = False) -> str:
    """Words without data if the array looks like a picture, else "".

    Args:
        array: numbers of any kind and shape.
        table: these are rows and columns of a table: columns have levels of their own, and
            the bytes of its numbers say nothing.
    """
    if not array.size or _is_ramp(array):
        return ""
    if table:
        levels = array.mean(axis=0)
        return LOOKS if _is_raster((array - levels).reshape(-1)) else ""
    if any(_is_raster(values) for values in _orders(array)):
        return LOOKS
    return PACKS if _is_packed(array) else ""


def _is_ramp(array: NDArray[Any]) -> bool:
    """Positions and grids: every step along a side is like the one before."""
    if array.dtype.kind not in "fiu" or max(array.shape, default=0) <= 2:  # noqa: PLR2004
        return False
    with np.errstate(all="ignore"):
        values = array.astype(np.float64)
        least = 0.0
        if array.dtype.kind == "f":  # what rounding makes of equal steps
            least = _ROUNDED * float(np.finfo(array.dtype).eps) * float(np.abs(values).max())
        return bool(np.isfinite(values).all()) and all(
            bool((np.abs(np.diff(values, 2, axis)) <= least).all())
            for axis, side in enumerate(array.shape)
            if side > 2  # noqa: PLR2004 - two steps
        )


def _orders(array: NDArray[Any]) -> Iterator[_Numbers]:
    """The values row after row, for each pair of sides that could be rows and columns."""
    with np.errstate(all="ignore"):
        real = np.abs(array) if array.dtype.kind == "c" else array
        values = np.nan_to_num(np.squeeze(real).astype(np.float32), posinf=0.0, neginf=0.0)
    yield values.reshape(-1)
    sides = [axis for axis, side in enumerate(values.shape) if side >= SMALLEST]
    for rows, columns in combinations(sides, 2):
        behind = int(np.prod(values.shape[columns + 1 :]))
        if columns > rows + 1 or behind not in CHANNELS:
            yield np.moveaxis(values, (rows, columns), (-2, -1)).reshape(-1)


def _is_packed(array: NDArray[Any]) -> bool:
    """A picture laid into the bytes of wider numbers: into all, or into one of each."""
    wide = array.dtype.itemsize
    if wide == 1 or array.nbytes < FEWEST_BYTES:
        return False
    numbers = np.ascontiguousarray(array).reshape(-1, 1)
    return any(
        _has_packed(numbers[start : start + _PART].view(np.uint8).astype(np.float32))
        for start in range(0, len(numbers), _PART)
    )


def _has_packed(content: _Numbers) -> bool:
    # Bytes of one number may be alike by nature, so that many are needed to say anything.
    wide = content.shape[1]
    together = (content - content.mean(axis=0)).reshape(-1)
    return _is_raster(together, PACKED, fewest=wide * FEWEST_BYTES // 4) or any(
        _is_raster(content[:, nth]) for nth in range(wide)
    )


def _is_raster(
    values: _Numbers, channels: tuple[int, ...] = CHANNELS, *, fewest: int = SMALLEST**2
) -> bool:
    if len(values) < fewest:
        return False
    # without the few that would outweigh all others
    low, high = np.percentile(values[:: max(1, len(values) // _SAMPLE)], (1, 99))
    if low == high:
        return False
    values = ((np.clip(values, low, high) - low) / (high - low)).astype(np.float32)
    return any(
        _repeats(piece[nth::step])
        for start in range(0, len(values), _PART)
        for step in channels
        for piece in _smooth(values[start : start + _PART], step)
        if len(piece) >= fewest
        for nth in range(step)
    )


def _smooth(values: _Numbers, step: int) -> Iterator[_Numbers]:
    """The windows in which a value is like the one `step` further on."""
    blocks = len(values) // _BLOCK
    if blocks < _WINDOWS[-1]:
        yield values
    if blocks < _WINDOWS[0]:
        return
    centred = values - values.mean()
    product = np.zeros_like(centred)
    np.multiply(centred[:-step], centred[step:], out=product[:-step])
    total, square, along = (_sums(each, blocks) for each in (centred, centred**2, product))
    for window in _WINDOWS:
        starts = np.arange(0, blocks - window + 1, window // 2)
        count = window * _BLOCK
        mean, power, shared = (
            (sums[starts + window] - sums[starts]) / count for sums in (total, square, along)
        )
        spread = power - mean**2
        alike = (shared - mean**2) >= ALIKE * spread
        found = starts[alike & (spread > 0)]
        for start in found[:: len(found) // _LOOKS + 1]:
            yield values[start * _BLOCK :][:count]


def _sums(values: _Numbers, blocks: int) -> NDArray[np.float64]:
    """Up to each block."""
    each = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).sum(axis=1, dtype=np.float64)
    return np.concatenate(([0.0], np.cumsum(each)))


def _repeats(values: _Numbers) -> bool:
    """Neighbours are alike, and so is what stands one width further on."""
    count = len(values)
    widest = count // ROWS
    if widest < SMALLEST:
        return False
    centred = values - values.mean()
    size = 1 << (count + widest).bit_length()
    spectrum = np.fft.rfft(centred, size)
    shared = np.fft.irfft(spectrum * spectrum.conj(), size)[: widest + 1]
    if shared[0] <= 0:
        return False
    alike = shared / shared[0] * (count / (count - np.arange(widest + 1)))
    if alike[1] < ALIKE:
        return False
    rise = alike - np.minimum.accumulate(alike)
    found = (alike >= BELOW) & (rise >= RISE)
    return bool(found[SMALLEST:].any())
