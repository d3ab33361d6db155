"""What a job may return: typed, declared before it runs, capped in size.

Images and frames are not among the types, under any name.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.json_shape import are_texts, is_number, is_whole
from darkroom.model.plain_text import hides, is_composed


ColumnType = Literal["int", "float", "text"]
COLUMN_TYPES: tuple[ColumnType, ...] = ("int", "float", "text")
MAX_ROWS = 100_000
MAX_TEXT = 80  # characters in one cell: a label, never a message
MAX_LABELS = 256
MIN_EDGES, MAX_EDGES = 2, 1001
MODEL_FORMATS = ("tflite", "npz")
MAX_WHOLE = 1 << 53  # every reader of JSON keeps whole numbers up to here
MAX_REAL = 1e308


def _spec(condition: bool, message: str, next_step: str) -> None:
    if not condition:
        raise SpecError(message, next_step=next_step)


def _is_bounded(value: object) -> bool:
    """A number that is computed with safely, here and in the sandbox."""
    return is_number(value) and abs(value) <= (MAX_WHOLE if isinstance(value, int) else MAX_REAL)


def _frozen(value: Any) -> Any:
    """A list as a tuple, so that `[a, b]` in a notebook or in JSON is the same declaration."""
    return tuple(value) if isinstance(value, list) else value


def _frozen_values(value: Any) -> Any:
    return {n: _frozen(v) for n, v in value.items()} if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with named, typed columns. `merge` of shards: rows one after the other.

    Attributes:
        columns: name -> type.
        max_rows: the most rows.
        counts: int columns that say how many a row rests on. A domain may leave out rows
            that rest on few, and round them.
        bounds: int or float column -> the least and the greatest value; others are moved
            to the nearer one.
        labels: text column -> the only texts that it holds.
    """

    columns: dict[str, ColumnType]
    max_rows: int
    counts: tuple[str, ...] = ()
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (
            ("counts", _frozen(self.counts)),
            ("bounds", _frozen_values(self.bounds)),
            ("labels", _frozen_values(self.labels)),
        ):
            object.__setattr__(self, name, value)
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
        _spec(
            are_texts(self.counts)
            and len(set(self.counts)) == len(self.counts)
            and all(self.columns.get(name) == "int" for name in self.counts),
            "counts names something else than int columns",
            "list int columns of the table, each once",
        )
        self._check_bounds()
        self._check_labels()

    def _check_bounds(self) -> None:
        _spec(isinstance(self.bounds, dict), "bounds is no mapping", "write column: (low, high)")
        for name, pair in self.bounds.items():
            kind = self.columns.get(name) if isinstance(name, str) else None
            numbers = isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_bounded, pair))  # noqa: PLR2004 - a pair
            _spec(
                kind in ("int", "float") and numbers and pair[0] < pair[1],
                f"bounds of column {ascii(name)[:60]} are not two rising numbers of a number column",
                "write column: (low, high), whole numbers up to 2^53 or floats up to 1e308",
            )
            _spec(
                kind == "float" or all(isinstance(edge, int) for edge in pair),
                f"bounds of the int column {name!r} are not whole",
                "write whole numbers",
            )

    def _check_labels(self) -> None:
        _spec(isinstance(self.labels, dict), "labels is no mapping", "write column: (a, b)")
        for name, texts in self.labels.items():
            _spec(
                isinstance(name, str) and self.columns.get(name) == "text",
                f"labels of {ascii(name)[:60]}, which is no text column",
                "list labels for text columns",
            )
            _spec(
                isinstance(texts, tuple)
                and are_texts(texts)
                and 1 <= len(texts) <= MAX_LABELS
                and len(set(texts)) == len(texts)
                and all(0 < len(text) <= MAX_TEXT for text in texts),
                f"labels of column {name!r} are not 1 to {MAX_LABELS} different short texts",
                "list each label once",
            )
            _spec(
                all(is_composed(text) and not hides(text) for text in texts),
                f"labels of column {name!r} have hidden characters, or are not in NFC",
                "write plain labels, as unicodedata.normalize('NFC', label)",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalars:
    """Named numbers; the names are fixed here. `merge` of shards: the sum.

    Attributes:
        names: of all numbers.
        counts: those that say how many; a domain may set small ones to 0, and round them.
    """

    names: tuple[str, ...]
    counts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("names", "counts"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))
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
        _spec(
            are_texts(self.counts)
            and len(set(self.counts)) == len(self.counts)
            and set(self.counts) <= set(self.names),
            "counts names something else than scalars",
            "list scalars that are named, each once",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts over bins given by their edges. `merge` of shards: the sum."""

    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", _frozen(self.edges))
        numbers = isinstance(self.edges, tuple) and all(map(_is_bounded, self.edges))
        _spec(
            numbers
            and MIN_EDGES <= len(self.edges) <= MAX_EDGES
            and all(a < b for a, b in pairwise(self.edges)),
            "a histogram needs 2 to 1001 rising edges",
            "sort the edges, remove doubles; whole numbers up to 2^53, floats up to 1e308",
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
                "counts": list(output.counts),
                "bounds": {name: list(pair) for name, pair in output.bounds.items()},
                "labels": {name: list(texts) for name, texts in output.labels.items()},
            }
        case Scalars():
            return {
                "type": "scalars",
                "names": list(output.names),
                "counts": list(output.counts),
            }
        case Histogram():
            return {"type": "histogram", "edges": list(output.edges)}
        case _:
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
    try:
        return _KINDS[kind](**fields)
    except (TypeError, AttributeError) as error:
        raise SpecError(
            f"the declaration of a {kind} has missing or unknown fields",
            next_step="see `help(darkroom.outputs)`",
        ) from error
