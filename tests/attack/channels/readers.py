"""How the secret is read outside, out of the outputs that crossed.

A reader takes outputs by name: those that were released, or, with the control off, the bytes
as the job left them. What it cannot read it gives up as nothing.
"""

import base64
import io
import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from tests.attack.channels.vault import SQUARE


PEOPLE = 256  # rows of the permutation
Outputs = Mapping[str, bytes]


def _table(outputs: Outputs, name: str = "t") -> list[list[Any]]:
    try:
        return json.loads(outputs[name])["rows"]
    except (KeyError, ValueError, TypeError):
        return []


def _squares(image: Any) -> bytes:
    plane = image[..., 0] if image.ndim == 3 else image
    return np.packbits(plane[SQUARE // 2 :: SQUARE, SQUARE // 2 :: SQUARE] > 127).tobytes()


def read_picture(outputs: Outputs) -> bytes:
    """Any output that OpenCV opens."""
    for data in outputs.values():
        image = cv2.imdecode(np.frombuffer(data or b"\0", np.uint8), cv2.IMREAD_COLOR)
        if image is not None:
            return _squares(image)
    return b""


def read_array(outputs: Outputs) -> bytes:
    """The picture as an array."""
    try:
        with np.load(io.BytesIO(outputs["m"]), allow_pickle=False) as arrays:
            return _squares(arrays["a"])
    except (KeyError, ValueError, OSError, IndexError):
        return b""


def read_weights(outputs: Outputs) -> bytes:
    """The bytes of all arrays."""
    if "m" not in outputs:
        return b""
    with np.load(io.BytesIO(outputs["m"]), allow_pickle=False) as arrays:
        return b"".join(arrays[name].tobytes() for name in sorted(arrays.files))


def read_texts(decode: Callable[[str], bytes]) -> Callable[[Outputs], bytes]:
    """Rows of (index, text), in the order of the index."""

    def read(outputs: Outputs) -> bytes:
        try:
            return b"".join(decode(text) for _, text in sorted(_table(outputs)))
        except ValueError:
            return b""

    return read


SYLLABLES = [a + b for a in "bdlmnprs" for b in "ae"]  # four bits each


def spell(text: str) -> bytes:
    """Words of two syllables, a byte each."""
    digits = [SYLLABLES.index(word[i : i + 2]) for word in text.split() for i in (0, 2)]
    return bytes(a << 4 | b for a, b in zip(digits[::2], digits[1::2], strict=True))


def read_large_floats(outputs: Outputs) -> bytes:
    """Seven bytes in each float, above a fixed exponent."""
    cells = [cell for row in sorted(_table(outputs)) for cell in row[1:]]
    return b"".join(struct.pack(">d", cell)[1:] for cell in cells)


def read_bounded(steps: int, bits: int) -> Callable[[Outputs], bytes]:
    """So many bits in each cell, as multiples of one over `steps`."""

    def read(outputs: Outputs) -> bytes:
        cells = [cell for row in sorted(_table(outputs)) for cell in row[1:]]
        digits = "".join(f"{round(cell * steps) % (1 << bits):0{bits}b}" for cell in cells)
        return _bytes(digits)

    return read


def read_low_bits(outputs: Outputs) -> bytes:
    """Four bytes below the sixth decimal of each float."""
    cells = [cell for row in sorted(_table(outputs)) for cell in row[1:]]
    return b"".join(struct.pack(">I", round((cell - 0.5) * 2**53) % (1 << 32)) for cell in cells)


def read_counts(step: int, bits: int) -> Callable[[Outputs], bytes]:
    """So many bits in each count, as a multiple of `step`."""

    def read(outputs: Outputs) -> bytes:
        cells = [row[1] for row in sorted(_table(outputs))]
        return _bytes("".join(f"{c // step - 1:0{bits}b}"[-bits:] for c in cells))

    return read


def read_order(outputs: Outputs) -> bytes:
    """The number of the permutation."""
    order = [row[0] for row in _table(outputs)]
    if sorted(order) != list(range(PEOPLE)):
        return b""
    number, left = 0, list(range(PEOPLE))
    for value in order:
        number = number * len(left) + left.index(value)
        left.remove(value)
    return _top(number, math.factorial(PEOPLE))


def _top(number: int, most: int) -> bytes:
    size = (most.bit_length() - 1) // 8
    return (number % (1 << 8 * size)).to_bytes(size, "big")


def read_row_count(outputs: Outputs) -> bytes:
    """Ten bits a table: how many rows there are."""
    counts = [len(_table(outputs, name)) for name in sorted(outputs) if name != "log"]
    return _bytes("".join(f"{count:010b}" for count in counts))


def read_names(outputs: Outputs) -> bytes:
    """The longest name of an output or a column, as hex."""
    names = [*outputs]
    for data in outputs.values():
        try:
            names += json.loads(data)["columns"]
        except (ValueError, KeyError, TypeError):
            continue
    try:
        return bytes.fromhex(max(names, key=len, default="").removeprefix("x"))
    except ValueError:
        return b""


def read_beside(outputs: Outputs) -> bytes:
    """A marked run of base64 anywhere in the bytes."""
    for data in outputs.values():
        _, mark, rest = data.partition(b"<<<")
        text, end, _ = rest.partition(b">>>")
        if mark and end:
            return base64.b64decode(text)
    return b""


def _bytes(digits: str) -> bytes:
    whole = len(digits) // 8 * 8
    return bytes(int(digits[i : i + 8], 2) for i in range(0, whole, 8))
