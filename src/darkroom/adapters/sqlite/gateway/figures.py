"""What the gateway's file says in numbers, for its operator: how much, never whose."""

from dataclasses import dataclass

from darkroom.adapters.sqlite.gateway.database import SCHEMA_VERSION, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A look at one moment.

    Attributes:
        envelopes, envelope_bytes: that wait in all mailboxes together.
        waiting_since: Unix seconds of the oldest of them; 0.0 for none.
        blobs: state -> number and declared bytes.
        identities: role -> number.
    """

    envelopes: int
    envelope_bytes: int
    waiting_since: float
    blobs: dict[str, tuple[int, int]]
    identities: dict[str, int]


def figures(database: Database) -> Figures:
    """Count."""
    with database.reading() as run:
        count, size = run.execute("SELECT count(*), coalesce(sum(size), 0) FROM parcels").fetchone()
        # A mailbox is in order of arrival: the oldest of all is the first of one of them.
        oldest = run.execute(
            "SELECT min(p.sent_at) FROM (SELECT DISTINCT recipient FROM parcels) AS r JOIN parcels p"
            " ON p.recipient = r.recipient AND p.cursor ="
            " (SELECT min(cursor) FROM parcels WHERE recipient = r.recipient)"
        ).fetchone()[0]
        blobs = run.execute(
            "SELECT state, count(*), sum(size) FROM blobs GROUP BY state"
        ).fetchall()
        roles = run.execute("SELECT role, count(*) FROM identities GROUP BY role").fetchall()
    return Figures(
        envelopes=count,
        envelope_bytes=size,
        waiting_since=oldest or 0.0,
        blobs={state: (number, total) for state, number, total in blobs},
        identities=dict(roles),
    )


def prove_writable(database: Database) -> None:
    """Write what is there already: rights, room and damage show in no other way.

    Raises:
        StateError: it cannot be written.
    """
    with database.transaction() as run:
        run.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
