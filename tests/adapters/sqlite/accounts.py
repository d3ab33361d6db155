"""Entries and accounts that the tests of the ledger share."""

import json
from typing import Any

from darkroom.model.amount import Amount
from darkroom.model.budget import Account, Budget
from darkroom.policy.ledger import Entry, accounts


JOB = "0" * 32
NOON = 1_790_000_000.0


def entry(kind: str = "reserve", number: int = 0, **more: Any) -> Entry:
    fields: dict[str, Any] = {
        "reservation": f"{number:032x}", "kind": kind, "at": NOON, "dataset": "plaza",
        "scientist": "alice", "project": "count", "amount": Amount(releases=1, rows=8, bits=64),
        "policy_version": 1,
    }  # fmt: skip
    return Entry(**{**fields, **more})


def account(per: str = "dataset", at: float = NOON, days: int = 7, **more: Any) -> Account:
    """The account on which a job of alice draws."""
    budget = Budget(**{"name": "b", "per": per, "period_days": days, "releases": 5, **more})
    (found,) = accounts([budget], dataset="plaza", scientist="alice", project="count", at=at)
    return found


def add_started_job(store: Any, job_id: str, *, touched: bool, event: bool) -> None:
    """A job as it may be kept, written past the code that would keep it."""
    store._write(
        "INSERT INTO jobs (job_id, submitter, state, code_digest, record) "
        "VALUES (?, 'alice', 'received', '', ?)",
        job_id,
        json.dumps({"touched": touched}),
    )
    if event:
        store.add_event(NOON, "job-started", job_id)
