"""Epochs on disk: which one this state is in, and what the owner signed about it."""

import json

from darkroom.adapters.sqlite.node_file import NodeFile
from darkroom.model.epoch import FIRST, Epoch
from darkroom.model.override import NOTHING_RAN
from darkroom.model.statement import Statement


class SqliteEpochs(NodeFile):
    """The part of the node's file that knows of restores."""

    def epoch(self) -> int:
        """1, and one more after each restore from a backup."""
        return self.opened_epoch().number

    def opened_epoch(self) -> Epoch:
        """The epoch that this state is in."""
        return (FIRST, *self.restores())[-1]

    def restores(self) -> tuple[Epoch, ...]:
        """Every epoch that a restore opened in the history of this state, in order."""
        rows = self._rows(
            "SELECT number, opened_at, EXISTS (SELECT 1 FROM overrides "
            "WHERE epoch = epochs.number AND purpose = ?) FROM epochs ORDER BY number",
            NOTHING_RAN,
        )
        return tuple(
            Epoch(number=number, opened_at=opened_at, believed=bool(believed))
            for number, opened_at, believed in rows
        )

    def open_epoch(self, number: int, at: float) -> None:
        """Begin another epoch.

        Raises:
            StateError: its number or its time is not above those before it.
        """
        self._write("INSERT INTO epochs VALUES (?, ?)", number, float(at))

    def add_override(self, statement: Statement, epoch: int, purpose: str, at: float) -> bool:
        """Keep the owner's word about one epoch; False when it was known."""
        text = json.dumps(statement.to_mapping(), sort_keys=True)
        return bool(
            self._write(
                "INSERT OR IGNORE INTO overrides (epoch, purpose, at, statement) VALUES (?, ?, ?, ?)",
                epoch, purpose, float(at), text,
            )
        )  # fmt: skip

    def forget_outgoing_but(self, kind: str) -> None:
        """Drop every letter that waits or was given up, but those of one kind that wait."""
        self._write("DELETE FROM outbox WHERE kind <> ? OR problem <> ''", kind)

    def void_invitations(self) -> int:
        """Drop invitations that nobody used; how many."""
        return self._write("DELETE FROM invitations WHERE used_by = ''")
