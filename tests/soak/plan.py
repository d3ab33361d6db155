"""How long a soak is, and what becomes of its times when it is a short one. Pure."""

import random
from dataclasses import dataclass
from typing import Literal


DOMAINS = ("north", "east", "south")
SCIENTISTS = ("alice", "bob", "carol")
STEPPED = "east"  # whose clock is set
CROWDED = ("south", "gateway")  # whose disks are filled
WHOLE = 15.0  # minutes from which on nothing is shortened
KILLING = 0.55  # of the run: after it nothing is killed, so that memory has time to grow
STEPS = (-3600, -300, -120, 0, 0, 120, 300, 3600)  # seconds wrong; two hours are tolerated

Kind = Literal["kill", "cut", "full", "clock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: seconds after the beginning.
        target: a process, or the domain or scientist whose link, disk or clock it is.
        seconds: how long; of a kill, until the start.
        step: of a clock: by how many seconds it is wrong from then on.
    """

    at: float
    kind: Kind
    target: str
    seconds: float = 0.0
    step: int = 0

    def __str__(self) -> str:
        what = f"{self.at:7.1f} s  {self.kind} {self.target}"
        return (
            f"{what} {self.step:+d} s" if self.kind == "clock" else f"{what} {self.seconds:.1f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakPlan:
    """What follows from the length and the seed."""

    minutes: float = 30.0
    seed: int = 20261122
    drain: float = 300.0  # seconds within which all that was asked must come to an end
    waiting: int = 50  # simulated domains
    pace: float = 6.0  # seconds between two submissions of one scientist, on average

    @property
    def seconds(self) -> float:
        """With load."""
        return 60.0 * self.minutes

    @property
    def scale(self) -> float:
        """Of the times of faults: 1 from `WHOLE` minutes on."""
        return min(1.0, self.minutes / WHOLE)

    @property
    def cut(self) -> float:
        """Seconds of a cut link."""
        return 60.0 * self.scale

    @property
    def warm_up(self) -> float:
        """Seconds of a process that say nothing about its memory."""
        return 120.0 * self.scale

    @property
    def shortest(self) -> float:
        """Seconds after the warm-up from which on a process is judged."""
        return 240.0 * self.scale

    def faults(self) -> tuple[Fault, ...]:
        """All of them, in order; the same for the same plan."""
        chance, scale = random.Random(self.seed), self.scale
        processes = ("gateway", *(f"{p}-{d}" for d in DOMAINS for p in ("node", "owner")))
        # Nodes twice: they have the most to lose.
        victims = (*processes, *(p for p in processes if p.startswith("node")))
        found = [
            Fault(at=at, kind="kill", target=chance.choice(victims), seconds=chance.uniform(0.1, 4))
            for at in _times(chance, 8.0, self.seconds * KILLING, 22.0 * max(scale, 0.4))
        ]
        found += [
            Fault(
                at=at, kind="cut", target=chance.choice((*DOMAINS, *SCIENTISTS)), seconds=self.cut
            )
            for at in _times(chance, 15.0, self.seconds - self.cut, 80.0 * scale)
        ]
        found += [
            Fault(
                at=at,
                kind="full",
                target=chance.choice(CROWDED),
                seconds=chance.uniform(20.0, 30.0) * max(scale, 0.4),
            )
            for at in _times(chance, 20.0, self.seconds - 30.0 * max(scale, 0.4), 100.0 * scale)
        ]
        wrong = 0
        for at in _times(chance, 12.0, self.seconds, 70.0 * scale):
            wrong = chance.choice([step for step in STEPS if step != wrong])
            found.append(Fault(at=at, kind="clock", target=STEPPED, step=wrong))
        return tuple(sorted(found, key=lambda fault: fault.at))


def _times(chance: random.Random, first: float, end: float, gap: float) -> list[float]:
    """Moments about `gap` seconds apart."""
    found, at = [], first
    while at < end:
        found.append(at)
        at += gap * chance.uniform(0.5, 1.5)
    return found
