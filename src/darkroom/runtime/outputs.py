"""Outputs of a job: what a function returned -> checked values -> canonical bytes.

`run` and `merge` use this early, to help the author. They share a process with the job,
so nothing here is a wall; the walls are `inspection`, which does the same again in a
sandbox without the job and makes values coarser (`airlock`), and the data owner.
"""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from darkroom.errors import OutputError
from darkroom.model.canonical import canonical
from darkroom.model.output import (
    MAX_TEXT,
    Histogram,
    Model,
    Output,
    Scalars,
    Table,
    output_from_mapping,
)
from darkroom.model.plain_text import hides
from darkroom.runtime.model_files import check_tflite, pack_arrays, repack_arrays


EXACT = 1 << 53  # whole numbers that JSON readers keep


def declared(request: dict[str, Any]) -> dict[str, Output]:
    """The declaration out of a request."""
    return {n: output_from_mapping(o) for n, o in request["outputs"].items()}


def encode_all(outputs: dict[str, Output], result: object) -> dict[str, bytes]:
    """Everything that a function returned, as bytes by output name.

    Raises:
        OutputError: naming the output and what is wrong; never a value.
    """
    if not isinstance(result, Mapping):
        raise OutputError(
            f"the job returned {_kind(result)}, not a dict of outputs",
            next_step=f"return {{{', '.join(repr(n) + ': …' for n in outputs)}}}",
        )
    missing = sorted(set(outputs) - set(result))
    extra = [name for name in result if name not in outputs]
    if missing or extra:
        what = f"lacks {', '.join(missing)}" if missing else "has an undeclared output"
        raise OutputError(
            f"what the job returned {what}",
            next_step=f"return exactly: {', '.join(sorted(outputs))}",
        )
    return {name: encode(name, outputs[name], result[name]) for name in outputs}


def encode(name: str, output: Output, value: Any) -> bytes:  # noqa: ANN401 - from a job
    """One value as the bytes that are kept.

    Raises:
        OutputError: it does not fit its declaration.
    """
    if isinstance(output, Model):
        return _model(name, output, value)
    return canonical(checked(name, output, value))


def checked(name: str, output: Table | Scalars | Histogram, value: Any) -> dict[str, Any]:
    """One value that is no model, as plain Python numbers and texts of the declared kinds.

    Raises:
        OutputError: it does not fit its declaration.
    """
    match output:
        case Table():
            return _table(name, output, value)
        case Scalars():
            return _scalars(name, output, value)
        case Histogram():
            return _histogram(name, output, value)


def _bad(name: str, what: str, step: str) -> OutputError:
    return OutputError(f"output {name}: {what}", next_step=step)


def _kind(value: object) -> str:
    return type(value).__name__[:40]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a numpy number or anything
    """A numpy scalar as Python's own; everything else unchanged."""
    if isinstance(value, (bool, int, float, str)):
        return value
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "shape", None) == ():
        return item()
    return value


# ------------------------------------------------------------------------------- numbers


def _number(name: str, value: object, *, whole: bool = False) -> int | float:
    plain = _plain(value)
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise _bad(name, f"holds {_kind(plain)} where a number belongs", "return numbers")
    if isinstance(plain, int):
        if abs(plain) > EXACT:
            raise _bad(name, "holds a whole number beyond 2^53", "return a float")
        return int(plain)
    if whole:
        raise _bad(name, "holds a float in an int column", "use int(…) or declare float")
    if not math.isfinite(plain):
        raise _bad(name, "holds NaN or infinity", "leave such rows out, or use 0.0")
    return float(plain)


def _count(name: str, value: object) -> int:
    number = _number(name, value)
    if number < 0 or number != int(number) or number > EXACT:
        raise _bad(name, "holds a count that is no whole number of 0 or more", "return counts")
    return int(number)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _bad(name, f"holds {_kind(value)} in a text column", "use str(…)")
    text = unicodedata.normalize("NFC", value)
    if len(text) > MAX_TEXT:
        raise _bad(name, f"holds a text longer than {MAX_TEXT} characters", "return labels only")
    if hides(text):
        raise _bad(name, "holds a text with hidden characters", "return plain labels")
    return text


# -------------------------------------------------------------------------------- tables


def _table(name: str, output: Table, value: Any) -> dict[str, Any]:  # noqa: ANN401
    columns = output.columns
    rows = [_row(name, output, row) for row in _rows(name, columns, value, output.max_rows)]
    return {"columns": dict(columns), "rows": rows}


