"""Which receipt a version of a registered model comes from, in a scientist's store."""

import sqlite3
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any


TABLE = """
CREATE TABLE registered (
    name TEXT NOT NULL, version TEXT NOT NULL, receipt TEXT NOT NULL, PRIMARY KEY (name, version))
"""


class ScientistModels:
    """The part of the store about registered models."""

    @abstractmethod
    def _change(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]: ...  # noqa: ANN401

    def put_registered(self, name: str, version: str, receipt: str) -> None:
        """The run log has a version of a registered model, made of what a receipt is about."""
        with self._change() as db:
            db.execute(
                "INSERT OR REPLACE INTO registered VALUES (?, ?, ?)", (name, version, receipt)
            )

    def registered(self, name: str, version: str) -> str:
        """Digest of the receipt that a version of a registered model comes from, or ""."""
        rows = self._rows(
            "SELECT receipt FROM registered WHERE name = ? AND version = ?", name, version
        )
        return str(rows[0][0]) if rows else ""
