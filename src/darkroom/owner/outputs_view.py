"""Previews of outputs that wait for release. Pure.

The bytes were re-encoded by the domain's key-less inspector; they are read strictly here
all the same, and what does not fit its form is shown as its size and hash only.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from darkroom.owner.closer_look import Tensors
from darkroom.owner.requests import ReleaseRequest
from darkroom.owner.sheet import Section


MAX_PARSED = 16 << 20
PREVIEW_ROWS = 20
PREVIEW_TEXTS = 20
LOG_LINES = 2_000
ASKED = "stays here unless you say so"
TFLITE = b"TFL3"
ARCHIVE = b"PK"


def output_sections(
    release: ReleaseRequest, tensors: Mapping[str, Tensors], *, log: str = ASKED
) -> list[Section]:
    """One section per output, the log last.

    Args:
        release: the outputs.
        tensors: output name -> what a process apart found in an archive of arrays.
        log: whether it leaves.
    """
    names = sorted(release.files, key=lambda name: (name == "log", name))
    return [
        _section(name, release.kinds[name], release.files[name], tensors.get(name), log)
        for name in names
    ]


def _section(name: str, kind: str, data: bytes, tensors: Tensors | None, log: str) -> Section:
    heading = f"Output: {name}" if name != "log" else f"Log ({log})"
    if kind == "log":
        return _log(heading, data)
    if kind == "model":
        return _model(heading, data, tensors)
    try:
        if len(data) > MAX_PARSED:
            raise ValueError
        value = json.loads(data)
        match kind:
            case "table":
                return _table(heading, value)
            case "scalars":
                return _scalars(heading, value)
            case "histogram":
                return _histogram(heading, value)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        pass
    return Section(heading=heading, note=f"{len(data):,} bytes that cannot be shown.")


def _model(heading: str, data: bytes, tensors: Tensors | None) -> Section:
    note = f"A model of {len(data):,} bytes; it holds numbers that nobody can read."
    if tensors is None:
        if data[4:8] == TFLITE:
            note += (
                " TFLite: the domain's inspector opened it and wrote it anew; what is left is "
                "operators and numbers."
            )
        return Section(heading=heading, note=note)
    return Section(
        heading=heading,
        note=f"{note} {tensors.note}".strip(),
        columns=("array", "type", "shape") if tensors.arrays else (),
        rows=tensors.arrays,
    )


def _table(heading: str, value: dict[str, Any]) -> Section:
    columns, rows = value["columns"], value["rows"]
    if not columns or any(len(row) != len(columns) for row in rows):
        raise ValueError  # a cell beside the columns would be in no summary
    summary = [
        f"{name}: {_column(kind, [row[index] for row in rows])}"
        for index, (name, kind) in enumerate(columns.items())
    ]
    more = f"the first {PREVIEW_ROWS} of " if len(rows) > PREVIEW_ROWS else ""
    return Section(
        heading=heading,
        note=f"{len(rows):,} rows. {'. '.join(summary)}. Below: {more}{len(rows):,} rows.",
        columns=tuple(f"{name} ({kind})" for name, kind in columns.items()),
        rows=tuple(tuple(str(cell) for cell in row) for row in rows[:PREVIEW_ROWS]),
    )


def _column(kind: str, values: list[Any]) -> str:
    """What a whole column holds, so that nothing waits below the preview."""
    if not values:
        return "empty"
    distinct = set(values)
    if kind == "text":
        few = sorted(distinct)[:PREVIEW_TEXTS]
        more = f" and {len(distinct) - len(few):,} more" if len(distinct) > len(few) else ""
        return f"{len(distinct):,} texts ({', '.join(few)}{more})"
    numbers = [float(v) for v in values if v is not None and math.isfinite(float(v))]
    return f"{min(numbers):g} to {max(numbers):g}, {len(distinct):,} values" if numbers else "none"


def _scalars(heading: str, value: dict[str, Any]) -> Section:
    if not value or not all(isinstance(v, int | float) for v in value.values()):
        raise ValueError
    rows = tuple((name, str(number)) for name, number in value.items())
    return Section(heading=heading, columns=("name", "value"), rows=rows)


def _histogram(heading: str, value: dict[str, Any]) -> Section:
    edges, counts = value["edges"], value["counts"]
    rows = tuple(
        (f"{low:g} to {high:g}", str(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    return Section(heading=heading, columns=("from, to", "count"), rows=rows)


def _log(heading: str, data: bytes) -> Section:
    lines = data.decode("utf-8", "backslashreplace").split("\n")
    if lines[-1] == "":
        lines.pop()
    cut = len(lines) > LOG_LINES
    return Section(
        heading=heading,
        note=(
            "Empty."
            if not lines
            else f"The first {LOG_LINES} of {len(lines)} lines."
            if cut
            else ""
        ),
        lines=tuple(lines[:LOG_LINES]),
    )
