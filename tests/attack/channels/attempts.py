"""Hostile jobs that carry the secret out in what they return."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from darkroom.model.output import Model, Output, Scalars, Table
from tests.attack.channels.readers import (
    PEOPLE,
    SYLLABLES,
    Outputs,
    read_array,
    read_beside,
    read_bounded,
    read_counts,
    read_large_floats,
    read_low_bits,
    read_names,
    read_order,
    read_picture,
    read_row_count,
    read_texts,
    read_weights,
    spell,
)


ROWS = 100
COUNTED = 1023
FLOATS = 4
WORDS = 7  # of four letters, a byte each, in one text


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to use a channel.

    Attributes:
        channel: E1 to E14.
        how: in a few words.
        body: of the job.
        outputs: that it declares.
        read: the secret, or a beginning of it, out of what crossed.
        open: how many bits it carries with its control off; 0 for a channel that has none.
        airlock: fields of the owner's airlock.
        with_log: the owner lets the log go, too.
    """

    channel: str
    how: str
    body: str
    outputs: dict[str, Output]
    read: Callable[[Outputs], bytes]
    open: int = 0
    airlock: dict[str, Any] = field(default_factory=dict)
    with_log: bool = False


# ------------------------------------------------------------------------------ in the job

LEAVE = "import os, json\ndef leave(**files):\n    for name, content in files.items():\n        open('/out/' + name, 'wb').write(content)\n    os._exit(0)\n"
IMAGE = "image = next(data.frames()).image\n"


def _whole_table(columns: str) -> str:
    return f"leave(t=json.dumps({{'columns': {columns}, 'rows': rows}}).encode())"


# ---------------------------------------------------------------------------- the attempts

TEXT = {"t": Table(columns={"i": "int", "text": "text"}, max_rows=ROWS)}
NUMBERS = {
    "t": Table(columns={"i": "int", **{f"v{n}": "float" for n in range(FLOATS)}}, max_rows=ROWS)
}
LOW = {f"v{n}": (0.0, 1.0) for n in range(FLOATS)}
BOUNDED = {
    "t": Table(
        columns={"i": "int", **{f"v{n}": "float" for n in range(FLOATS)}},
        max_rows=ROWS,
        bounds={"i": (0, ROWS - 1), **LOW},
    )
}
COUNTS = {
    "t": Table(
        columns={"i": "int", "n": "int"}, max_rows=ROWS, counts=("n",),
        bounds={"i": (0, ROWS - 1), "n": (0, 1600)},
    )
}  # fmt: skip
MODEL = {"m": Model(format="npz", max_bytes=40_000)}
ONE = {"t": Scalars(names=("n",))}
PLAIN = {"t": Table(columns={"n": "int"}, max_rows=PEOPLE)}
SAME = {
    f"t{n}": Table(columns={"c": "text"}, max_rows=COUNTED, labels={"c": ("a",)}) for n in range(4)
}

FLOAT_ROWS = """
def rows_of(cell, size):
    s = read(data, 2)
    return [[i, *[cell(s[(i * 4 + k) * size:(i * 4 + k + 1) * size]) for k in range(4)]]
            for i in range(100)]
"""
_BITS = """
def digits(bits, cells):
    text = "".join(f"{byte:08b}" for byte in read(data))
    return [int(text[n * bits:(n + 1) * bits], 2) for n in range(cells)]
"""

