"""Which blobs there are, how far each upload got, and who may read them.

The bytes themselves lie in a `BlobStore`.
"""

import sqlite3
from collections.abc import Sequence

from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.errors import QuotaError, SpecError, UnknownNameError


def no_such_blob() -> UnknownNameError:
    """One answer for unknown, unfinished and not-for-you: nothing is told apart."""
    return UnknownNameError(
        "there is no such blob for you here",
        next_step="ask its sender to send it again; it may have expired",
    )


class SqliteBlobIndex:
    """A blob is `open` while it is uploaded, `ready` once its hash was checked, and
    `doomed` from its expiry until its bytes are gone. Only a ready one can be read.
    """

    def __init__(
        self,
        database: Database,
        *,
        owner_bytes: int,
        owner_blobs: int,
        max_readers: int,
    ) -> None:
        """The first two are per owner, counted when an upload begins."""
        self._max_readers = max_readers
        self._database = database
        self._owner_bytes = owner_bytes
        self._owner_blobs = owner_blobs

    def begin(
        self,
        owner: str,
        address: str,
        size: int,
        readers: Sequence[str],
        *,
        upload_until: float,
        keep_until: float,
    ) -> tuple[int, bool]:
        """Begin or resume an upload, and add readers; bytes received, and whether ready.

        An unfinished upload is given up at `upload_until`; a finished one is kept until
        `keep_until` at least.

        Raises:
            QuotaError: the owner's storage, or the blob's list of readers, is full.
            SpecError: the finished blob of that address has another size.
            UnknownNameError: the blob is being removed; begin again later.
        """
        with self._database.transaction() as run:
            row = run.execute(
                "SELECT size, received, state FROM blobs WHERE owner = ? AND address = ?",
                (owner, address),
            ).fetchone()
            state = row[2] if row else ""
            if state == "doomed":
                raise no_such_blob()
            if state == "ready" and row[0] != size:
                raise SpecError(
                    f"the blob of that address has {row[0]} bytes, not {size}",
                    next_step="send the size of the bytes that the address is the hash of",
                )
            if row is None or row[0] != size:
                self._require_room(run, owner, address, size)
                run.execute(
                    "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, 0, 'open', ?)",
                    (owner, address, size, upload_until),
                )
            else:
                until = keep_until if state == "ready" else upload_until
                run.execute(
                    "UPDATE blobs SET expires_at = max(expires_at, ?)"
                    " WHERE owner = ? AND address = ?",
                    (until, owner, address),
                )
            self._add_readers(run, owner, address, readers)
        resumed = row is not None and row[0] == size
        return (int(row[1]) if resumed else 0), state == "ready"

    def _add_readers(
        self, run: sqlite3.Connection, owner: str, address: str, readers: Sequence[str]
    ) -> None:
        run.executemany(
            "INSERT OR IGNORE INTO blob_readers VALUES (?, ?, ?)",
            [(owner, address, reader) for reader in readers],
        )
        (count,) = run.execute(
            "SELECT count(*) FROM blob_readers WHERE owner = ? AND address = ?",
            (owner, address),
        ).fetchone()
        if count > self._max_readers:
            raise QuotaError(
                f"a blob may name {self._max_readers} readers, not {count}",
                next_step="seal it once more for the others",
            )

    def _require_room(self, run: sqlite3.Connection, owner: str, address: str, size: int) -> None:
        count, total = run.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM blobs WHERE owner = ? AND address <> ?",
            (owner, address),
        ).fetchone()
        if count + 1 > self._owner_blobs or total + size > self._owner_bytes:
            raise QuotaError(
                f"the storage of {owner} is full: {count} of {self._owner_blobs} blobs,"
                f" {total >> 20} of {self._owner_bytes >> 20} MiB",
                next_step="wait until older blobs expire, or ask the gateway's operator",
            )

    def upload(self, owner: str, address: str) -> tuple[int, int, bool]:
        """Size, bytes received, and whether ready, of the owner's upload.

        Raises:
            UnknownNameError: it was not begun, or is being removed.
        """
        with self._database.reading() as run:
            row = run.execute(
                "SELECT size, received, state FROM blobs"
                " WHERE owner = ? AND address = ? AND state <> 'doomed'",
                (owner, address),
            ).fetchone()
        if row is None:
            raise no_such_blob()
        return int(row[0]), int(row[1]), row[2] == "ready"

    def advance(self, owner: str, address: str, received: int) -> None:
        """Note that the bytes up to `received` are stored."""
        with self._database.transaction() as run:
            run.execute(
                "UPDATE blobs SET received = ? WHERE owner = ? AND address = ? AND state = 'open'",
                (received, owner, address),
            )

    def publish(self, owner: str, address: str, *, expires_at: float) -> None:
        """The hash fits: readers may read it until it expires."""
        with self._database.transaction() as run:
            run.execute(
                "UPDATE blobs SET state = 'ready', expires_at = ?"
                " WHERE owner = ? AND address = ? AND state = 'open'",
                (expires_at, owner, address),
            )

    def readable(self, owner: str, address: str, reader: str) -> int:
        """The size of a ready blob that `reader` may read.

        Raises:
            UnknownNameError: there is none; why is not told.
        """
        with self._database.reading() as run:
            row = run.execute(
                "SELECT size FROM blobs AS b"
                " WHERE owner = ? AND address = ? AND state = 'ready' AND (owner = ?"
                "  OR EXISTS (SELECT 1 FROM blob_readers AS r WHERE r.owner = b.owner"
                "   AND r.address = b.address AND r.reader = ?))",
                (owner, address, reader, reader),
            ).fetchone()
        if row is None:
            raise no_such_blob()
        return int(row[0])

    def doom(self, owner: str, address: str) -> None:
        """Nobody reads it from now on; `doomed` lists it until `remove`."""
        with self._database.transaction() as run:
            run.execute(
                "UPDATE blobs SET state = 'doomed' WHERE owner = ? AND address = ?",
                (owner, address),
            )

    def doomed(self, *, now: float) -> list[tuple[str, str]]:
        """Owner and address of all whose bytes may go: expired ones are doomed first."""
        with self._database.transaction() as run:
            run.execute("UPDATE blobs SET state = 'doomed' WHERE expires_at <= ?", (now,))
            rows = run.execute("SELECT owner, address FROM blobs WHERE state = 'doomed'").fetchall()
        return [(owner, address) for owner, address in rows]

    def is_doomed(self, owner: str, address: str) -> bool:
        """Whether its bytes may go: it may have been begun anew since it was listed."""
        with self._database.reading() as run:
            row = run.execute(
                "SELECT 1 FROM blobs WHERE owner = ? AND address = ? AND state = 'doomed'",
                (owner, address),
            ).fetchone()
        return row is not None

    def remove(self, owner: str, address: str) -> None:
        """Forget a doomed blob whose bytes are gone."""
        with self._database.transaction() as run:
            run.execute(
                "DELETE FROM blob_readers WHERE owner = ? AND address = ?",
                (owner, address),
            )
            run.execute(
                "DELETE FROM blobs WHERE owner = ? AND address = ? AND state = 'doomed'",
                (owner, address),
            )
