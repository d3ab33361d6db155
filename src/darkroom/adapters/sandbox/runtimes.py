"""Build `Runtime` values: ask an interpreter once where its parts lie, and hash them."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from darkroom.adapters.sandbox.installed import QUESTION, differences, pins
from darkroom.errors import IsolationError
from darkroom.ports import Runtime
from darkroom.walls.lock_hash import lock_hash


PACKAGE = Path(__file__).resolve().parents[2]
_QUESTION = """
import json, sys, sysconfig
paths = sysconfig.get_paths()
shared = sysconfig.get_config_var("Py_ENABLE_SHARED")
print(json.dumps({
    "prefix": sys.prefix,
    "base": sys.base_prefix,
    "library": sysconfig.get_config_var("LIBDIR") if shared else "",
    "parts": sorted({paths[n] for n in ("stdlib", "platstdlib", "purelib", "platlib")}),
}))
"""
ANSWER_SECONDS = 60
_ONE = Lock()


def describe_runtime(name: str, python: Path, lock: Path, *, interpreter: str = "") -> Runtime:
    """A runtime from an interpreter's path.

    Args:
        name: what a job asks for, for instance `tflite`.
        python: the interpreter, of a virtual environment or of the system.
        lock: the lock file that the environment was made from.
        interpreter: `litert`, `tflite-runtime` or "".

    Raises:
        IsolationError: the interpreter does not start, the lock is not there, or what is
            installed is not what the lock names.
    """
    python = python.absolute()  # a link of a virtual environment stays
    try:
        lock_bytes = lock.read_bytes()
        with ThreadPoolExecutor(1) as pool:  # a node that starts waits for both
            compiled = pool.submit(_compile, python)
            facts, found = _ask(python, pins(lock_bytes))
            compiled.result()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise IsolationError(
            f"the job runtime {name!r} cannot be used: {python} does not start, or "
            f"{lock.name} is missing",
            next_step="run `make setup`",
        ) from error
    if wrong := differences(pins(lock_bytes), found):
        raise IsolationError(
            f"the job runtime {name!r} is not what {lock.name} names: {wrong[0]}"
            + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""),
            next_step="run `make setup` again",
        )
    return Runtime(
        name=name,
        python=python,
        paths=_folders(python, facts),
        lock_hash=lock_hash(lock_bytes, PACKAGE),
        interpreter=interpreter,
    )


def _ask(python: Path, pinned: dict[str, str]) -> tuple[dict[str, Any], dict[str, tuple[str, int]]]:
    """Where its parts lie, and what is installed there of what a lock names."""
    answer = subprocess.run(
        [str(python), "-I", "-c", f"{_QUESTION}\n{QUESTION}"],
        input=json.dumps(sorted(pinned)).encode(),
        capture_output=True,
        check=True,
        timeout=ANSWER_SECONDS,
        env={},
        cwd="/",
    )
    facts, installed = map(json.loads, answer.stdout.splitlines())
    return facts, {name: (version, wrong) for name, (version, wrong) in installed.items()}


def _folders(python: Path, facts: dict[str, str]) -> tuple[Path, ...]:
    folders = {PACKAGE}
    if facts["prefix"] != facts["base"]:
        folders.add(Path(facts["prefix"]))
    if facts["base"] in ("/usr", "/usr/local"):
        # The system's interpreter: its parts, not all that is installed beside it.
        folders |= {Path(part) for part in facts["parts"]}
        folders.add(Path(os.path.realpath(python)))
    else:
        folders.add(Path(facts["base"]))
    if facts["library"]:
        folders.add(Path(facts["library"]))
    # A virtual environment's `python` may reach the real one over several links.
    step = python
    while step.is_symlink():
        step = step.parent / step.readlink()
        if not any(step.is_relative_to(folder) for folder in folders):
            folders.add(step.parent)
    return _outermost(folders)


def _outermost(folders: set[Path]) -> tuple[Path, ...]:
    existing = sorted(f for f in folders if f.exists())
    return tuple(
        f for f in existing if not any(f != other and f.is_relative_to(other) for other in existing)
    )


def _compile(python: Path) -> None:
    """Byte code for Darkroom's own files: a job starts in a third of the time.

    Does nothing where the folder is not ours to write; inside it never is. Once is enough:
    several runtimes of a node may share an interpreter.
    """
    with _ONE:
        _compile_once(python)


@cache
def _compile_once(python: Path) -> None:
    subprocess.run(
        [str(python), "-I", "-m", "compileall", "-q", str(PACKAGE)],
        capture_output=True,
        check=False,
        timeout=ANSWER_SECONDS,
        env={},
        cwd="/",
    )