ATTEMPTS = (
    Attempt(
        channel="E1",
        how="a JPEG under the name of a table",
        outputs=PLAIN,
        read=read_picture,
        body=LEAVE + IMAGE + "import cv2\nleave(t=cv2.imencode('.jpg', image)[1].tobytes())",
        open=19_200,
    ),
    Attempt(
        channel="E1",
        how="a PNG beside the declared output",
        outputs=ONE,
        read=read_picture,
        body=LEAVE + IMAGE + "import cv2\n"
        "leave(t=b'{\"n\":1}', frame=cv2.imencode('.png', image)[1].tobytes())",
        open=19_200,
    ),
    Attempt(
        channel="E1",
        how="a frame as an array of a model",
        outputs={"m": Model(format="npz", max_bytes=1 << 20)},
        read=read_array,
        body=LEAVE
        + IMAGE
        + "np.savez('/out/m', a=image)\nos.rename('/out/m.npz', '/out/m')\nleave()",
        open=19_200,
    ),
    Attempt(
        channel="E2",
        how="base64 in a text column",
        outputs=TEXT,
        read=read_texts(base64.b64decode),
        body=LEAVE + "import base64\ns = read(data, 3)\nrows = [[i, base64.b64encode("
        "s[i * 60:i * 60 + 60]).decode()] for i in range(100)]\n"
        + _whole_table("{'i': 'int', 'text': 'text'}"),
        open=48_000,
    ),
    Attempt(
        channel="E2",
        how="hex in a text column",
        outputs=TEXT,
        read=read_texts(bytes.fromhex),
        body=LEAVE + "s = read(data, 2)\nrows = [[i, s[i * 40:i * 40 + 40].hex()] "
        "for i in range(100)]\n" + _whole_table("{'i': 'int', 'text': 'text'}"),
        open=32_000,
    ),
    Attempt(
        channel="E2",
        how="syllables in a text column",
        outputs=TEXT,
        read=read_texts(spell),
        body=f"s = read(data)\nparts = {SYLLABLES!r}\n"
        "word = lambda b: parts[b >> 4] + parts[b & 15]\n"
        f"return {{'t': [(i, ' '.join(map(word, s[i * {WORDS}:i * {WORDS} + {WORDS}]))) "
        "for i in range(100)]}",
    ),
    Attempt(
        channel="E3",
        how="large floats in a table",
        outputs=NUMBERS,
        read=read_large_floats,
        body="import struct"
        + FLOAT_ROWS
        + "return {'t': rows_of(lambda b: struct.unpack('>d', b'\\x55' + b)[0], 7)}",
        airlock={"max_rows": 1000},
    ),
    Attempt(
        channel="E3",
        how="floats between 0 and 1, two decimals",
        outputs=BOUNDED,
        read=read_bounded(100, 6),
        airlock={"decimals": 2},
        body=_BITS + "d = digits(6, 400)\n"
        "return {'t': [(i, *[v / 100 for v in d[i * 4:i * 4 + 4]]) for i in range(100)]}",
    ),
    Attempt(
        channel="E3",
        how="counts of 0 to 1600 in steps of 100",
        outputs=COUNTS,
        read=read_counts(100, 4),
        airlock={"min_count": 10, "round_counts": 100},
        body=_BITS + "return {'t': [(i, 100 * v + 100) for i, v in enumerate(digits(4, 100))]}",
    ),
    Attempt(
        channel="E4",
        how="bytes as weights of a model",
        outputs=MODEL,
        read=read_weights,
        body="return {'m': {'w': np.frombuffer(read(data, 16)[:38_400], np.uint8)}}",
    ),
    Attempt(
        channel="E5",
        how="printed, the log kept",
        outputs=ONE,
        read=read_beside,
        body="import base64\nprint('<<<' + base64.b64encode(read(data, 18)).decode() + '>>>')\n"
        "return {'t': {'n': 1}}",
        open=345_600,
    ),
    Attempt(
        channel="E5",
        how="printed, the log released",
        outputs=ONE,
        read=read_beside,
        with_log=True,
        body="import base64\nprint('<<<' + base64.b64encode(read(data, 18)).decode() + '>>>')\n"
        "return {'t': {'n': 1}}",
    ),
    Attempt(
        channel="E7",
        how="as the name of an output",
        outputs=ONE,
        read=read_names,
        body=LEAVE + "leave(**{'t': b'{\"n\":1}', 'x' + read(data)[:40].hex(): b''})",
        open=320,
    ),
    Attempt(
        channel="E7",
        how="as the name of a column",
        outputs=PLAIN,
        read=read_names,
        body=LEAVE + "rows = [[1]]\n" + _whole_table("{'x' + read(data)[:40].hex(): 'int'}"),
        open=320,
    ),
    Attempt(
        channel="E8",
        how="the order of rows",
        outputs=PLAIN,
        read=read_order,
        body="import math\nsize = (math.factorial(256).bit_length() - 1) // 8\n"
        "number, left, order = int.from_bytes(read(data)[:size], 'big'), list(range(256)), []\n"
        "for n in range(256, 0, -1):\n"
        "    place, number = divmod(number, math.factorial(n - 1))\n"
        "    order.append((left.pop(place),))\n"
        "return {'t': order}",
        open=1680,
    ),
    Attempt(
        channel="E8",
        how="the number of rows",
        outputs=SAME,
        read=read_row_count,
        body=_BITS + "return {f't{n}': [('a',)] * v for n, v in enumerate(digits(10, 4))}",
    ),
    Attempt(
        channel="E9",
        how="a field beside the rows",
        outputs=PLAIN,
        read=read_beside,
        body=LEAVE + "import base64\nleave(t=json.dumps({'columns': {'n': 'int'}, 'rows': [[1]], "
        "'note': '<<<' + base64.b64encode(read(data)).decode() + '>>>'}).encode())",
        open=19_200,
    ),
    Attempt(
        channel="E9",
        how="the comment of an archive",
        outputs=MODEL,
        read=read_beside,
        body=LEAVE + "import base64, zipfile\nnp.savez('/out/m', w=np.arange(3.0))\n"
        "os.rename('/out/m.npz', '/out/m')\n"
        "with zipfile.ZipFile('/out/m', 'a') as z:\n"
        "    z.comment = b'<<<' + base64.b64encode(read(data)) + b'>>>'\n"
        "leave()",
        open=19_200,
    ),
    Attempt(
        channel="E13",
        how="below the decimals of a float",
        outputs=BOUNDED,
        read=read_low_bits,
        body="import struct"
        + FLOAT_ROWS
        + "return {'t': rows_of(lambda b: 0.5 + struct.unpack('>I', b)[0] * 2.0**-53, 4)}",
        open=12_800,
    ),
)
