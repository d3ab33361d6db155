"""Somebody who can write into a node's files: a little, or as much as the program itself.

The clumsy one changes a row. The thorough one computes every hash of the file anew, so that
the file fits itself; all that is out of reach is what others hold, and signatures.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darkroom.model.audit_entry import AuditEntry, detail_digest
from darkroom.model.merkle import Frontier


Change = Callable[[list[AuditEntry]], list[AuditEntry]]
COLUMNS = "number, at, event, job_id, digest, detail, salt, leaf"


@dataclass(frozen=True)
class Row:
    """A row of the log, as it lies there."""

    entry: AuditEntry
    leaf: bytes


def rows(path: Path) -> list[Row]:
    """The log in a node's file."""
    db = sqlite3.connect(path)
    found = db.execute(f"SELECT {COLUMNS} FROM events ORDER BY number").fetchall()
    db.close()
    return [
        Row(
            AuditEntry(
                number=number, at=at, event=event, job_id=job, digest=digest, detail=detail,
                salt=salt.hex() if salt else None,
            ),
            leaf,
        )
        for number, at, event, job, digest, detail, salt, leaf in found
    ]  # fmt: skip


def clumsy(path: Path, change: Change) -> None:
    """Put changed entries into the file, each with the leaf that it had."""
    before = {row.entry.number: row.leaf for row in rows(path)}
    entries = change([row.entry for row in rows(path)])
    _write(path, [Row(entry, before.get(entry.number, bytes(32))) for entry in entries])


def thorough(path: Path, change: Change, *, heads: bool = False) -> None:
    """Make a log of changed entries in which every hash fits.

    Args:
        heads: whether the signed heads of the file go, too, where the log is another one.
    """
    made, tree = [], Frontier()
    nodes: list[tuple[int, int, bytes]] = []
    for number, entry in enumerate(change([row.entry for row in rows(path)]), 1):
        anew = entry._replace(number=number)
        if anew.detail is not None and anew.salt is not None:
            digest = detail_digest(bytes.fromhex(anew.salt), anew.detail).hex()
            anew = anew._replace(digest=digest)
        tree, done = tree.append(anew.leaf)
        nodes += [(level, number - 1 >> level, node) for level, node in enumerate(done) if level]
        made.append(Row(anew, anew.leaf))
    _write(path, made, tree, nodes, heads=heads)


def _write(
    path: Path,
    made: list[Row],
    tree: Frontier | None = None,
    nodes: list[tuple[int, int, bytes]] | None = None,
    *,
    heads: bool = False,
) -> None:
    db = sqlite3.connect(path)
    triggers = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    for name in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DELETE FROM events")
    # Clumsy hands leave rows that bear one number twice or none: as they lie, one after another.
    for place, row in enumerate(made, 1):
        entry = row.entry
        number = entry.number if tree is None else place
        db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number, entry.at, entry.event, entry.job_id, entry.digest, entry.detail,
                bytes.fromhex(entry.salt) if entry.salt else None, row.leaf,
            ),
        )  # fmt: skip
    if tree is not None:
        db.execute("UPDATE audit_head SET size = ?, peaks = ?", (tree.size, tree.to_bytes()))
        db.execute("DELETE FROM audit_nodes")
        db.executemany("INSERT INTO audit_nodes VALUES (?, ?, ?)", nodes or [])
    if heads:
        db.execute("DELETE FROM audit_heads")
    for sql in triggers.values():
        db.execute(sql)
    db.commit()
    db.close()
