"""What review looks up in a node's file: whose keys are whose, and what was written."""

import json

from darkroom.adapters.sqlite import messages
from darkroom.adapters.sqlite.node_file import NodeFile, foreign
from darkroom.errors import StateError
from darkroom.model.message import Message
from darkroom.model.statement import Statement


class SqliteReviews(NodeFile):
    """The part of the node's file that review reads and writes."""

    def keys_of(self, name: str) -> frozenset[str]:
        """Every statement key that was ever pinned under that name."""
        rows = self._rows("SELECT key FROM statement_keys WHERE name = ?", name)
        return frozenset(key for (key,) in rows)

    def add_message(self, message: Message) -> None:
        """Keep a message under its number.

        Raises:
            StateError: there is one of that number about that job.
        """
        with self.transaction():
            if not messages.add(self._db, message):
                raise StateError(
                    f"job {message.job_id} has a message {message.number} already",
                    next_step="look at it again",
                )

    def messages(self, job_id: str) -> list[Message]:
        """Everything that was written about a job, in order."""
        with self._lock, foreign(self._path):
            return messages.read(self._db, job_id)

    def policies(self) -> dict[int, tuple[Statement, float]]:
        """Version -> every policy that was put in force, and since when."""
        rows = self._rows("SELECT version, statement, at FROM policies ORDER BY version")
        return {v: (Statement.from_mapping(json.loads(text)), at) for v, text, at in rows}

    def times_of(self, *events: str) -> dict[str, dict[str, float]]:
        """Job id -> event -> when it came about the first time, of these events."""
        marks = ", ".join("?" * len(events))
        rows = self._rows(
            f"SELECT job_id, event, MIN(at) FROM events WHERE event IN ({marks}) "  # noqa: S608 - only question marks
            "GROUP BY job_id, event",
            *events,
        )
        found: dict[str, dict[str, float]] = {}
        for job_id, event, at in rows:
            found.setdefault(job_id, {})[event] = at
        return found

    def count_messages_of(self, name: str, since: float) -> int:
        """How many messages somebody wrote after a point in time."""
        rows = self._rows("SELECT COUNT(*) FROM messages WHERE by_name = ? AND at > ?", name, since)
        return int(rows[0][0])
