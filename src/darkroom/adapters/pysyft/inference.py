"""What a PySyft job needs and gives, as far as its code and a run on mock tell.

Needs: the names that the code resolves as datasets. Gives: an output for each file that it
left on mock, declared as openly as such a file can be. An open declaration costs more than
a narrow one: text without labels, numbers without bounds, room for more rows.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.adapters.pysyft.job_files import COLUMNS, CSV, PLAIN, ROWS
from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.json_shape import is_number
from darkroom.model.output import (
    MAX_ROWS,
    MAX_TEXT,
    ColumnType,
    Histogram,
    Model,
    Output,
    Scalars,
    Table,
    output_to_mapping,
)


RESOLVERS = {"resolve_dataset_file_path", "resolve_dataset_files_path", "load_dataset_code"}
HEAVY = {"tensorflow", "keras"}
LEAST_ROWS = 16
HEADROOM = 4  # a table of groups may have so many more rows on private data
BLOCK = 64 << 10
MOST_MODEL = 64 << 20
_CURE = "write numbers under names, or a list of objects with the same keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """The outputs of a job, found out on mock.

    Attributes:
        outputs: name -> declaration.
        forms: name -> form of its file, so that a result is written as the job writes it.
    """

    outputs: dict[str, Output]
    forms: dict[str, str]


def resolved_names(code: Mapping[str, str]) -> tuple[str, ...]:
    """The datasets that code resolves by a literal name, in order."""
    found: dict[str, None] = {}
    for path, text in sorted(code.items()):
        if path.endswith(".py"):
            for call in (node for node in ast.walk(_parsed(path, text)) if _resolves(node)):
                name = _first(call)  # type: ignore[arg-type]  # a call: see _resolves
                if name is not None:
                    found[name] = None
    return tuple(found)


def imports_heavy(code: Mapping[str, str]) -> bool:
    """Whether the code imports TensorFlow."""
    for path, text in code.items():
        for node in ast.walk(_parsed(path, text)) if path.endswith(".py") else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if HEAVY & {name.partition(".")[0] for name in names}:
                return True
    return False


def _parsed(path: str, text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise SpecError(
            f"{path}{f':{line}' if line else ''} is not Python: {error}", next_step="mend it"
        ) from None


def _resolves(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else None
    name = node.func.id if isinstance(node.func, ast.Name) else name
    return name in RESOLVERS


def _first(call: ast.Call) -> str | None:
    """The dataset's name, where it stands there as a text."""
    given = [*call.args[:1], *(k.value for k in call.keywords if k.arg in ("dataset_name", "path"))]
    name = given[0].value if given and isinstance(given[0], ast.Constant) else None
    if not isinstance(name, str):
        return None
    # `load_dataset_code("helpers.boxes")`: the dataset is what stands before the dot.
    loads = ast.unparse(call.func).endswith("load_dataset_code")
    return name.partition(".")[0] if loads else name


# ------------------------------------------------------------------------------- outputs


