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

    def change(table: str, first: ast.expr, last: ast.expr, now: str) -> TableChange:
        start = starts[first.lineno - 1] + first.col_offset
        end = starts[(last.end_lineno or 1) - 1] + (last.end_col_offset or 0)
        return TableChange(file.stem, table, start, end, source[start:end].decode(), now)

    for statement in ast.parse(source).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=table)], value=value)
                | ast.AnnAssign(target=ast.Name(id=table), value=ast.expr() as value)
            ):
                for node in ast.walk(value):
                    match node:
                        case ast.Constant(value=str() as text):
                            yield change(table, node, node, repr(f"XX{text}XX"))
                        case ast.Constant(value=int() | float() as number):
                            yield change(table, node, node, repr(number + 1))
                        case ast.Dict(keys=keys, values=values):
                            for key, held in zip(keys, values, strict=True):
                                assert key is not None
                                yield change(table, key, held, "**{}")
                        case ast.Tuple(elts=elements):
                            for element in elements:
                                yield change(table, element, element, "*()")


def is_seen(change: TableChange, file: Path) -> bool:
    """Whether a test fails, tried in a process of its own."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    status = 1
    try:
        status = _tests_with(change, file)
    finally:
        os._exit(status)


def _tests_with(change: TableChange, file: Path) -> int:
    import pytest

    name = f"darkroom.policy.{change.module}"
    source = file.read_bytes()
    text = source[: change.start] + change.now.encode() + source[change.end :]
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    exec(compile(text, file, "exec"), module.__dict__)
    setattr(importlib.import_module("darkroom.policy"), change.module, module)
    own = Path(f"tests/policy/test_{change.module}.py")  # most likely to see it, so it goes first
    return int(
        pytest.main(
            [*([str(own)] if own.exists() else []), "tests/policy", "-x", "-q", "--tb=no",
             "-p", "no:cacheprovider", "--hypothesis-profile=ci"]
        )
    )  # fmt: skip


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
