"""The file that a node's memory lies in: opened, brought up to date, changed all or nothing.

Durable: write-ahead log, flushed to disk at every commit. One connection, one lock;
`darkroom ingest` and `darkroom node status` open the same file from other processes.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.adapters.sqlite import node_schema
from darkroom.adapters.sqlite.write_ahead_log import damaged_frame
from darkroom.errors import StateError


BUSY_SECONDS = 15.0
RESTORE = "keep this file as it is and put a good copy of the state folder in its place"


class NodeFile:
    """Safe from several threads. A `transaction` inside another one joins it.

    Attributes:
        on_transaction: told how many seconds each one took, and whether it held.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file, making it (mode 0600) where it is not there yet.

        Raises:
            StateError: a newer schema, a file that is not ours, or no room.
        """
        self.on_transaction: Callable[[float, bool], None] = lambda _seconds, _held: None
        self._lock = threading.RLock()
        self._depth = 0
        self._began = 0.0
        self._path = path
        self._read_only = read_only
        if not read_only:
            _create_private(path)
        elif not path.is_file():
            raise StateError(
                f"there is no node's state at {path.parent}",
                next_step="check --state, or run `darkroom node init` first",
            )
        with foreign(path):
            if frame := damaged_frame(path):
                raise StateError(
                    f"{path}-wal: frame {frame} is damaged, and others lie behind it",
                    next_step=RESTORE,
                )
            self._db = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA cache_size = -1024")
                self._db.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
                if read_only:
                    self._db.execute("PRAGMA query_only = ON")
                self._migrate()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        found = self._version()
        if found < node_schema.VERSION and not self._read_only:
            try:
                node_schema.bring_up(self._db, found)
            except sqlite3.OperationalError:
                self._db.execute("ROLLBACK") if self._db.in_transaction else None
                # Another process made the tables between our look and our attempt.
                if self._version() != node_schema.VERSION:
                    raise
        elif found != node_schema.VERSION:
            raise StateError(
                f"{self._path} has schema {found}, this program knows {node_schema.VERSION}",
                next_step="start the version of Darkroom that wrote it"
                if found > node_schema.VERSION
                else "start the node once: it brings the file up to date",
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on disk when it ends without an error."""
        with self._lock, foreign(self._path):
            if self._depth == 0:
                self._began = time.monotonic()
                try:
                    self._db.execute("BEGIN IMMEDIATE")
                except sqlite3.Error:
                    self._tell(held=False)
                    raise
            elif not self._db.in_transaction:
                raise StateError(
                    f"{self._path}: the transaction failed before", next_step="do it again"
                )
            self._depth += 1
            try:
                yield
            except BaseException as error:
                self._depth -= 1
                # What failed on the disk is never half kept, whoever catches the error.
                failed = isinstance(error, sqlite3.Error) and not isinstance(
                    error, sqlite3.IntegrityError
                )
                if self._db.in_transaction and (self._depth == 0 or failed):
                    self._db.execute("ROLLBACK")
                self._tell(held=not isinstance(error, sqlite3.Error | StateError))
                raise
            self._depth -= 1
            if self._depth == 0:
                try:
                    self._db.execute("COMMIT")
                except sqlite3.Error:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    self._tell(held=False)
                    raise
                self._tell(held=True)

    def _tell(self, *, held: bool) -> None:
        if self._depth == 0:
            self.on_transaction(time.monotonic() - self._began, held)

    def _write(self, statement: str, *values: Any) -> int:
        with self.transaction():
            return self._db.execute(statement, values).rowcount

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._lock, foreign(self._path):
            return self._db.execute(statement, values).fetchall()

    def changes_elsewhere(self) -> int:
        """A number that changes when another process wrote to the file."""
        return int(self._rows("PRAGMA data_version")[0][0])


def _create_private(path: Path) -> None:
    """SQLite gives the log files beside the database the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StateError(
            f"{path} cannot be opened: {error.strerror}",
            next_step="check that the state folder is there, writable and not full",
        ) from error


class foreign:  # noqa: N801 - reads as what it does; a class, since every statement passes here
    """Turn SQLite's errors into ours, with the file and what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, UnicodeDecodeError):  # SQLite quotes what it cannot read
            raise StateError(f"{self._path} is damaged", next_step=RESTORE) from error
        if isinstance(error, sqlite3.Error):
            raise StateError(f"{self._path}: {error}", next_step=_advice(str(error))) from error


def _advice(error: str) -> str:
    if "full" in error or "disk I/O" in error:
        return "make room on the disk; nothing is lost"
    if "malformed" in error or "not a database" in error:
        return RESTORE
    return "if it happens again, stop the node and check the file"
