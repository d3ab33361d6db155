"""`make bench BENCH=audit`: 100,000 entries of an exported log are verified in at most 2 s.

A real node's file with signed heads, erased details and a ledger is exported; then what an
auditor's `darkroom audit verify --export` does is timed, start of the interpreter apart. The
same is timed on the node's own folder (`seconds_state`).

    python bench/audit.py [--entries 100000]
"""

import argparse
import contextlib
import json
import secrets
import tempfile
import time
from pathlib import Path

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.audit import verify
from darkroom.bootstrap.audit_file import export
from darkroom.model.amount import Amount
from darkroom.model.tree_head import KIND
from darkroom.policy.ledger import Entry


EVENTS = ("job-received", "job-screened", "owner-decided", "job-approved", "job-started",
          "job-produced", "owner-decided", "output-released")  # fmt: skip
JOBS_PER_HEAD = 100
ERASED = 200


def fill(store: SqliteNodeStore, keyring: SycKeyring, entries: int) -> None:
    """Jobs as a node writes them, their prices in the ledger, now and then a signed head."""
    written, at = 0, 1_700_000_000.0
    while written < entries:
        with store.transaction():
            for _ in range(JOBS_PER_HEAD):
                job = secrets.token_hex(16)
                store.add_entry(
                    Entry(
                        reservation=job, kind="reserve", at=at, dataset="plaza", scientist="alice",
                        project="counting", amount=Amount(releases=1), policy_version=1,
                    )
                )  # fmt: skip
                for event in EVENTS[: entries - written]:
                    at += 1.0
                    detail = {
                        "reasons": ["the data owner approved it"],
                        "attempts": 1,
                        "by": "olga",
                    }
                    store.add_event(at, event, job, detail)
                    written += 1
            head = keyring.sign(KIND, store.tree_head("north", at).to_body())
            store.keep_head(head, keyring.identity)


def timed(**what: Path) -> float:
    """Seconds of the fastest of three; other work on this machine is not ours."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        report = verify(**what)  # type: ignore[arg-type]  # state or exported
        seconds.append(time.perf_counter() - began)
        assert not report.verdict.findings, report.verdict.findings
    return min(seconds)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=100_000)
    wanted = options.parse_args().entries
    with tempfile.TemporaryDirectory() as folder:
        state, file = Path(folder), Path(folder) / "north.jsonl"
        with contextlib.closing(SqliteNodeStore(state / "node.db")) as store:
            store._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001 - only the reading is timed
            fill(store, SycKeyring.generate("north", "domain"), wanted - 1)
            store.erase_details(range(1, ERASED), at=2e9, by="olga", why="bench")
        count = export(state, file)
        found = {
            "bench": "audit",
            "entries": count,
            "seconds": round(timed(exported=file), 3),
            "seconds_state": round(timed(state=state), 3),
            "bytes": file.stat().st_size,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
