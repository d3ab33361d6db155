"""A number that a process tells its operator, and how it is written down. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from darkroom.errors import SpecError


Kind = Literal["counter", "gauge", "histogram"]
OTHER = "other"
MAX_VALUES = 64
NAME = re.compile(r"[a-z][a-z0-9_]{0,80}")
VALUE = re.compile(r"[A-Za-z0-9/{}._ -]{1,64}")
# Powers of two and nothing between: a clock is a way out for data (`node/tick.py`).
POWERS_OF_TWO = tuple(2.0**n for n in range(-1, 15))  # half a second to four and a half hours
SHORT = tuple(2.0**n for n in range(-10, 4))  # a millisecond to eight seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One family of numbers.

    Attributes:
        name: as Prometheus has it; a counter's ends in `_total`.
        text: what it says, for people.
        labels: label -> all values that it may have.
        buckets: upper edges, of a histogram.
    """

    name: str
    kind: Kind
    text: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        names = [self.name, *self.labels]
        values = [value for values in self.labels.values() for value in values]
        sound = (
            all(NAME.fullmatch(name) for name in names)
            and all(VALUE.fullmatch(value) for value in values)
            and all(len(of) <= MAX_VALUES for of in self.labels.values())
            and self.text.isprintable()
            and self.name.endswith("_total") == (self.kind == "counter")
            and list(self.buckets) == sorted(set(self.buckets))
            and bool(self.buckets) == (self.kind == "histogram")
        )
        if not sound:
            raise SpecError(
                f"the metric {ascii(self.name)[:80]} is not well formed",
                next_step="name it, its labels and their values as the others are",
            )

    def key(self, given: Mapping[str, str]) -> tuple[str, ...]:
        """The values of all labels in order; one that is not in the table becomes `other`.

        Raises:
            KeyError: other labels than those of the table; a caller's bug.
        """
        if given.keys() != self.labels.keys():
            raise KeyError(f"{self.name} has the labels {', '.join(self.labels) or 'none'}")
        return tuple(
            given[label] if given[label] in known else OTHER for label, known in self.labels.items()
        )


class Meter(Protocol):
    """Where numbers are counted. Safe from several threads; never raises for a value."""

    def add(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """Count on."""
        ...

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Say how it stands now."""
        ...

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        ...

    def clear(self, metric: Metric) -> None:
        """Forget what was said of it: what is not said again is not there any more."""
        ...