def infer_outputs(found: Mapping[str, Any], *, mock_frames: int, frames: int) -> Inferred:
    """Declarations for the files that a job left on mock.

    Args:
        found: file name -> `{"value": …}` or `{"bytes": n}`.
        mock_frames, frames: of the mock, and of the dataset itself.

    Raises:
        SpecError: it left nothing, or something that cannot be declared by itself.
    """
    if not found:
        raise SpecError(
            "the job left nothing in outputs/ on mock, so there is nothing to declare",
            next_step="write outputs/<name>.json (or .csv, .npz, .tflite), relative to the folder "
            "that the script starts in",
        )
    outputs: dict[str, Output] = {}
    forms: dict[str, str] = {}
    for file, entry in sorted(found.items()):
        name, _, ending = file.rpartition(".")
        require_name(name, "output")
        if name in outputs:
            raise SpecError(
                f"the job left two files for the output {name}", next_step="write one of them"
            )
        if ending in ("npz", "tflite"):
            most = min(-(-entry["bytes"] * 5 // 4 // BLOCK) * BLOCK, MOST_MODEL)
            outputs[name] = Model(format=ending, max_bytes=max(most, BLOCK))  # type: ignore[arg-type]  # one of two
            continue
        outputs[name], forms[name] = _values(file, entry["value"], mock_frames, frames)
        forms[name] = CSV if ending == "csv" else forms[name]
    return Inferred(outputs=outputs, forms=forms)


def _values(file: str, value: Any, mock_frames: int, frames: int) -> tuple[Output, str]:  # noqa: ANN401 - JSON
    rows, form = _as_rows(value)
    if rows:
        most = _most_rows(len(rows), mock_frames, frames)
        return Table(columns=_columns(file, rows), max_rows=most), form
    if isinstance(value, list):
        raise SpecError(
            f"outputs/{file} holds no list of objects with the same keys (or an empty one), so "
            "its columns are not known",
            next_step=f"{_CURE}; declare the columns of a list that may be empty in "
            "code/darkroom.json (docs/pysyft.md)",
        )
    if not isinstance(value, dict) or not value:
        raise SpecError(f"outputs/{file} holds a single value", next_step=_CURE)
    if (edges := _edges(value)) is not None:
        return Histogram(edges=edges), PLAIN
    wrong = next((name for name, number in value.items() if not is_number(number)), None)
    if wrong is not None:
        raise SpecError(
            f"outputs/{file} holds something under {ascii(wrong)[:60]} that is no number",
            next_step=_CURE,
        )
    return Scalars(names=tuple(value)), PLAIN


def _as_rows(value: Any) -> tuple[list[dict[str, Any]], str]:  # noqa: ANN401 - JSON
    """The rows of a table and how they were written; none when it is no table."""
    if isinstance(value, list) and all(isinstance(row, dict) and row for row in value):
        return (value if all(row.keys() == value[0].keys() for row in value) else []), ROWS
    if isinstance(value, dict) and value and all(isinstance(v, list) for v in value.values()):
        lengths = {len(column) for column in value.values()}
        if len(lengths) == 1 and lengths != {0}:
            return [dict(zip(value, row, strict=True)) for row in zip(*value.values())], COLUMNS  # noqa: B905 - one length
    return [], ""


def _edges(value: dict[str, Any]) -> tuple[float, ...] | None:
    """The edges, when it is a histogram."""
    edges, counts = value.get("edges"), value.get("counts")
    if value.keys() != {"edges", "counts"} or not isinstance(edges, list):
        return None
    return tuple(edges) if isinstance(counts, list) and len(counts) + 1 == len(edges) else None


def _columns(file: str, rows: list[dict[str, Any]]) -> dict[str, ColumnType]:
    columns: dict[str, ColumnType] = {}
    for name in rows[0]:
        require_name(name, "column")
        cells = [row[name] for row in rows]
        if all(isinstance(c, str) and len(c) <= MAX_TEXT for c in cells):
            columns[name] = "text"
        elif all(is_number(c) for c in cells):
            columns[name] = "int" if all(isinstance(c, int) for c in cells) else "float"
        else:
            raise SpecError(
                f"the column {name} of outputs/{file} holds neither numbers throughout nor texts "
                f"of up to {MAX_TEXT} characters",
                next_step="write one kind of value into a column; images and long texts never leave",
            )
    return columns


def _most_rows(rows: int, mock_frames: int, frames: int) -> int:
    """Room for what the dataset itself will give, as a round number.

    A table with rows for many frames grows with the frames; one of groups does not.
    """
    grows = rows * 4 >= mock_frames > 0
    wanted = -(-rows * 5 * frames // (4 * mock_frames)) if grows else HEADROOM * rows
    return min(_round_up(max(wanted, LEAST_ROWS)), MAX_ROWS)


def _round_up(number: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50 …"""
    step = 10 ** max(0, len(str(number)) - 1)
    return next(step * n for n in (1, 2, 5, 10) if step * n >= number)


def as_json(outputs: Mapping[str, Output]) -> str:
    """Outputs as they stand in `darkroom.json`."""
    return json.dumps({"outputs": {n: output_to_mapping(o) for n, o in outputs.items()}}, indent=1)
