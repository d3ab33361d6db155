"""50 jobs while node and gateway are killed (`kill -9`) at random points and started again.

`make bench BENCH=restart` prints one JSON line: `submitted`, `returned` (verified results at
the scientist), `doubled` (jobs released, charged or delivered more than once), `kills`.
"""

import json
import random
import signal
import sqlite3
import sys
import threading
import time

from bench.one_domain import NAME, OneDomain, one_domain, trivial
from darkroom.bootstrap.processes import Process
from darkroom.errors import UnreachableError
from darkroom.scientist.submission import Submission


JOBS = 50
SEED = 20261121
SECONDS = 240
PAUSES = (0.05, 1.5)  # between a start and the next kill


def kill_at_random(system: OneDomain, stop: threading.Event, kills: list[str]) -> None:
    """Kill node or gateway, start it again, until told to stop."""
    chance = random.Random(SEED)  # a schedule, not a secret
    stack = system.stack
    while not stop.wait(chance.uniform(*PAUSES)):
        name = chance.choice(("gateway", f"node-{NAME}"))
        victim: Process = stack.processes.find(name)
        stack.processes.stop(victim, sign=signal.SIGKILL)
        kills.append(name)
        if name == "gateway":
            stack.start_gateway()
        else:
            stack.start_node(system.folder)


def submit(system: OneDomain) -> Submission:
    """Submit once; a gateway that is away loses nothing, the letter waits here."""
    while True:
        try:
            return trivial.submit(system.dataset, project="bench")
        except UnreachableError:
            continue


def doubled(system: OneDomain, jobs: list[str]) -> int:
    """How many jobs the node released, or sent a result of, more than once."""
    database = system.stack.plan.node_state(NAME) / "node.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        counts = dict(
            connection.execute(
                "SELECT job_id, count(*) FROM events WHERE event = 'output-released'"
                " GROUP BY job_id"
            )
        )
    return sum(counts.get(job, 0) > 1 for job in jobs)


def main() -> None:
    """Measure and print."""
    with one_domain() as system:
        stop, kills = threading.Event(), []
        killer = threading.Thread(target=kill_at_random, args=(system, stop, kills))
        killer.start()
        began = time.monotonic()
        try:
            submissions = [submit(system) for _ in range(JOBS)]
            for submission in submissions:
                submission.wait(timeout=max(0.0, began + SECONDS - time.monotonic()))
        finally:
            stop.set()
            killer.join()
        for submission in submissions:
            submission.wait(timeout=60)
        jobs = [s.jobs[NAME].request.job_id for s in submissions]
        for submission in submissions:
            if NAME not in submission.results:
                job = submission.jobs[NAME]
                print(f"  lost: {job.state} {job.reasons} {job.problem}", file=sys.stderr)
        line = {
            "bench": "restart",
            "submitted": len(submissions),
            "returned": sum(NAME in s.results for s in submissions),
            "doubled": doubled(system, jobs),
            "kills": {name: kills.count(name) for name in sorted(set(kills))},
            "seconds": round(time.monotonic() - began, 1),
        }
    print(json.dumps(line), file=sys.stdout)


if __name__ == "__main__":
    main()
