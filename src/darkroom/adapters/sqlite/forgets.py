"""What was forgotten, in a node's file: the orders, the versions, and which releases are stale."""

import json

from darkroom.adapters.sqlite.node_file import NodeFile
from darkroom.model.dataset import DatasetCard
from darkroom.model.forget import Forget, Forgotten
from darkroom.model.statement import Statement


_FORGOTTEN = "dataset, version, forget, replaced_by, cut, erased"


class SqliteForgets(NodeFile):
    """The part of the node's file about what was forgotten, and which versions there were."""

    def add_forget(self, forget: Forget) -> None:
        """Keep an order; it stands from now on."""
        self._write(
            "INSERT INTO forgets (id, said) VALUES (?, ?)",
            forget.id, json.dumps(forget.to_mapping()),
        )  # fmt: skip

    def forgets(self) -> list[Forget]:
        """All orders, oldest first."""
        rows = self._rows("SELECT said FROM forgets ORDER BY number")
        return [Forget.from_mapping(json.loads(text)) for (text,) in rows]

    def add_forgotten(self, found: Forgotten) -> None:
        """A version has frames that are to go; again: it is to be erased once more."""
        self._write(
            "INSERT INTO forgotten (version, dataset, forget) VALUES (?, ?, ?) "
            "ON CONFLICT (version) DO UPDATE SET erased = 0",
            found.version, found.dataset, found.forget,
        )  # fmt: skip

    def mark_cut(self, version: str, replaced_by: str) -> None:
        """It is decided what takes the place of a version; "": nothing does."""
        self._write(
            "UPDATE forgotten SET cut = 1, replaced_by = ? WHERE version = ?", replaced_by, version
        )

    def mark_erased(self, version: str) -> None:
        """Nothing of a version is here any more."""
        self._write("UPDATE forgotten SET erased = 1 WHERE version = ?", version)

    def forgotten(self) -> dict[str, Forgotten]:
        """Version -> how far it is, of every version that had such frames."""
        rows = self._rows(f"SELECT {_FORGOTTEN} FROM forgotten")  # noqa: S608 - our own columns
        return {
            version: Forgotten(
                dataset=dataset, version=version, forget=forget, replaced_by=replaced_by,
                cut=bool(cut), erased=bool(erased),
            )
            for dataset, version, forget, replaced_by, cut, erased in rows
        }  # fmt: skip

    def is_forgotten(self, version: str) -> bool:
        """Whether a version had such frames; not, when it came back and was found clean."""
        return bool(
            self._rows(
                "SELECT 1 FROM forgotten WHERE version = ? AND replaced_by <> version", version
            )
        )

    # --------------------------------------------------------------------------- releases

    def add_stale(self, job_id: str, statement: Statement) -> None:
        """A release is stale, as this statement says; it stays so."""
        self._write("INSERT INTO stale VALUES (?, ?)", job_id, json.dumps(statement.to_mapping()))

    def stale(self, job_id: str) -> Statement | None:
        """What was signed about a release that is stale; None: it is not."""
        rows = self._rows("SELECT statement FROM stale WHERE job_id = ?", job_id)
        return Statement.from_mapping(json.loads(rows[0][0])) if rows else None

    # --------------------------------------------------------------------------- versions

    def registered(self) -> list[tuple[str, str]]:
        """Dataset and version of all that were ever registered, oldest first."""
        return [(n, v) for n, v in self._rows("SELECT name, version FROM datasets ORDER BY number")]

    def newest_number(self) -> int:
        """A number that grows with every version that is registered."""
        return int(self._rows("SELECT COALESCE(MAX(number), 0) FROM datasets")[0][0])

    def register_in_place(self, card: DatasetCard, of: str) -> None:
        """Register what is left of a version: in force only if that one was, or was not known.

        Again: nothing happens.
        """
        with self.transaction():
            versions = [version for name, version in self.registered() if name == card.name]
            added = self._write(
                "INSERT OR IGNORE INTO datasets (name, version, card) VALUES (?, ?, ?)",
                card.name, card.version, json.dumps(card.to_mapping()),
            )  # fmt: skip
            if added and of in versions[:-1]:
                self._write(
                    "UPDATE datasets SET number = (SELECT MAX(number) + 1 FROM datasets) "
                    "WHERE name = ? AND version = ?",
                    card.name, versions[-1],
                )  # fmt: skip
