"""What a job needs, by its code; what it gives, by what it left on mock."""

import contextlib
import json
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.pysyft.inference import (
    as_json,
    imports_heavy,
    infer_outputs,
    resolved_names,
)
from darkroom.adapters.pysyft.wishes import FILE, read_wishes
from darkroom.errors import SpecError
from darkroom.model.output import Histogram, Model, Scalars, Table
from darkroom.runtime.outputs import encode


def inferred(mock_frames: int = 120, frames: int = 120, **files: Any):
    found = {
        name.replace("__", "."): value if isinstance(value, dict) and "bytes" in value
        else {"value": value}
        for name, value in files.items()
    }  # fmt: skip
    return infer_outputs(found, mock_frames=mock_frames, frames=frames)


# ------------------------------------------------------------------------------- needs


def test_names_are_read_wherever_a_dataset_is_resolved():
    code = {
        "main.py": dedent(
            """
            import syft as sy
            from syft import resolve_dataset_file_path, load_dataset_code as load
            a = sy.resolve_dataset_file_path("plaza")
            b = resolve_dataset_file_path(dataset_name="detector")
            c = sy.resolve_dataset_files_path("plaza")
            d = sy.load_dataset_code("helpers.boxes")
            e = sy.resolve_dataset_file_path(name)
            f = other("nothing")
            """
        ),
        "params.json": 'resolve_dataset_file_path("text")',
    }

    assert resolved_names(code) == ("plaza", "detector", "helpers")


def test_code_that_is_no_python_names_the_line():
    with pytest.raises(SpecError, match=r"main\.py:2 is not Python"):
        resolved_names({"main.py": "x = 1\ndef\n"})


@pytest.mark.parametrize(
    ("line", "heavy"),
    [
        ("import tensorflow as tf", True),
        ("from tensorflow.keras import layers", True),
        ("import keras", True),
        ("import numpy", False),
        ("import tensorflow_free", False),
    ],
)
def test_tensorflow_needs_the_larger_environment(line, heavy):
    assert imports_heavy({"main.py": line}) is heavy


# ------------------------------------------------------------------------------- gives


def test_an_object_of_numbers_is_scalars():
    found = inferred(n__json={"n": 3, "share": 0.5})

    assert found.outputs == {"n": Scalars(names=("n", "share"))}


def test_a_list_of_objects_is_a_table():
    rows = [{"camera": "a", "n": 1, "share": 1}, {"camera": "b", "n": 2, "share": 0.5}]

    found = inferred(seen__json=rows)

    table = found.outputs["seen"]
    assert isinstance(table, Table)
    assert table.columns == {"camera": "text", "n": "int", "share": "float"}
    assert (table.bounds, table.labels, table.counts) == ({}, {}, ())
    assert found.forms == {"seen": "rows"}


def test_columns_and_csv_are_tables_too():
    found = inferred(by__json={"n": [1, 2], "name": ["a", "b"]}, list__csv=[{"n": 1}])

    assert found.outputs["by"].columns == {"n": "int", "name": "text"}
    assert found.forms == {"by": "columns", "list": "csv"}


def test_edges_and_counts_are_a_histogram():
    found = inferred(h__json={"edges": [0, 1, 2], "counts": [4, 5]})

    assert found.outputs == {"h": Histogram(edges=(0, 1, 2))}


@pytest.mark.parametrize(
    ("size", "most"), [(1, 65_536), (60_000, 131_072), (1_000_000, 1_310_720), (64 << 20, 64 << 20)]
)
def test_a_model_may_become_a_little_larger(size, most):
    found = inferred(model__npz={"bytes": size})

    assert found.outputs == {"model": Model(format="npz", max_bytes=most)}


