"""The audit log on disk: entries, the tree over them, and the heads that were signed."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import Any

from darkroom.adapters.sqlite import audit_schema
from darkroom.adapters.sqlite.epochs import SqliteEpochs
from darkroom.adapters.sqlite.node_file import RESTORE, foreign
from darkroom.errors import DarkroomError, StateError
from darkroom.model.audit_entry import ERASED, LASTING, AuditEntry, detail_text
from darkroom.model.identity import PublicIdentity
from darkroom.model.merkle import HASH_BYTES, Frontier, consistency_proof, inclusion_proof, root_at
from darkroom.model.statement import Statement
from darkroom.model.tree_head import LedgerMark, TreeHead
from darkroom.policy.audit_check import check


MAX_ERASED = 1000  # entries that one `audit-erased` tells of
PAGE = 1000
COLUMNS = "number, at, event, job_id, digest, detail, salt"


class SqliteAuditLog(SqliteEpochs):
    """The part of the node's file that says what happened. It only grows."""

    def add_event(
        self, at: float, event: str, job_id: str = "", detail: dict[str, Any] | None = None
    ) -> int:
        """Append to the log; the number of the entry."""
        with self.transaction():
            return audit_schema.append(self._db, at, event, job_id, detail_text(detail or {}))

    def events(self, job_id: str | None = None) -> list[tuple[str, str, dict[str, Any]]]:
        """Event, job id and detail ({} where erased), oldest first; of one job when it is given."""
        where, values = ("WHERE job_id = ?", (job_id,)) if job_id is not None else ("", ())
        rows = self._rows(f"SELECT event, job_id, detail FROM events {where} ORDER BY number", *values)  # noqa: S608 - fixed conditions  # fmt: skip
        return [(event, job, json.loads(detail or "{}")) for event, job, detail in rows]

    def last_entry(self, job_id: str, event: str) -> AuditEntry | None:
        """The newest entry with that event about a job."""
        rows = self._rows(
            f"SELECT {COLUMNS} FROM events WHERE job_id = ? AND event = ? "  # noqa: S608 - our own columns
            "ORDER BY number DESC LIMIT 1",
            job_id, event,
        )  # fmt: skip
        return read_entry(rows[0]) if rows else None

    def audit_entries(self) -> Iterator[tuple[AuditEntry, bytes]]:
        """All entries, each with the leaf that is kept of it, oldest first, a page at a time.

        Nothing is believed: also rows that no code of ours wrote are given as they are.
        """
        after = -1 << 63
        while rows := self._rows(
            f"SELECT leaf, {COLUMNS} FROM events WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608 - our own columns
            after, PAGE,
        ):  # fmt: skip
            yield from (read_row(row) for row in rows)
            after = rows[-1][1]

    def audit_log(self, job_id: str = "", last: int = -1) -> list[AuditEntry]:
        """The newest `last` entries (-1: all), oldest first; of one job when its id is given."""
        where, values = ("WHERE job_id = ?", (job_id,)) if job_id else ("", ())
        rows = self._rows(
            f"SELECT {COLUMNS} FROM events {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - fixed conditions
            *values, last,
        )  # fmt: skip
        return [read_entry(row) for row in reversed(rows)]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One look at the file while others may write; for who only reads."""
        with self._lock, foreign(self._path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    # ---------------------------------------------------------------------- heads and proofs

    def tree_head(self, domain: str, at: float) -> TreeHead:
        """The log and the ledger as they are now; belongs inside a transaction."""
        ((size, peaks),) = self._rows("SELECT size, peaks FROM audit_head")
        ((number, chain),) = self._rows("SELECT number, chain FROM ledger_head")
        return TreeHead(
            domain=domain,
            epoch=self.opened_epoch().number,
            size=size,
            root=Frontier.from_bytes(size, peaks).root.hex(),
            at=float(at),
            ledger=LedgerMark(number=number, chain=chain.hex()),
        )

    def audit_size(self) -> int:
        """The number of entries."""
        return int(self._rows("SELECT size FROM audit_head")[0][0])

    def inclusion(self, number: int, size: int) -> tuple[bytes, ...]:
        """What shows that the log had an entry when it had that many."""
        return inclusion_proof(number - 1, size, self._subtree)

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """What shows that the log of one size is the beginning of that of another."""
        return consistency_proof(first, second, self._subtree)

    def had(self, head: TreeHead) -> bool:
        """Whether log and ledger, as they are here, once were as a head says; not its epoch."""
        if head.size > self.audit_size():
            return False
        chains = self._rows("SELECT chain FROM ledger WHERE number = ?", head.ledger.number)
        chain = chains[0][0].hex() if chains else bytes(HASH_BYTES).hex()
        known = bool(chains) or head.ledger.number == 0
        root = root_at(head.size, self._subtree).hex()
        return known and (root, chain) == (head.root, head.ledger.chain)

    def _subtree(self, level: int, place: int) -> bytes:
        if level:
            rows = self._rows(
                "SELECT hash FROM audit_nodes WHERE level = ? AND place = ?", level, place
            )
        else:
            rows = self._rows("SELECT leaf FROM events WHERE number = ?", place + 1)
        if not rows:
            raise StateError(
                f"{self._path}: the audit log lacks subtree {place} of level {level}",
                next_step=RESTORE,
            )
        return bytes(rows[0][0])

    def keep_signer(self, signer: PublicIdentity) -> None:
        """Remember an identity of our own that heads were signed with."""
        self._write(
            "INSERT OR IGNORE INTO audit_signers VALUES (?, ?)",
            signer.fingerprint, json.dumps(signer.to_mapping()),
        )  # fmt: skip

    def keep_head(self, head: Statement, signer: PublicIdentity) -> None:
        """Keep a head that was signed here, and who signed it."""
        with self.transaction():
            self.keep_signer(signer)
            self._write(
                "INSERT INTO audit_heads (epoch, size, signer, statement) VALUES (?, ?, ?, ?)",
                head.body["epoch"], head.body["size"], signer.fingerprint,
                json.dumps(head.to_mapping()),
            )  # fmt: skip

    def last_head(self) -> Statement | None:
        """The head that was signed last."""
        rows = self._rows(
            "SELECT statement FROM audit_heads WHERE number = (SELECT MAX(number) FROM audit_heads)"
        )
        return Statement.from_mapping(json.loads(rows[0][0])) if rows else None

    def signed_heads(self) -> Iterator[Statement]:
        """Every head that was signed here, oldest first, a page at a time."""
        after = 0
        while rows := self._rows(
            "SELECT number, statement FROM audit_heads WHERE number > ? ORDER BY number LIMIT ?",
            after, PAGE,
        ):  # fmt: skip
            for _, statement in rows:
                yield Statement.from_mapping(json.loads(statement))
            after = rows[-1][0]

    def head_signers(self) -> list[PublicIdentity]:
        """Every identity that signed one of them."""
        rows = self._rows("SELECT identity FROM audit_signers ORDER BY fingerprint")
        return [PublicIdentity.from_mapping(json.loads(text)) for (text,) in rows]

    # ----------------------------------------------------------------------------- erasure

    def erase_details(self, numbers: Sequence[int], *, at: float, by: str, why: str) -> int:
        """Erase what entries say, for good; that it was done, by whom and why is an entry.

        Returns:
            how many were erased: not those whose detail was gone before, nor those that tell
            of an erasure.
        """
        with self.transaction():
            wanted = sorted(set(numbers))
            left: list[int] = []
            for first in range(0, len(wanted), MAX_ERASED):
                some = wanted[first : first + MAX_ERASED]
                marks = ", ".join("?" * len(some))
                there = self._rows(
                    f"SELECT number FROM events WHERE number IN ({marks}) "  # noqa: S608 - only question marks
                    "AND detail IS NOT NULL AND event NOT IN (?, ?) ORDER BY number",
                    *some, *LASTING,
                )  # fmt: skip
                some = [number for (number,) in there]
                if not some:
                    continue
                self.add_event(at, ERASED, "", {"by": by, "why": why, "numbers": some})
                for number in some:
                    self._write(
                        "UPDATE events SET detail = NULL, salt = NULL WHERE number = ?", number
                    )
                left += some
        if left:
            self.clean()
        return len(left)

    def clean(self) -> None:
        """Overwrite what was erased: in the file, and in its write-ahead log."""
        with self._lock:
            self._rows("PRAGMA wal_checkpoint(TRUNCATE)")


def read_row(row: tuple[Any, ...]) -> tuple[AuditEntry, bytes]:
    """The entry and the leaf of a row of leaf and `COLUMNS`."""
    leaf, *entry = row
    return read_entry(tuple(entry)), leaf


def require_whole(db: sqlite3.Connection, path: Path) -> None:
    """Prove that the log fits its own tree and the head that was signed last.

    Raises:
        StateError: with the number of the first entry that does not fit.
    """
    said = db.execute("SELECT statement FROM audit_heads ORDER BY number DESC LIMIT 1").fetchone()
    size, peaks = db.execute("SELECT size, peaks FROM audit_head").fetchone()
    try:
        heads = [TreeHead.from_body(json.loads(said[0])["body"])] if said else []
        root = Frontier.from_bytes(size, peaks).root
    except (ValueError, KeyError, TypeError, DarkroomError):
        raise StateError(f"{path}: the head of the audit log is damaged", next_step=RESTORE) from None  # fmt: skip
    rows = db.execute(f"SELECT leaf, {COLUMNS} FROM events ORDER BY number")  # noqa: S608 - our own columns
    chains = "SELECT chain FROM ledger WHERE number = ?"

    def chain(number: int) -> str | None:
        found = db.execute(chains, (number,)).fetchone()
        return found[0].hex() if found else None

    found = check((read_row(row) for row in rows), heads, chain=chain)
    what = found.findings[0].what if found.findings else ""
    if not what and (found.entries, found.root) != (size, root.hex()):
        what = f"entry {min(found.entries, size) + 1} is not as the head of the log says"
    if what:
        raise StateError(f"{path}: the audit log: {what}", next_step=RESTORE)


def read_entry(row: tuple[Any, ...]) -> AuditEntry:
    """The entry of a row of `COLUMNS`."""
    number, at, event, job_id, digest, detail, salt = row
    texts = type(event) is str and type(job_id) is str and type(digest) is str
    said = (type(detail), type(salt)) in ((str, bytes), (NoneType, NoneType))
    if not (texts and said and type(number) is int and type(at) is float):
        raise StateError("an entry of the audit log is no entry at all", next_step=RESTORE)
    return AuditEntry(
        number=number,
        at=at,
        event=event,
        job_id=job_id,
        digest=digest,
        detail=detail,
        salt=salt.hex() if salt is not None else None,
    )
