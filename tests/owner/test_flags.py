"""Outputs that look smuggled are flagged; ordinary ones are not."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.canonical import canonical
from darkroom.model.output import Model, Table
from darkroom.owner.flags import output_flags


CHANCE = random.Random(3)


def table(columns, rows, **declared):
    declared = Table(columns=columns, max_rows=declared.get("max_rows", 100_000))
    return output_flags("t", "table", canonical({"columns": columns, "rows": rows}), declared)


def column(kind, values):
    return table({"v": kind}, [[v] for v in values])


def test_people_per_camera_and_hour_are_ordinary():
    hours = [
        [f"camera-{c}", h, (h * 7 + c) % 23, round(h / 7, 6)] for c in range(4) for h in range(24)
    ]
    columns = {"camera": "text", "hour": "int", "people": "int", "mean": "float"}

    assert [] == table(columns, hours)


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("text", [base64.b64encode(CHANCE.randbytes(48)).decode() for _ in range(5)], "look encoded"),
        ("text", [CHANCE.randbytes(40).hex() for _ in range(5)], "look encoded"),
        ("text", [base64.b85encode(CHANCE.randbytes(12)).decode() for _ in range(60)], "together look"),
        ("text", [f"person {i}" for i in range(40)], "a text of its own"),
        ("int", [CHANCE.getrandbits(50) for _ in range(10)], "more than 40 bits"),
        ("int", [CHANCE.getrandbits(1) for _ in range(500)], "a stream of bits"),
        ("int", list(CHANCE.randbytes(500)), "bytes look like this"),
        ("int", [CHANCE.getrandbits(32) for _ in range(200)], "far apart"),
        ("int", [CHANCE.getrandbits(32) for _ in range(30)], "far apart"),
        ("float", [CHANCE.random() * 100 for _ in range(30)], "unusually precise"),
        ("float", [float(2**60)], "more than 40 bits"),
    ],
    ids=["base64", "hex", "base85 in short texts", "names", "wide", "bits", "bytes", "spread",
         "spread, few", "doubles", "wide float"],
)  # fmt: skip
def test_what_looks_packed_is_flagged(kind, values, words):
    assert any(words in flag for flag in column(kind, values)), column(kind, values)


def test_a_full_table_is_flagged_and_an_undeclared_one_is_not():
    rows = [[i % 7] for i in range(95)]
    assert any("95 of the 100 rows" in f for f in table({"v": "int"}, rows, max_rows=100))
    assert [] == output_flags(
        "t", "table", canonical({"columns": {"v": "int"}, "rows": rows}), None
    )


def test_a_model_near_its_cap_is_flagged():
    declared = Model(format="npz", max_bytes=1_000)
    assert "as large as" in output_flags("m", "model", bytes(950), declared)[0]
    assert [] == output_flags("m", "model", bytes(500), declared)


def test_scalars_and_histograms_are_looked_at_too():
    assert "more than 40 bits" in output_flags("s", "scalars", canonical({"n": 2**50}), None)[0]
    counts = canonical({"edges": [0, 1, 2], "counts": [2**50, 1]})
    assert "its counts" in output_flags("h", "histogram", counts, None)[0]


@pytest.mark.attack
@given(
    st.binary(max_size=60)
    | st.text(st.sampled_from('{}[]":,0123456789.eE+-ntrNaN \\u'), max_size=60)
)
def test_bytes_of_any_kind_end_in_words(data):
    data = data if isinstance(data, bytes) else data.encode()
    for kind in ("table", "scalars", "histogram", "model", "log"):
        assert all(isinstance(f, str) for f in output_flags("x", kind, data, None))


@pytest.mark.attack
@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "1" + "0" * 4_000, "1e308", "[[]]"])
def test_numbers_beyond_measure_end_in_words(value):
    rows = '{"columns":{"v":"int"},"rows":[[' + value + "]]}"
    for kind, data in (
        ("table", rows),
        ("scalars", '{"n":' + value + "}"),
        ("histogram", '{"edges":[0,1],"counts":[' + value + "]}"),
    ):
        output_flags("x", kind, data.encode(), None)
