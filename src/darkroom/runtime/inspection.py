"""The program `inspect`: read what a job left, with no line of the job in the process.

Each declared output is opened with its size checked first, checked against its
declaration, made as coarse as the owner's airlock says, and written again in the one
canonical form. Whatever else was left stays behind. `manifest.json` says what there is, or
which sentence of `model.withheld` holds; more goes to the log alone, which a domain drops:

    {"outputs": {name: {"type", "sha256", "bytes"}}, "problems": {name: why}}
"""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, NoReturn

from darkroom.errors import DarkroomError, OutputError
from darkroom.model.airlock import Airlock
from darkroom.model.canonical import canonical, digest_bytes
from darkroom.model.output import (
    MAX_TEXT,
    Histogram,
    Model,
    Output,
    Scalars,
    Table,
    output_to_mapping,
)
from darkroom.model.withheld import (
    MISSING,
    MODEL,
    NOT_AS_DECLARED,
    STRANGERS,
    TOO_LARGE,
    UNCHECKED,
)
from darkroom.runtime.airlock import WithheldError, require_narrow, through
from darkroom.runtime.model_files import UncheckedModelError, rewrite_tflite
from darkroom.runtime.outputs import checked, declared, encode
from darkroom.runtime.places import Places


MANIFEST = "manifest.json"
NUMBER = 32  # bytes of one number as JSON, with its comma
ESCAPED = 6 * 2  # bytes of one character as JSON: a surrogate pair of \uXXXX
FRAME = 4096
WHOLE = "job"  # problems of the folder, not of one output


def main(request: dict[str, Any], places: Places) -> None:
    """Inspect `/parts`, write `/out`."""
    outputs = declared(request)
    airlock = Airlock.from_mapping(request.get("airlock", {}))
    kept: dict[str, bytes] = {}
    problems: dict[str, str] = {}
    for name, output in outputs.items():
        try:
            if name == MANIFEST:
                raise WithheldError(name, NOT_AS_DECLARED, "the name is taken: rename it")
            kept[name] = _inspect(places.parts / name, name, output, airlock, request)
        except WithheldError as error:
            problems[name] = error.problem
            print(error, file=sys.stderr)
    with os.scandir(places.parts) as entries:
        strangers = any(entry.name not in outputs for entry in entries)
    if strangers:
        problems[WHOLE] = STRANGERS
    if not problems:
        for name, content in kept.items():
            (places.out / name).write_bytes(content)
    listed = {
        name: {
            "type": output_to_mapping(outputs[name])["type"],
            "sha256": digest_bytes(content),
            "bytes": len(content),
        }
        for name, content in kept.items()
    }
    manifest = {"outputs": {} if problems else listed, "problems": problems}
    (places.out / MANIFEST).write_bytes(canonical(manifest))


def largest(output: Output) -> int:
    """The most bytes that an honest output of this declaration can have."""
    match output:
        case Table():
            cells = {"int": NUMBER, "float": NUMBER, "text": MAX_TEXT * ESCAPED}
            row = sum(cells[kind] + 4 for kind in output.columns.values()) + 4
            return FRAME + len(output.columns) * 128 + output.max_rows * row
        case Scalars():
            return FRAME + len(output.names) * (NUMBER + 80)
        case Histogram():
            return FRAME + len(output.edges) * 2 * NUMBER
        case Model():
            return output.max_bytes


def _inspect(
    path: Path, name: str, output: Output, airlock: Airlock, request: dict[str, Any]
) -> bytes:
    require_narrow(name, output, airlock)
    data = _read(path, name, largest(output))
    if isinstance(output, Model):
        return _model(name, output, data, request.get("interpreter"))
    try:
        value = checked(name, output, _parsed(name, output, data))
        return through(name, output, value, airlock)
    except WithheldError:
        raise
    except OutputError as error:
        raise WithheldError(name, NOT_AS_DECLARED, _detail(name, error)) from error
    except (TypeError, OverflowError) as error:  # JSON of a shape that nobody thought of
        raise WithheldError(name, NOT_AS_DECLARED, "is of another shape") from error


def _parsed(name: str, output: Table | Scalars | Histogram, data: bytes) -> Any:  # noqa: ANN401
    step = "return it from the job"
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"output {name}: is not JSON", next_step=step) from error
    if isinstance(output, Table):
        if not isinstance(value, dict) or value.get("columns") != dict(output.columns):
            raise OutputError(f"output {name}: has other columns", next_step=step)
        value = value.get("rows")
    return value


def _model(name: str, output: Model, data: bytes, interpreter: object) -> bytes:
    try:
        content = encode(name, output, data)
        if output.format == "tflite":
            content = rewrite_tflite(name, content)
            if len(content) > output.max_bytes:
                raise WithheldError(name, TOO_LARGE, "declare a little more: it is written again")
            _load(name, content, interpreter)
        return content
    except WithheldError:
        raise
    except UncheckedModelError as error:
        raise WithheldError(name, UNCHECKED, _detail(name, error)) from error
    except OutputError as error:
        raise WithheldError(name, MODEL, _detail(name, error)) from error


def _detail(name: str, error: OutputError) -> str:
    return error.message.removeprefix(f"output {name}: ")


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _read(path: Path, name: str, most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise WithheldError(name, MISSING) from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise WithheldError(name, MISSING)
        if info.st_size > most:
            raise WithheldError(name, TOO_LARGE)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1)
    finally:
        os.close(descriptor)


def _load(name: str, data: bytes, offered: object) -> None:
    """The interpreter accepts the file; here is where a malformed one may do its worst."""
    from darkroom.adapters import litert
    from darkroom.errors import ModelRefusedError

    names = sorted(("litert", "tflite-runtime"), key=lambda n: n != offered)
    for interpreter in names:
        try:
            litert.open_interpreter(data, interpreter)  # type: ignore[arg-type]
        except ModelRefusedError as error:
            raise OutputError(
                f"output {name}: the interpreter refuses the model",
                next_step="export it with built-in operations only",
            ) from error
        except DarkroomError:
            continue  # this interpreter is not part of the environment
        return
    raise WithheldError(name, UNCHECKED, "use an environment with a TFLite interpreter")
