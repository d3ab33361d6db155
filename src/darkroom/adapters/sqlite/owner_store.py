"""The data owner's memory in one SQLite file (WAL, full sync)."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from darkroom.adapters.sqlite import messages
from darkroom.errors import StateError
from darkroom.model.letter import Letter
from darkroom.model.message import Message
from darkroom.model.owner_case import Case, Notice, Subject


SCHEMA_VERSION = 3
MAX_NOTICES = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    sender TEXT NOT NULL, letter_id TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (sender, letter_id)
) STRICT;
CREATE TABLE IF NOT EXISTS cases (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL CHECK (subject IN ('code', 'output')),
    job_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    received_at REAL NOT NULL,
    body TEXT NOT NULL,
    problem TEXT NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    decided_at REAL NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL DEFAULT 0,
    UNIQUE (subject, job_id, digest)
) STRICT;
CREATE TABLE IF NOT EXISTS files (
    case_id INTEGER NOT NULL REFERENCES cases (id),
    name TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (case_id, name)
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    letter_id TEXT PRIMARY KEY, kind TEXT NOT NULL, sender TEXT NOT NULL,
    recipient TEXT NOT NULL, sent_at REAL NOT NULL, body TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS notices (at REAL NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_SCHEMA += messages.TABLE
_CASE = "id, subject, job_id, digest, received_at, body, problem, verdict, reason, decided_at, expires_at"

STORE = "owner.sqlite"  # in an owner's state folder


class SqliteOwnerStore:
    """The `OwnerStore` protocol."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._depth = 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._errors():
            self._db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found > SCHEMA_VERSION:
                raise StateError(
                    f"the owner's store at {path} was written by a newer version",
                    next_step="upgrade Darkroom on this machine",
                )
            self._db.executescript(_SCHEMA)
            self._upgrade()

    def _upgrade(self) -> None:
        """In version 1 approvals did not expire."""
        self._db.execute("BEGIN IMMEDIATE")
        columns = [row[1] for row in self._db.execute("PRAGMA table_info(cases)")]
        if "expires_at" not in columns:
            self._db.execute("ALTER TABLE cases ADD COLUMN expires_at REAL NOT NULL DEFAULT 0")
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when it ends; inside another one it joins that one."""
        with self._lock, self._errors():
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._depth == 0 and hasattr(self, "_db") and self._db.in_transaction:
                self._db.rollback()
            raise StateError(
                f"the owner's store at {self._path} cannot be used: {error}",
                next_step="make room on the disk, or restore the file from a copy",
            ) from error

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._errors():
            return self._db.execute(statement, values).fetchall()

    def _change(self, statement: str, *values: object) -> int:
        with self.transaction():
            return self._db.execute(statement, values).rowcount

    # --------------------------------------------------------------------------- letters

    def first_time(self, sender: str, letter_id: str, at: float) -> bool:
        """Remember a letter; False when it was there before."""
        statement = "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        return self._change(statement, sender, letter_id, at) == 1

    def forget(self, *, seen_before: float, files_before: float, approved_before: float) -> None:
        """Drop old letter ids, and the files of requests decided before a time."""
        with self.transaction():
            self._change("DELETE FROM seen WHERE at < ?", seen_before)
            self._change(
                "DELETE FROM files WHERE case_id IN "
                "(SELECT id FROM cases WHERE verdict != '' AND decided_at < "
                "CASE verdict WHEN 'approve' THEN ? ELSE ? END)",
                approved_before,
                files_before,
            )

    def queue(self, letter: Letter) -> None:
        """Have a letter (without attachments) sent once this transaction is committed."""
        self._change(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, 0)",
            letter.id,
            letter.kind,
            letter.sender,
            letter.recipient,
            letter.sent_at,
            json.dumps(letter.body),
        )

    def unsent(self) -> list[Letter]:
        """What the relay does not have yet, oldest first."""
        rows = self._all(
            "SELECT letter_id, kind, sender, recipient, sent_at, body FROM outbox "
            "WHERE sent = 0 ORDER BY rowid"
        )
        return [
            Letter(id=i, kind=k, sender=s, recipient=r, sent_at=at, body=json.loads(body))
            for i, k, s, r, at, body in rows
        ]

    def sent(self, letter_id: str) -> None:
        """The relay has it."""
        self._change("UPDATE outbox SET sent = 1 WHERE letter_id = ?", letter_id)

    # ----------------------------------------------------------------------------- cases

    def add_case(self, case: Case, files: dict[str, bytes]) -> Case | None:
        """Keep a request (its id is given here); None when the same one is there."""
        with self.transaction():
            cursor = self._db.execute(
                "INSERT INTO cases (subject, job_id, digest, received_at, body, problem) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    case.subject,
                    case.job_id,
                    case.digest,
                    case.received_at,
                    json.dumps(case.body),
                    case.problem,
                ),
            )
            if cursor.rowcount != 1 or cursor.lastrowid is None:
                return None
            kept = replace(case, id=cursor.lastrowid)
            self._db.executemany(
                "INSERT INTO files VALUES (?, ?, ?)",
                [(kept.id, name, data) for name, data in files.items()],
            )
            return kept

    def reopen(self, case: Case, files: dict[str, bytes]) -> Case | None:
        """Let a request that was agreed to wait again; None when it was not."""
        with self.transaction():
            rows = self._all(
                "SELECT id FROM cases WHERE subject = ? AND job_id = ? AND digest = ? "
                "AND problem = '' AND verdict IN ('approve', 'release')",
                case.subject, case.job_id, case.digest,
            )  # fmt: skip
            if not rows:
                return None
            kept = replace(case, id=int(rows[0][0]))
            self._change(
                "UPDATE cases SET verdict = '', reason = '', decided_at = 0, expires_at = 0 "
                "WHERE id = ?",
                kept.id,
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?)",
                [(kept.id, name, data) for name, data in files.items()],
            )
            return kept

    def cases(self, subject: Subject, *, waiting: bool) -> list[Case]:
        """The requests of a subject, oldest first; only those that wait, or all."""
        only = " AND verdict = ''" if waiting else ""
        rows = self._all(
            f"SELECT {_CASE} FROM cases WHERE subject = ?{only} ORDER BY id",  # noqa: S608 - constants
            subject,
        )
        names = _CASE.split(", ")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [Case(**{**fields, "body": json.loads(fields["body"])}) for fields in found]

    def files(self, case: Case) -> dict[str, bytes]:
        """Its attachments."""
        return dict(
            self._all("SELECT name, data FROM files WHERE case_id = ? ORDER BY name", case.id)
        )

    def decide(
        self,
        case: Case,
        verdict: str,
        reason: str,
        at: float,
        *,
        expires_at: float = 0.0,
        was: str = "",
    ) -> bool:
        """Write a decision down; False when the verdict was another one than `was`."""
        statement = (
            "UPDATE cases SET verdict = ?, reason = ?, decided_at = ?, expires_at = ? "
            "WHERE id = ? AND verdict = ?"
        )
        return self._change(statement, verdict, reason, at, expires_at, case.id, was) == 1

    # --------------------------------------------------------------------------- messages

    def add_message(self, message: Message) -> bool:
        """Keep a message about a job; False when one of its number is there."""
        with self.transaction():
            return messages.add(self._db, message)

    def messages(self, job_id: str) -> list[Message]:
        """What reviewers and submitter wrote about a job, in order."""
        with self._lock, self._errors():
            return messages.read(self._db, job_id)

    # ---------------------------------------------------------------------------- notices

    def add_notice(self, notice: Notice) -> None:
        """Keep a notice; bounded in number."""
        with self.transaction():
            self._change(
                "INSERT INTO notices VALUES (?, ?, ?)", notice.at, notice.level, notice.text
            )
            self._change(
                "DELETE FROM notices WHERE rowid <= (SELECT max(rowid) FROM notices) - ?",
                MAX_NOTICES,
            )

    def notices(self, limit: int) -> list[Notice]:
        """The latest notices, newest last."""
        rows = self._all("SELECT at, level, text FROM notices ORDER BY rowid DESC LIMIT ?", limit)
        return [Notice(at=at, level=level, text=text) for at, level, text in reversed(rows)]

    # ------------------------------------------------------------------------------ facts

    def fact(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """A JSON value kept under a name, or None."""
        rows = self._all("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def set_fact(self, name: str, value: object) -> None:
        """Keep a JSON value under a name."""
        self._change(
            "INSERT INTO facts VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )
