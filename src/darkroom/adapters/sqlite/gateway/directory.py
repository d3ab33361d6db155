"""Who is at this gateway: identities, domain profiles, dataset cards."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.errors import NameTakenError, QuotaError, UnknownNameError


def _text(mapping: dict[str, Any]) -> str:
    return json.dumps(mapping, separators=(",", ":"))


class SqliteDirectory:
    """Identities are claimed once; profiles and cards are replaced by their domain."""

    def __init__(
        self, database: Database, *, max_identities: int, max_cards_per_domain: int
    ) -> None:
        self._database = database
        self._max_identities = max_identities
        self._max_cards = max_cards_per_domain

    def claim(
        self,
        name: str,
        fingerprint: str,
        role: str,
        mapping: dict[str, Any],
        *,
        handovers: Sequence[dict[str, Any]] = (),
        instead_of: str = "",
        now: float,
    ) -> None:
        """Give a name to the first who comes; the same keys again change nothing.

        Args:
            name, fingerprint, role, mapping: of the identity.
            handovers: how it came by its keys; kept for those who pinned earlier ones.
            instead_of: the fingerprint that it takes over from, its hand-over checked.
            now: Unix seconds.

        Raises:
            NameTakenError: the name is held under other keys.
            QuotaError: the directory is full.
        """
        with self._database.transaction() as run:
            row = run.execute(
                "SELECT fingerprint FROM identities WHERE name = ?", (name,)
            ).fetchone()
            if row is not None and row[0] == fingerprint:
                return
            if row is not None and row[0] != instead_of:
                raise NameTakenError(
                    f"the name {name} is held here under other keys, those of {row[0]}",
                    next_step="choose another name, or go on with the keys that"
                    " claimed it; if they are lost, ask the gateway's operator",
                )
            if row is None:
                self._require_room(run)
            run.execute(
                "INSERT OR REPLACE INTO identities VALUES (?, ?, ?, ?, ?)",
                (name, fingerprint, role, _text(mapping), now),
            )
            run.execute(
                "INSERT OR REPLACE INTO handovers VALUES (?, ?)",
                (name, json.dumps(list(handovers))),
            )

    def _require_room(self, run: sqlite3.Connection) -> None:
        (count,) = run.execute("SELECT count(*) FROM identities").fetchone()
        if count >= self._max_identities:
            raise QuotaError(
                "the gateway's directory is full",
                next_step="ask the gateway's operator for room",
            )

    def handovers(self, name: str) -> list[dict[str, Any]]:
        """The hand-overs that a name was registered with."""
        with self._database.reading() as run:
            row = run.execute("SELECT chain FROM handovers WHERE name = ?", (name,)).fetchone()
        return list(json.loads(row[0])) if row else []

    def identity(self, name: str) -> dict[str, Any]:
        """The mapping of the public identity of that name.

        Raises:
            UnknownNameError: nobody has it.
        """
        with self._database.reading() as run:
            row = run.execute("SELECT mapping FROM identities WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise UnknownNameError(
                f"nobody is registered here as {name}",
                next_step="check the spelling, or ask them to register at this gateway",
            )
        mapping: dict[str, Any] = json.loads(row[0])
        return mapping

    def fingerprint(self, name: str) -> str:
        """The fingerprint under which a name is held, or ""."""
        with self._database.reading() as run:
            row = run.execute(
                "SELECT fingerprint FROM identities WHERE name = ?", (name,)
            ).fetchone()
        return str(row[0]) if row else ""

    def forget(self, name: str) -> bool:
        """Free a name whose keys are lost, with all it published; whether it was held.

        Mail that waits for the name goes as well: nobody can open it any more.
        """
        with self._database.transaction() as run:
            gone = run.execute("DELETE FROM identities WHERE name = ?", (name,)).rowcount
            run.execute("DELETE FROM handovers WHERE name = ?", (name,))
            run.execute("DELETE FROM profiles WHERE domain = ?", (name,))
            for table in ("cards", "heads", "head_forks"):
                run.execute(f"DELETE FROM {table} WHERE domain = ?", (name,))  # noqa: S608 - our own table names
            for table in ("admitted", "tickets", "parcels"):
                run.execute(f"DELETE FROM {table} WHERE recipient = ?", (name,))  # noqa: S608 - our own table names
            # Whoever claims the name next was admitted by nobody and has sent nothing.
            run.execute("DELETE FROM admitted WHERE sender = ?", (name,))
            run.execute("DELETE FROM seen WHERE recipient = ? OR sender = ?", (name, name))
            run.execute("DELETE FROM blob_readers WHERE reader = ?", (name,))
            run.execute("UPDATE blobs SET state = 'doomed' WHERE owner = ?", (name,))
        return gone > 0

    def put_profile(self, domain: str, statement: dict[str, Any]) -> None:
        """Keep the domain's profile instead of its last."""
        with self._database.transaction() as run:
            run.execute(
                "INSERT OR REPLACE INTO profiles VALUES (?, ?)",
                (domain, _text(statement)),
            )

    def profiles(self, *, after: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """Up to `limit` profiles of domains whose names come after `after`, in order."""
        with self._database.reading() as run:
            rows = run.execute(
                "SELECT domain, statement FROM profiles WHERE domain > ? ORDER BY domain LIMIT ?",
                (after, limit),
            ).fetchall()
        return [(domain, json.loads(text)) for domain, text in rows]

    def put_card(self, domain: str, dataset: str, statement: dict[str, Any]) -> None:
        """Keep a card instead of the last of the same dataset.

        Raises:
            QuotaError: the domain has as many as it may.
        """
        with self._database.transaction() as run:
            (others,) = run.execute(
                "SELECT count(*) FROM cards WHERE domain = ? AND dataset <> ?",
                (domain, dataset),
            ).fetchone()
            if others >= self._max_cards:
                raise QuotaError(
                    f"domain {domain} has {others} dataset cards, as many as it may",
                    next_step="publish fewer datasets, or ask the gateway's operator",
                )
            run.execute(
                "INSERT OR REPLACE INTO cards VALUES (?, ?, ?)",
                (domain, dataset, _text(statement)),
            )

    def cards(self, domain: str, *, after: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """Up to `limit` cards of a domain, by dataset name after `after`, in order."""
        with self._database.reading() as run:
            rows = run.execute(
                "SELECT dataset, statement FROM cards WHERE domain = ? AND dataset > ?"
                " ORDER BY dataset LIMIT ?",
                (domain, after, limit),
            ).fetchall()
        return [(dataset, json.loads(text)) for dataset, text in rows]
