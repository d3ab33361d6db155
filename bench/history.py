"""Does a long history make a node slow? 1,000 jobs, and the next one beside a tenth one.

    make bench BENCH=history [ARGS="--jobs 1000 --pairs 30"]

One JSON line. Each job is submitted, admitted, charged, approved by the owner, run, inspected,
released with a receipt by the owner and sent; the head of the audit log is shown to the
gateway, and what is due now and then (every ten minutes at a real node) is done after each.
Timed is all that the node does; not the work of scientist and owner. The store is the real one
on disk (synchronous=FULL). The job's own program is not run in a real sandbox: those seconds
are the same however long the history is, and would only hide what grows.

`ratio`: the median of `pairs` jobs at a node with that history by the median at a fresh one
that had nine, taken in turns so that other work on the machine slows both alike.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.admit import remove
from bench.ledger import filesystem
from darkroom.config import REPOSITORY
from darkroom.model.budget import Budget
from darkroom.node.keep import TIDY_EVERY
from tests.node.village import Village


WIDE = Budget(name="wide", per="dataset", period_days=7, releases=1_000_000)
TENTH = 9  # jobs before it


class Timed(Village):
    """A village that adds up how long its node works."""

    seconds = 0.0

    @contextmanager
    def stopwatch(self) -> Iterator[None]:
        """Count what happens inside."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began

    def one_job(self) -> float:
        """Take one job all the way; seconds that the node worked on it."""
        self.seconds = 0.0
        request = self.request()
        self.submit(request)
        with self.stopwatch():
            self.settle()
        self.approve(request)
        with self.stopwatch():
            self.settle()
        self.release(request.job_id)
        self.owner.got.clear()  # what people keep is no part of a node
        self.clock.forward(TIDY_EVERY + 1.0)
        with self.stopwatch():
            self.settle()
        (result,) = self.alice.letters("job.result", request.job_id)
        assert "receipt" in result.body
        self.alice.got.clear()
        return self.seconds


def village(folder: Path, jobs: int) -> Timed:
    """A domain with so many jobs in its history."""
    made = Timed(folder)
    made.in_force(budgets=(WIDE,))
    for _ in range(jobs):
        made.one_job()
    made.store._db.execute("PRAGMA synchronous = FULL")  # noqa: SLF001 - as a real node has it
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.history")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=30)
    given = parser.parse_args()
    (REPOSITORY / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="history-", dir=REPOSITORY / "build"))
    try:
        old = village(folder / "old", given.jobs)
        new = village(folder / "new", TENTH)
        tenth, following = [], []
        for _ in range(given.pairs):
            tenth.append(new.one_job())
            following.append(old.one_job())
        old.store.verify()
        found = {
            "bench": "history",
            "ratio": round(statistics.median(following) / statistics.median(tenth), 3),
            "jobs": given.jobs,
            "tenth_s": round(statistics.median(tenth), 4),
            "next_s": round(statistics.median(following), 4),
            "entries": old.store.audit_size(),
            "disk": filesystem(folder),
        }
        print(json.dumps(found))
    finally:
        remove(folder)


if __name__ == "__main__":
    main()
