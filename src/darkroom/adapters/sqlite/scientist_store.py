"""The scientist's memory in one SQLite file. The `Store` contract of `scientist.store`.

Write-ahead log, one transaction per change, safe from several notebooks at once. The file
and its folder are readable by their owner only: it holds code and released results.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from darkroom.adapters.sqlite import messages
from darkroom.adapters.sqlite.scientist_epochs import ScientistEpochs
from darkroom.adapters.sqlite.scientist_models import ScientistModels
from darkroom.adapters.sqlite.scientist_schema import STEPS, VERSION
from darkroom.adapters.sqlite.scientist_stale import ScientistStale
from darkroom.errors import StateError, UnknownNameError
from darkroom.model.job import JobRequest
from darkroom.model.letter import Letter
from darkroom.model.message import Message
from darkroom.model.quote import KEPT_SECONDS
from darkroom.model.submitted import QUEUED, SENT, JobRow, ResultRow, Spooled, SubmissionRow


BUSY_SECONDS = 30.0
JOB_COLUMNS = (
    "job.job_id, submission, label, request, state, reasons, seq, done, total, "
    "submitted_at, changed_at, problem, result.job_id IS NOT NULL"
)
JOB_FROM = "FROM job LEFT JOIN result ON result.job_id = job.job_id"


class SqliteScientistStore(ScientistEpochs, ScientistModels, ScientistStale):
    """The `Store` contract on a SQLite file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._migrate(path)
        except sqlite3.DatabaseError as error:
            raise StateError(
                f"{path} cannot be used as the scientist's store",
                next_step="restore it from a copy, or move it away and enrol again",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _migrate(self, path: Path) -> None:
        with self._change():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise StateError(
                    f"{path} was written by a newer Darkroom", next_step="upgrade Darkroom"
                )
            for step in STEPS[version:]:
                for statement in step.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise StateError(
                    f"the scientist's store did not take a change: {error}",
                    next_step="make room on the disk, then do it again; nothing was lost",
                ) from error

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # ------------------------------------------------------------------ submissions, jobs

    def add_submission(self, row: SubmissionRow, letters: list[Letter]) -> None:
        """Keep a submission with its jobs and the letters that ask for them, at once."""
        with self._change() as db:
            db.execute(
                "INSERT INTO submission VALUES (?, ?, ?, ?)",
                (row.id, row.name, row.project, row.created_at),
            )
            for position, job in enumerate(row.jobs):
                db.execute(
                    "INSERT INTO job VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        job.request.job_id, row.id, position, job.label,
                        json.dumps(job.request.to_mapping()), job.state,
                        json.dumps(job.reasons), job.seq, *job.shards,
                        job.submitted_at, job.changed_at, job.problem,
                    ),
                )  # fmt: skip
            for letter in letters:  # `job.submit`, or another dialect that names the job itself
                asked = letter.body.get("request", letter.body)
                self._put_letter(db, letter, str(asked["job_id"]))

    def submissions(self) -> list[SubmissionRow]:
        """All submissions, newest first."""
        rows = self._rows(
            "SELECT id, name, project, created_at FROM submission "
            "ORDER BY created_at DESC, rowid DESC"
        )
        jobs: dict[str, list[JobRow]] = {}
        for job in self._rows(f"SELECT {JOB_COLUMNS} {JOB_FROM} ORDER BY position"):
            row = _job_row(job)
            jobs.setdefault(row.submission, []).append(row)
        return [_submission_row(row, jobs.get(row[0], [])) for row in rows]

    def submission(self, submission_id: str) -> SubmissionRow:
        """One submission."""
        rows = self._rows(
            "SELECT id, name, project, created_at FROM submission WHERE id = ?", submission_id
        )
        if not rows:
            raise UnknownNameError(
                f"there is no submission {ascii(submission_id)[:40]} here",
                next_step="see session.jobs",
            )
        jobs = self._rows(
            f"SELECT {JOB_COLUMNS} {JOB_FROM} WHERE submission = ? ORDER BY position",
            submission_id,
        )
        return _submission_row(rows[0], [_job_row(job) for job in jobs])

    def job(self, job_id: str) -> JobRow | None:
        """One job, or None."""
        rows = self._rows(
            f"SELECT {JOB_COLUMNS} {JOB_FROM} WHERE job.job_id = ?",
            job_id,
        )
        return _job_row(rows[0]) if rows else None

    def set_state(
        self,
        job_id: str,
        *,
        state: str,
        reasons: tuple[str, ...],
        seq: int,
        shards: tuple[int, int],
        at: float,
    ) -> bool:
        """Take a state in unless a newer one is here; whether anything changed."""
        with self._change() as db:
            changed = db.execute(
                "UPDATE job SET state = ?, reasons = ?, seq = ?, done = ?, total = ?, "
                "changed_at = ? WHERE job_id = ? AND seq < ?",
                (state, json.dumps(reasons), seq, *shards, at, job_id, seq),
            )
            return changed.rowcount > 0

    def add_message(self, message: Message) -> bool:
        """Keep a message about a job; False when one of its number is there."""
        with self._change() as db:
            return messages.add(db, message)

    def messages(self, job_id: str) -> list[Message]:
        """What reviewers and we wrote about a job, in order."""
        with self._lock:
            return messages.read(self._db, job_id)

    # ---------------------------------------------------------------------------- outbox

    def add_letter(self, letter: Letter) -> None:
        """Keep a letter to be sent (a cancellation)."""
        with self._change() as db:
            self._put_letter(db, letter, "")

    def _put_letter(self, db: sqlite3.Connection, letter: Letter, job_id: str) -> None:
        fields = {
            "id": letter.id, "kind": letter.kind, "sender": letter.sender,
            "recipient": letter.recipient, "sent_at": letter.sent_at, "body": letter.body,
        }  # fmt: skip
        db.execute(
            "INSERT INTO outbox (letter_id, job_id, letter) VALUES (?, ?, ?)",
            (letter.id, job_id, json.dumps(fields)),
        )
        db.executemany(
            "INSERT INTO attachment VALUES (?, ?, ?)",
            [(letter.id, name, data) for name, data in letter.attachments.items()],
        )

    def unsent(self) -> list[Letter]:
        """Letters that the gateway does not have yet, oldest first."""
        rows = self._rows(
            "SELECT letter_id, letter FROM outbox WHERE sent_at IS NULL AND problem = '' "
            "ORDER BY position"
        )
        return [replace(Letter(**json.loads(text)), attachments=self._files(id_))
                for id_, text in rows]  # fmt: skip

    def asked(self, job_id: str) -> Letter | None:
        """The letter that asked for a job, with everything that it carried."""
        rows = self._rows(
            "SELECT letter_id, letter FROM outbox WHERE job_id = ? ORDER BY position", job_id
        )
        return next((replace(Letter(**json.loads(text)), attachments=self._files(id_))
                     for id_, text in rows), None)  # fmt: skip

    def _files(self, letter_id: str) -> dict[str, bytes]:
        return dict(
            self._rows(
                "SELECT name, data FROM attachment WHERE letter_id = ? ORDER BY rowid", letter_id
            )
        )

    def mark_sent(self, letter_id: str, at: float) -> None:
        """The gateway has it; a job in state `queued` becomes `sent`."""
        with self._change() as db:
            db.execute("UPDATE outbox SET sent_at = ? WHERE letter_id = ?", (at, letter_id))
            db.execute(
                "UPDATE job SET state = ?, changed_at = ? WHERE state = ? AND job_id = "
                "(SELECT job_id FROM outbox WHERE letter_id = ?)",
                (SENT, at, QUEUED, letter_id),
            )

    def mark_undeliverable(self, letter_id: str, reason: str, at: float) -> None:
        """It can never be sent, or came back; the job fails with that reason."""
        with self._change() as db:
            db.execute("UPDATE outbox SET problem = ? WHERE letter_id = ?", (reason, letter_id))
            db.execute(
                "UPDATE job SET state = 'failed', reasons = ?, changed_at = ? "
                "WHERE state IN (?, ?) AND job_id = "
                "(SELECT job_id FROM outbox WHERE letter_id = ?)",
                (json.dumps([f"not delivered: {reason}"]), at, QUEUED, SENT, letter_id),
            )

    # --------------------------------------------------------------------------- results

    def put_result(self, job_id: str, result: ResultRow) -> bool:
        """Keep a verified result once; False when one is here already (it stays)."""
        with self._change() as db:
            added = db.execute(
                "INSERT OR IGNORE INTO result (job_id, release, received_at, receipt) "
                "VALUES (?, ?, ?, ?)",
                (job_id, json.dumps(result.release), result.received_at, result.receipt),
            )
            if added.rowcount == 0:
                return False
            db.executemany(
                "INSERT INTO output VALUES (?, ?, ?)",
                [(job_id, name, data) for name, data in result.outputs.items()],
            )
            # The release is the last word, whatever state letter is still on its way.
            db.execute(
                "UPDATE job SET state = 'released', problem = '', seq = ?, changed_at = ? "
                "WHERE job_id = ?",
                ((1 << 62), result.received_at, job_id),
            )
            return True

    def result(self, job_id: str) -> ResultRow | None:
        """The verified result of a job, or None."""
        rows = self._rows(
            "SELECT release, received_at, receipt FROM result WHERE job_id = ?", job_id
        )
        if not rows:
            return None
        outputs = self._rows(
            "SELECT name, data FROM output WHERE job_id = ? ORDER BY rowid", job_id
        )
        release, received_at, receipt = rows[0]
        return ResultRow(
            release=json.loads(release),
            outputs=dict(outputs),
            received_at=received_at,
            receipt=receipt,
        )

    def receipts(self) -> list[tuple[bytes, float]]:
        """Every receipt that is kept here, oldest first, with the time it came."""
        return self._rows(
            "SELECT receipt, received_at FROM result WHERE receipt <> x'' ORDER BY received_at"
        )

    def quarantine(self, *, sender: str, job_id: str, problem: str, at: float) -> None:
        """Write down that something was put aside; with a job id, on the job as well."""
        with self._change() as db:
            db.execute(
                "INSERT INTO quarantine (at, sender, job_id, problem) VALUES (?, ?, ?, ?)",
                (at, sender, job_id, problem),
            )
            db.execute("UPDATE job SET problem = ? WHERE job_id = ?", (problem, job_id))

    def quarantined(self) -> list[tuple[float, str, str]]:
        """(when, sender, problem), newest first."""
        return [
            (at, sender, problem)
            for at, sender, problem in self._rows(
                "SELECT at, sender, problem FROM quarantine ORDER BY position DESC"
            )
        ]

    # ---------------------------------------------------------------------------- quotes

    def ask_quote(self, job_id: str, domain: str, at: float) -> None:
        """Remember for an hour that a domain was asked for a quote under that id."""
        with self._change() as db:
            db.execute("DELETE FROM quote WHERE asked_at < ?", (at - KEPT_SECONDS,))
            db.execute(
                "INSERT INTO quote (job_id, domain, asked_at) VALUES (?, ?, ?)",
                (job_id, domain, at),
            )

    def put_quote(self, job_id: str, domain: str, quote: dict[str, Any], at: float) -> bool:
        """Keep an answer; False unless that domain was asked and this is the first one."""
        with self._change() as db:
            kept = db.execute(
                "UPDATE quote SET quote = ? "
                "WHERE job_id = ? AND domain = ? AND asked_at >= ? AND quote IS NULL",
                (json.dumps(quote), job_id, domain, at - KEPT_SECONDS),
            )
            return kept.rowcount > 0

    def quote(self, job_id: str) -> dict[str, Any] | None:
        """The answer to a question, or None."""
        rows = self._rows("SELECT quote FROM quote WHERE job_id = ? AND quote IS NOT NULL", job_id)
        return dict(json.loads(rows[0][0])) if rows else None

    # ----------------------------------------------------------------------------- spool

    def spool(self, key: str, record: bytes, at: float) -> None:
        """Keep a run record until the run log has it; the same key replaces."""
        with self._change() as db:
            db.execute(
                "INSERT INTO spool (key, record, at) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET record = excluded.record",
                (key, record, at),
            )

    def spooled(self) -> list[Spooled]:
        """Run records that the run log does not have yet, oldest first."""
        return [
            Spooled(key=key, record=record)
            for key, record in self._rows(
                "SELECT key, record FROM spool WHERE record IS NOT NULL ORDER BY at, rowid"
            )
        ]

    def mark_logged(self, key: str, address: str, at: float) -> None:
        """The run log has it; the record is dropped, the address kept."""
        with self._change() as db:
            db.execute(
                "UPDATE spool SET record = NULL, address = ?, at = ? WHERE key = ?",
                (address, at, key),
            )

    def logged(self, key: str) -> str:
        """The address of a record in the run log, or ""."""
        rows = self._rows("SELECT address FROM spool WHERE key = ?", key)
        return str(rows[0][0]) if rows else ""


def _job_row(row: tuple[Any, ...]) -> JobRow:
    (_, submission, label, request, state, reasons, seq, done, total, submitted, changed,
     problem, collected) = row  # fmt: skip
    return JobRow(
        request=JobRequest.from_mapping(json.loads(request)),
        submission=submission,
        label=label,
        state=state,
        reasons=tuple(json.loads(reasons)),
        seq=seq,
        shards=(done, total),
        submitted_at=submitted,
        changed_at=changed,
        problem=problem,
        collected=bool(collected),
    )


def _submission_row(row: tuple[Any, ...], jobs: list[JobRow]) -> SubmissionRow:
    id_, name, project, created_at = row
    return SubmissionRow(
        id=id_, name=name, project=project, created_at=created_at, jobs=tuple(jobs)
    )
