"""Heads of audit logs that domains showed, and those that contradict what was shown."""

import json
from collections.abc import Callable
from typing import Any

from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.policy.witness import Ruling


DAY = 86_400
KEPT_ALL = 1024  # the newest of a domain; of older ones the last of each day
MAX_FORKS = 32  # of a domain: the first ones tell all


class SqliteHeads:
    """Heads only come; they go day by day, and with the name that showed them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def judge(
        self,
        domain: str,
        statement: dict[str, Any],
        rule: Callable[[dict[str, Any] | None], Ruling],
        *,
        now: float,
    ) -> Ruling:
        """Rule on a head against the body of the last one, and keep what follows from it."""
        text = json.dumps(statement, separators=(",", ":"))
        with self._database.transaction() as run:
            row = run.execute(
                "SELECT number, statement FROM heads WHERE domain = ? ORDER BY number DESC LIMIT 1",
                (domain,),
            ).fetchone()
            ruling = rule(json.loads(row[1])["body"] if row else None)
            if ruling.fork:
                (count,) = run.execute(
                    "SELECT count(*) FROM head_forks WHERE domain = ?", (domain,)
                ).fetchone()
                if count < MAX_FORKS:
                    run.execute(
                        "INSERT OR IGNORE INTO head_forks VALUES (?, ?, ?, ?)",
                        (domain, now, row[1], text),
                    )
            elif ruling.new:
                number = row[0] + 1 if row else 1
                run.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", (domain, number, now, text))
                self._thin_out(run.execute, domain, number)
        return ruling

    def _thin_out(self, run: Callable[..., Any], domain: str, newest: int) -> None:
        """Drop the head that just became old, unless it was the last of its day."""
        run(
            "DELETE FROM heads WHERE domain = ?1 AND number = ?2 AND EXISTS ("
            "SELECT 1 FROM heads AS next WHERE next.domain = ?1 AND next.number = ?2 + 1 "
            "AND CAST(next.at / ?3 AS INTEGER) = CAST(heads.at / ?3 AS INTEGER))",
            (domain, newest - KEPT_ALL, DAY),
        )

    def last(self, domain: str) -> dict[str, Any] | None:
        """The last head of a domain."""
        with self._database.reading() as run:
            row = run.execute(
                "SELECT statement FROM heads WHERE domain = ? ORDER BY number DESC LIMIT 1",
                (domain,),
            ).fetchone()
        return dict(json.loads(row[0])) if row else None

    def heads(self, domain: str, *, after: int, limit: int) -> list[tuple[int, dict[str, Any]]]:
        """Up to `limit` heads with numbers above `after`, oldest first."""
        with self._database.reading() as run:
            rows = run.execute(
                "SELECT number, statement FROM heads WHERE domain = ? AND number > ? "
                "ORDER BY number LIMIT ?",
                (domain, after, limit),
            ).fetchall()
        return [(number, json.loads(text)) for number, text in rows]

    def forks(self, domain: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Each head that was refused, after the one that was held against it."""
        with self._database.reading() as run:
            rows = run.execute(
                "SELECT held, refused FROM head_forks WHERE domain = ? ORDER BY at, refused",
                (domain,),
            ).fetchall()
        return [(json.loads(held), json.loads(refused)) for held, refused in rows]
