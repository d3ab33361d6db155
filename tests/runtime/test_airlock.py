"""Values pass as coarse as the owner wants them, and no finer than was paid for."""

import json
import math
import random
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.airlock import Airlock
from darkroom.model.output import Histogram, Scalars, Table
from darkroom.model.withheld import PICTURE, TEXT
from darkroom.policy.price import carried
from darkroom.runtime.airlock import WithheldError, through
from darkroom.runtime.outputs import checked


OPEN = Airlock()
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
EDGES = st.floats(-1e308, 1e308)


def pass_(output: Any, value: Any, **airlock: Any) -> Any:
    """What is left of a value, read again."""
    data = through("x", output, checked("x", output, value), Airlock(**airlock))
    value = json.loads(data)
    return value["rows"] if isinstance(output, Table) else value


def table(kind: str = "float", **more: Any) -> Table:
    return Table(columns={"v": kind}, max_rows=1000, **more)  # type: ignore[dict-item]


# ------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("number", "left"),
    [
        (0.1234567, 0.123457),
        (-0.0, 0.0),
        (-1e-9, 0.0),
        (5e-324, 0.0),
        (2.0, 2.0),
        (1e308, 1e308),
        (-1.7976931348623157e308, -1.7976931348623157e308),
        (1e22, 1e22),
    ],
)
def test_floats_keep_the_owners_decimals(number: float, left: float) -> None:
    ((found,),) = pass_(table(), [(number,)])
    assert (found, math.copysign(1, found)) == (left, math.copysign(1, left))
    assert isinstance(found, float)


@given(FLOATS, st.integers(0, 9))
def test_what_was_rounded_once_stays(number: float, decimals: int) -> None:
    once = pass_(table(), [(number,)], decimals=decimals)
    assert pass_(table(), once, decimals=decimals) == once


def test_ints_that_count_nothing_stay() -> None:
    numbers = [-(1 << 53), -7, 0, 3, 1 << 53]
    rows = [(n,) for n in numbers]
    assert pass_(table("int"), rows, round_counts=10, decimals=0) == [[n] for n in numbers]


@pytest.mark.parametrize("same", [(2, 2.0), (0, -0.0), (-5, -5.0), (1 << 53, float(1 << 53))])
def test_a_number_is_written_one_way_among_scalars(same: tuple[int, float]) -> None:
    output = Scalars(names=("a",))
    first, second = (through("s", output, {"a": n}, OPEN) for n in same)
    assert first == second


# -------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("count", "left"), [(0, 0), (4, 0), (5, 10), (14, 10), (15, 20), ((1 << 53) - 1, None)]
)
def test_counts_are_multiples(count: int, left: int | None) -> None:
    airlock = {"min_count": 5, "round_counts": 10}
    found = [
        pass_(Scalars(names=("n",), counts=("n",)), {"n": count}, **airlock)["n"],
        pass_(Histogram(edges=(0, 1)), [count], **airlock)["counts"][0],
    ]
    assert left is None or found == [left, left]
    assert all(n % 10 == 0 and n <= 1 << 53 for n in found)


def test_rows_that_rest_on_few_are_left_out() -> None:
    output = Table(columns={"c": "text", "n": "int", "m": "int"}, max_rows=9, counts=("n", "m"))
    rows = [("a", 4, 9), ("b", 5, 4), ("c", 5, 5), ("d", 90, 70)]
    assert pass_(output, rows, min_count=5) == [["c", 5, 5], ["d", 90, 70]]
    assert pass_(output, rows) == [list(row) for row in rows]


@pytest.mark.parametrize("bounds", [(0, 3), (6, 100)])
def test_a_bound_does_not_lift_a_count_over_the_least(bounds: tuple[int, int]) -> None:
    output = table("int", counts=("v",), bounds={"v": bounds})
    assert pass_(output, [(4,)], min_count=5) == []


def test_none_is_left_out_by_default() -> None:
    assert pass_(table("int", counts=("v",)), [(0,), (1,)]) == [[0], [1]]


@given(st.lists(st.integers(0, 1 << 53), max_size=20), st.integers(1, 50), st.integers(1, 10**6))
def test_a_histogram_has_no_small_bin(counts: list[int], least: int, step: int) -> None:
    output = Histogram(edges=tuple(range(len(counts) + 2)))
    found = pass_(output, [*counts, 0], min_count=least, round_counts=step)["counts"]
    for before, after in zip([*counts, 0], found, strict=True):
        assert after % step == 0
        assert after == 0 if before < least else abs(after - before) <= step


