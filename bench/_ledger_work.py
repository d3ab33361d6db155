"""What the benchmark of the ledger has its writers do: admit jobs, and close them."""

import random
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.amount import NOTHING, UNITS, Amount
from darkroom.model.budget import Account, Budget
from darkroom.model.job import Environment, JobRequest, JobSpec
from darkroom.model.job_record import JobRecord
from darkroom.model.output import Table
from darkroom.model.site_policy import SitePolicy
from darkroom.node.charge import Charge
from darkroom.policy.ledger import Entry, accounts
from darkroom.policy.price import price


SHA = "sha256:" + "5" * 64
FILES = 8
CAP = 15  # results of one dataset in one day
NOON = 1_790_000_000.0
DATASETS, PEOPLE, PROJECTS = ("plaza", "yard"), ("alice", "bob", "carol"), ("count", "map")
SPEC = JobSpec(
    name="count",
    tier="reviewed",
    entrypoint="job:count",
    files={f"job/part_{number:02d}.py": SHA for number in range(FILES)} | {"job.py": SHA},
    environment=Environment(name="tflite", lock_hash=SHA),
    outputs={
        "rows": Table(
            columns={"camera": "text", "hour": "int", "people": "int"},
            max_rows=48,
            counts=("people",),
            labels={"camera": ("gate", "path")},
            bounds={"hour": (0, 23), "people": (0, 500)},
        )
    },
    parameter_schema={"confidence": "float"},
)


def policy(cap: int) -> SitePolicy:
    """Budgets of every kind; the tightest lets `cap` results of a dataset out in one day."""
    return SitePolicy(
        version=1,
        domain="north",
        budgets=(
            Budget(name="day", per="dataset", period_days=1, releases=cap),
            Budget(name="month", per="dataset", period_days=30, releases=40 * cap),
            Budget(name="person", per="scientist", period_days=7, releases=2 * cap),
            Budget(name="plan", per="project", period_days=1, datasets=("plaza",), rows=40 * cap),
        ),
    )


@cache
def request(dataset: str, person: str, project: str) -> JobRequest:
    """A job of realistic size; its id is put in later."""
    return JobRequest(
        job_id="0" * 32, spec=SPEC, submitter=person, submitter_fingerprint=SHA,
        audience="north", project=project, dataset=dataset, dataset_version=SHA,
        parameters={"confidence": 0.4},
    )  # fmt: skip


class Work:
    """One writer at one store."""

    def __init__(
        self, store: SqliteNodeStore, rules: SitePolicy, *, now: Callable[[], float], writer: int
    ) -> None:
        self._store = store
        self._rules = rules
        self._charge = Charge(store=store, clock=_Clock(now))
        self._now = now
        self._writer = f"{writer:08x}"
        self._chance = random.Random(writer)
        self._price: Amount = price(SPEC, rules.airlock)

    def prepared(self) -> JobRecord:
        """A job as it is once its letter was read; nothing is written yet."""
        chance = self._chance
        asked = replace(
            request(chance.choice(DATASETS), chance.choice(PEOPLE), chance.choice(PROJECTS)),
            job_id=self._writer + secrets.token_hex(12),
        )
        return JobRecord(
            request=asked, code_digest=SHA, job_digest=SHA, state="received",
            received_at=NOON, price=self._price.to_mapping(),
        )  # fmt: skip

    def admit(self, job: JobRecord) -> bool:
        """One transaction as admission has it: seen-id, reservation, job row, event."""
        store = self._store
        with store.transaction():
            if not store.first_time(job.submitter, job.job_id, self._now()):
                return False
            if self._charge.reserve(job.request, self._price, self._rules):
                return False
            store.add_job(job)
            store.add_event(self._now(), "job-received", job.job_id, {"submitter": job.submitter})
        return True

    def close(self, job: JobRecord, *, touched: bool) -> None:
        """One transaction: the job was used, or it never started."""
        with self._store.transaction():
            self._charge.close(replace(job, touched=touched))


class _Clock:
    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now


def overspent(entries: Iterable[Entry], rules: SitePolicy) -> int:
    """How many accounts were above a cap at any moment; told from the entries alone."""
    held: dict[Account, Amount] = {}
    above: set[Account] = set()
    for entry in entries:
        for account in accounts(
            rules.budgets,
            dataset=entry.dataset,
            scientist=entry.scientist,
            project=entry.project,
            at=entry.at,
        ):
            total = held.get(account, NOTHING)
            if entry.kind == "reserve":
                total += entry.amount
            elif entry.kind == "refund":
                total -= entry.amount
            held[account] = total
            caps = ((getattr(total, unit), account.budget.cap(unit)) for unit in UNITS)
            if any(cap is not None and used > cap for used, cap in caps):
                above.add(account)
    return len(above)


def ledger_of(path: Path) -> list[Entry]:
    """The entries of a file that is proved to be whole."""
    store = SqliteNodeStore(path)
    try:
        store.verify()
        return store.entries()
    finally:
        store.close()
