"""The notebook of a batch and its parameters: read whole, checked before anything runs."""

import ast
import hashlib
import json
import keyword
import math
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from darkroom import config
from darkroom.errors import InputError, SpecError


MAX_NOTEBOOK = 32 << 20
MAX_PARAMETERS = 100
FORMAT = 4
MAX_DIGITS = 18
GIT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook as it lies on the disk.

    Attributes:
        data: its bytes.
        names: what its cell tagged `parameters` assigns; None when there is no such cell.
    """

    path: Path
    data: bytes
    names: tuple[str, ...] | None

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return "sha256:" + hashlib.sha256(self.data).hexdigest()


def read_notebook(path: Path) -> Notebook:
    """Read and check a notebook.

    Raises:
        InputError: not there, too large, or not a notebook of format 4 in Python.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_NOTEBOOK + 1)
    except OSError as error:
        raise InputError(
            f"the notebook {path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    if len(data) > MAX_NOTEBOOK:
        raise InputError(
            f"the notebook {path} has more than {MAX_NOTEBOOK >> 20} MiB",
            next_step="clear its outputs and save it again",
        )
    try:
        content = json.loads(data.decode())
        if content["nbformat"] != FORMAT:
            raise ValueError("format")
        cells = [
            ("".join(cell["source"]), cell["metadata"].get("tags", ()))
            for cell in content["cells"]
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a notebook of format 4",
            next_step="open it in Jupyter and save it again",
        ) from error
    tagged = [source for source, tags in cells if "parameters" in tags]
    return Notebook(path=path, data=data, names=_assigned(tagged[0]) if tagged else None)


def _assigned(source: str) -> tuple[str, ...]:
    """The names that the cell of parameters gives a value, in order."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(
            "the cell tagged `parameters` is not plain Python",
            next_step="let it hold assignments alone, one a line",
        ) from error
    targets: list[ast.expr] = []
    for line in body:
        if isinstance(line, ast.Assign):
            targets += line.targets
        elif isinstance(line, ast.AnnAssign):
            targets.append(line.target)
    return tuple(target.id for target in targets if isinstance(target, ast.Name))


def typed(text: str) -> bool | int | float | str | None:
    """A value of `-p name value`, with the type that papermill gives it."""
    words: dict[str, bool | None] = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def gather_parameters(
    notebook: Notebook | None,
    files: Iterable[Path],
    pairs: Iterable[tuple[str, str]],
    texts: Iterable[tuple[str, str]],
) -> dict[str, object]:
    """The parameters of a run; what is named later wins.

    Args:
        notebook: its cell of parameters says which names there are; None when it lies
            elsewhere and is checked there.
        files: YAML mappings, read strictly.
        pairs: `-p name value`, typed.
        texts: `-r name value`, always texts.

    Raises:
        InputError: a name that the notebook does not have, or a value that is none.
        SpecError: a file that is not well formed, with its line.
    """
    found: dict[str, object] = {}
    for path in files:
        opened = config.open_yaml(path)
        with opened.blamed():
            for name in opened.content:
                _require_name(name, (name,))
        found |= opened.content
    for name, value in (*((n, typed(v)) for n, v in pairs), *texts):
        _require_name(name)
        _require_writable(name, value)
        found[name] = value
    if len(found) > MAX_PARAMETERS:
        raise InputError(
            f"{len(found)} parameters are more than {MAX_PARAMETERS}",
            next_step="put them into one file that the notebook reads",
        )
    if notebook is not None:
        _require_known(notebook, found)
    return found


def _require_name(name: str, where: tuple[str, ...] = ()) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SpecError(
            f"{ascii(name)[:60]} cannot be the name of a parameter",
            next_step="use a name that Python accepts",
            where=where,
        )


def _require_writable(name: str, value: object) -> None:
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        raise InputError(f"the value of {name} is not UTF-8", next_step="write it as UTF-8")
    whole = isinstance(value, int) and abs(value) >= 10**MAX_DIGITS
    if whole or (isinstance(value, float) and not math.isfinite(value)):
        raise InputError(
            f"the value of {name} is no finite number of at most {MAX_DIGITS} digits",
            next_step=f"if it is a text, write -r {name} …",
        )


def _require_known(notebook: Notebook, found: Mapping[str, object]) -> None:
    if found and notebook.names is None:
        raise InputError(
            f"{notebook.path.name} has no cell tagged `parameters`",
            next_step="tag the cell with the defaults in Jupyter, or give no parameters",
        )
    for name in found:
        if name not in (notebook.names or ()):
            raise InputError(
                f"{notebook.path.name} has no parameter {name[:60]}",
                next_step=f"use one of: {', '.join(notebook.names or ())}",
            )


def git_commit(path: Path) -> str:
    """The commit of the folder that the notebook lies in, or "" outside of git.

    A notebook that differs from it is marked `+changed`.
    """

    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(  # no shell; hooks and watchers of the repository stay off
                ["git", "-c", "core.fsmonitor=false", "-C", str(path.parent), *words],
                capture_output=True,
                text=True,
                timeout=GIT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "--verify", "HEAD")
    if not commit:
        return ""
    changed = ask("status", "--porcelain", "--", path.name)
    return commit if changed == "" else f"{commit}+changed"
