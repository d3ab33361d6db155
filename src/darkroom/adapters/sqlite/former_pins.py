"""The table of what was pinned before: one row for each hand-over that was followed here."""

import json
import sqlite3
from collections.abc import Sequence

from darkroom.errors import DarkroomError, StateError, TrustError
from darkroom.model.handover import Former, Handover, how_to_go_on
from darkroom.model.identity import PublicIdentity


TABLE = """
CREATE TABLE IF NOT EXISTS former_pins (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL, fingerprint TEXT NOT NULL, identity TEXT NOT NULL,
    until REAL NOT NULL, handover TEXT NOT NULL, UNIQUE (name, fingerprint)
) STRICT;
"""


def read(db: sqlite3.Connection, name: str) -> tuple[Former, ...]:
    """What was pinned under that name, oldest first."""
    rows = db.execute(
        "SELECT identity, until, handover FROM former_pins WHERE name = ? ORDER BY number", (name,)
    ).fetchall()
    try:
        return tuple(
            Former(
                identity=PublicIdentity.from_mapping(json.loads(identity)),
                until=until,
                handover=Handover.from_mapping(json.loads(handover)),
            )
            for identity, until, handover in rows
        )
    except (ValueError, DarkroomError) as error:
        raise _damaged(name) from error


def known(db: sqlite3.Connection, name: str, fingerprint: str) -> PublicIdentity | None:
    """The one that a fingerprint names, of all that were pinned under that name."""
    row = db.execute(
        "SELECT identity FROM former_pins WHERE name = ? AND fingerprint = ?", (name, fingerprint)
    ).fetchone()
    try:
        return PublicIdentity.from_mapping(json.loads(row[0])) if row else None
    except (ValueError, DarkroomError) as error:
        raise _damaged(name) from error


def followed_since(db: sqlite3.Connection, name: str, at: float) -> int:
    """How many hand-overs of that name were followed after a point in time."""
    query = "SELECT count(*) FROM former_pins WHERE name = ? AND until > ?"
    return int(db.execute(query, (name, at)).fetchone()[0])


def pinned(db: sqlite3.Connection, name: str) -> PublicIdentity | None:
    """What is pinned under that name now."""
    row = db.execute("SELECT identity FROM pins WHERE name = ?", (name,)).fetchone()
    return PublicIdentity.from_mapping(json.loads(row[0])) if row else None


def refuse(db: sqlite3.Connection, identity: PublicIdentity) -> None:
    """Nothing leads back to keys that were handed over.

    Raises:
        TrustError: these were.
    """
    if db.execute(
        "SELECT 1 FROM former_pins WHERE name = ? AND fingerprint = ?",
        (identity.name, identity.fingerprint),
    ).fetchone():
        raise TrustError(
            f"these keys of {identity.name} were handed over to others: they count no more",
            next_step=how_to_go_on(identity.name),
        )


def move_on(
    db: sqlite3.Connection, held: PublicIdentity | None, links: Sequence[Handover], at: float
) -> PublicIdentity:
    """Write the history of some steps down; the identity that they lead to.

    Raises:
        TrustError: they do not begin at what is held.
    """
    for link in links:
        if held is None or held.fingerprint != link.old or held.name != link.new.name:
            raise TrustError(
                f"the pin of {link.new.name} has changed meanwhile",
                next_step="nothing was changed; it is looked at again",
            )
        db.execute(
            "INSERT INTO former_pins (name, fingerprint, identity, until, handover) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                held.name, held.fingerprint, json.dumps(held.to_mapping()), at,
                json.dumps(link.to_mapping()),
            ),
        )  # fmt: skip
        held = link.new
    return links[-1].new


def _damaged(name: str) -> StateError:
    return StateError(
        f"the former pins of {name} are damaged", next_step="restore the file from a copy"
    )
