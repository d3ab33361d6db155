"""The airlock for tables, scalars and histograms: values as coarse as the owner wants them.

Takes what `outputs.checked` gave: plain numbers and texts of the declared kinds. Each step
maps values to fewer values, in one order: clamp, suppress, round, clamp; so no more passes
than `policy.price` counts. A table is a set of rows: they leave in one order, by content.
"""

from collections.abc import Callable
from typing import Any

from darkroom.errors import OutputError
from darkroom.model.airlock import Airlock
from darkroom.model.canonical import canonical
from darkroom.model.declared_width import against
from darkroom.model.output import Histogram, Output, Scalars, Table
from darkroom.model.withheld import PICTURE, TEXT, TOO_WIDE
from darkroom.runtime.encoded_text import looks_encoded
from darkroom.runtime.outputs import EXACT


PICTURE_COLUMNS = 16  # numeric columns of a table that may be a picture

_Cell = int | float | str


class WithheldError(OutputError):
    """An output does not pass.

    Args:
        name: of the output.
        problem: one of `model.withheld`; all that a domain tells.
        detail: for the author of a run on mock. No values.
    """

    def __init__(self, name: str, problem: str, detail: str = "") -> None:
        super().__init__(
            f"output {name}: {problem}" + (f" ({detail})" if detail else ""),
            next_step="ask for less, or ask the data owner for another airlock",
        )
        self.problem = problem


def require_narrow(name: str, output: Output, airlock: Airlock) -> None:
    """Refuse a declaration that the airlock does not take, whatever the values are.

    Raises:
        WithheldError: too wide, or of a kind that does not leave.
    """
    for why in against(output, airlock):
        raise WithheldError(name, TOO_WIDE, why)


def through(
    name: str, output: Table | Scalars | Histogram, value: dict[str, Any], airlock: Airlock
) -> bytes:
    """The bytes that leave.

    Raises:
        WithheldError: a text or the whole may not leave.
    """
    require_narrow(name, output, airlock)
    match output:
        case Table():
            return canonical({**value, "rows": _rows(name, output, value["rows"], airlock)})
        case Scalars():
            return canonical(
                {
                    n: _large(v, airlock) if n in output.counts else _whole(_rounded(v, airlock))
                    for n, v in value.items()
                }
            )
        case Histogram():
            return canonical({**value, "counts": [_large(c, airlock) for c in value["counts"]]})


# ------------------------------------------------------------------------------- numbers


def _rounded(number: float, airlock: Airlock) -> int | float:
    """Ints as they are; floats to the owner's decimals, without a negative zero."""
    if isinstance(number, int):
        return number
    return round(number, airlock.decimals) + 0.0


def _whole(number: float) -> int | float:
    """One way to write a number: 2.0 is 2."""
    if isinstance(number, float) and number.is_integer() and abs(number) <= EXACT:
        return int(number)
    return number


def _multiple(count: int, airlock: Airlock) -> int:
    """The nearest multiple of `round_counts`; half goes up, but never beyond exact numbers."""
    step = airlock.round_counts
    rounded = (count + step // 2) // step * step
    return rounded if rounded <= EXACT else rounded - step


def _large(count: int, airlock: Airlock) -> int:
    """0 says: fewer than `min_count`."""
    return _multiple(count, airlock) if count >= airlock.min_count else 0


# -------------------------------------------------------------------------------- tables


def _rows(name: str, output: Table, rows: list[list[_Cell]], airlock: Airlock) -> list[list[_Cell]]:
    rows = [row for row in rows if _rests_on_enough(output, row, airlock)]
    columns = list(output.columns)
    steps = [_coarser(output, column, airlock) for column in columns]
    rows = [[step(cell) for step, cell in zip(steps, row, strict=True)] for row in rows]
    rows.sort()  # types are the same in a column, so tuples of cells compare
    for number, column in enumerate(columns):
        if output.columns[column] == "text":
            _require_plain(name, output, column, {str(row[number]) for row in rows})
    _require_no_picture(name, output, rows)
    return rows


def _rests_on_enough(output: Table, row: list[_Cell], airlock: Airlock) -> bool:
    if airlock.min_count == 1:
        return True
    numbers = dict(zip(output.columns, row, strict=True))
    # A bound moves a count: it must be large enough before and after.
    return all(
        number >= airlock.min_count and _clamped(output, column, number) >= airlock.min_count
        for column, number in numbers.items()
        if column in output.counts and not isinstance(number, str)
    )


def _coarser(output: Table, column: str, airlock: Airlock) -> Callable[[Any], _Cell]:
    """What is done to each cell of a column."""
    kind = output.columns[column]
    if kind == "text":
        labelled = column in output.labels
        return lambda cell: cell if labelled else " ".join(cell.split())
    if column in output.counts:
        return lambda cell: _clamped(
            output, column, _multiple(int(_clamped(output, column, cell)), airlock)
        )
    if kind == "int":
        return lambda cell: _clamped(output, column, cell)
    return lambda cell: float(
        _clamped(output, column, _rounded(float(_clamped(output, column, cell)), airlock))
    )


def _clamped(output: Table, column: str, number: float) -> int | float:
    if column not in output.bounds:
        return number
    low, high = output.bounds[column]
    return min(max(number, low), high)


def _require_plain(name: str, output: Table, column: str, texts: set[str]) -> None:
    if column in output.labels:
        if texts - set(output.labels[column]):
            raise WithheldError(name, TEXT, f"column {column} holds more than its labels")
    elif looks_encoded(texts):
        raise WithheldError(name, TEXT, f"column {column} holds texts that look encoded")


def _require_no_picture(name: str, output: Table, rows: list[list[_Cell]]) -> None:
    numeric = [n for n, kind in enumerate(output.columns.values()) if kind != "text"]
    if len(numeric) < PICTURE_COLUMNS or not rows:
        return
    import numpy as np

    from darkroom.runtime.picture_likeness import why_picture

    if why_picture(np.array([[row[n] for n in numeric] for row in rows], float), table=True):
        raise WithheldError(name, PICTURE, "return one row, not one column, for each value")
