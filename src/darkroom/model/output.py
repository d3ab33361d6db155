"""What a job may return: typed, declared before it runs, capped in size.

Images and frames are not among the types, under any name.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.json_shape import are_texts, is_number, is_whole


ColumnType = Literal["int", "float", "text"]
COLUMN_TYPES: tuple[ColumnType, ...] = ("int", "float", "text")
MAX_ROWS = 100_000
MAX_TEXT = 80  # characters in one cell: a label, never a message
MIN_EDGES, MAX_EDGES = 2, 1001
MODEL_FORMATS = ("tflite", "npz")


def _spec(condition: bool, message: str, next_step: str) -> None:
    if not condition:
        raise SpecError(message, next_step=next_step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with named, typed columns. `merge` of shards: rows one after the other."""

    columns: dict[str, ColumnType]
    max_rows: int

    def __post_init__(self) -> None:
        _spec(
            isinstance(self.columns, dict) and bool(self.columns),
            "a table needs a column",
            "name at least one column",
        )
        for name, kind in self.columns.items():
            require_name(name, "column")
            _spec(
                isinstance(kind, str) and kind in COLUMN_TYPES,
                f"column {name!r} has the type {ascii(kind)[:20]}",
                f"use one of {', '.join(COLUMN_TYPES)}",
            )
        _spec(
            is_whole(self.max_rows, 1) and self.max_rows <= MAX_ROWS,
            "a table declares 1 to 100000 rows",
            "set max_rows",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalars:
    """Named numbers; the names are fixed here. `merge` of shards: the sum."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        _spec(
            are_texts(self.names) and bool(self.names),
            "scalars need a name",
            "name at least one scalar",
        )
        for name in self.names:
            require_name(name, "scalar")
        _spec(
            len(set(self.names)) == len(self.names),
            "a scalar is named twice",
            "name each scalar once",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts over bins given by their edges. `merge` of shards: the sum."""

    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = isinstance(self.edges, tuple) and all(map(is_number, self.edges))
        _spec(
            numbers
            and MIN_EDGES <= len(self.edges) <= MAX_EDGES
            and all(a < b for a, b in pairwise(self.edges)),
            "a histogram needs 2 to 1001 rising edges",
            "sort the edges and remove doubles",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model in a format that holds numbers only."""

    format: Literal["tflite", "npz"]
    max_bytes: int

    def __post_init__(self) -> None:
        _spec(
            isinstance(self.format, str) and self.format in MODEL_FORMATS,
            f"model format {ascii(self.format)[:20]} is not accepted",
            f"use one of {', '.join(MODEL_FORMATS)}",
        )
        _spec(
            is_whole(self.max_bytes, 1) and self.max_bytes <= 64 << 20,
            "a model declares 1 byte to 64 MiB",
            "set max_bytes",
        )


Output = Table | Scalars | Histogram | Model
_KINDS: dict[str, type[Output]] = {
    "table": Table,
    "scalars": Scalars,
    "histogram": Histogram,
    "model": Model,
}


def output_to_mapping(output: Output) -> dict[str, Any]:
    """The JSON form of a declared output, with its `type`."""
    match output:
        case Table():
            return {
                "type": "table",
                "columns": dict(output.columns),
                "max_rows": output.max_rows,
            }
        case Scalars():
            return {"type": "scalars", "names": list(output.names)}
        case Histogram():
            return {"type": "histogram", "edges": list(output.edges)}
        case Model():
            return {
                "type": "model",
                "format": output.format,
                "max_bytes": output.max_bytes,
            }


def output_from_mapping(value: dict[str, Any]) -> Output:
    """Read the JSON form.

    Raises:
        SpecError: for an unknown type, or missing or unknown fields.
    """
    fields = dict(value) if isinstance(value, dict) else {}
    kind = fields.pop("type", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise SpecError(
            f"output type {ascii(kind)[:20]} is not accepted",
            next_step=f"declare one of {', '.join(_KINDS)}; images never leave",
        )
    for name in ("names", "edges"):
        if isinstance(fields.get(name), list):
            fields[name] = tuple(fields[name])
    try:
        return _KINDS[kind](**fields)
    except (TypeError, AttributeError) as error:
        raise SpecError(
            f"the declaration of a {kind} has missing or unknown fields",
            next_step="see `help(darkroom.outputs)`",
        ) from error
