"""How fast the ledger is, and whether it can be overspent by force.

    make bench BENCH=ledger [ARGS="--kills 1000 --torn 100"]

One JSON line. `reservations_per_s`: admissions on disk (synchronous=FULL), each one
transaction of seen-id, check of four accounts, reservation, job row and event; one writer,
the best of ten rounds.
`kills` forked writers share a ledger and die by SIGKILL: `overspent` accounts, `lost`
entries that a writer had reported, `interleavings` of entries of different writers.
`torn_recoveries`: logs cut at a random place that opened whole and went on; the rest,
`torn_refused`, was refused with a StateError. `verify_s`: proof of 100,000 entries.
"""

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench._ledger_kills import kill_writers
from bench._ledger_torn import cut_logs
from bench._ledger_work import DATASETS, PEOPLE, PROJECTS, SPEC, Work, policy, request
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.config import REPOSITORY
from darkroom.node.charge import Charge
from darkroom.policy.price import price


SEED = 20261121
ENTRIES = 100_000
ROUNDS = 10  # other work on the machine only ever makes one slower
BATCH = 1000
WIDE = 1 << 40  # a cap that is not reached
PRICE = price(SPEC, policy(WIDE).airlock)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.ledger")
    parser.add_argument("--reservations", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--torn", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=ENTRIES, help="for verify_s")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    (REPOSITORY / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ledger-", dir=REPOSITORY / "build"))
    began = time.monotonic()
    try:
        line = measure(folder, given)
    finally:
        shutil.rmtree(folder)
    line["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(line))


def measure(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    """All of it, in a folder on a real disk."""
    disk = filesystem(folder)
    if disk == "tmpfs":
        sys.exit(f"{folder} is in memory: nothing durable can be measured there")
    gc.freeze()  # forks share what is here
    killed = kill_writers(folder, given.kills, given.seed)
    torn = cut_logs(folder, given.torn, given.seed)
    for problem in (*killed.problems[:5], *torn.problems[:5]):
        print(f"  {problem}", file=sys.stderr)
    return {
        "bench": "ledger",
        "reservations_per_s": round(reservations_per_second(folder, given.reservations)),
        "overspent": killed.overspent + torn.overspent,
        "interleavings": killed.switches,
        "kills": killed.kills,
        "killed_entries": killed.entries,
        "torn_recoveries": torn.recovered,
        "torn_refused": torn.refused,
        "lost": killed.lost + torn.lost,
        "problems": len(killed.problems) + len(torn.problems),
        "verify_s": round(verify_seconds(folder, given.entries), 2),
        "entries": given.entries,
        "disk": disk,
    }


def reservations_per_second(folder: Path, count: int) -> float:
    """One writer, one transaction each, on disk when it returns; the best of some rounds."""
    store = SqliteNodeStore(folder / "rate.db")
    work = Work(store, policy(WIDE), now=time.time, writer=1)
    rates = []
    for _ in range(ROUNDS):
        jobs = [work.prepared() for _ in range(count // ROUNDS)]
        began = time.perf_counter()
        admitted = sum(map(work.admit, jobs))
        rates.append(admitted / (time.perf_counter() - began))
        assert admitted == len(jobs)
    assert len(store.entries()) == count // ROUNDS * ROUNDS
    store.close()
    return max(rates)


def verify_seconds(folder: Path, entries: int) -> float:
    """The proof at the start of a node, of jobs that all were settled."""
    store = SqliteNodeStore(folder / "long.db")
    charge = Charge(store=store, clock=SystemClock())
    asked = request(DATASETS[0], PEOPLE[0], PROJECTS[0])
    for start in range(0, entries // 2, BATCH):
        with store.transaction():
            for number in range(start, min(start + BATCH, entries // 2)):
                one = replace(asked, job_id=f"{number:032x}")
                assert not charge.reserve(one, PRICE, policy(WIDE))
                entry = store.reservation(one.job_id)
                assert entry is not None
                store.add_entry(replace(entry, kind="settle"))
    began = time.perf_counter()
    store.verify()
    seconds = time.perf_counter() - began
    store.close()
    return seconds


def filesystem(folder: Path) -> str:
    """The type of the disk that a folder lies on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(point, kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]))[1]


if __name__ == "__main__":
    main()
