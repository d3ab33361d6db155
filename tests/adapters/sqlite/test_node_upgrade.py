"""A node's file of an earlier version is brought up to date once, and goes on."""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.adapters.sqlite import node_schema
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.policy.transitions import TRANSITIONS
from tests.adapters.sqlite.accounts import JOB, account, entry


VERSION_1 = Path(__file__).with_name("node_version_1.sql").read_text()
WAITING = "0" * 31 + "1"  # a job that was approved; JOB was running


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "node.db"
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    db.close()
    return path


def version(path: Path) -> int:
    """As the file says it."""
    db = sqlite3.connect(path)
    (found,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return found


def test_an_old_file_is_brought_up_to_date_and_keeps_all(path):
    assert version(path) == 1
    store = SqliteNodeStore(path)
    assert store.job(JOB).state == "running"
    assert store.job(WAITING).state == "approved"
    assert store.jobs("approved")[0].price == {}  # what version 1 did not know
    assert [event for event, _, _ in store.events(JOB)] == ["job-received", "job-started"]
    assert not store.first_time("alice", "1", 1.0)
    assert len(store.outgoing()) == 1
    assert store.fact("owner") == "olga"
    assert store.entries() == []
    store.verify()
    store.close()
    assert version(path) == node_schema.VERSION == 4


def test_old_events_become_the_first_entries_of_the_audit_log(path):
    db = sqlite3.connect(path)
    old = db.execute("SELECT at, event, job_id, detail FROM events ORDER BY number").fetchall()
    db.close()
    store = SqliteNodeStore(path)
    entries = [entry for entry, _ in store.audit_entries()]
    assert [(e.at, e.event, e.job_id, e.detail) for e in entries] == old
    assert [e.number for e in entries] == list(range(1, len(old) + 1))
    assert len({e.salt for e in entries}) == len(old)
    assert store.add_event(9.0, "next") == len(old) + 1
    store.verify()
    store.close()


def test_an_old_job_goes_on_by_the_new_table(path):
    store = SqliteNodeStore(path)
    assert set(store._rows("SELECT source, target FROM moves")) == set(TRANSITIONS)
    for job_id, state in ((JOB, "running"), (WAITING, "approved")):
        record = store.job(job_id)
        store.replace_job(replace(record, state="rejected"), was=state)
    # The log of version 1 already says which jobs were started.
    for number in (0, 1):
        store.add_entry(entry(number=number))
    with pytest.raises(StateError, match="started"):
        store.add_entry(entry("refund", number=0))
    store.add_entry(entry("refund", number=1))
    assert store.spent(account()).releases == 1
    store.close()
    again = SqliteNodeStore(path)
    again.verify()
    assert len(again.entries()) == 3
    again.close()


def test_an_old_and_a_new_file_are_alike(path, tmp_path):
    new = tmp_path / "new.db"
    tables = []
    for file in (path, new):
        SqliteNodeStore(file).close()
        db = sqlite3.connect(file)
        tables.append(set(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")))
        db.close()
    assert tables[0] == tables[1]


def test_many_processes_bring_it_up_to_date_once(path):
    stores, barrier = [], threading.Barrier(8)

    def open_one():
        barrier.wait(30)
        stores.append(SqliteNodeStore(path))

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(stores) == 8
    for store in stores:
        store.verify()
        store.close()


def test_an_upgrade_that_fails_changes_nothing(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE balances (other TEXT)")  # in the way of the new one
    db.commit()
    db.close()
    with pytest.raises(StateError, match="balances"):
        SqliteNodeStore(path)
    assert version(path) == 1
    db = sqlite3.connect(path)
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    db.execute("DROP TABLE balances")
    db.close()
    assert "ledger" not in names
    SqliteNodeStore(path).close()
    assert version(path) == 4


def test_who_only_reads_does_not_upgrade(path):
    with pytest.raises(StateError, match="schema 1") as caught:
        SqliteNodeStore(path, read_only=True)
    assert "start the node once" in caught.value.next_step
    assert version(path) == 1


def test_a_newer_file_is_refused_with_both_versions(path):
    SqliteNodeStore(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 5")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="schema 5, this program knows 4") as caught:
        SqliteNodeStore(path)
    assert str(path) in caught.value.message
    assert path.read_bytes() == before
