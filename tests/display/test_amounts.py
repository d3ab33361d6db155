"""Amounts as a person says them."""

from fractions import Fraction

import pytest

from darkroom.display.amounts import amount, bits, exact, units
from darkroom.model.amount import Amount


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Amount(), "free"),
        (Amount(releases=1, rows=1000, bits=96_000), "1 release, 1,000 rows, 96 kbit"),
        (Amount(releases=2, rows=1), "2 releases, 1 row"),
        (Amount(epsilon=Fraction(1, 4), delta=Fraction(1, 3)), "epsilon 0.25, delta 1/3"),
    ],
)
def test_a_price_leaves_out_what_it_does_not_use(item, said):
    assert amount(item) == said


def test_what_is_left_says_zero_as_well():
    assert units({"rows": 0, "releases": 1}) == "1 release, 0 rows"
    assert units({}) == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 bit"),
        (999, "999 bit"),
        (1000, "1 kbit"),
        (95_872, "95.9 kbit"),
        (3_200_000, "3.2 Mbit"),
        (5 * 10**12, "5,000 Gbit"),
    ],
)
def test_bits_come_in_steps_of_a_thousand(number, said):
    assert bits(number) == said


def test_a_fraction_that_is_no_decimal_stays_one():
    assert exact(Fraction(1, 3)) == "1/3"
    assert exact(Fraction(1, 10**6)) == "1e-06"
