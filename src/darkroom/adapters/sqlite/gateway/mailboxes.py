"""Mailboxes: who may write to whom, and what waits for whom."""

import sqlite3

from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.errors import QuotaError, TrustError, UnknownNameError
from darkroom.ports import Parcel


class SqliteMailboxes:
    """Per-recipient ordered parcels. Every method is one transaction."""

    def __init__(
        self,
        database: Database,
        *,
        pair_parcels: int,
        pair_bytes: int,
        mailbox_parcels: int,
        mailbox_bytes: int,
        max_admitted: int,
        max_tickets: int,
        seen_seconds: float,
        bounce_seconds: float,
    ) -> None:
        """Limits are per recipient; `pair_…` are per sender and recipient.

        An envelope id is remembered for `seen_seconds`, acknowledged or not; a bounce waits
        for `bounce_seconds`.
        """
        self._database = database
        self._pair = (pair_parcels, pair_bytes)
        self._mailbox = (mailbox_parcels, mailbox_bytes)
        self._max_admitted = max_admitted
        self._max_tickets = max_tickets
        self._seen_seconds = seen_seconds
        self._bounce_seconds = bounce_seconds

    # ------------------------------------------------------------------- who may write

    def admit(self, recipient: str, sender: str) -> None:
        """Let `sender` write to `recipient`.

        Raises:
            QuotaError: the recipient's list is full.
        """
        with self._database.transaction() as run:
            self._admit(run, recipient, sender)

    def _admit(self, run: sqlite3.Connection, recipient: str, sender: str) -> None:
        (others,) = run.execute(
            "SELECT count(*) FROM admitted WHERE recipient = ? AND sender <> ?",
            (recipient, sender),
        ).fetchone()
        if others >= self._max_admitted:
            raise QuotaError(
                f"{recipient} admits {others} senders, as many as it may",
                next_step=f"{recipient} takes a sender off its list first",
            )
        run.execute("INSERT OR IGNORE INTO admitted VALUES (?, ?)", (recipient, sender))

    def dismiss(self, recipient: str, sender: str) -> None:
        """Take `sender` off the list; what it sent before is still delivered."""
        with self._database.transaction() as run:
            run.execute(
                "DELETE FROM admitted WHERE recipient = ? AND sender = ?",
                (recipient, sender),
            )

    def admitted(self, recipient: str) -> list[str]:
        """The senders on the recipient's list, sorted."""
        with self._database.reading() as run:
            rows = run.execute(
                "SELECT sender FROM admitted WHERE recipient = ? ORDER BY sender",
                (recipient,),
            ).fetchall()
        return [row[0] for row in rows]

    def open_ticket(self, recipient: str, ticket_hash: str, *, expires_at: float) -> None:
        """Keep the hash of a one-time ticket; the same again changes nothing.

        Raises:
            QuotaError: the recipient has as many open tickets as it may.
        """
        with self._database.transaction() as run:
            (others,) = run.execute(
                "SELECT count(*) FROM tickets WHERE recipient = ? AND hash <> ?",
                (recipient, ticket_hash),
            ).fetchone()
            if others >= self._max_tickets:
                raise QuotaError(
                    f"{recipient} has {others} open tickets, as many as it may",
                    next_step="wait until some expire",
                )
            run.execute(
                "INSERT OR IGNORE INTO tickets (recipient, hash, expires_at) VALUES (?, ?, ?)",
                (recipient, ticket_hash, expires_at),
            )

    def redeem(self, recipient: str, sender: str, ticket_hash: str, *, now: float) -> None:
        """Admit the first who shows the ticket; the same sender again changes nothing.

        Raises:
            TrustError: unknown, expired, or used by another; the three look the same.
        """
        with self._database.transaction() as run:
            row = run.execute(
                "SELECT redeemed_by FROM tickets"
                " WHERE recipient = ? AND hash = ? AND expires_at > ?",
                (recipient, ticket_hash, now),
            ).fetchone()
            if row is None or row[0] not in ("", sender):
                raise TrustError(
                    f"this ticket for {recipient} is unknown, used or expired",
                    next_step="ask the data owner for a new invitation",
                )
            if row[0] == sender:
                return  # also when dismissed since: a used ticket opens nothing again
            run.execute(
                "UPDATE tickets SET redeemed_by = ? WHERE recipient = ? AND hash = ?",
                (sender, recipient, ticket_hash),
            )
            self._admit(run, recipient, sender)

    # -------------------------------------------------------------------------- parcels

    def put(
        self,
        recipient: str,
        sender: str,
        envelope_id: str,
        envelope: bytes,
        *,
        now: float,
        expires_at: float,
    ) -> bool:
        """Put an envelope at the end of a mailbox; False when this id was put before.

        Raises:
            UnknownNameError: there is no such recipient.
            QuotaError: not admitted, or the mailbox or the pair's share of it is full.
        """
        with self._database.transaction() as run:
            known = run.execute("SELECT 1 FROM identities WHERE name = ?", (recipient,)).fetchone()
            if known is None:
                raise UnknownNameError(
                    f"nobody is registered here as {recipient}",
                    next_step="check the spelling, or ask them to register",
                )
            key = (recipient, sender, envelope_id)
            if run.execute(
                "SELECT 1 FROM seen WHERE recipient = ? AND sender = ? AND id = ?", key
            ).fetchone():
                return False
            self._require_room(run, recipient, sender, len(envelope))
            run.execute(
                "INSERT INTO parcels (recipient, cursor, id, sender, sent_at, expires_at,"
                " size, envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    recipient,
                    self._next_cursor(run, recipient),
                    envelope_id,
                    sender,
                    now,
                    expires_at,
                    len(envelope),
                    envelope,
                ),
            )
            # Remembered at least as long as the envelope itself may wait.
            until = max(now + self._seen_seconds, expires_at)
            run.execute("INSERT INTO seen VALUES (?, ?, ?, ?)", (*key, until))
        return True

    def _require_room(
        self, run: sqlite3.Connection, recipient: str, sender: str, size: int
    ) -> None:
        admitted = run.execute(
            "SELECT 1 FROM admitted WHERE recipient = ? AND sender = ?",
            (recipient, sender),
        ).fetchone()
        if admitted is None:
            raise QuotaError(
                f"{recipient} has not admitted {sender}: no quota in that mailbox",
                next_step="redeem an invitation of that data owner first",
            )
        checks = (
            ("AND sender = ?", (recipient, sender), self._pair, f"{sender}'s share of"),
            # Bounces are our own mail come back; nobody else's room.
            ("AND bounced = ''", (recipient,), self._mailbox, "all of"),
        )
        for condition, values, (max_count, max_bytes), whose in checks:
            count, total = run.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM parcels"  # noqa: S608 - two fixed texts
                f" WHERE recipient = ? {condition}",
                values,
            ).fetchone()
            if count + 1 > max_count or total + size > max_bytes:
                raise QuotaError(
                    f"{whose} the mailbox of {recipient} is full: {count} of {max_count}"
                    f" envelopes, {total >> 10} of {max_bytes >> 10} KiB",
                    next_step="wait until the recipient has fetched its mail",
                )

    @staticmethod
    def _next_cursor(run: sqlite3.Connection, recipient: str) -> int:
        # Kept apart from the parcels: a cursor is never given twice, also when all of
        # them are acknowledged.
        row = run.execute(
            "INSERT INTO cursors VALUES (?, 1)"
            " ON CONFLICT (recipient) DO UPDATE SET last = last + 1 RETURNING last",
            (recipient,),
        ).fetchone()
        return int(row[0])

    def parcels(
        self, recipient: str, *, after: int, max_count: int, max_bytes: int
    ) -> tuple[list[Parcel], bool]:
        """Parcels past a cursor, oldest first, and whether there are more: at least one
        if there is one, then as many as fit.
        """
        taken: list[Parcel] = []
        room = max_bytes
        with self._database.reading() as run:
            rows = run.execute(
                "SELECT cursor, id, sender, sent_at, bounced, envelope FROM parcels"
                " WHERE recipient = ? AND cursor > ? ORDER BY cursor",
                (recipient, after),
            )
            try:
                for cursor, envelope_id, sender, sent_at, bounced, envelope in rows:
                    room -= len(envelope)
                    if len(taken) == max_count or (taken and room < 0):
                        return taken, True
                    taken.append(
                        Parcel(
                            cursor=cursor,
                            id=envelope_id,
                            sender=sender,
                            sent_at=sent_at,
                            envelope=envelope,
                            bounced=bounced,
                        )
                    )
            finally:
                rows.close()
        return taken, False

    def acknowledge(self, recipient: str, cursor: int) -> None:
        """Forget a recipient's parcels up to and including a cursor."""
        with self._database.transaction() as run:
            run.execute(
                "DELETE FROM parcels WHERE recipient = ? AND cursor <= ?",
                (recipient, cursor),
            )

    # --------------------------------------------------------------------------- expiry

    def expire(self, *, now: float) -> set[str]:
        """Turn what was not fetched in time into bounces; who got one.

        A bounced id may be sent again: it was never delivered. Bounces that nobody
        fetches, old ids and old tickets are forgotten.
        """
        with self._database.transaction() as run:
            run.execute("DELETE FROM parcels WHERE bounced <> '' AND expires_at <= ?", (now,))
            rows = run.execute(
                "DELETE FROM parcels WHERE expires_at <= ? RETURNING recipient, cursor, id, sender",
                (now,),
            ).fetchall()
            for recipient, _, envelope_id, sender in sorted(rows):
                run.execute(
                    "INSERT INTO parcels (recipient, cursor, id, sender, sent_at,"
                    " expires_at, bounced, size, envelope)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, 0, x'')",
                    (
                        sender,
                        self._next_cursor(run, sender),
                        envelope_id,
                        sender,
                        now,
                        now + self._bounce_seconds,
                        f"{recipient} did not fetch it in time",
                    ),
                )
                run.execute(
                    "DELETE FROM seen WHERE recipient = ? AND sender = ? AND id = ?",
                    (recipient, sender, envelope_id),
                )
            run.execute("DELETE FROM seen WHERE until <= ?", (now,))
            run.execute("DELETE FROM tickets WHERE expires_at <= ?", (now,))
        with self._database.reading() as run:
            run.execute("PRAGMA incremental_vacuum").fetchall()
        return {sender for _, _, _, sender in rows}