def _rows(
    name: str,
    columns: Mapping[str, str],
    value: Any,  # noqa: ANN401 - from a job
    most: int,
) -> list[Sequence[Any]]:
    """Rows in the order of the declared columns, from any of the usual shapes."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a data frame
        value = {c: list(value[c]) for c in value.columns}
    if isinstance(value, Mapping):
        if set(value) == {"columns", "rows"} and set(columns) != {"columns", "rows"}:
            value = value["rows"]
        else:
            value = _from_columns(name, columns, value)
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise _bad(name, f"is {_kind(value)}, not rows", "return a list of dicts")
    rows: list[Sequence[Any]] = []
    for row in value:
        if len(rows) == most:
            raise _bad(name, f"has more than {most} rows", "declare more or return fewer")
        rows.append(_in_order(name, columns, row))
    return rows


def _from_columns(
    name: str, columns: Mapping[str, str], value: Mapping[str, Any]
) -> Iterable[tuple[Any, ...]]:
    if set(value) != set(columns):
        raise _bad(name, "has other columns", f"return {', '.join(columns)}")
    lists = [list(value[c]) for c in columns]
    if len({len(each) for each in lists}) > 1:
        raise _bad(name, "has columns of different lengths", "return equal lengths")
    return zip(*lists, strict=True)


def _in_order(name: str, columns: Mapping[str, str], row: Any) -> Sequence[Any]:  # noqa: ANN401
    if isinstance(row, Mapping):
        if set(row) != set(columns):
            raise _bad(name, "has a row with other columns", f"return {', '.join(columns)}")
        return [row[c] for c in columns]
    if hasattr(row, "tolist"):
        row = row.tolist()
    if not isinstance(row, (list, tuple)) or len(row) != len(columns):
        raise _bad(
            name,
            f"has a row that is not {len(columns)} values",
            f"return rows of {', '.join(columns)}",
        )
    return row


def _row(name: str, output: Table, row: Sequence[Any]) -> list[Any]:
    cells: list[Any] = []
    for (column, kind), cell in zip(output.columns.items(), row, strict=True):
        if kind == "text":
            cells.append(_text(name, _plain(cell)))
        elif column in output.counts:
            cells.append(_count(name, cell))
        elif kind == "int":
            cells.append(_number(name, cell, whole=True))
        else:
            cells.append(float(_number(name, cell)))
    return cells


# ---------------------------------------------------------------- scalars and histograms


def _scalars(name: str, output: Scalars, value: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, Mapping) or set(value) != set(output.names):
        raise _bad(name, "has other names", f"return {', '.join(output.names)}")
    return {n: (_count if n in output.counts else _number)(name, value[n]) for n in output.names}


def _histogram(name: str, output: Histogram, value: Any) -> dict[str, Any]:  # noqa: ANN401
    edges = [float(e) for e in output.edges]
    counts = value
    if isinstance(value, Mapping):
        if set(value) != {"edges", "counts"}:
            raise _bad(name, "is not edges and counts", "return the counts")
        counts, given = value["counts"], value["edges"]
    elif isinstance(value, tuple) and len(value) == 2 and hasattr(value[1], "__len__"):  # noqa: PLR2004 - numpy.histogram
        counts, given = value
    else:
        given = edges
    if hasattr(counts, "tolist"):
        counts = counts.tolist()
    if not isinstance(counts, (list, tuple)) or len(counts) != len(edges) - 1:
        raise _bad(name, "has another number of bins", f"return {len(edges) - 1} counts")
    if not isinstance(given, Iterable) or [float(_number(name, e)) for e in given] != edges:
        raise _bad(name, "has other edges", "use the edges that were declared")
    return {"edges": edges, "counts": [_count(name, c) for c in counts]}


# -------------------------------------------------------------------------------- models


def _model(name: str, output: Model, value: Any) -> bytes:  # noqa: ANN401 - from a job
    if isinstance(value, (str, Path)):
        try:
            with Path(value).open("rb") as file:
                value = file.read(output.max_bytes + 1)
        except OSError as error:
            raise _bad(name, "names a file that is not there", "save the model") from error
    if isinstance(value, Mapping) and output.format == "npz":
        value = pack_arrays(name, value)
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    if not isinstance(value, bytes):
        raise _bad(name, f"is {_kind(value)}", "return the file's bytes or its path")
    if len(value) > output.max_bytes:
        raise _bad(
            name,
            f"has more than the {output.max_bytes} bytes declared",
            "declare more or return a smaller model",
        )
    if output.format == "tflite":
        check_tflite(name, value)
        return value
    packed = repack_arrays(name, value, most=output.max_bytes)
    if len(packed) > output.max_bytes:
        raise _bad(
            name,
            f"has more than the {output.max_bytes} bytes declared, uncompressed",
            "declare more; arrays are kept uncompressed",
        )
    return packed
