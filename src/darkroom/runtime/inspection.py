"""The program `inspect`: read what a job left, with no line of the job in the process.

Each declared output is opened with its size checked first, checked against its
declaration, and written again in the one canonical form. Whatever else was left stays
behind. `manifest.json` says what there is, or what is wrong, in words without values:

    {"outputs": {name: {"type", "sha256", "bytes"}}, "problems": {name: why}}
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from darkroom.errors import DarkroomError, OutputError
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
from darkroom.runtime.outputs import declared, encode
from darkroom.runtime.places import Places


MANIFEST = "manifest.json"
NUMBER = 32  # bytes of one number as JSON, with its comma
ESCAPED = 6 * 2  # bytes of one character as JSON: a surrogate pair of \uXXXX
FRAME = 4096
WHOLE = "job"  # problems of the folder, not of one output


def main(request: dict[str, Any], places: Places) -> None:
    """Inspect `/parts`, write `/out`."""
    outputs = declared(request)
    kept: dict[str, bytes] = {}
    problems: dict[str, str] = {}
    for name, output in outputs.items():
        try:
            if name == MANIFEST:
                raise OutputError(f"output {name}: the name is taken", next_step="rename it")
            kept[name] = _inspect(places.parts / name, name, output, request)
        except DarkroomError as error:
            problems[name] = error.message.removeprefix(f"output {name}: ")
    strangers = sum(1 for entry in os.scandir(places.parts) if entry.name not in outputs)
    if strangers:
        problems[WHOLE] = f"{strangers} files were left that are not declared"
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


def _inspect(path: Path, name: str, output: Output, request: dict[str, Any]) -> bytes:
    data = _read(path, name, largest(output))
    if isinstance(output, Model):
        content = encode(name, output, data)
        if output.format == "tflite":
            _load(name, content, request.get("interpreter"))
        return content
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise OutputError(
            f"output {name}: is not JSON", next_step="return it from the job"
        ) from error
    if isinstance(output, Table):
        wanted = dict(output.columns)
        if not isinstance(value, dict) or value.get("columns") != wanted:
            raise OutputError(
                f"output {name}: has other columns", next_step="return it from the job"
            )
        value = value.get("rows")
    return encode(name, output, value)


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _read(path: Path, name: str, most: int) -> bytes:
    step = "return every declared output from the job"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise OutputError(f"output {name}: is missing", next_step=step) from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OutputError(f"output {name}: is no file", next_step=step)
        if info.st_size > most:
            raise OutputError(
                f"output {name}: is larger than its declaration allows",
                next_step="declare more or return less",
            )
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
    raise OutputError(
        f"output {name}: this environment has no interpreter to check a model with",
        next_step="use an environment with a TFLite interpreter",
    )
