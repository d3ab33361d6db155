"""What a release costs, exactly: whole numbers and fractions, never a float."""

import re
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.json_shape import as_fields, is_whole


UNITS = ("releases", "rows", "bits", "epsilon", "delta")
_FRACTION = re.compile(r"\d{1,18}(\.\d{1,18})?|\d{1,40}/[1-9]\d{0,21}", re.ASCII)
# The sum of exact amounts keeps a denominator that divides 10^18 and all of 1 to 1000, and so
# never more than 452 digits.
_FINEST, _MOST_PARTS = 10**18, 1000


def as_fraction(value: object, what: str) -> Fraction:
    """An exact amount from `2`, `"1/3"` or `"0.25"`; a float stands for the digits it shows.

    Raises:
        SpecError: anything else, a negative number, or one of too many digits.
    """
    found = _exact(value)
    if found is None or not 0 <= found < _FINEST or (found * _FINEST).denominator > _MOST_PARTS:
        raise SpecError(
            f"{what} is not an exact amount of 0 or more",
            next_step='write a whole number, a decimal or a fraction: 1, 0.25 or "1/3"',
        )
    return found


def _exact(value: object) -> Fraction | None:
    match value:
        case bool():
            return None
        case int() | Fraction():
            return Fraction(value)
        case float():
            text = format(Decimal(str(value)), "f")
        case str():
            text = value
        case _:
            return None
    return Fraction(text) if _FRACTION.fullmatch(text) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What one reservation takes from a budget.

    Attributes:
        releases: how many results leave.
        rows: rows of tables, scalars and bins of histograms in them.
        bits: the most that the outputs can carry.
        epsilon, delta: privacy loss, for tiers with a guarantee. The unit of privacy is the
            tier's; amounts of different units are never added.
    """

    releases: int = 0
    rows: int = 0
    bits: int = 0
    epsilon: Fraction = Fraction(0)
    delta: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        whole = (self.releases, self.rows, self.bits)
        exact = (self.epsilon, self.delta)
        if not all(map(is_whole, whole)) or not all(
            isinstance(part, Fraction) and part.numerator >= 0 for part in exact
        ):
            raise SpecError(
                "an amount has a negative or inexact part", next_step="count in whole units"
            )

    def __add__(self, other: "Amount") -> "Amount":
        # Most amounts have no epsilon, and adding fractions takes time.
        return Amount(
            releases=self.releases + other.releases,
            rows=self.rows + other.rows,
            bits=self.bits + other.bits,
            epsilon=self.epsilon + other.epsilon if other.epsilon else self.epsilon,
            delta=self.delta + other.delta if other.delta else self.delta,
        )

    def __sub__(self, other: "Amount") -> "Amount":
        """What is left; refused when that is below nothing."""
        return Amount(**{unit: getattr(self, unit) - getattr(other, unit) for unit in UNITS})

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; fractions as text."""
        return {
            "releases": self.releases,
            "rows": self.rows,
            "bits": self.bits,
            "epsilon": str(self.epsilon),
            "delta": str(self.delta),
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Amount":
        """Read the JSON form.

        Raises:
            SpecError: a missing, unknown or inexact part.
        """
        parts = as_fields(value, cls, "an amount")
        if len(parts) != len(fields(cls)):
            raise SpecError("an amount has a missing part", next_step="ask for it again")
        for unit in ("epsilon", "delta"):
            parts[unit] = as_fraction(parts[unit], unit)
        return cls(**parts)


NOTHING = Amount()
