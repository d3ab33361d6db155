"""One SQLite file in WAL mode, one connection, one transaction at a time.

`synchronous=FULL`: a request is answered only after its commit is on the disk, so neither
`kill -9` nor a power cut loses a message that was answered (docs/decisions/gateway-store.md).
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.errors import StateError


SCHEMA_VERSION = 3
VERSION_1 = """
CREATE TABLE identities (
  name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, role TEXT NOT NULL,
  mapping TEXT NOT NULL, claimed_at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE profiles (
  domain TEXT PRIMARY KEY, statement TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE cards (
  domain TEXT NOT NULL, dataset TEXT NOT NULL, statement TEXT NOT NULL,
  PRIMARY KEY (domain, dataset)) STRICT, WITHOUT ROWID;

CREATE TABLE admitted (
  recipient TEXT NOT NULL, sender TEXT NOT NULL,
  PRIMARY KEY (recipient, sender)) STRICT, WITHOUT ROWID;
CREATE TABLE tickets (
  recipient TEXT NOT NULL, hash TEXT NOT NULL, expires_at REAL NOT NULL,
  redeemed_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (recipient, hash)) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
  recipient TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE parcels (
  recipient TEXT NOT NULL, cursor INTEGER NOT NULL, id TEXT NOT NULL,
  sender TEXT NOT NULL, sent_at REAL NOT NULL, expires_at REAL NOT NULL,
  bounced TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL, envelope BLOB NOT NULL,
  PRIMARY KEY (recipient, cursor)) STRICT;
CREATE INDEX parcels_by_pair ON parcels (recipient, sender, size);
CREATE INDEX parcels_by_expiry ON parcels (expires_at);
CREATE TABLE seen (
  recipient TEXT NOT NULL, sender TEXT NOT NULL, id TEXT NOT NULL,
  until REAL NOT NULL,
  PRIMARY KEY (recipient, sender, id)) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_expiry ON seen (until);

CREATE TABLE blobs (
  owner TEXT NOT NULL, address TEXT NOT NULL, size INTEGER NOT NULL,
  received INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('open', 'ready', 'doomed')),
  expires_at REAL NOT NULL,
  PRIMARY KEY (owner, address)) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_by_expiry ON blobs (expires_at);
CREATE TABLE blob_readers (
  owner TEXT NOT NULL, address TEXT NOT NULL, reader TEXT NOT NULL,
  PRIMARY KEY (owner, address, reader)) STRICT, WITHOUT ROWID;
"""
VERSION_2 = """
CREATE TABLE handovers (
  name TEXT PRIMARY KEY, chain TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
VERSION_3 = """
CREATE TABLE heads (
  domain TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, statement TEXT NOT NULL,
  PRIMARY KEY (domain, number)) STRICT, WITHOUT ROWID;
CREATE TABLE head_forks (
  domain TEXT NOT NULL, at REAL NOT NULL, held TEXT NOT NULL, refused TEXT NOT NULL,
  PRIMARY KEY (domain, refused)) STRICT, WITHOUT ROWID;
"""


class Database:
    """The file behind the gateway's stores. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            StateError: it is not a database of ours, is newer than this program, or the
                folder cannot be written.
        """
        self._lock = threading.Lock()
        self._path = path
        with self._errors():
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=10.0
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA auto_vacuum=INCREMENTAL")  # before the first table: space comes back
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run("PRAGMA cache_size=-4096")  # 4 MiB: the gateway is small on purpose
        version = run("PRAGMA user_version").fetchone()[0]
        if version < SCHEMA_VERSION:
            steps = "".join((VERSION_1, VERSION_2, VERSION_3)[version:])
            script = f"BEGIN;{steps}PRAGMA user_version={SCHEMA_VERSION};COMMIT;"
            self._connection.executescript(script)
        elif version != SCHEMA_VERSION:
            raise StateError(
                f"{self._path} has schema {version}; this program knows {SCHEMA_VERSION}",
                next_step="start the gateway with the version that wrote it, or upgrade",
            )

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in."""
        with self._lock, self._errors():
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it is on the disk when the block ends, or none.

        Raises:
            StateError: no room, or the file is damaged.
        """
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # After a full disk SQLite may have rolled back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for a single reading statement."""
        with self._lock, self._errors():
            yield self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # The name of SQLite's code only: its text may quote a value.
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            raise StateError(
                f"the gateway's store {self._path.name} failed: {name}",
                next_step="check free space and the disk; a damaged file needs a copy back",
            ) from error
