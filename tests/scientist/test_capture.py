"""A function becomes files: everything it needs comes along as text, or is refused by name."""

import ast
import math
import os
import re as regular
import subprocess
import sys
import xml.etree.ElementTree  # noqa: ICN001  # as an author may write it
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import darkroom
from darkroom.errors import InputError, SpecError
from darkroom.scientist.capture import Captured, capture
from darkroom.scientist.literal import is_literal, literal_source


LIMIT = 3
NAMES = {"a": (1, 2), "b": [b"x", None]}
TEMPLATE = np.zeros((2, 2))
FOLDER = Path()
COUNTER = iter([1])


@dataclass
class Box:
    """A box."""

    x: int
    y: int = LIMIT


class Pile:
    """Has methods that need helpers."""

    def add(self, n):
        return helper(n)


def helper(n):
    # a comment that the reviewer should see
    return [Box(x=i) for i in range(n)]


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def shadow(n):
    return n


other_name = helper


def run(captured: Captured, call: str) -> str:
    """Import the captured file in a fresh interpreter, the way a domain does."""
    code = f"import job\nprint(job.{call})"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        input="",
        capture_output=True,
        text=True,
        cwd=WORK[0],
        env={"PYTHONPATH": str(WORK[0]) + os.pathsep + str(Path(darkroom.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WORK: list[Path] = []


@pytest.fixture
def tree(tmp_path):
    def write(function, **how) -> Captured:
        captured = capture(function, **how)
        for path, data in captured.files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(data)
        WORK[:] = [tmp_path]
        return captured

    return write


def source_of(function, **how) -> str:
    return capture(function, **how).files["job.py"].decode()


# ------------------------------------------------------------------------- what comes along


def test_helpers_classes_constants_and_imports_come_along(tree):
    def job(data, params):
        counts: Counter[str] = Counter()
        counts["boxes"] += len(helper(LIMIT))
        counts["sum"] += int(np.float32(sum(NAMES["a"])))
        counts["tags"] += len(xml.etree.ElementTree.fromstring("<a><b/></a>"))
        counts["join"] += len(os.path.join("a", "b"))  # noqa: PTH118  # a submodule under another name
        counts["pi"] += math.floor(math.pi)
        counts["pile"] += len(Pile().add(2))
        return dict(counts)

    captured = tree(job)

    assert captured.entrypoint == "job:job"
    expected = {"boxes": 3, "sum": 3, "tags": 1, "join": 3, "pi": 3, "pile": 2}
    assert ast.literal_eval(run(captured, "job(None, {})")) == expected
    assert "# a comment that the reviewer should see" in captured.files["job.py"].decode()


def test_mutual_recursion_terminates(tree):
    def job(data, params):
        return even(4), odd(4)

    assert run(tree(job), "job(None, {})") == "(True, False)"


def test_another_name_for_a_function_works(tree):
    def job(data, params):
        return len(other_name(2))

    assert run(tree(job), "job(None, {})") == "2"


def test_an_alias_of_an_import_is_kept():
    def job(data, params):
        return regular.compile("a")

    assert "import re as regular\n" in source_of(job)


def test_literals_of_a_closure_come_along(tree):
    scale = 2.5
    labels = ["a", "b"]

    def job(data, params):
        return [scale, *labels]

    assert run(tree(job), "job(None, {})") == "[2.5, 'a', 'b']"


def test_the_decorator_stays_behind():
    @darkroom.job(
        outputs={"n": darkroom.Scalars(names=("n",))},
        parameters={"threshold": "float"},
    )
    def count(data, params):
        """Count."""
        return {"n": {"n": 1}}

    source = count.source()

    assert "darkroom.job" not in source
    assert source.rstrip().endswith('return {"n": {"n": 1}}')


def test_public_names_of_darkroom_are_imported_from_it():
    def job(data, params):
        return darkroom.Detector(darkroom.code_path("files/x.tflite"))

    assert "import darkroom\n" in source_of(job)


def test_merge_comes_along(tree):
    def part(data, params):
        return {"n": LIMIT}

    def join(parts, params):
        return {"n": sum(p["n"] for p in parts) + len(helper(1))}

    captured = tree(part, merge=join)

    assert captured.merge == "job:join"
    assert run(captured, "join([{'n': 1}, {'n': 2}], {})") == "{'n': 4}"


def test_carried_files_lie_under_files(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"model")

    def job(data, params):
        return {}

    captured = capture(job, carried={"m.tflite": path, "note.txt": b"hello"})

    assert captured.files["files/m.tflite"] == b"model"
    assert captured.files["files/note.txt"] == b"hello"


def test_the_same_function_gives_the_same_bytes():
    def job(data, params):
        return [NAMES, LIMIT, helper(1), {"z", "y", "x"}]

    assert capture(job).files == capture(job).files


def test_a_line_of_the_file_leads_back_to_the_author():
    def job(data, params):
        value = params
        return [value]

    captured = capture(job)
    lines = captured.files["job.py"].decode().splitlines()
    place, line = captured.author_line(lines.index("    return [value]") + 1)

    assert place == __file__
    assert Path(__file__).read_text().splitlines()[line - 1].strip() == "return [value]"


# ------------------------------------------------------------------------- what is refused


def uses_array(data, params):
    return TEMPLATE


def uses_path(data, params):
    return FOLDER


def uses_iterator(data, params):
    return COUNTER


def uses_unknown(data, params):
    return not_there  # noqa: F821


def uses_display(data, params):
    display(1)  # noqa: F821


def uses_missing_module(data, params):
    import pandas as pd

    return pd


def changes_a_global(data, params):
    global LIMIT  # noqa: PLW0603  # what must be refused
    LIMIT = 4


async def is_async(data, params):
    return 1


def make_closure():
    model = object()

    def job(data, params):
        return model

    return job


def make_wrapped():
    import functools

    @functools.wraps(helper)
    def job(data, params):
        return helper(1)

    return job


@pytest.mark.parametrize(
    ("function", "named", "cure"),
    [
        (uses_array, "TEMPLATE", "TEMPLATE.npz"),
        (uses_path, "FOLDER", "code_path"),
        (uses_iterator, "COUNTER", "parameter"),
        (uses_unknown, "not_there", "define not_there"),
        (uses_display, "display", "declared output"),
        (uses_missing_module, "pandas", "numpy"),
        (changes_a_global, "LIMIT", "return LIMIT"),
        (is_async, "asynchronous", "def"),
        (lambda data, params: 1, "lambda", "def"),
        (make_closure(), "model", "inside the function"),
        (make_wrapped(), "decorator", "take the decorator off"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_come_along_is_named_with_a_cure(function, named, cure):
    with pytest.raises(InputError) as refused:
        capture(function)

    assert named in refused.value.message
    assert cure in refused.value.next_step


def test_tensorflow_belongs_to_its_environment():
    def job(data, params):
        import tensorflow as tf

        return tf

    with pytest.raises(InputError, match="tensorflow"):
        capture(job, environment="tflite")
    assert "import tensorflow as tf" in source_of(job, environment="tensorflow")


def test_parts_of_darkroom_that_hold_keys_are_refused():
    def job(data, params):
        from darkroom.adapters.pysyft.keyring import SycKeyring

        return SycKeyring

    with pytest.raises(InputError, match="keyring"):
        capture(job)


def test_one_name_for_two_things_is_refused():
    def helper(n):
        return n

    def job(data, params):
        return helper(1), Pile()

    with pytest.raises(InputError, match="two different things"):
        capture(job)


@pytest.mark.parametrize("name", ["../x", "a b", "ü", ".hidden", "-rf"])
def test_carried_names_are_plain(name):
    def job(data, params):
        return {}

    with pytest.raises(SpecError):
        capture(job, carried={name: b""})


def test_a_missing_carried_file_is_named(tmp_path):
    def job(data, params):
        return {}

    with pytest.raises(InputError, match=r"detector\.tflite"):
        capture(job, carried={"detector.tflite": tmp_path / "nowhere"})


def test_source_that_changed_since_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "changing.py"
    path.write_text("def job(data, params):\n    return data.first\n")
    import importlib

    changing = importlib.import_module("changing")
    path.write_text("def job(data, params):\n    return data.second_thing\n")

    with pytest.raises(InputError, match="changed"):
        capture(changing.job)


# ----------------------------------------------------------------------------- constants

literals = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(literals)
def test_a_literal_reads_back_exactly(value):
    assert is_literal(value)
    source = literal_source("name", value)

    assert ast.literal_eval(source) == value
    assert source.isascii()


@given(st.sets(st.text() | st.integers()))
def test_a_set_is_written_in_one_order(value):
    again: set = set()
    again.update(reversed(list(value)))

    assert literal_source("name", value) == literal_source("name", again)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), np.float32(1), [{1: np}]])
def test_what_is_no_literal(value):
    assert not is_literal(value)


def test_a_large_constant_is_to_be_carried():
    with pytest.raises(InputError, match="64 KiB"):
        literal_source("weights", list(range(100_000)))
