"""The program `merge`: make one result of what several workers left.

`/parts` has one folder per worker, named by its number. A job's own merge gets the parts
as a list; without one, tables are put one after the other, scalars and counts are added.
"""

import json
from pathlib import Path
from typing import Any

from darkroom.errors import OutputError
from darkroom.model.output import Histogram, Model, Output, Scalars, Table
from darkroom.runtime.entrypoint import load, seed
from darkroom.runtime.outputs import declared, encode_all
from darkroom.runtime.parts import FOLDER, read_part
from darkroom.runtime.places import Places


def main(request: dict[str, Any], places: Places) -> None:
    """Merge the parts.

    Raises:
        OutputError: a part is missing or does not fit, or the result does not.
    """
    outputs = declared(request)
    folders = sorted(
        (f for f in places.parts.iterdir() if f.name.isdecimal()),
        key=lambda f: int(f.name),
    )
    if not folders:
        raise OutputError("there is no part to merge", next_step="run the job again")
    if request.get("merge"):
        function = load(request["merge"], places.code)
        seed(request.get("seed"))
        parts = [_part(folder, outputs) for folder in folders]
        result = function(parts, dict(request.get("parameters", {})))
    else:
        result = merge_outputs(outputs, [_values(f, outputs) for f in folders])
    for name, content in encode_all(outputs, result).items():
        (places.out / name).write_bytes(content)


def _part(folder: Path, outputs: dict[str, Output]) -> Any:  # noqa: ANN401
    if (folder / FOLDER).is_dir():
        return read_part(folder)
    return _values(folder, outputs)


def _values(folder: Path, outputs: dict[str, Output]) -> dict[str, Any]:
    """The outputs that a worker wrote, as plain values."""
    values: dict[str, Any] = {}
    for name, output in outputs.items():
        try:
            content = (folder / name).read_bytes()
            values[name] = content if isinstance(output, Model) else json.loads(content)
            if isinstance(output, Table):
                values[name] = values[name]["rows"]
            elif isinstance(output, Histogram):
                values[name] = values[name]["counts"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"output {name}: a worker left nothing that can be merged",
                next_step="run the job again",
            ) from error
    return values


def merge_outputs(outputs: dict[str, Output], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The default merge.

    Raises:
        OutputError: a model is among the outputs of several workers.
    """
    return {name: _merged(name, outputs[name], [p[name] for p in parts]) for name in outputs}


def _merged(name: str, output: Output, values: list[Any]) -> Any:  # noqa: ANN401
    match output:
        case Table():
            return [row for rows in values for row in rows]
        case Scalars():
            return {n: sum(each[n] for each in values) for n in output.names}
        case Histogram():
            return [sum(counts) for counts in zip(*values, strict=True)]
        case Model():
            if len(values) == 1:
                return values[0]
            raise OutputError(
                f"output {name}: models of several workers cannot be added up",
                next_step="give the job a merge function, or do not split it",
            )
