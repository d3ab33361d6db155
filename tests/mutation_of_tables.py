"""The tables and constants of policy/, which mutmut leaves alone: each entry must matter too.

Numbers are raised by one, texts are changed, entries are left out; one at a time. Run by
tests/mutation.py in its copy of the tree: `python -m tests.mutation_of_tables PART PARTS`.
"""

import ast
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True, slots=True)
class TableChange:
    """One change of a module outside of its functions.

    Attributes:
        table: its name, or that of the constant.
        start, end: what is replaced, in bytes of the file.
    """

    module: str
    table: str
    start: int
    end: int
    was: str
    now: str


def table_changes(file: Path) -> Iterator[TableChange]:
    """Every change of the tables in a module."""
    source = file.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(value=ast.Subscript()):
                pass  # the name of a type
            case (
                ast.Assign(targets=[ast.Name(id=table)], value=value)
                | ast.AnnAssign(target=ast.Name(id=table), value=ast.expr() as value)
            ):
                for first, last, now in _replacements(value):
                    start = starts[first.lineno - 1] + first.col_offset
                    end = starts[(last.end_lineno or 1) - 1] + (last.end_col_offset or 0)
                    was = source[start:end].decode()
                    yield TableChange(file.stem, table, start, end, was, now)


def _replacements(value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr, str]]:
    """From the first to the last node: what to write instead."""
    for node in ast.walk(value):
        match node:
            case ast.Constant(value=str() as text):
                yield node, node, repr(f"XX{text}XX")
            case ast.Constant(value=int() | float() as number):
                yield node, node, repr(number + 1)
            case ast.Dict(keys=keys, values=values):
                for key, held in zip(keys, values, strict=True):
                    assert key is not None
                    yield key, held, "**{}"
            case ast.Tuple(elts=elements):
                for element in elements:
                    yield element, element, "*()"


def is_seen(change: TableChange, file: Path) -> bool:
    """Whether a test fails; those of the module are asked first."""
    own = Path(f"tests/policy/test_{change.module}.py")
    return any(
        _fails(change, file, str(tests)) for tests in (own, "tests/policy") if Path(tests).exists()
    )


def _fails(change: TableChange, file: Path, tests: str) -> bool:
    """Tried in a process of its own, which begins with nothing of the policy imported."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    status = 1
    try:
        status = _run(change, file, tests)
    finally:
        os._exit(status)


def _run(change: TableChange, file: Path, tests: str) -> int:
    import pytest

    name = f"darkroom.policy.{change.module}"
    source = file.read_bytes()
    text = source[: change.start] + change.now.encode() + source[change.end :]
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    exec(compile(text, file, "exec"), module.__dict__)
    setattr(importlib.import_module("darkroom.policy"), change.module, module)
    return int(
        pytest.main(
            [tests, "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=repeatable"]
        )
    )


def main() -> None:
    """Try every nth change; one line of JSON for each, with what became of it."""
    part, parts = map(int, sys.argv[1:])
    sys.path.insert(0, "src")
    for name in ("numpy", "pytest", "darkroom.model.site_policy"):
        importlib.import_module(name)  # once, for all children
    files = sorted(Path("src/darkroom/policy").glob("[!_]*.py"))
    if is_seen(TableChange(files[0].stem, "none", 0, 0, "", ""), files[0]):
        sys.exit("the tests of policy/ fail without any change")
    every = [(change, file) for file in files for change in table_changes(file)]
    for change, file in every[part::parts]:
        print(json.dumps({**asdict(change), "seen": is_seen(change, file)}), flush=True)


if __name__ == "__main__":
    main()
