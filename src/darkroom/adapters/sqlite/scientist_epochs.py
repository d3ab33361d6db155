"""What a scientist's store keeps of a domain's log, and what happens when a domain is restored."""

import json
import sqlite3
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from darkroom.model.statement import Statement
from darkroom.model.submitted import QUEUED
from darkroom.policy.transitions import FINAL


TABLE = """
CREATE TABLE seen_head (
    domain TEXT PRIMARY KEY, epoch INTEGER NOT NULL, size INTEGER NOT NULL, head TEXT NOT NULL)
"""


class ScientistEpochs:
    """The part of the store about heads of audit logs, and about restores."""

    @abstractmethod
    def _change(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]: ...  # noqa: ANN401

    def keep_head(self, head: Statement) -> None:
        """Keep a domain's signed head of its log, if none that is higher is here."""
        said = head.body
        with self._change() as db:
            db.execute(
                "INSERT INTO seen_head VALUES (?1, ?2, ?3, ?4) ON CONFLICT (domain) DO UPDATE "
                "SET epoch = ?2, size = ?3, head = ?4 WHERE (epoch, size) < (?2, ?3)",
                (said["domain"], said["epoch"], said["size"], json.dumps(head.to_mapping())),
            )

    def seen_head(self, domain: str) -> dict[str, Any] | None:
        """The highest head of a domain's log that is here."""
        rows = self._rows("SELECT head FROM seen_head WHERE domain = ?", domain)
        return dict(json.loads(rows[0][0])) if rows else None

    def domain_restored(self, domain: str, *, before: float, why: str, at: float) -> int:
        """Jobs that a domain had before it was restored have ended; how many."""
        marks = ", ".join("?" * len(FINAL))
        with self._change() as db:
            changed = db.execute(
                "UPDATE job SET state = 'failed', reasons = ?, changed_at = ? "  # noqa: S608 - only question marks
                "WHERE json_extract(request, '$.audience') = ? AND submitted_at <= ? "
                f"AND state <> ? AND state NOT IN ({marks})",
                (json.dumps([why]), at, domain, before, QUEUED, *sorted(FINAL)),
            )
            return changed.rowcount
