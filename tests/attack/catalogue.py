"""`attacks.yaml` beside the marks that the tests really carry.

Tests are read from their syntax trees: nothing is imported, and what is not collected on
this machine counts too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.attack.threats import Mark, read_mark


FOLDER = Path(__file__).parent
TESTS = FOLDER.parent
FILE = FOLDER / "attacks.yaml"


def read() -> dict[str, Any]:
    """The catalogue."""
    return yaml.safe_load(FILE.read_text())


def tests_in(path: Path) -> Iterator[tuple[str, list[ast.Call | None]]]:
    """(name, `attack` marks) of each test function; None is a mark without arguments."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, [m for d in node.decorator_list for m in _mark(d)]


def _mark(decorator: ast.expr) -> Iterator[ast.Call | None]:
    call = decorator if isinstance(decorator, ast.Call) else None
    if ast.unparse(call.func if call else decorator) == "pytest.mark.attack":
        yield call


def marked() -> dict[str, Mark]:
    """Node id -> mark of every test that names its rows, in whatever folder it lies.

    Tests of this folder go by `test_file.py::test_name` or `channels/test_file.py::…`, those of
    other folders by their path below `tests`.
    """
    found: dict[str, Mark] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if "pytest.mark.attack(" not in path.read_text():
            continue
        place = path.relative_to(FOLDER if FOLDER in path.parents else TESTS).as_posix()
        for name, calls in tests_in(path):
            for call in calls:
                if call is not None:
                    found[f"{place}::{name}"] = read_mark(
                        tuple(ast.literal_eval(row) for row in call.args),
                        {str(k.arg): ast.literal_eval(k.value) for k in call.keywords},
                    )
    return found
