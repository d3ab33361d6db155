"""Measure what a hostile job gets through, channel by channel: `python -m tests.attack.channels.measure`.

Writes the numbers that `docs/airlock_capacity.py` turns into a page. `QUICK` of them are
measured again by every test run.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from darkroom.policy.price import ENDING_BITS
from tests.attack.channels import carried
from tests.attack.channels.arena import Arena, Crossing
from tests.attack.channels.attempts import ATTEMPTS, Attempt
from tests.attack.channels.reactions import REACTIONS, Reactions, measure
from tests.attack.channels.score import bits


FILE = Path(__file__).parents[3] / "docs" / "airlock-capacity.json"
CHANNELS = tuple(f"E{number}" for number in range(1, 15))
SPELLED = "syllables in a text column"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Bits of the private footage that one job carries over one channel, in one way.

    Attributes:
        channel: E1 to E14.
        how: which way.
        mock: in the tier mock.
        before: in the tier reviewed, before the owner's release.
        after: the same, after it.
        paid: what the ledger charged for the outputs; None where there are none.
        off: with the control taken away; None where there is no control to take away.
        with_gateway: whether scientist and gateway work together.
    """

    channel: str
    how: str
    mock: float
    before: float
    after: float
    paid: int | None
    off: float | None
    with_gateway: bool = False


def of_outputs(arena: Arena, attempt: Attempt) -> Line:
    """Play one attempt on the outputs."""
    arena.allow(**attempt.airlock)

    def play(tier: str) -> Crossing:
        return arena.play(attempt.body, attempt.outputs, tier=tier, with_log=attempt.with_log)

    on_mock, crossing = play("mock"), play("reviewed")
    raw = crossing.raw | {"log": b"".join(o.log for o in crossing.outcomes)}
    before = {f"reason {n}": words.encode() for n, words in enumerate(crossing.reasons)}
    return Line(
        channel=attempt.channel,
        how=attempt.how,
        mock=bits(attempt.read(on_mock.released)),
        before=bits(attempt.read(before)),
        after=bits(attempt.read(crossing.released)),
        paid=crossing.paid.bits,
        off=bits(attempt.read(raw)) if attempt.open else None,
    )


def of_reactions(arena: Arena, channel: Reactions) -> Line:
    """Play one alphabet of reactions."""
    arena.allow()
    measured = measure(arena, channel)
    if not measured.kept:
        raise AssertionError(f"{channel.channel} {channel.how}: not the same twice")
    return Line(
        channel=channel.channel,
        how=channel.how,
        mock=measured.mock,
        before=measured.before,
        after=measured.before,
        paid=None if channel.with_gateway else ENDING_BITS,
        off=round(math.log2(measured.open), 1) if channel.open else None,
        with_gateway=channel.with_gateway,
    )


def of_the_run_log(arena: Arena) -> Line:
    """What the run log says beside the outputs themselves."""
    arena.allow()
    attempt = next(a for a in ATTEMPTS if a.how == SPELLED)
    crossing = arena.play(attempt.body, attempt.outputs)
    on_mock = arena.play(attempt.body, attempt.outputs, tier="mock")
    return Line(
        channel="E10",
        how="names, tags and parameters of the run log",
        mock=carried.in_the_run_log(replace(on_mock, released=_without_log(on_mock)), attempt),
        before=0,
        after=carried.in_the_run_log(crossing, attempt),
        paid=crossing.paid.bits,
        off=bits(attempt.read(crossing.released)),
    )


def _without_log(crossing: Crossing) -> dict[str, bytes]:
    return {name: data for name, data in crossing.released.items() if name != "log"}


def of_what_is_left(arena: Arena) -> Line:
    """What one job leaves for another."""
    arena.allow()
    with tempfile.TemporaryDirectory() as folder:
        off = carried.left_without_walls(arena, Path(folder))
    return Line(
        channel="E14",
        how="files and variables left for the next job",
        mock=carried.left_for_the_next(arena, "mock"),
        before=0,
        after=carried.left_for_the_next(arena, "reviewed"),
        paid=None,
        off=off,
    )


def lines(arena: Arena) -> Iterator[Line]:
    """Everything, in the order of the channels."""
    made = [of_outputs(arena, attempt) for attempt in ATTEMPTS]
    made += [of_reactions(arena, channel) for channel in (*REACTIONS, carried.PROGRESS)]
    made += [of_the_run_log(arena), of_what_is_left(arena)]
    yield from sorted(made, key=lambda line: CHANNELS.index(line.channel))


def read() -> list[Line]:
    """The lines that were measured last."""
    return [Line(**entry) for entry in json.loads(FILE.read_text())]


def main() -> None:
    """Measure all and write the file."""
    with tempfile.TemporaryDirectory(prefix="darkroom-capacity-") as folder:
        arena = Arena(Path(folder) / "arena")
        try:
            if arena.watched.real.problem is not None:
                sys.exit(f"no sandbox here: {arena.watched.real.problem}")
            measured = []
            for line in lines(arena):
                print(
                    line.channel, line.how, line.mock, line.before, line.after, line.paid, line.off
                )
                measured.append(asdict(line))
        finally:
            arena.close()
    entries = ",\n".join(f"  {json.dumps(entry)}" for entry in measured)
    FILE.write_text(f"[\n{entries}\n]\n")


if __name__ == "__main__":
    main()
