"""submit -> admitted by rule -> trivial job -> verified result, and what the processes hold.

`make bench BENCH=roundtrip` prints one JSON line:
`median_s`, `p95_s` over `rounds` submissions; `hops`: median seconds of each hop, from the
node's own events and the scientist's clock (one machine, one clock); `node_idle_mib` and
`gateway_idle_mib`: resident memory at rest, after two jobs and before the rounds.
"""

import json
import sqlite3
import statistics
import sys
import time

from bench.one_domain import NAME, OneDomain, one_domain, trivial


ROUNDS = 30
# event of the node -> the hop that ends with it
HOPS = {
    "job-approved": "submit_to_admitted",
    "job-started": "admitted_to_started",
    "job-produced": "run_and_inspect",
    "output-released": "produced_to_released",
}


def one_round(system: OneDomain) -> tuple[float, dict[str, float]]:
    """Seconds of one submission, in all and by hop."""
    began = time.time()
    submission = trivial.submit(system.dataset, project="bench").wait(timeout=60)
    result = submission.results[NAME]  # verified: signature, digests, hashes
    ended = time.time()
    assert result.approved_by.startswith("rule "), "a person was in the loop"
    hops, last = {}, began
    for event, at in _events(system, submission.jobs[NAME].request.job_id):
        if event in HOPS:
            hops[HOPS[event]] = at - last
            last = at
    hops["released_to_verified"] = ended - last
    return ended - began, hops


def _events(system: OneDomain, job_id: str) -> list[tuple[str, float]]:
    database = system.stack.plan.node_state(NAME) / "node.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT event, at FROM events WHERE job_id = ? ORDER BY number", (job_id,)
        )
        return list(rows)


def main() -> None:
    """Measure and print."""
    with one_domain() as system:
        processes = system.stack.processes
        memory = {
            "node_idle_mib": round(processes.find(f"node-{NAME}").rss_mib(), 1),
            "gateway_idle_mib": round(processes.find("gateway").rss_mib(), 1),
        }
        seconds, hops = zip(*(one_round(system) for _ in range(ROUNDS)), strict=True)
    line = {
        "bench": "roundtrip",
        "median_s": round(statistics.median(seconds), 3),
        "p95_s": round(sorted(seconds)[int(0.95 * ROUNDS)], 3),
        "rounds": ROUNDS,
        "hops": {name: round(statistics.median(h[name] for h in hops), 3) for name in hops[0]},
        **memory,
    }
    print(json.dumps(line), file=sys.stdout)


if __name__ == "__main__":
    main()
