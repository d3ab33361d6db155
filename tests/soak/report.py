"""What a soak found, as one JSON line and as a page for people. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.memory import MOST, Growth
from tests.soak.plan import Fault, SoakPlan


SHOWN = 30  # problems of one kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that is told.

    Attributes:
        problems: lost, doubled, overspent, unpaid, ledger, audit, stopped -> sentences.
        faults: what was done; skipped: kind -> why not.
        kinds: what was asked for; ends: in which state it ended; reasons: (state, why).
        ended: processes that ended by themselves: (seconds, name, the end of its log).
        drained: seconds until all had come to an end.
        audit: domain -> what `darkroom audit verify` said.
        notes: problems that scientists were told, and how often.
    """

    plan: SoakPlan
    problems: Mapping[str, Sequence[str]]
    growths: Sequence[Growth]
    faults: Sequence[Fault]
    skipped: Mapping[str, str]
    kinds: Counter[str]
    ends: Counter[str]
    reasons: Counter[tuple[str, str]]
    ended: Sequence[tuple[float, str, str]]
    seconds: float
    drained: float
    mail: int
    reconnects: Counter[str]
    audit: Mapping[str, str]
    notes: Counter[str]

    @property
    def sound(self) -> bool:
        """Whether nothing that may never happen did."""
        return not any(self.problems.values()) and all(g.flat for g in self.growths)

    def line(self) -> dict[str, Any]:
        """The JSON line."""
        worst = max(self.growths, key=lambda g: g.ratio, default=None)
        return {
            "bench": "soak",
            "sound": self.sound,
            "minutes": self.plan.minutes,
            "seed": self.plan.seed,
            "submitted": self.ends.total(),
            **{name: len(found) for name, found in self.problems.items()},
            "ends": dict(sorted(self.ends.items())),
            "faults": dict(sorted(Counter(f.kind for f in self.faults).items())),
            "skipped": dict(self.skipped),
            "ended_by_themselves": len(self.ended),
            "memory_ratio": round(worst.ratio, 3) if worst else None,
            "memory_mib_per_10_min": round(worst.mib_per_10_min, 1) if worst else None,
            "memory_of": worst.name if worst else "",
            "letters": self.mail,
            "waiting_domains": self.plan.waiting,
            "drain_s": round(self.drained, 1),
            "seconds": round(self.seconds),
        }

    def page(self) -> str:
        """The report, in Markdown."""
        plan = self.plan
        parts = [
            f"# Soak: {'sound' if self.sound else 'NOT SOUND'}",
            f"{plan.minutes:g} minutes of load, seed {plan.seed}; all had come to an end "
            f"{self.drained:.0f} s after the last submission (allowed: {plan.drain:.0f} s).",
        ]
        if plan.scale < 1:
            parts.append(
                f"A short run: links are cut for {plan.cut:.0f} s and not for 60 s, the warm-up is "
                f"{plan.warm_up:.0f} s and not 120 s; other times of faults are scaled alike."
            )
        parts += [
            "## What may never happen",
            _table(("what", "found"), [(n, len(f)) for n, f in self.problems.items()]),
            *(_problems(name, found) for name, found in self.problems.items() if found),
            "## What was asked, and how it ended",
            _table(("kind", "submissions"), sorted(self.kinds.items())),
            _table(("end", "jobs"), sorted(self.ends.items())),
            _table(("end", "because", "jobs"), sorted((*k, n) for k, n in self.reasons.items())),
            f"{plan.waiting} simulated domains waited at the gateway: {self.mail} letters to them, "
            f"{self.reconnects.total()} connections made anew.",
            _table(("because", "times"), self.reconnects.most_common(SHOWN)),
            "## What went wrong on purpose",
            _table(("fault", "times"), sorted(Counter(f.kind for f in self.faults).items())),
            *(f"Skipped, {kind}: {why}." for kind, why in self.skipped.items()),
            "```\n" + "\n".join(map(str, self.faults)) + "\n```",
            "## Memory",
            f"Of each process that lived long enough, after {plan.warm_up:.0f} s of warm-up; "
            f"the median of the last third by that of the first may be {MOST}.",
            _table(
                ("process", "minutes", "MiB", "MiB per 10 min", "last by first third"),
                [
                    (g.name, f"{g.minutes:.1f}", f"{g.mib:.0f}", f"{g.mib_per_10_min:+.1f}",
                     f"{g.ratio:.3f}" + ("" if g.flat else " GROWS"))
                    for g in sorted(self.growths, key=lambda g: g.name)
                ],
            ),
            "## Audit logs",
            *(f"```\n{said}\n```" for said in self.audit.values()),
            "## Processes that ended by themselves, and were started again",
            *(f"{at:.0f} s, {name}:\n```\n{tail}\n```" for at, name, tail in self.ended[:SHOWN]),
            "" if self.ended else "None.",
            "## What scientists were told meanwhile",
            _table(("words", "times"), self.notes.most_common(SHOWN)),
        ]  # fmt: skip
        return "\n\n".join(part for part in parts if part) + "\n"


def _problems(name: str, found: Sequence[str]) -> str:
    more = f"\n* and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"### {name}\n" + "\n".join(f"* {what}" for what in found[:SHOWN]) + more


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
