"""Pins in a SQLite file of their own: small, durable, never overwritten."""

import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from darkroom.adapters.sqlite import former_pins
from darkroom.errors import DarkroomError, StateError, TrustError
from darkroom.model.handover import Former, Handover
from darkroom.model.identity import PublicIdentity


_SCHEMA_VERSION = 2
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pins (
    name TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    past_statement_keys TEXT NOT NULL DEFAULT '[]' -- of version 1, never filled
) STRICT;
{former_pins.TABLE}
"""


class SqlitePins:
    """The `Pins` protocol. Safe from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found > _SCHEMA_VERSION:
                raise StateError(
                    f"the pins at {path} were written by a newer version",
                    next_step="upgrade Darkroom on this machine",
                )
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"the pins at {path} cannot be opened",
                next_step="check the folder's owner and free space, or restore a copy",
            ) from error

    def get(self, name: str) -> PublicIdentity | None:
        """The pinned identity of that name, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT identity, fingerprint FROM pins WHERE name = ?", (name,)
            ).fetchone()
        if row is None:
            return None
        try:
            identity = PublicIdentity.from_mapping(json.loads(row[0]))
        except (ValueError, DarkroomError):
            identity = None
        if identity is None or identity.fingerprint != row[1]:
            raise StateError(
                f"the pin of {name} is damaged", next_step="restore the pins from a copy"
            )
        return identity

    def pin(self, identity: PublicIdentity) -> None:
        """Remember an identity; another key under a pinned name is refused."""
        try:
            with self._lock:
                former_pins.refuse(self._db, identity)
                self._db.execute(
                    "INSERT INTO pins (name, identity, fingerprint) VALUES (?, ?, ?) "
                    "ON CONFLICT (name) DO NOTHING",
                    (identity.name, json.dumps(identity.to_mapping()), identity.fingerprint),
                )
                held = self._db.execute(
                    "SELECT fingerprint FROM pins WHERE name = ?", (identity.name,)
                ).fetchone()[0]
        except sqlite3.Error as error:
            raise _not_stored(identity.name) from error
        if held != identity.fingerprint:
            raise TrustError(
                f"another key is pinned for {identity.name} ({held})",
                next_step="compare fingerprints in person; "
                "`darkroom identity unpin` forgets the old key",
            )

    def succeed(self, links: Sequence[Handover], at: float) -> None:
        """Go along checked hand-overs; what was pinned becomes history. All or nothing."""
        name = links[-1].new.name
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                held = former_pins.pinned(self._db, name)
                new = former_pins.move_on(self._db, held, links, at)
                self._db.execute(
                    "UPDATE pins SET identity = ?, fingerprint = ? WHERE name = ?",
                    (json.dumps(new.to_mapping()), new.fingerprint, name),
                )
        except sqlite3.Error as error:
            raise _not_stored(name) from error

    def former(self, name: str) -> tuple[Former, ...]:
        """What was pinned under that name before, oldest first."""
        with self._lock:
            return former_pins.read(self._db, name)

    def names(self) -> list[str]:
        """All pinned names, sorted."""
        with self._lock:
            rows = self._db.execute("SELECT name FROM pins ORDER BY name").fetchall()
        return [name for (name,) in rows]

    def unpin(self, name: str) -> None:
        """Forget a name: a person's decision, never the program's."""
        with self._lock:
            self._db.execute("DELETE FROM pins WHERE name = ?", (name,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _not_stored(name: str) -> StateError:
    return StateError(
        f"the pin of {name} could not be stored",
        next_step="make room on the disk and try again",
    )
