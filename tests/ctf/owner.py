"""The owner of the game: `python -m tests.ctf.owner --state DIR --policy FILE`.

Careful, quick and always awake: one who lets small, typed, plain-looking outputs leave. They
sign with their own keys over the relay, as a person with `darkroom review` and `release` does.
"""

import signal
import sys
import threading
from pathlib import Path

import click

from darkroom.bootstrap.owner import open_office
from darkroom.config import policy_proposal
from darkroom.display.visible import visible
from darkroom.model.airlock import Airlock
from darkroom.model.output import Histogram, Scalars, Table
from darkroom.model.owner_case import Case
from darkroom.owner.desk import Desk
from darkroom.owner.flags import output_flags
from darkroom.owner.requests import ReleaseRequest, ReviewRequest
from darkroom.owner.sheet import Sheet
from darkroom.owner.watch import watch
from darkroom.policy.price import price


MOST_BITS = 400  # of one job, by its declaration
MOST_CODE = 64 << 10  # bytes that this owner still reads
# One sentence for all: what an owner says about outputs leaves, too.
NOT_PLAIN = "these outputs do not look like plain numbers"


def against_code(asked: ReviewRequest, airlock: Airlock) -> str:
    """Why this owner does not let the code run, from the declaration alone; "" if they do."""
    odd = [
        name
        for name, output in asked.request.spec.outputs.items()
        if not isinstance(output, Table | Scalars | Histogram)
    ]
    if odd:
        return "only tables, scalars and histograms leave this domain"
    if price(asked.request.spec, airlock).bits > MOST_BITS:
        return f"it declares more than {MOST_BITS} bits: ask for less at once"
    if any(not path.endswith((".py", ".json")) for path in asked.files):
        return "it carries files that nobody can read"
    if sum(map(len, asked.files.values())) > MOST_CODE:
        return f"it is more than {MOST_CODE // 1024} KiB of code"
    return ""


def against_outputs(asked: ReleaseRequest) -> str:
    """Why this owner keeps the outputs; "" when nothing about the values is odd."""
    declared = asked.request.spec.outputs
    odd = any(
        output_flags(name, asked.kinds[name], data, declared.get(name))
        for name, data in asked.files.items()
        if name in declared  # the log stays in any case
    )
    return NOT_PLAIN if odd else ""


class Decider:
    """Decides each request as it is announced, and says so on standard output."""

    def __init__(self, desk: Desk, airlock: Airlock) -> None:
        self._desk = desk
        self._airlock = airlock

    def decide(self, case: Case) -> None:
        """Sign a yes or a no."""
        code = case.subject == "code"
        if case.problem:
            why = "the request does not hold"
        else:
            asked = self._desk.lookup.read(case)
            if isinstance(asked, ReviewRequest):
                why = against_code(asked, self._airlock)
            else:
                why = against_outputs(asked)
        if why:
            self._desk.decide(case, "reject" if code else "withhold", why)
        else:
            self._desk.decide(case, "approve" if code else "release", "small, typed and plain")
        yes, no = ("approved", "rejected") if code else ("released", "withheld")
        self.line(f"{no if why else yes} job {case.job_id}{': ' + why if why else ''}")

    def sheet(self, sheet: Sheet) -> None:
        """Nobody reads along."""

    def line(self, text: str, *, loud: bool = False) -> None:
        """A sentence."""
        click.echo(visible(text))
        sys.stdout.flush()


@click.command()
@click.option("--state", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--policy", type=click.Path(path_type=Path, exists=True), required=True)
def main(state: Path, policy: Path) -> None:
    """Decide until SIGTERM."""
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    airlock = policy_proposal(policy).airlock
    with open_office(state) as office:
        decider = Decider(office.desk, airlock)
        watch(office.desk, decider, stop=stop, shown=decider.decide)


if __name__ == "__main__":
    main()
