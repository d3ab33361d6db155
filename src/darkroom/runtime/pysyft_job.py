"""Runs the script of a PySyft job, and takes what it left in `outputs/` as the job's outputs.

The script finds what PySyft's own runner gives it: its code folder, writable, as the current
one, an empty `outputs/` in it, a SyftBox with the dataset and the models, the variables that
name them, and `import syft` (`syft_names`). Called by the module that is generated for the
job. The walls are elsewhere, as for every job: this shares a process with the script.
"""

import csv
import io
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from darkroom.errors import InputError, OutputError
from darkroom.model.output import Table
from darkroom.runtime import syft_names
from darkroom.runtime.dataset import Dataset
from darkroom.runtime.outputs import declared
from darkroom.runtime.places import Places, current


HOME = "pysyft"
OUTPUTS = "outputs"
VALUES, MODELS = (".json", ".csv"), (".npz", ".tflite")
MAX_FILES = 64
MAX_BYTES = 64 << 20  # of all files together; a model may have as many
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,17})(\.\d{1,40})?([eE][+-]?\d{1,3})?")


def run(
    data: Dataset,
    *,
    entrypoint: str,
    datasite: str,
    dataset: str,
    models: dict[str, str],
    outputs: Sequence[str],
) -> dict[str, Any]:
    """Run the script; the value of each declared output.

    Args:
        data: the dataset; the script opens it again, by its path.
        entrypoint: path of the script among the job's files, `code/main.py`.
        datasite: the domain's address.
        dataset: name under which the script finds the data.
        models: file name -> path among the job's files; the stem is the dataset's name.
        outputs: names; each is one file `outputs/<name>.json`, `.csv`, `.npz` or `.tflite`.

    Raises:
        OutputError: a file is missing, not declared, not regular, or cannot be read.
        SystemExit: the script ended itself with something else than success.
    """
    folder = _ran(data, entrypoint, datasite, dataset, models)
    known = declared(current().read_request())
    found: dict[str, Any] = {}
    for name, suffix, content in _files(folder):
        if name not in outputs or name in found:
            raise OutputError(
                f"{OUTPUTS}/ holds a file that is not declared, or two for one output",
                next_step=f"write one file each for {_listed(outputs)}, or declare the file's "
                "stem in darkroom.json",
            )
        output = known.get(name)
        kinds = output.columns if isinstance(output, Table) else None
        found[name] = _value(name, suffix, content, kinds)
    missing = sorted(set(outputs) - set(found))
    if missing:
        raise OutputError(
            f"the script left no file for {_listed(missing)}",
            next_step=f"write {OUTPUTS}/{missing[0]}.json (or .csv, .npz, .tflite), relative to "
            "the folder that the script starts in",
        )
    return found