# -------------------------------------------------------------------------------- bounds


@given(st.lists(FLOATS, max_size=20), st.tuples(EDGES, EDGES), st.integers(0, 9))
def test_numbers_lie_within_their_bounds(
    numbers: list[float], bounds: tuple[float, float], decimals: int
) -> None:
    low, high = sorted(bounds)
    if low == high:
        return
    output = table(bounds={"v": (low, high)})
    found = pass_(output, [(n,) for n in numbers], decimals=decimals)
    assert all(low <= cell <= high for (cell,) in found)


@pytest.mark.parametrize("bounds", [(0, 1), (-0.26, 0.26), (0.001, 0.0949), (-1.0, 0.55)])
@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_no_more_values_leave_than_are_paid_for(bounds: tuple, decimals: int) -> None:
    output = Table(columns={"v": "float"}, max_rows=1, bounds={"v": bounds})
    fine = np.linspace(bounds[0] - 1, bounds[1] + 1, 5000)
    left = {str(pass_(output, [(float(v),)], decimals=decimals)) for v in fine} | {"[]"}
    assert len(left) <= 2 ** carried(output, Airlock(decimals=decimals)).bits


@pytest.mark.parametrize(("low", "high", "step"), [*product((0, 1, 7), (19, 30), (1, 3, 10))])
def test_no_more_counts_leave_than_are_paid_for(low: int, high: int, step: int) -> None:
    bounds = {"v": (low, high)}
    output = Table(columns={"v": "int"}, max_rows=1, counts=("v",), bounds=bounds)
    left = {str(pass_(output, [(v,)], round_counts=step)) for v in range(60)} | {"[]"}
    assert len(left) <= 2 ** carried(output, Airlock(round_counts=step)).bits


# ------------------------------------------------------------------------------ the order


@given(st.lists(st.tuples(st.integers(-3, 3), FLOATS), max_size=8), st.randoms())
def test_rows_leave_in_one_order(rows: list[tuple[int, float]], chance: random.Random) -> None:
    output = Table(columns={"a": "int", "b": "float"}, max_rows=8)
    other = chance.sample(rows, len(rows))
    assert pass_(output, rows) == pass_(output, other)


def test_the_first_column_orders_a_series() -> None:
    output = Table(columns={"step": "int", "loss": "float"}, max_rows=9)
    assert pass_(output, [(10, 0.1), (2, 0.5), (1, 0.9)]) == [[1, 0.9], [2, 0.5], [10, 0.1]]


# --------------------------------------------------------------------------------- texts


def test_a_labelled_column_holds_its_labels_only() -> None:
    output = table("text", labels={"v": ("gate", "q7Xw2kZpA9", "caf\u00e9")})
    assert pass_(output, [("q7Xw2kZpA9",), ("cafe\u0301",)], free_text=False)
    with pytest.raises(WithheldError) as caught:
        pass_(output, [("door",)])
    assert caught.value.problem == TEXT
    assert "door" not in str(caught.value)


def test_white_space_says_nothing() -> None:
    texts = ["main gate", " main  gate ", "main\u00a0gate", "main\u2003gate\u3000"]
    assert pass_(table("text"), [(text,) for text in texts]) == [["main gate"]] * 4


def test_a_text_that_looks_encoded_is_refused() -> None:
    with pytest.raises(WithheldError) as caught:
        pass_(table("text"), [("gate",), ("aGk3Zq1xX9" * 4,)])
    assert caught.value.problem == TEXT
    assert "aGk3" not in str(caught.value)


# ------------------------------------------------------------------------------- pictures


def _wide(numbers: np.ndarray, index: bool = True) -> tuple[Table, list[list[float]]]:
    columns = {f"c{n:02d}": "float" for n in range(numbers.shape[1])}
    rows = [list(map(float, row)) for row in numbers]
    if index:
        columns = {"a": "int", **columns}
        rows = [[number, *row] for number, row in enumerate(rows)]
    return Table(columns=columns, max_rows=1000), rows  # type: ignore[arg-type]


def test_a_picture_in_the_columns_of_a_table_is_refused() -> None:
    across, down = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 40))
    output, rows = _wide(np.round(120 + 80 * np.cos(3 * across) * np.cos(4 * down)))
    with pytest.raises(WithheldError) as caught:
        pass_(output, rows)
    assert caught.value.problem == PICTURE


def test_features_in_as_many_columns_pass() -> None:
    output, rows = _wide(np.random.default_rng(4).normal(size=(200, 20)), index=False)
    assert len(pass_(output, rows)) == 200
