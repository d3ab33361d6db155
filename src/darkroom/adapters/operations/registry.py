"""Counts, and writes itself down as Prometheus reads it (text format 0.0.4).

Our own few lines instead of a library: label values come from closed tables, which a library
would not enforce, and a node on a Pi saves the megabyte.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from darkroom.model.metrics.metric import Metric


Key: TypeAlias = tuple[str, ...]
WHOLE = 1e15  # below it a float says whole numbers exactly


@dataclass(slots=True)
class Histogram:
    """How many values were at most as large as each edge, and their sum."""

    counts: list[int]
    total: float = 0.0
    number: int = 0


@dataclass(slots=True)
class Family:
    """All values of one metric."""

    metric: Metric
    values: dict[Key, float] = field(default_factory=dict)
    histograms: dict[Key, Histogram] = field(default_factory=dict)


class Registry:
    """The `Meter` of a process. Safe from several threads."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        """Know these metrics; no other is ever counted."""
        self._lock = threading.Lock()
        self._families = {metric.name: Family(metric) for metric in metrics}
        self._looks: list[Callable[[], None]] = []
        for metric in metrics:  # a plain counter is 0 before anything happened, not absent
            if metric.kind == "counter" and not metric.labels:
                self._families[metric.name].values[()] = 0.0

    def on_read(self, look: Callable[[], None]) -> None:
        """Call this before each reading, to set what is only known by looking."""
        self._looks.append(look)

    def add(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """Count on."""
        key = metric.key(labels)
        with self._lock:
            values = self._families[metric.name].values
            values[key] = values.get(key, 0.0) + amount

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Say how it stands now."""
        key = metric.key(labels)
        with self._lock:
            self._families[metric.name].values[key] = value

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        key = metric.key(labels)
        with self._lock:
            found = self._families[metric.name].histograms.setdefault(
                key, Histogram([0] * len(metric.buckets))
            )
            for index, edge in enumerate(metric.buckets):
                found.counts[index] += value <= edge
            found.total += value
            found.number += 1

    def clear(self, metric: Metric) -> None:
        """Forget what was said of it."""
        with self._lock:
            self._families[metric.name].values.clear()

    def value(self, metric: Metric, **labels: str) -> float | None:
        """What was counted or said last; None when nothing was."""
        with self._lock:
            return self._families[metric.name].values.get(metric.key(labels))

    def read(self) -> bytes:
        """Everything, in the text format."""
        for look in self._looks:
            look()
        lines: list[str] = []
        with self._lock:
            for family in self._families.values():
                if family.values or family.histograms:
                    lines += _lines(family)
        return ("\n".join(lines) + "\n").encode()


def _lines(family: Family) -> list[str]:
    metric = family.metric
    lines = [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]
    for key, value in sorted(family.values.items()):
        lines.append(f"{metric.name}{_labels(metric, key)} {_number(value)}")
    for key, found in sorted(family.histograms.items()):
        edges = [*map(_number, metric.buckets), "+Inf"]
        for edge, count in zip(edges, [*found.counts, found.number], strict=True):
            lines.append(f"{metric.name}_bucket{_labels(metric, key, le=edge)} {count}")
        lines.append(f"{metric.name}_sum{_labels(metric, key)} {_number(found.total)}")
        lines.append(f"{metric.name}_count{_labels(metric, key)} {found.number}")
    return lines


def _labels(metric: Metric, key: Key, **more: str) -> str:
    # Nothing to escape: `Metric` lets no quote, backslash or newline into a value.
    pairs = [*zip(metric.labels, key, strict=True), *more.items()]
    return "{" + ",".join(f'{name}="{value}"' for name, value in pairs) + "}" if pairs else ""


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if abs(value) < WHOLE and value == int(value) else repr(float(value))