def discover(
    data: Dataset, *, entrypoint: str, datasite: str, dataset: str, models: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Run the script on mock; what it leaves, for outputs to be declared from.

    Returns:
        File name -> `{"value": …}` of what can be read, `{"bytes": n}` of a model.

    Raises:
        OutputError: a file is not regular, or cannot be read.
        SystemExit: the script ended itself with something else than success.
    """
    folder = _ran(data, entrypoint, datasite, dataset, models)
    return {
        f"{name}{suffix}": {"bytes": len(content)}
        if suffix in MODELS
        else {"value": _value(name, suffix, content)}
        for name, suffix, content in _files(folder)
    }


# ---------------------------------------------------------------------------- the script


def _ran(
    data: Dataset, entrypoint: str, datasite: str, dataset: str, models: dict[str, str]
) -> Path:
    """Lay out, run to the end; the folder with what it left."""
    del data
    places = current()
    folder, _, script = entrypoint.partition("/")
    home = places.tmp / HOME
    code = home / "job" / folder
    _copy(places.code / folder, code)
    box = _lay_out(home / "SyftBox", places, datasite, dataset, models)
    os.environ |= {"SYFTBOX_FOLDER": str(box), "SYFTBOX_EMAIL": datasite, "SYFT_IS_IN_JOB": "true"}
    syft_names.install()
    # As `cd code && PYTHONPATH=. python main.py` would have it.
    os.chdir(code)
    path = code / script
    sys.path[:] = [p for p in sys.path if p != str(places.code)]
    sys.path[:0] = list(dict.fromkeys([str(path.parent), str(code)]))
    sys.argv[:] = [str(path)]
    _as_main(path)
    return code / OUTPUTS


def _as_main(path: Path) -> None:
    main, before = ModuleType("__main__"), sys.modules["__main__"]
    vars(main)["__file__"] = str(path)
    sys.modules["__main__"] = main
    try:
        exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), vars(main))
    except SystemExit as error:
        if error.code not in (None, 0):
            raise
    finally:
        vars(main).clear()  # writes what it left open, as the end of a process does
        sys.modules["__main__"] = before


def _copy(source: Path, target: Path) -> None:
    """A folder of the job's files that the script may write into; `outputs/` is empty in it."""
    target.mkdir(parents=True)
    (target / OUTPUTS).mkdir()
    for file in sorted(source.rglob("*")):
        inner = file.relative_to(source)
        if file.is_file() and inner.parts[0] != OUTPUTS:
            (target / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / inner)


def _lay_out(
    box: Path, places: Places, datasite: str, dataset: str, models: dict[str, str]
) -> Path:
    """A SyftBox as a data owner's, with links to what is read-only anyway."""
    datasets = box / datasite / syft_names.DATASETS
    datasets.mkdir(parents=True)
    (datasets / dataset).symlink_to(places.data, target_is_directory=True)
    for name, path in models.items():
        folder = datasets / name.rpartition(".")[0]
        if folder.name == dataset:
            raise InputError(
                f"the dataset and a model are both called {dataset}",
                next_step="use a model of another name",
            )
        folder.mkdir(exist_ok=True)
        (folder / name).symlink_to(places.code / path)
    return box


# --------------------------------------------------------------------------- what it left


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{OUTPUTS}/{name}" for name in sorted(names)) or "nothing"


def _files(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Name, suffix and content of each file, by name; no link is followed anywhere."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise OutputError(
            f"the script took its folder {OUTPUTS}/ away", next_step="leave it where it is"
        ) from error
    try:
        with os.scandir(opened) as listing:
            entries = sorted(entry.name for entry in islice(listing, MAX_FILES + 1))
        if len(entries) > MAX_FILES:
            raise OutputError(
                f"{OUTPUTS}/ holds more than {MAX_FILES} files",
                next_step="write what is declared, and nothing else",
            )
        room = MAX_BYTES
        for entry in entries:
            name, dot, ending = entry.rpartition(".")
            if not name or dot + ending not in VALUES + MODELS:
                raise OutputError(
                    f"{OUTPUTS}/ holds a folder, or a file of a kind that never leaves",
                    next_step=f"write files that end in {', '.join(VALUES + MODELS)}",
                )
            content = _read(opened, entry, room)
            room -= len(content)
            yield name, dot + ending, content
    finally:
        os.close(opened)


def _read(folder: int, name: str, most: int) -> bytes:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise _no_file() from error
    try:
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
            raise _no_file()
        with os.fdopen(file, "rb", closefd=False) as stream:
            content = stream.read(most + 1) if info.st_size <= most else b""
    finally:
        os.close(file)
    if max(info.st_size, len(content)) > most:
        raise OutputError(
            f"{OUTPUTS}/ holds more than {MAX_BYTES >> 20} MiB", next_step="write results, not data"
        )
    return content


def _no_file() -> OutputError:
    return OutputError(
        f"{OUTPUTS}/ holds something that is no regular file: a folder, a link or a device",
        next_step="write the files themselves",
    )


def _value(name: str, suffix: str, content: bytes, kinds: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """What a file says: any JSON value, rows as a list of dicts, or the bytes of a model."""
    try:
        match suffix:
            case ".json":
                return json.loads(content.decode("utf-8"), parse_constant=_no_constant)
            case ".csv":
                return _rows(content.decode("utf-8-sig"), kinds)
            case _:
                return content
    except (ValueError, RecursionError, csv.Error) as error:
        raise OutputError(
            f"{OUTPUTS}/{name}{suffix} is not {suffix[1:].upper()} that can be read",
            next_step="json.dump(value, file, allow_nan=False), or "
            "table.to_csv(path, index=False), both in UTF-8",
        ) from error


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and infinity are no JSON")


def _rows(text: str, kinds: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Rows of a CSV file with a head; numbers are numbers, but in text columns.

    Args:
        text: of the file.
        kinds: of the declared columns; None where nothing is declared yet: then a column is
            text as soon as one of its cells is no number.
    """
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    head = next(lines, [])
    rows = [line for line in lines if line]
    if not head or len(set(head)) < len(head) or any(len(row) != len(head) for row in rows):
        raise ValueError("no head, a column twice, or a row of another length")
    columns = []
    for number, column in enumerate(head):
        cells = [row[number] for row in rows]
        are_numbers = [_NUMBER.fullmatch(cell) is not None for cell in cells]
        as_text = not all(are_numbers) if kinds is None else kinds.get(column) == "text"
        columns.append(
            [
                _number(cell) if is_number and not as_text else cell
                for cell, is_number in zip(cells, are_numbers, strict=True)
            ]
        )
    return [dict(zip(head, row, strict=True)) for row in zip(*columns, strict=True)]


def _number(cell: str) -> int | float:
    return float(cell) if set(cell) & set(".eE") else int(cell)
