"""A budget: how much may leave in one period, and whose account that is."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.amount import UNITS, Amount, as_fraction
from darkroom.model.identity import require_name
from darkroom.model.json_shape import are_texts, as_fields, as_tuple, is_whole, within


Per = Literal["dataset", "scientist", "project"]
PER: tuple[Per, ...] = ("dataset", "scientist", "project")
DAY = 86_400
MAX_PERIOD = 3650  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that may be spent of each account in each period.

    Attributes:
        name: for people.
        per: every dataset, scientist or project has an account of its own.
        datasets: those that it covers; none named: all. What a scientist or a project
            spends is added over them.
        period_days: periods follow one another from 1970 on and do not overlap.
        releases, rows, bits, epsilon, delta: the caps; None: not capped here.
    """

    name: str
    per: Per
    period_days: int
    datasets: tuple[str, ...] = ()
    releases: int | None = None
    rows: int | None = None
    bits: int | None = None
    epsilon: Fraction | None = None
    delta: Fraction | None = None

    def __post_init__(self) -> None:
        with within("name"):
            require_name(self.name, "budget")
        if self.per not in PER:
            raise SpecError(
                f"the budget {self.name} is per something unknown",
                next_step=f"use one of: {', '.join(PER)}",
                where=("per",),
            )
        if not is_whole(self.period_days, 1) or self.period_days > MAX_PERIOD:
            raise SpecError(
                f"the period of the budget {self.name} is not 1 to {MAX_PERIOD} days",
                next_step="set period_days",
                where=("period_days",),
            )
        if not are_texts(self.datasets):
            raise SpecError(
                f"the budget {self.name} lists something else than datasets",
                next_step="write datasets as a list of names",
                where=("datasets",),
            )
        with within("datasets"):
            for name in self.datasets:
                require_name(name, "dataset")
        for unit in ("releases", "rows", "bits"):
            if not (self.cap(unit) is None or is_whole(self.cap(unit))):
                raise SpecError(
                    f"{unit} of the budget {self.name} is not a whole number",
                    next_step=f"set {unit} to 0 or more, or leave it out",
                    where=(unit,),
                )
        for unit in ("epsilon", "delta"):
            cap = self.cap(unit)
            if not (cap is None or (isinstance(cap, Fraction) and cap >= 0)):
                raise SpecError(
                    f"{unit} of the budget {self.name} is not exact",
                    next_step=f"set {unit} to a fraction of 0 or more, or leave it out",
                    where=(unit,),
                )
        if all(self.cap(unit) is None for unit in UNITS):
            raise SpecError(
                f"the budget {self.name} caps nothing",
                next_step=f"set one of: {', '.join(UNITS)}",
            )

    def cap(self, unit: str) -> int | Fraction | None:
        """The cap of one unit of `amount.UNITS`."""
        cap: int | Fraction | None = getattr(self, unit)
        return cap

    def covers(self, dataset: str) -> bool:
        """Whether releases from that dataset count here."""
        return not self.datasets or dataset in self.datasets

    def beyond(self, spent: Amount, price: Amount) -> tuple[str, ...]:
        """The units of which `price` is more than what is left; none: it fits."""
        total = spent + price
        return tuple(
            unit
            for unit in UNITS
            if (cap := self.cap(unit)) is not None
            and getattr(price, unit)
            and getattr(total, unit) > cap
        )

    def left(self, spent: Amount) -> dict[str, int | Fraction]:
        """What is left of each capped unit; never below nothing, also under a lowered cap."""
        return {
            unit: max(cap - getattr(spent, unit), type(cap)(0))
            for unit in UNITS
            if (cap := self.cap(unit)) is not None
        }

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; caps that are not set are left out, fractions are text."""
        caps = {unit: cap for unit in UNITS if (cap := self.cap(unit)) is not None}
        return {
            "name": self.name,
            "per": self.per,
            "period_days": self.period_days,
            "datasets": list(self.datasets),
            **{u: str(c) if isinstance(c, Fraction) else c for u, c in caps.items()},
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Budget":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given = as_fields(value, cls, "a budget")
        for name in ("name", "per", "period_days"):
            if name not in given:
                raise SpecError(f"a budget has no {name}", next_step=f"add {name}")
        with within("datasets"):
            given["datasets"] = as_tuple(given.get("datasets", ()), "datasets of a budget")
        for unit in ("epsilon", "delta"):
            if given.get(unit) is not None:
                with within(unit):
                    given[unit] = as_fraction(given[unit], unit)
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One budget of one dataset, scientist or project in one period.

    What was spent of it is a sum over the ledger: what lies in the period, is about the
    datasets and belongs to `holder`. So a renamed budget or a new policy forgets nothing.

    Attributes:
        budget: with the caps.
        holder: name of the dataset, scientist or project.
        begins, ends: Unix seconds; the period holds its begin and not its end.
        closed: nothing is left, since the period holds the moment of a restore.
    """

    budget: Budget
    holder: str
    begins: int
    ends: int
    closed: bool = False

    def holds(self, *, dataset: str, scientist: str, project: str, at: float) -> bool:
        """Whether an entry of the ledger counts here."""
        held = {"dataset": dataset, "scientist": scientist, "project": project}
        return (
            self.begins <= at < self.ends
            and self.budget.covers(dataset)
            and held[self.budget.per] == self.holder
        )

    @property
    def words(self) -> str:
        """For people: `budget plaza-week of dataset plaza`."""
        return f"budget {self.budget.name} of {self.budget.per} {self.holder}"
