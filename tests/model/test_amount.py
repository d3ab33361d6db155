"""An amount is exact, never negative, and cannot be made to grow without bound."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.amount import NOTHING, UNITS, Amount, as_fraction


DECIMALS = st.from_regex(r"[0-9]{1,18}(\.[0-9]{1,18})?", fullmatch=True)
PARTS = st.builds("{}/{}".format, st.integers(0, 10**15), st.integers(1, 1000))
FRACTIONS = (DECIMALS | PARTS).map(Fraction)
AMOUNTS = st.builds(
    Amount,
    releases=st.integers(0, 10**9),
    rows=st.integers(0, 10**9),
    bits=st.integers(0, 10**18),
    epsilon=FRACTIONS,
    delta=FRACTIONS,
)


@given(AMOUNTS)
def test_the_json_form_is_exact(amount):
    assert Amount.from_mapping(amount.to_mapping()) == amount


@given(AMOUNTS, AMOUNTS)
def test_what_is_added_can_be_taken_away(a, b):
    assert a + b == b + a
    assert (a + b) - b == a
    assert a + NOTHING == a
    for unit in UNITS:
        assert getattr(a + b, unit) == getattr(a, unit) + getattr(b, unit)


@pytest.mark.parametrize("unit", UNITS)
def test_nothing_is_left_below_nothing(unit):
    one = {"epsilon": Fraction(1), "delta": Fraction(1)}.get(unit, 1)
    with pytest.raises(SpecError):
        NOTHING - Amount(**{unit: one})


@pytest.mark.parametrize(
    "parts",
    [
        {"releases": -1}, {"rows": 1.0}, {"bits": True}, {"releases": "1"},
        {"epsilon": 1}, {"epsilon": 0.1}, {"delta": Fraction(-1)}, {"delta": None},
    ],
)  # fmt: skip
def test_an_inexact_amount_is_refused(parts):
    with pytest.raises(SpecError):
        Amount(**parts)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0, Fraction(0)),
        (2, Fraction(2)),
        ("0.25", Fraction(1, 4)),
        ("1/3", Fraction(1, 3)),
        ("2/6", Fraction(1, 3)),
        (0.1, Fraction(1, 10)),
        (0.000001, Fraction(1, 10**6)),  # as YAML reads a usual delta
        (1e-9, Fraction(1, 10**9)),
        (Fraction(1, 7), Fraction(1, 7)),
    ],
)
def test_people_write_amounts_as_they_are_used_to(written, meant):
    assert as_fraction(written, "epsilon") == meant


@pytest.mark.parametrize(
    "written",
    [
        None, True, -1, -0.5, "-1", "", " 1", "1 ", "1e3", "1/0", "0x1", "½", "٣", "1.", ".5",
        "1/3/3", "nan", "inf", float("nan"), float("inf"), 1e300, 10**18, "9" * 19,
        "0." + "1" * 19, "1/1001", Fraction(-1, 2), Fraction(1, 10**22), Fraction(1, 1009),
        [1], {"a": 1}, b"1",
    ],
)  # fmt: skip
def test_anything_else_is_no_amount(written):
    with pytest.raises(SpecError, match="delta is not an exact amount"):
        as_fraction(written, "delta")


def test_a_number_too_long_to_be_written_is_no_amount():
    with pytest.raises(SpecError):
        as_fraction(10**5000, "delta")


@given(st.lists(FRACTIONS, min_size=1, max_size=200))
def test_sums_stay_short_whoever_chooses_the_parts(parts):
    """Otherwise a balance could be made so long that nobody can write it down."""
    total = sum((Amount(epsilon=as_fraction(part, "epsilon")) for part in parts), NOTHING)
    assert len(str(total.epsilon.denominator)) <= 452


def test_the_longest_denominator_is_reached_and_can_be_written():
    total = sum((Amount(epsilon=Fraction(1, n)) for n in range(1, 1001)), NOTHING)
    assert total.to_mapping()["epsilon"] == str(sum(Fraction(1, n) for n in range(1, 1001)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"releases": 1},
        {**NOTHING.to_mapping(), "more": 1},
        {**NOTHING.to_mapping(), "bits": "1"},
        {**NOTHING.to_mapping(), "epsilon": "x"},
        {k: v for k, v in NOTHING.to_mapping().items() if k != "delta"},
    ],
)
def test_another_json_form_is_refused(value):
    with pytest.raises(SpecError):
        Amount.from_mapping(value)
