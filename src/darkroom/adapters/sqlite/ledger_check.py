"""Proof that a node's file is whole: pages, tables, chain, balances, log and epochs. It only reads."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.adapters.sqlite import node_schema
from darkroom.adapters.sqlite.audit_log import require_whole
from darkroom.adapters.sqlite.epoch_check import require_told
from darkroom.adapters.sqlite.ledger_rows import amount_text, covers, link, total
from darkroom.adapters.sqlite.node_file import RESTORE
from darkroom.errors import SpecError, StateError


START = bytes(32)  # what the first entry is chained to


def check(db: sqlite3.Connection, path: Path) -> None:
    """Prove it, in one look at the file while others may write.

    Raises:
        StateError: with the file, and the number of the entry from which on it does not fit.
    """
    with _damage(path, "a page cannot be read"):
        db.execute("BEGIN")
        try:
            _pages(db, path)
            if names := node_schema.differences(db):
                raise _broken(path, f"it is not as it was made: {', '.join(names[:3])}")
            _balances(db, path)
            require_whole(db, path)
            require_told(db, path)
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def _pages(db: sqlite3.Connection, path: Path) -> None:
    ((found,), *_) = db.execute("PRAGMA integrity_check (1)")
    if found != "ok":
        for _ in _walk(db, path):  # it may be able to name the entry
            pass
        raise _broken(path, f"SQLite finds damage: {found.splitlines()[-1][:200]}")


def _walk(db: sqlite3.Connection, path: Path) -> Iterator[tuple[Any, ...]]:
    """The entries, each proved by the chain."""
    number, chain, time = 0, START, 0.0
    rows = db.execute("SELECT * FROM ledger ORDER BY number")
    while True:
        with _damage(path, f"entry {number + 1} of the ledger cannot be read"):
            entry = rows.fetchone()
        if entry is None:
            break
        number += 1
        found, *row, kept = entry
        if found != number:
            raise _broken(path, f"entry {number} of the ledger is missing")
        try:
            chain = link(chain, number, tuple(row))
        except (TypeError, ValueError):
            chain = b""
        if chain != kept:
            raise _broken(path, f"entry {number} of the ledger does not fit the one before it")
        time = max(time, row[2])
        yield entry
    head = db.execute("SELECT number, time, chain FROM ledger_head").fetchone()
    if head != (number, time, chain):
        raise _broken(path, f"entry {number} of the ledger is not the one that was last")


def _balances(db: sqlite3.Connection, path: Path) -> None:
    kept = {tuple(key): amount for *key, amount in db.execute(_BALANCES)}
    tallies = _Tallies(kept)
    for entry in _walk(db, path):
        tallies.count(entry)
    for key, amount in kept.items():
        try:
            fits = amount_text(total(tallies.found[key])) == amount
        except SpecError:
            fits = False  # more was given back than taken
        if not fits:
            raise _broken(path, f"the balance of {key[0]} {key[1]} is not the sum of its entries")


_BALANCES = "SELECT per, holder, ends, begins, datasets, amount FROM balances"


class _Tallies:
    """Adds up entries for the accounts that are kept; a few lookups for each entry."""

    def __init__(self, accounts: Iterable[tuple[Any, ...]]) -> None:
        self.found: dict[tuple[Any, ...], dict[str, int]] = {}
        # Accounts of one holder that differ in the period alone share a shape.
        self._shapes: dict[tuple[str, str], set[tuple[int, int, str]]] = {}
        for key in accounts:
            per, holder, ends, begins, datasets = key
            length = max(ends - begins, 1)
            self._shapes.setdefault((per, holder), set()).add((length, begins % length, datasets))
            self.found[key] = {}

    def count(self, entry: tuple[Any, ...]) -> None:
        """Add an entry to every account that holds it."""
        _, _, kind, at, dataset, scientist, project, amount, *_ = entry
        if kind == "settle":
            return
        second = int(at)
        for per, holder in (("dataset", dataset), ("scientist", scientist), ("project", project)):
            for length, offset, datasets in self._shapes.get((per, holder), ()):
                begins = second - (second - offset) % length
                tally = self.found.get((per, holder, begins + length, begins, datasets))
                if tally is not None and covers(datasets, dataset):
                    tally[amount] = tally.get(amount, 0) + (1 if kind == "reserve" else -1)


@contextmanager
def _damage(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _broken(path, what) from error


def _broken(path: Path, what: str) -> StateError:
    return StateError(f"{path}: {what}", next_step=RESTORE)
