import json

import pytest
from hypothesis import given

from darkroom.errors import SpecError
from darkroom.model.output import (
    Histogram,
    Model,
    Scalars,
    Table,
    output_from_mapping,
    output_to_mapping,
)
from tests.model.shapes import JSON, OUTPUTS


@given(OUTPUTS)
def test_a_declaration_survives_the_wire(output):
    assert output_from_mapping(json.loads(json.dumps(output_to_mapping(output)))) == output


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        output_from_mapping(value)


BAD = [
    {"type": "image"},
    {"type": "table"},
    {"type": "table", "columns": {}, "max_rows": 1},
    {"type": "table", "columns": {"a": "bytes"}, "max_rows": 1},
    {"type": "table", "columns": {"a": "int"}, "max_rows": 0},
    {"type": "table", "columns": {"a": "int"}, "max_rows": 100_001},
    {"type": "table", "columns": {"a": "int"}, "max_rows": True},
    {"type": "table", "columns": {"a": "int"}, "max_rows": 1.0},
    {"type": "table", "columns": {"a": ["int"]}, "max_rows": 1},
    {"type": "table", "columns": ["a"], "max_rows": 1},
    {"type": "table", "columns": {"A b": "int"}, "max_rows": 1},
    {"type": "table", "columns": {"a": "int"}, "max_rows": 1, "more": 1},
    {"type": "scalars", "names": []},
    {"type": "scalars", "names": ["a", "a"]},
    {"type": "scalars", "names": "abc"},
    {"type": "scalars", "names": [1]},
    {"type": "scalars", "names": 7},
    {"type": "histogram", "edges": [1]},
    {"type": "histogram", "edges": [2, 1]},
    {"type": "histogram", "edges": [1, 1]},
    {"type": "histogram", "edges": [0, float("nan")]},
    {"type": "histogram", "edges": [0, float("inf")]},
    {"type": "histogram", "edges": [0, 10**400]},
    {"type": "histogram", "edges": [0, (1 << 53) + 1]},
    {"type": "histogram", "edges": [0, 1.1e308]},
    {"type": "histogram", "edges": ["a", "b"]},
    {"type": "histogram", "edges": [False, True]},
    {"type": "histogram", "edges": 7},
    {"type": "histogram", "edges": list(range(1002))},
    {"type": "model", "format": "h5", "max_bytes": 1},
    {"type": "model", "format": "tflite", "max_bytes": 0},
    {"type": "model", "format": "tflite", "max_bytes": True},
    {"type": "model", "format": "tflite", "max_bytes": (64 << 20) + 1},
    {"type": ["table"]},
    {},
    *(
        {"type": "table", "columns": {"a": "int", "b": "float", "c": "text"}, "max_rows": 1, **more}
        for more in (
            {"counts": ["b"]},
            {"counts": ["c"]},
            {"counts": ["z"]},
            {"counts": ["a", "a"]},
            {"counts": "a"},
            {"counts": [1]},
            {"counts": 7},
            {"bounds": {"c": [0, 1]}},
            {"bounds": {"z": [0, 1]}},
            {"bounds": {"a": [1, 1]}},
            {"bounds": {"a": [2, 1]}},
            {"bounds": {"a": [0, 1.5]}},
            {"bounds": {"b": [0, float("nan")]}},
            {"bounds": {"b": [0.5, 10**400]}},
            {"bounds": {"b": [-1.1e308, 0]}},
            {"bounds": {"a": [0, (1 << 53) + 1]}},
            {"bounds": {"a": [-(10**400), 0]}},
            {"bounds": {"b": [0]}},
            {"bounds": {"b": [0, 1, 2]}},
            {"bounds": {"b": "01"}},
            {"bounds": {"b": [False, True]}},
            {"bounds": {1: [0, 1]}},
            {"bounds": [["b", 0, 1]]},
            {"labels": {"a": ["x"]}},
            {"labels": {"z": ["x"]}},
            {"labels": {"c": []}},
            {"labels": {"c": [""]}},
            {"labels": {"c": ["x", "x"]}},
            {"labels": {"c": ["x" * 81]}},
            {"labels": {"c": [str(n) for n in range(257)]}},
            {"labels": {"c": ["e\u0301"]}},
            {"labels": {"c": ["gate\n"]}},
            {"labels": {"c": ["gate\U000e0101"]}},
            {"labels": {"c": ["gate\u3164"]}},
            {"labels": {"c": ["gate\ud800"]}},
            {"labels": {"c": [1]}},
            {"labels": {"c": "xy"}},
            {"labels": {2: ["x"]}},
            {"labels": ["c"]},
        )
    ),
    {"type": "scalars", "names": ["a"], "counts": ["b"]},
    {"type": "scalars", "names": ["a"], "counts": ["a", "a"]},
    {"type": "scalars", "names": ["a"], "counts": "a"},
]


@pytest.mark.parametrize("value", BAD, ids=str)
def test_what_could_hold_more_than_it_says_is_refused(value):
    with pytest.raises(SpecError) as caught:
        output_from_mapping(value)
    assert caught.value.next_step


def test_lists_and_tuples_declare_the_same():
    columns = {"camera": "text", "people": "int"}
    lists = Table(
        columns=columns, max_rows=3, counts=["people"], bounds={"people": [0, 9]},
        labels={"camera": ["cam0", "cam1"]},
    )  # fmt: skip
    tuples = Table(
        columns=columns, max_rows=3, counts=("people",), bounds={"people": (0, 9)},
        labels={"camera": ("cam0", "cam1")},
    )  # fmt: skip
    assert lists == tuples
    assert Histogram(edges=[0, 1, 2]) == Histogram(edges=(0, 1, 2))
    assert Scalars(names=["a", "b"], counts=["a"]) == Scalars(names=("a", "b"), counts=("a",))


def test_there_is_no_type_for_a_picture():
    kinds = {output_to_mapping(o)["type"] for o in (
        Table(columns={"a": "int"}, max_rows=1), Scalars(names=("a",)),
        Histogram(edges=(0, 1)), Model(format="npz", max_bytes=1),
    )}  # fmt: skip
    assert kinds == {"table", "scalars", "histogram", "model"}
