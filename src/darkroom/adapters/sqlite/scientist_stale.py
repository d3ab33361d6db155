"""Which results are stale, in a scientist's store."""

import json
import sqlite3
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from darkroom.model.submitted import StaleRow


TABLE = """
CREATE TABLE stale (
    job_id TEXT PRIMARY KEY, statement TEXT NOT NULL, made_from TEXT NOT NULL, at REAL NOT NULL,
    logged INTEGER NOT NULL DEFAULT 0)
"""
_COLUMNS = "job_id, statement, made_from, at"


class ScientistStale:
    """The part of the store about stale results. What is stale stays so."""

    @abstractmethod
    def _change(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]: ...  # noqa: ANN401

    def put_stale(self, row: StaleRow) -> bool:
        """A result is stale; False when that is known already.

        What its domain says itself takes the place of what followed from another one.
        """
        with self._change() as db:
            added = db.execute(
                f"INSERT INTO stale ({_COLUMNS}) VALUES (?, ?, ?, ?) "  # noqa: S608 - our own columns
                "ON CONFLICT (job_id) DO UPDATE SET statement = excluded.statement, "
                "made_from = '', at = excluded.at, logged = 0 "
                "WHERE made_from <> '' AND excluded.made_from = ''",
                (row.job_id, json.dumps(row.statement), row.made_from, row.at),
            )
            return added.rowcount > 0

    def stale(self, job_id: str) -> StaleRow | None:
        """Why a result is stale; None: it is not."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM stale WHERE job_id = ?", job_id)  # noqa: S608 - our own columns
        return _row(rows[0]) if rows else None

    def all_stale(self, *, unlogged: bool = False) -> list[StaleRow]:
        """Everything that is stale, oldest first; or what the run log does not know yet."""
        where = "WHERE logged = 0" if unlogged else ""
        rows = self._rows(f"SELECT {_COLUMNS} FROM stale {where} ORDER BY at, rowid")  # noqa: S608 - fixed conditions
        return [_row(row) for row in rows]

    def mark_stale_logged(self, job_id: str) -> None:
        """The run log knows that it is stale."""
        with self._change() as db:
            db.execute("UPDATE stale SET logged = 1 WHERE job_id = ?", (job_id,))


def _row(row: tuple[Any, ...]) -> StaleRow:
    job_id, statement, made_from, at = row
    return StaleRow(job_id=job_id, statement=json.loads(statement), made_from=made_from, at=at)
