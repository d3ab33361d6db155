"""What workers leave for the job's own merge survives the way, and nothing else does."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.errors import OutputError
from darkroom.model.output import Histogram, Model, Scalars, Table
from darkroom.runtime.merge import merge_outputs
from darkroom.runtime.parts import read_part, write_part


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(TREES)
def test_trees_survive(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    folder = tmp_path_factory.mktemp("part")
    write_part(folder, tree)
    assert read_part(folder) == tree


def test_arrays_and_numpy_numbers_survive(tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    write_part(tmp_path, {"a": [array, np.int64(3)], "b": (1, 2)})

    part = read_part(tmp_path)

    assert part["a"][0].tolist() == array.tolist()
    assert (part["a"][1], part["b"]) == (3, [1, 2])


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, float("nan"), b"x", np.array([{}])])
def test_other_values_are_told(tmp_path: Path, value: object) -> None:
    with pytest.raises(OutputError):
        write_part(tmp_path, {"a": value})


def test_a_part_that_contains_itself_is_told(tmp_path: Path) -> None:
    value: list = []
    value.append(value)
    with pytest.raises(OutputError, match="deeply"):
        write_part(tmp_path, value)


def test_a_damaged_part_is_told(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "part.json").write_text('{"__array__": "a0"}')
    with pytest.raises(OutputError):
        read_part(tmp_path)


def test_the_default_merge() -> None:
    outputs = {
        "t": Table(columns={"n": "int"}, max_rows=9),
        "s": Scalars(names=("a",)),
        "h": Histogram(edges=(0.0, 1.0, 2.0)),
    }
    parts = [{"t": [[1]], "s": {"a": 2}, "h": [1, 0]}, {"t": [[3]], "s": {"a": 5}, "h": [4, 1]}]

    merged = merge_outputs(outputs, parts)

    assert merged == {"t": [[1], [3]], "s": {"a": 7}, "h": [5, 1]}


def test_models_are_not_added_up() -> None:
    outputs = {"m": Model(format="npz", max_bytes=9)}
    assert merge_outputs(outputs, [{"m": b"x"}]) == {"m": b"x"}
    with pytest.raises(OutputError, match="cannot be added"):
        merge_outputs(outputs, [{"m": b"x"}, {"m": b"y"}])
