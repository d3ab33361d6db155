"""Reads what a soak left behind: databases, read-only, and journals."""

import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.local_stack import BIN
from darkroom.errors import DarkroomError
from darkroom.model.site_policy import SitePolicy
from tests.soak.invariants import Arrival, Asked, Held


ASKED = """
SELECT job.job_id, job.request, job.state, job.reasons, result.job_id IS NOT NULL
FROM job LEFT JOIN result ON result.job_id = job.job_id ORDER BY job.submitted_at
"""
UNSENT = "SELECT kind FROM outbox WHERE problem = '' OR kind <> 'owner.notice'"
UNDELIVERED = "not delivered: "  # how a scientist's store begins that reason


def asked(home: Path, scientist: str) -> list[Asked]:
    """Every job in a scientist's store."""
    with _read(home / "jobs.sqlite") as db:
        return [
            Asked(
                job_id=job,
                scientist=scientist,
                domain=json.loads(request)["audience"],
                state=state,
                collected=bool(collected),
                why=next(iter(json.loads(reasons)), ""),
                undelivered=any(r.startswith(UNDELIVERED) for r in json.loads(reasons)),
            )
            for job, request, state, reasons, collected in db.execute(ASKED)
        ]


def states(home: Path) -> Counter[str]:
    """How many jobs a scientist has in each state."""
    if not (home / "jobs.sqlite").exists():
        return Counter()
    with _read(home / "jobs.sqlite") as db:
        return Counter(dict(db.execute("SELECT state, count(*) FROM job GROUP BY state")))


def held(state: Path, domain: str, policy: SitePolicy) -> Held:
    """A node's database."""
    path = state / "node.db"
    with _read(path) as db:
        jobs = {
            job: (found, json.loads(record)["request"]["spec"]["tier"])
            for job, found, record in db.execute("SELECT job_id, state, record FROM jobs")
        }
        events = db.execute("SELECT event, job_id FROM events ORDER BY number").fetchall()
        # Before an owner comes to the gateway for the first time, news for them are given up.
        unsent = [kind for (kind,) in db.execute(UNSENT)]
    with closing(SqliteNodeStore(path, read_only=True)) as store:
        entries = store.entries()
    return Held(
        domain=domain,
        jobs=jobs,
        events=events,
        entries=entries,
        budgets=policy.budgets,
        unsent=unsent,
    )


def damage(state: Path) -> list[str]:
    """What the ledger's own check has to say."""
    with closing(SqliteNodeStore(state / "node.db", read_only=True)) as store:
        try:
            store.verify()
        except DarkroomError as error:
            return [error.message]
    return []


def audit(state: Path, identity: Path, heads: Path | None) -> tuple[str, list[str]]:
    """`darkroom audit verify`: what it says, and what it finds."""
    words = ["audit", "verify", "--state", str(state), "--identity", str(identity)]
    if heads is not None:
        words += ["--heads", str(heads)]
    done = subprocess.run(
        [str(BIN / "darkroom"), *words], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).strip()
    return said, [said[-500:]] if done.returncode else []


def journal(path: Path) -> list[dict[str, object]]:
    """The lines of a scientist's journal."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def told(lines: list[dict[str, object]]) -> Iterator[str]:
    """Ids of the jobs that `submit` returned."""
    for line in lines:
        jobs = line.get("jobs")
        if isinstance(jobs, list):
            yield from map(str, jobs)


def arrivals(lines: list[dict[str, object]]) -> list[Arrival]:
    """Results as they came in."""
    return [
        Arrival(job_id=str(n["arrived"]), letter=str(n["letter"]), release=str(n["release"]))
        for n in lines
        if "arrived" in n
    ]


@contextmanager
def _read(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        yield db
