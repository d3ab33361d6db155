"""A long history makes no step of a job slower: what only grows is never read from end to end."""

import re

import pytest

from tests.node.village import Village


# Tables that get a row with each job, or more, and keep it.
GROWING = ("jobs", "events", "audit_nodes", "audit_heads", "ledger", "seen", "receipts", "messages")
SCAN = re.compile(rf"SCAN (?:{'|'.join(GROWING)})\b")


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    yield village
    village.store.close()


def test_every_statement_of_a_jobs_way_finds_its_rows_by_an_index(village):
    said: set[str] = set()
    village.in_force()
    village.store._db.set_trace_callback(said.add)
    request = village.produced()
    village.release(request.job_id)
    village.settle()
    village.clock.forward(601)  # what is due now and then
    village.poll()
    village.store._db.set_trace_callback(None)
    assert village.state_of(request.job_id) == "released"
    asked = [s for s in said if s.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT")]
    assert len(asked) > 30
    plans = {
        statement: [row[3] for row in village.store._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in asked
    }
    slow = {s: plan for s, plan in plans.items() if any(map(SCAN.match, plan))}
    assert slow == {}
