"""The tables of a domain node. What may never happen is refused here a second time.

Triggers keep the event log append-only and let a job move only along the transitions of
`policy.transitions`, whatever the code above does.
"""

from darkroom.policy.transitions import TRANSITIONS


VERSION = 1

TABLES = """
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


def statements() -> str:
    """The script that makes an empty database a node's."""
    moves = ", ".join(f"('{source}', '{target}')" for source, target in TRANSITIONS)
    fill = f"INSERT INTO moves VALUES {moves};"  # noqa: S608 - names of our own table
    return f"BEGIN IMMEDIATE;{TABLES}{fill}PRAGMA user_version = {VERSION};COMMIT;"
