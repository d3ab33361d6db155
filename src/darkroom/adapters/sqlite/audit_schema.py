"""The tables of the audit log: version 4 of a node's file.

The events become entries, each with its leaf; complete subtrees are kept beside them, so that
a proof reads a few rows however long the log is. Triggers hold the rules: entries only grow,
without a gap, and all that may go are detail and salt, once an entry tells of it.
"""

import secrets
import sqlite3

from darkroom.model.audit_entry import ERASED, LASTING, SALT_BYTES, detail_digest, entry_leaf
from darkroom.model.merkle import Frontier


# `audit_head` first: where another process was faster, this fails before anything is dropped.
SCRIPT = f"""
CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, peaks BLOB NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, 0, x'');
CREATE TEMP TABLE old_events AS SELECT * FROM main.events;
DROP TABLE events;
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL, event TEXT NOT NULL, job_id TEXT NOT NULL, digest TEXT NOT NULL,
    detail TEXT, salt BLOB, leaf BLOB NOT NULL,
    CHECK ((detail IS NULL) = (salt IS NULL)),
    CHECK (length(digest) = 64 AND length(leaf) = 32)
) STRICT;
CREATE INDEX events_job ON events (job_id, event);
CREATE TABLE audit_nodes (
    level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit_heads (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch INTEGER NOT NULL, size INTEGER NOT NULL, signer TEXT NOT NULL, statement TEXT NOT NULL
) STRICT;
CREATE INDEX audit_heads_size ON audit_heads (epoch, size);
CREATE TABLE audit_signers (
    fingerprint TEXT PRIMARY KEY, identity TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER events_are_kept BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_do_not_change BEFORE UPDATE ON events WHEN NOT (
    NEW.number = OLD.number AND NEW.at = OLD.at AND NEW.event = OLD.event
    AND NEW.job_id = OLD.job_id AND NEW.digest = OLD.digest AND NEW.leaf = OLD.leaf
    AND NEW.detail IS NULL AND NEW.salt IS NULL AND OLD.event NOT IN {LASTING}
    AND EXISTS (SELECT 1 FROM events AS told, json_each(told.detail, '$.numbers') AS gone
        WHERE told.number = (SELECT size FROM audit_head) AND told.event = '{ERASED}'
        AND gone.value = OLD.number))
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_follow BEFORE INSERT ON events
    WHEN NEW.number <> (SELECT size + 1 FROM audit_head)
    BEGIN SELECT RAISE(ABORT, 'the number is not the next'); END;
CREATE TRIGGER audit_head_is_the_last BEFORE UPDATE ON audit_head WHEN NOT (
    NEW.size = OLD.size + 1 AND NEW.size = (SELECT MAX(number) FROM events))
    BEGIN SELECT RAISE(ABORT, 'the head is the last entry'); END;
CREATE TRIGGER audit_head_is_kept BEFORE DELETE ON audit_head
    BEGIN SELECT RAISE(ABORT, 'the head is kept'); END;
CREATE TRIGGER audit_nodes_do_not_change BEFORE UPDATE ON audit_nodes
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_nodes_are_kept BEFORE DELETE ON audit_nodes
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_heads_do_not_change BEFORE UPDATE ON audit_heads
    BEGIN SELECT RAISE(ABORT, 'signed heads are kept'); END;
CREATE TRIGGER audit_heads_are_kept BEFORE DELETE ON audit_heads
    BEGIN SELECT RAISE(ABORT, 'signed heads are kept'); END;
"""  # noqa: S608 - names of our own events


def append(db: sqlite3.Connection, at: float, event: str, job_id: str, detail: str) -> int:
    """Add an entry with all that belongs to it; its number. Inside a transaction."""
    size, peaks = db.execute("SELECT size, peaks FROM audit_head").fetchone()
    number, at, salt = size + 1, float(at), secrets.token_bytes(SALT_BYTES)
    digest = detail_digest(salt, detail).hex()
    leaf = entry_leaf(number, at, event, job_id, digest)
    frontier, done = Frontier.from_bytes(size, peaks).append(leaf)
    db.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, at, event, job_id, digest, detail, salt, leaf),
    )
    db.executemany(
        "INSERT INTO audit_nodes VALUES (?, ?, ?)",
        [(level, size >> level, node) for level, node in enumerate(done) if level],
    )
    db.execute("UPDATE audit_head SET size = ?, peaks = ?", (number, frontier.to_bytes()))
    return number


def take_over(db: sqlite3.Connection) -> None:
    """What was written before version 4 becomes entries, in order. Inside a transaction."""
    rows = "SELECT at, event, job_id, detail FROM temp.old_events ORDER BY number"
    for at, event, job_id, detail in db.execute(rows).fetchall():
        append(db, at, event, job_id, detail)
    db.execute("DROP TABLE temp.old_events")
