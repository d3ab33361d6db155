"""Proof that epochs and overrides are those that the audit log tells of. It only reads.

No signed head vouches for these two tables, and one row of them opens what a restore closed.
"""

import itertools
import json
import sqlite3
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from darkroom.adapters.sqlite.node_file import RESTORE
from darkroom.errors import DarkroomError, StateError
from darkroom.model.audit_entry import EPOCH_OPENED
from darkroom.model.merkle import Growing
from darkroom.model.override import EVENTS, KIND, Override
from darkroom.model.statement import Statement
from darkroom.model.tree_head import TreeHead


# What a node pinned is never deleted: each key that the owner ever had here is among these.
_OWNER_KEYS = """
SELECT json_extract(identity, '$.statement_key') FROM (
    SELECT name, identity FROM pins UNION ALL SELECT name, identity FROM former_pins)
WHERE json_extract(identity, '$.role') = 'owner' AND name = coalesce(
    (SELECT json_extract(value, '$') FROM facts WHERE name = 'owner'), name)
"""
Row = tuple[Any, ...]


def require_told(db: sqlite3.Connection, path: Path) -> None:
    """Compare them with a log that was proved before: row for row, none more and none less.

    Raises:
        StateError: with the epoch that does not fit.
    """
    opened = db.execute("SELECT number, opened_at FROM epochs ORDER BY number")
    for row, told in itertools.zip_longest(opened, _entries(db, EPOCH_OPENED)):
        if row is None or told is None or not _opened(row, told):
            raise _broken(path, f"epoch {_number(row and row[0], told)}")
    keys = {key for (key,) in db.execute(_OWNER_KEYS)}
    heads: list[TreeHead] = []
    said = db.execute("SELECT epoch, purpose, statement FROM overrides ORDER BY number")
    for row, told in itertools.zip_longest(said, _entries(db, *EVENTS.values())):
        head = _said(row, told, keys) if row and told else None
        if head is None:
            raise _broken(path, f"an override for epoch {_number(row and row[0], told)}")
        heads.append(head)
    _require_had(db, path, heads)


def _entries(db: sqlite3.Connection, *events: str) -> sqlite3.Cursor:
    """Event and detail (None: erased) of each such entry, oldest first."""
    marks = ", ".join("?" * len(events))
    query = f"SELECT event, detail FROM events WHERE event IN ({marks}) ORDER BY number"  # noqa: S608 - only question marks
    return db.execute(query, events)


def _opened(row: Row, told: Row) -> bool:
    detail = _mapping(told[1])
    return row == (detail.get("epoch"), detail.get("opened_at"))


def _said(row: Row, told: Row, keys: set[str]) -> TreeHead | None:
    """The head that the owner signed in a row which fits its entry; None: it does not."""
    epoch, purpose, text = row
    event, detail = told
    said, entry = _mapping(text), _mapping(detail)
    if event != EVENTS.get(purpose):
        return None
    # What the entry said may have been erased; the signature holds without it.
    if detail is not None and (entry.get("epoch"), entry.get("override")) != (epoch, said):
        return None
    try:
        statement = Statement.from_mapping(said)
        override = Override.from_body(statement.body)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(statement.key))
        key.verify(bytes.fromhex(statement.signature), statement.signed_bytes())
    except (DarkroomError, InvalidSignature, ValueError, TypeError, RecursionError):
        return None
    signed = statement.kind == KIND and statement.key in keys
    return (
        override.head if signed and (override.epoch, override.purpose) == (epoch, purpose) else None
    )


def _require_had(db: sqlite3.Connection, path: Path, heads: list[TreeHead]) -> None:
    """The owner's words were about this very log: not about another domain, or another restore."""
    tree = Growing()
    roots = {0: tree.root.hex()}
    leaves = db.execute(
        "SELECT leaf FROM events WHERE number <= ? ORDER BY number",
        (max((head.size for head in heads), default=0),),
    )
    sizes = {head.size for head in heads}
    for (leaf,) in leaves:
        tree.push(leaf)
        if tree.size in sizes:
            roots[tree.size] = tree.root.hex()
    for head in heads:
        if roots.get(head.size) != head.root:
            raise _broken(path, f"an override that was signed in epoch {head.epoch}")


def _mapping(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(number: int | None, told: Row | None) -> object:
    return number or _mapping(told[1] if told else None).get("epoch", "?")


def _broken(path: Path, what: str) -> StateError:
    return StateError(f"{path}: {what} is not what the audit log tells of", next_step=RESTORE)
