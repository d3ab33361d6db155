"""The ledger on disk: entries chained by their hashes, and a balance kept for each account.

A balance is opened from history when it is first asked for and kept from then on, so that
the check of a price reads one row; `ledger_check` proves that both say the same.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

from darkroom.adapters.sqlite import ledger_check
from darkroom.adapters.sqlite.ledger_rows import (
    account_key,
    amount_text,
    covers,
    entry_row,
    link,
    read_amount,
    read_entry,
    total,
)
from darkroom.adapters.sqlite.node_file import NodeFile
from darkroom.errors import StateError
from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import PER, Account
from darkroom.policy.ledger import Entry


PAGE = 1000
_SPENT = {
    per: "SELECT dataset, amount, SUM(CASE kind WHEN 'reserve' THEN 1 ELSE -1 END) FROM ledger "  # noqa: S608 - one of three columns
    f"WHERE {per} = ? AND at >= ? AND at < ? AND kind <> 'settle' GROUP BY dataset, amount"
    for per in PER
}


class SqliteLedger(NodeFile):
    """The part of the node's file that counts what left."""

    def add_entry(self, entry: Entry) -> None:
        """Append to the ledger, and keep every balance that it concerns.

        Raises:
            StateError: the ledger has no such step for this reservation, it is not what was
                reserved, it refunds a job that was started, or time would go back.
        """
        row = entry_row(entry)
        with self.transaction():
            ((last, chain),) = self._rows("SELECT number, chain FROM ledger_head")
            number = last + 1
            try:
                self._write(
                    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    number, *row, link(chain, number, row),
                )  # fmt: skip
            except StateError as error:
                if isinstance(error.__cause__, sqlite3.IntegrityError):
                    raise StateError(
                        f"{self._path}: the ledger refuses to {entry.kind} "
                        f"{entry.reservation}: {error.__cause__}",
                        next_step="nothing changed: look at the job, it may be closed already",
                    ) from error
                raise
            self._keep_balances(entry)

    def _keep_balances(self, entry: Entry) -> None:
        if entry.kind == "settle":
            return
        rows = self._rows(
            "SELECT per, holder, ends, begins, datasets, amount "
            "FROM (VALUES ('dataset', ?1), ('scientist', ?2), ('project', ?3)) CROSS JOIN balances "
            "ON per = column1 AND holder = column2 AND ends > ?4 AND begins <= ?4",
            entry.dataset, entry.scientist, entry.project, entry.at,
        )  # fmt: skip
        for *key, kept in rows:
            if covers(key[-1], entry.dataset):
                was = read_amount(kept)
                now = was + entry.amount if entry.kind == "reserve" else was - entry.amount
                self._write(
                    "UPDATE balances SET amount = ? WHERE per = ? AND holder = ? "
                    "AND ends = ? AND begins = ? AND datasets = ?",
                    amount_text(now), *key,
                )  # fmt: skip

    def reservation(self, reservation: str) -> Entry | None:
        """The last entry about a reservation."""
        rows = self._rows(
            "SELECT * FROM ledger WHERE reservation = ? ORDER BY number DESC LIMIT 1", reservation
        )
        return read_entry(rows[0]) if rows else None

    def entries(self) -> list[Entry]:
        """The whole ledger, oldest first."""
        return [read_entry(row) for row in self._rows("SELECT * FROM ledger ORDER BY number")]

    def ledger_rows(self) -> Iterator[tuple[Any, ...]]:
        """The whole ledger as it is kept, the hash last, oldest first, a page at a time."""
        after = -1 << 63
        while rows := self._rows(
            "SELECT * FROM ledger WHERE number > ? ORDER BY number LIMIT ?", after, PAGE
        ):
            yield from rows
            after = rows[-1][0]

    def spent(self, account: Account) -> Amount:
        """What an account has spent; equals `policy.ledger.spent` over all entries."""
        found = self._kept(account)
        if found is not None:
            return found
        if self._read_only:
            return self._from_history(account)
        with self.transaction():
            spent = self._from_history(account)
            # Nothing is kept for whoever only asks, or names would fill the disk.
            if spent != NOTHING:
                self._write(
                    "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?, ?)",
                    *account_key(account), amount_text(spent),
                )  # fmt: skip
            return spent

    def _kept(self, account: Account) -> Amount | None:
        rows = self._rows(
            "SELECT amount FROM balances WHERE per = ? AND holder = ? "
            "AND ends = ? AND begins = ? AND datasets = ?",
            *account_key(account),
        )
        return read_amount(rows[0][0]) if rows else None

    def _from_history(self, account: Account) -> Amount:
        counts: dict[str, int] = {}
        for dataset, amount, count in self._rows(
            _SPENT[account.budget.per], account.holder, account.begins, account.ends
        ):
            if account.budget.covers(dataset):
                counts[amount] = counts.get(amount, 0) + count
        return total(counts)

    def ledger_time(self) -> float:
        """The latest time of any entry; 0.0 in an empty ledger. Never goes back."""
        return float(self._rows("SELECT time FROM ledger_head")[0][0])

    def verify(self) -> None:
        """Prove that the file is whole; it changes nothing.

        Raises:
            StateError: with the file, and the entry from which on it does not fit.
        """
        with self._lock:
            ledger_check.check(self._db, self._path)
