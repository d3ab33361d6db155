"""The receipts that a node signed, for its own auditors: one for each release."""

import json
from collections.abc import Iterator

from darkroom.adapters.sqlite.node_file import NodeFile
from darkroom.model.dsse import from_envelope, to_envelope
from darkroom.model.statement import Statement


PAGE = 100


class SqliteReceipts(NodeFile):
    """The part of the node's file with its receipts."""

    def add_receipt(self, job_id: str, receipt: Statement) -> None:
        """Keep the receipt of a job; it has one."""
        self._write(
            "INSERT INTO receipts (job_id, envelope) VALUES (?, ?)",
            job_id, json.dumps(to_envelope(receipt)),
        )  # fmt: skip

    def receipt(self, job_id: str) -> Statement | None:
        """The receipt of a job."""
        rows = self._rows("SELECT envelope FROM receipts WHERE job_id = ?", job_id)
        return from_envelope(json.loads(rows[0][0])) if rows else None

    def receipts(self) -> Iterator[Statement]:
        """All receipts, oldest first, a page at a time."""
        after = 0
        while rows := self._rows(
            "SELECT number, envelope FROM receipts WHERE number > ? ORDER BY number LIMIT ?",
            after, PAGE,
        ):  # fmt: skip
            for _, envelope in rows:
                yield from_envelope(json.loads(envelope))
            after = rows[-1][0]