@pytest.mark.parametrize(
    ("rows", "mock_frames", "frames", "most"),
    [
        (3, 120, 120, 20),  # one for each camera: room for some more
        (3, 120, 100_000, 20),  # which does not grow with the frames
        (12, 120, 100_000, 50),
        (120, 120, 1000, 2000),  # one for each frame grows with them
        (120, 120, 10_000_000, 100_000),
        (9, 0, 9, 50),
    ],
)
def test_a_table_has_room_for_what_the_dataset_gives(rows, mock_frames, frames, most):
    found = inferred(mock_frames, frames, t__json=[{"n": 1}] * rows)

    assert found.outputs["t"].max_rows == most


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "left nothing in outputs/"),
        ({"n__json": 3}, "holds a single value"),
        ({"n__json": {}}, "holds a single value"),
        ({"n__json": []}, "its columns are not known"),
        ({"n__json": [[1, 2]]}, "its columns are not known"),
        ({"n__json": [{"a": 1}, {"b": 1}]}, "its columns are not known"),
        ({"n__json": {"a": {"b": 1}}}, "under 'a' that is no number"),
        ({"n__json": {"a": True}}, "under 'a' that is no number"),
        ({"n__json": [{"a": None}]}, "the column a of outputs/n.json"),
        ({"n__json": [{"a": 1}, {"a": "x"}]}, "the column a of outputs/n.json"),
        ({"n__json": [{"a": "x" * 81}]}, "long texts never leave"),
        ({"n__json": {"a": 1}, "n__csv": [{"a": 1}]}, "two files for the output n"),
        ({"N__json": {"a": 1}}, "output 'N' is not a valid name"),
    ],
)
def test_what_cannot_be_declared_by_itself_names_the_cure(files, says):
    with pytest.raises(SpecError, match=says) as refused:
        inferred(**files)

    assert refused.value.next_step
    assert "declare the output" not in refused.value.next_step  # some can never be declared


CELLS = st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e300, 1e300), st.just("label"))
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)


@given(
    st.one_of(
        st.dictionaries(NAMES, st.integers(-1000, 1000), min_size=1),
        st.dictionaries(NAMES, CELLS, min_size=1).flatmap(
            lambda row: st.lists(st.just(row), min_size=1, max_size=5)
        ),
    )
)
def test_law_what_is_inferred_takes_what_it_was_inferred_from(value):
    output = inferred(o__json=value).outputs["o"]

    assert encode("o", output, value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=3), inner, max_size=3)))  # fmt: skip
def test_law_any_value_is_declared_or_refused_in_words(value):
    with contextlib.suppress(SpecError):
        assert inferred(o__json=value).outputs.keys() == {"o"}


# ------------------------------------------------------------------------- darkroom.json


def test_what_is_said_can_be_written_back():
    outputs = inferred(n__json={"n": 1}, t__json=[{"a": "x"}], m__npz={"bytes": 10}).outputs

    assert read_wishes({FILE: as_json(outputs)}).outputs == outputs


def test_nothing_said_is_nothing_declared():
    wishes = read_wishes({"main.py": ""})

    assert wishes.outputs is wishes.models is wishes.dataset is wishes.limits is None


def test_everything_said():
    wishes = read_wishes(
        {
            FILE: json.dumps(
                {
                    "dataset": "plaza", "models": ["detector.tflite"], "environment": "tensorflow",
                    "limits": {"wall_seconds": 9}, "project": "counting", "tier": "mock",
                    "outputs": {"n": {"type": "scalars", "names": ["n"], "counts": []}},
                }
            )
        }
    )  # fmt: skip

    assert (wishes.dataset, wishes.models, wishes.tier) == ("plaza", ("detector.tflite",), "mock")
    assert wishes.limits is not None
    assert wishes.limits.wall_seconds == 9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", r"darkroom\.json is not JSON"),
        ("[]", r"darkroom\.json is not an object"),
        ('{"a": 1, "a": 2}', r"darkroom\.json is not JSON: .*key twice"),
        ('{"modles": []}', r"darkroom\.json has the unknown key 'modles'"),
        ('{"dataset": 3}', r"darkroom\.json: dataset: dataset 3 is not a valid name"),
        ('{"models": "x"}', r"darkroom\.json: models: this is no list"),
        ('{"outputs": {}}', r"darkroom\.json: outputs: this is no object"),
        ('{"outputs": {"n": {"type": "image"}}}', r"darkroom\.json: outputs\.n: output type"),
        ('{"limits": {"memory": 1}}', r"darkroom\.json: limits has the unknown key 'memory'"),
        ('{"limits": {"memory_mib": "1"}}', r"darkroom\.json: limits: limit memory_mib"),
        ('{"tier": "open"}', r"darkroom\.json: tier: this tier is not offered"),
    ],
)
def test_a_mistake_names_its_place(text, says):
    with pytest.raises(SpecError, match=says):
        read_wishes({FILE: text})
