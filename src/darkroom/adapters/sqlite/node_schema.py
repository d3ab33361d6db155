"""The tables of a domain node. What may never happen is refused here a second time.

Triggers keep the audit log append-only and let a job move only along the transitions of
`policy.transitions`, whatever the code above does. A version is never edited: the next one
is a script that makes it from the one before, and a new file runs them all.
"""

import sqlite3
from contextlib import closing

from darkroom.adapters.sqlite import (
    audit_schema,
    epoch_schema,
    forget_schema,
    former_pins,
    ledger_schema,
    receipt_schema,
    review_schema,
)
from darkroom.policy.transitions import TRANSITIONS


VERSION = 4

VERSION_1 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pins (name TEXT PRIMARY KEY, identity TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (
    sender TEXT NOT NULL, letter_id TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (sender, letter_id)
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL, sender TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE, submitter TEXT NOT NULL, state TEXT NOT NULL,
    code_digest TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX jobs_state ON jobs (state);
CREATE TABLE moves (source TEXT NOT NULL, target TEXT NOT NULL,
    PRIMARY KEY (source, target)) WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL, event TEXT NOT NULL, job_id TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    letter_id TEXT NOT NULL UNIQUE, recipient TEXT NOT NULL, kind TEXT NOT NULL,
    letter TEXT NOT NULL, files TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT ''
);
CREATE TABLE policies (
    version INTEGER PRIMARY KEY, statement TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE invitations (
    id TEXT PRIMARY KEY, statement TEXT NOT NULL, expires_at REAL NOT NULL,
    ticket_open INTEGER NOT NULL DEFAULT 0, used_by TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE datasets (
    name TEXT NOT NULL, version TEXT NOT NULL, card TEXT NOT NULL,
    number INTEGER PRIMARY KEY AUTOINCREMENT, UNIQUE (name, version)
);
CREATE TRIGGER events_are_kept BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_do_not_change BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER jobs_begin BEFORE INSERT ON jobs WHEN NEW.state <> 'received'
    BEGIN SELECT RAISE(ABORT, 'a job begins as received'); END;
CREATE TRIGGER jobs_move BEFORE UPDATE OF state ON jobs
    WHEN NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM moves WHERE source = OLD.state AND target = NEW.state)
    BEGIN SELECT RAISE(ABORT, 'no such transition'); END;
CREATE TRIGGER jobs_stay BEFORE UPDATE OF job_id, submitter ON jobs
    BEGIN SELECT RAISE(ABORT, 'a job keeps its id and submitter'); END;
CREATE TRIGGER jobs_are_kept BEFORE DELETE ON jobs
    BEGIN SELECT RAISE(ABORT, 'jobs are kept'); END;
"""

# What outputs declare since then is put into the jobs that are there as "nothing declared", so
# that they can be read. Their digests are other ones by that: what waited must be approved anew.
_JOBS_2 = """
UPDATE jobs SET record = json_set(record, '$.request.spec.outputs', json((
    SELECT json_group_object(key, json_patch(CASE json_extract(value, '$.type')
        WHEN 'table' THEN '{"counts": [], "bounds": {}, "labels": {}}'
        WHEN 'scalars' THEN '{"counts": []}' ELSE '{}' END, value))
    FROM json_each(record, '$.request.spec.outputs'))));
"""
VERSION_2 = ledger_schema.SCRIPT + _JOBS_2
VERSION_3 = former_pins.TABLE
VERSION_4 = (
    review_schema.SCRIPT
    + receipt_schema.SCRIPT
    + forget_schema.SCRIPT
    + epoch_schema.SCRIPT
    + audit_schema.SCRIPT
)  # then `audit_schema.take_over`


def bring_up(db: sqlite3.Connection, found: int) -> None:
    """Make the newest version of version `found`, all or nothing; 0 is an empty file."""
    db.executescript(_begun(found))
    audit_schema.take_over(db)
    db.execute("COMMIT")


def _begun(found: int) -> str:
    scripts = "".join((VERSION_1, VERSION_2, VERSION_3, VERSION_4)[found:])
    moves = ", ".join(f"('{source}', '{target}')" for source, target in TRANSITIONS)
    fill = f"DELETE FROM moves; INSERT INTO moves VALUES {moves};"  # noqa: S608 - names of our own table
    return f"BEGIN IMMEDIATE;{scripts}{fill}PRAGMA user_version = {VERSION};"


def differences(db: sqlite3.Connection) -> list[str]:
    """Tables, indexes, triggers and rows of tables of rules that are not those of a new file."""
    with closing(sqlite3.connect(":memory:")) as new:
        bring_up(new, 0)
        return [what for query in RULES for what in _changed(query, new, db)]


RULES = (
    "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%'",
    "SELECT 'moves ' || source || ' ' || target, '' FROM moves",
    "SELECT 'ledger_steps ' || last || ' ' || next, '' FROM ledger_steps",
)


def _changed(query: str, expected: sqlite3.Connection, found: sqlite3.Connection) -> list[str]:
    both = set(expected.execute(query)) ^ set(found.execute(query))
    return sorted({str(name) for name, _ in both})
