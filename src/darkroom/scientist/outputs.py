"""Read released bytes strictly, by what was declared. Nothing here can run code."""

import io
import json
import math
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from darkroom.errors import OutputError, StateError
from darkroom.model.canonical import digest_bytes
from darkroom.model.output import MAX_TEXT, Histogram, Model, Output, Scalars, Table


if TYPE_CHECKING:
    import pandas as pd


MAX_LOG = 64 << 10
MAX_CELL = 6 * MAX_TEXT + 64  # bytes of one cell as JSON, escapes included
MAX_ARRAYS = 10_000
TFLITE_MAGIC = b"TFL3"
_PYTHON: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "text": (str,)}
_DTYPES = {"int": "int64", "float": "float64", "text": "str"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedModel:
    """A model that an owner released.

    Attributes:
        name: of the output.
        domain: where it was trained.
        format: `tflite` or `npz`.
        data: the file.
    """

    name: str
    domain: str
    format: Literal["tflite", "npz"]
    data: bytes

    @property
    def digest(self) -> str:
        """`sha256:…` of the file."""
        return digest_bytes(self.data)

    def save(self, path: str | Path) -> Path:
        """Write the file and give back its path."""
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.data)
        except OSError as error:
            raise StateError(
                f"the model cannot be written to {target}: {error.strerror}",
                next_step="choose a folder that you may write to",
            ) from error
        return target

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of an `npz` model.

        Raises:
            OutputError: when it is not an `npz` model.
        """
        if self.format != "npz":
            raise OutputError(
                f"{self.name} is a {self.format} file, not arrays",
                next_step="save it and load it with an interpreter: .save('model.tflite')",
            )
        with np.load(io.BytesIO(self.data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def __repr__(self) -> str:
        return (
            f"ReleasedModel({self.name!r} from {self.domain}, {self.format}, "
            f"{len(self.data):,} bytes, {self.digest[:19]}…)"
        )


def check_output(name: str, declared: Output, data: bytes) -> None:
    """Refuse bytes that are not exactly what was declared.

    Raises:
        OutputError: naming the output and what is wrong, never a value.
    """
    match declared:
        case Table():
            _table_rows(name, declared, data)
        case Scalars():
            _scalars(name, declared, data)
        case Histogram():
            _histogram(name, declared, data)
        case Model():
            _check_model(name, declared, data)


def read_output(name: str, declared: Output, data: bytes, *, domain: str) -> Any:  # noqa: ANN401
    """The value that a scientist works with.

    A table is a `pandas.DataFrame`, scalars are a dict of numbers, a histogram is a
    DataFrame with `left`, `right`, `count`, a model is a `ReleasedModel`.

    Raises:
        OutputError: when the bytes are not what was declared.
    """
    match declared:
        case Table():
            return _frame(declared, _table_rows(name, declared, data))
        case Scalars():
            return _scalars(name, declared, data)
        case Histogram():
            return _histogram_frame(declared, _histogram(name, declared, data))
        case Model():
            _check_model(name, declared, data)
            return ReleasedModel(name=name, domain=domain, format=declared.format, data=data)


def read_log(data: bytes) -> str:
    """What the job printed, when the owner released it.

    Raises:
        OutputError: when it is too long or no text.
    """
    if len(data) > MAX_LOG:
        raise _wrong("log", f"is larger than {MAX_LOG >> 10} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _wrong("log", "is not text") from None


def _wrong(name: str, what: str) -> OutputError:
    return OutputError(
        f"the output {name} {what}", next_step="ask the domain; nothing of it is shown"
    )


def _json(name: str, data: bytes, most: int) -> Any:  # noqa: ANN401
    if len(data) > most:
        raise _wrong(name, "is larger than what was declared allows")

    def refuse(_: str) -> None:
        raise ValueError("not a finite number")

    try:
        return json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        raise _wrong(name, "is not JSON") from None


def _number(value: object) -> bool:
    """A finite number; an int that fits 64 bits."""
    if type(value) is int:
        return abs(value) < 1 << 63
    return type(value) is float and math.isfinite(value)


def _count(value: object) -> bool:
    return type(value) is int and _number(value) and value >= 0


def _table_rows(name: str, declared: Table, data: bytes) -> list[list[Any]]:
    most = 4096 + sum(map(len, declared.columns)) * 8
    most += declared.max_rows * len(declared.columns) * MAX_CELL
    value = _json(name, data, most)
    if not isinstance(value, dict) or value.keys() != {"columns", "rows"}:
        raise _wrong(name, "is not a table")
    if value["columns"] != dict(declared.columns):
        raise _wrong(name, "has other columns than declared")
    rows = value["rows"]
    if not isinstance(rows, list) or len(rows) > declared.max_rows:
        raise _wrong(name, f"has more than the {declared.max_rows} declared rows")
    checks = [_check(declared, column) for column in declared.columns]
    for row in rows:
        if not isinstance(row, list) or len(row) != len(checks):
            raise _wrong(name, "has a row of another length")
        for cell, check in zip(row, checks, strict=True):
            if not check(cell):
                raise _wrong(name, "has a cell that is not as its column declares")
    return rows


def _check(declared: Table, column: str) -> Callable[[object], bool]:
    """Whether a cell is what its column declares: type, size, labels, bounds, counts."""
    kind = declared.columns[column]
    if kind == "text":
        labels = {unicodedata.normalize("NFC", text) for text in declared.labels.get(column, ())}
        return lambda cell: (
            isinstance(cell, str)
            and len(cell) <= MAX_TEXT
            and (cell in labels if labels else cell.isprintable())
        )
    low, high = declared.bounds.get(column, (-math.inf, math.inf))
    least = max(low, 0) if column in declared.counts else low
    types = _PYTHON[kind]
    # Counts are rounded by the domain, and kept within the bounds after that.
    return lambda cell: type(cell) in types and _number(cell) and least <= cell <= high  # type: ignore[operator]


def _frame(declared: Table, rows: list[list[Any]]) -> "pd.DataFrame":
    import pandas as pd

    columns = list(declared.columns)
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({name: _DTYPES[kind] for name, kind in declared.columns.items()})


def _scalars(name: str, declared: Scalars, data: bytes) -> dict[str, float]:
    value = _json(name, data, 1024 + 128 * len(declared.names))
    if not isinstance(value, dict) or value.keys() != set(declared.names):
        raise _wrong(name, "has other names than declared")
    if not all(_number(v) for v in value.values()):
        raise _wrong(name, "holds something that is not a finite number")
    if not all(_count(value[n]) for n in declared.counts):
        raise _wrong(name, "holds something that is not a count")
    return {n: value[n] for n in declared.names}


def _histogram(name: str, declared: Histogram, data: bytes) -> list[int]:
    value = _json(name, data, 1024 + 64 * len(declared.edges))
    if not isinstance(value, dict) or value.keys() != {"edges", "counts"}:
        raise _wrong(name, "is not a histogram")
    if value["edges"] != list(declared.edges):
        raise _wrong(name, "has other edges than declared")
    counts = value["counts"]
    if not isinstance(counts, list) or len(counts) != len(declared.edges) - 1:
        raise _wrong(name, "has another number of bins than declared")
    if not all(map(_count, counts)):
        raise _wrong(name, "holds something that is not a count")
    return counts


def _histogram_frame(declared: Histogram, counts: list[int]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({"left": declared.edges[:-1], "right": declared.edges[1:], "count": counts})


def _check_model(name: str, declared: Model, data: bytes) -> None:
    if len(data) > declared.max_bytes:
        raise _wrong(name, f"is larger than the declared {declared.max_bytes} bytes")
    if declared.format == "tflite":
        if data[4:8] != TFLITE_MAGIC:
            raise _wrong(name, "is not a TFLite file")
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            # Sizes first: a small archive may unfold to anything.
            stored = all(m.compress_type == zipfile.ZIP_STORED for m in members)
            total = sum(m.file_size for m in members)
        plain = all(m.filename.endswith(".npy") for m in members)
        if not stored or not plain or total > declared.max_bytes or len(members) > MAX_ARRAYS:
            raise _wrong(name, "is an archive of something else, or of more, than was declared")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            kinds = {arrays[n].dtype.kind for n in arrays.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError, MemoryError):
        raise _wrong(name, "is not an npz file of numbers") from None
    if kinds - set("biuf"):
        raise _wrong(name, "holds arrays that are not numbers")
