"""Amounts of budgets in words: `1 release, 1,000 rows, 96 kbit`."""

from collections.abc import Mapping
from fractions import Fraction

from darkroom.model.amount import UNITS, Amount


_STEP = 1000


def amount(item: Amount) -> str:
    """What a job costs; units that it does not use are left out."""
    return units({u: n for u in UNITS if (n := getattr(item, u))}) or "free"


def units(numbers: Mapping[str, int | Fraction]) -> str:
    """Some units of `amount.UNITS` with their numbers, zeros as well."""
    return ", ".join(_unit(unit, numbers[unit]) for unit in UNITS if unit in numbers)


def _unit(unit: str, number: int | Fraction) -> str:
    match unit:
        case "bits":
            return bits(int(number))
        case "epsilon" | "delta":
            return f"{unit} {exact(Fraction(number))}"
        case _:
            return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}"


def bits(number: int) -> str:
    """`840 bit`, `96 kbit`, `3.2 Mbit`."""
    value = float(number)
    for unit in ("bit", "kbit", "Mbit"):
        if value < _STEP:
            return f"{_short(value)} {unit}"
        value /= _STEP
    return f"{_short(value)} Gbit"


def exact(number: Fraction) -> str:
    """A decimal where it says the same, else the fraction: `0.25`, `1/3`."""
    decimal = f"{float(number):g}"
    return decimal if Fraction(decimal) == number else str(number)


def _short(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
