"""One scientist of a soak, in a process of its own: asks for all kinds of things, waits for all.

    python -m tests.soak.scientist --home DIR --seed 1 --pace 6 --journal FILE --drain FILE

Submits until the file of `--drain` is there, then only waits until everything has an end.
What `submit` returned and what results came in is written to the journal, line by line.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import darkroom as dr
from darkroom.errors import DarkroomError
from darkroom.model.canonical import digest
from darkroom.model.letter import Letter
from darkroom.model.submitted import JobRow
from darkroom.scientist.domain import RemoteDataset
from darkroom.scientist.session import Session
from darkroom.scientist.submission import Submission
from tests.soak.jobs import known, reviewed
from tests.soak.stack import THRIFT, YARD


# What is asked, and how often.
MIX = {
    "rule": 6,
    "reviewed": 4,
    "mock": 3,
    "fails": 2,
    "cancelled": 2,
    "scarce": 3,
    "everywhere": 1,
}
QUICK = {"seconds": 0.0, "fail": False}
REST = 0.5


class Scientist:
    """Somebody who works."""

    def __init__(self, session: Session, journal: Path, chance: random.Random) -> None:
        self._session = session
        self._journal = journal.open("a", buffering=1)
        self._chance = chance
        self._sets: dict[str, list[RemoteDataset]] = {}
        self._cancels: list[tuple[float, Submission]] = []
        self._hear(session)

    def _hear(self, session: Session) -> None:
        """Write down every result that comes in, also one that the store would not keep."""
        taken: Callable[[JobRow, Letter], None] = session.collector._result

        def result(row: JobRow, letter: Letter) -> None:
            self.write(
                arrived=row.request.job_id,
                letter=letter.id,
                release=digest(letter.body.get("release")),
            )
            taken(row, letter)

        session.collector._result = result  # type: ignore[method-assign]

    def write(self, **what: Any) -> None:
        """A line of the journal."""
        self._journal.write(json.dumps({"at": time.time(), **what}) + "\n")

    def look(self) -> None:
        """Find the datasets, however long it takes."""
        while not self._sets:
            try:
                self._sets = {name: self._session.datasets(name) for name in (YARD, THRIFT)}
            except DarkroomError as error:
                self.write(problem=f"datasets: {error.message}")
                time.sleep(REST)

    def ask(self) -> None:
        """Submit something."""
        kind = self._chance.choices(list(MIX), list(MIX.values()))[0]
        target = self._chance.choice(self._sets[YARD])
        if kind == "scarce":  # all at one account
            target = min(self._sets[THRIFT], key=lambda found: found.domain)
        seconds = self._chance.uniform(0.5, 4.0)
        slow = {"seconds": 8.0, "fail": False}
        try:
            match kind:
                case "rule" | "scarce":  # some seconds long, so that kills find it running
                    made = known.submit(
                        target, project="soak", on_mock=QUICK, seconds=seconds, fail=False
                    )
                case "reviewed":
                    made = reviewed.submit(target, project="soak")
                case "mock":
                    made = known.submit(target, project="soak", tier="mock", **QUICK)
                case "fails":
                    made = known.submit(
                        target, project="soak", on_mock=QUICK, seconds=0.0, fail=True
                    )
                case "cancelled":
                    made = known.submit(target, project="soak", on_mock=QUICK, **slow)
                    self._cancels.append((time.monotonic() + seconds, made))
                case _:
                    made = known.submit(self._sets[YARD], project="soak", **QUICK)
        except DarkroomError as error:  # it said so: nobody counts on it
            self.write(problem=f"submit: {error.message}")
            return
        jobs = [row.request.job_id for row in made.jobs.values()]
        self.write(kind=kind, submission=made.id, jobs=jobs)

    def work(self, until: float) -> None:
        """Send, take in and cancel what is due."""
        collector = self._session.collector
        while (left := until - time.monotonic()) > 0:
            for due, submission in [*self._cancels]:
                if time.monotonic() >= due:
                    self._cancels.remove((due, submission))
                    self._try("cancel", submission.cancel)
            self._try("send", collector.flush)
            self._try("collect", partial(collector.collect, wait=min(left, 1.0)))

    def _try(self, what: str, do: Callable[[], Any]) -> None:
        try:
            do()
        except DarkroomError as error:
            self.write(problem=f"{what}: {error.message}")
            time.sleep(REST)

    @property
    def open(self) -> bool:
        """Whether something still has no end."""
        return bool(self._cancels) or any(not s.finished for s in self._session.jobs)


def main() -> None:
    """Work, then wait."""
    parser = argparse.ArgumentParser(prog="tests.soak.scientist")
    for name in ("--home", "--journal", "--drain"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--pace", type=float, required=True)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    session = dr.connect(home=given.home, run_log="", progress="quiet")
    scientist = Scientist(session, given.journal, chance)
    scientist.look()
    print("works", flush=True)
    while not given.drain.exists():
        scientist.ask()
        scientist.work(time.monotonic() + given.pace * chance.uniform(0.3, 1.7))
    while scientist.open:
        scientist.work(time.monotonic() + 2.0)
    scientist.work(time.monotonic() + 3.0)  # what comes twice would come now
    print("done", flush=True)


if __name__ == "__main__":
    main()
