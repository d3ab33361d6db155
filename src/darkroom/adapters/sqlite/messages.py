"""The table of what reviewers and submitters wrote to each other; every zone keeps one."""

import sqlite3

from darkroom.model.message import Message


# Part of released schemas: never edited, the next version of a schema changes it.
TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    job_id TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL,
    side TEXT NOT NULL, by_name TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;
"""
_NAMES = ("job_id", "number", "at", "side", "by", "text")


def add(db: sqlite3.Connection, message: Message) -> bool:
    """Keep a message; False when one of its number is there about that job."""
    values = [getattr(message, name) for name in _NAMES]
    added = db.execute(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values
    )
    return added.rowcount == 1


def read(db: sqlite3.Connection, job_id: str) -> list[Message]:
    """Everything that was written about a job, in order."""
    rows = db.execute(
        "SELECT job_id, number, at, side, by_name, text FROM messages "
        "WHERE job_id = ? ORDER BY number",
        (job_id,),
    ).fetchall()
    return [Message(**dict(zip(_NAMES, row, strict=True))) for row in rows]
