"""Everything a domain node remembers, in one SQLite file. The `NodeStore` of `node.store`."""

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from darkroom.adapters.sqlite import former_pins
from darkroom.adapters.sqlite.audit_log import SqliteAuditLog
from darkroom.adapters.sqlite.forgets import SqliteForgets
from darkroom.adapters.sqlite.ledger import SqliteLedger
from darkroom.adapters.sqlite.node_figures import NodeFigures
from darkroom.adapters.sqlite.node_file import foreign
from darkroom.adapters.sqlite.receipts import SqliteReceipts
from darkroom.adapters.sqlite.reviews import SqliteReviews
from darkroom.errors import StateError, TrustError
from darkroom.model.dataset import DatasetCard
from darkroom.model.handover import Former, Handover
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.outgoing import Outgoing
from darkroom.model.statement import Statement


MAX_QUARANTINED = 1000
_LETTER = ("id", "kind", "sender", "recipient", "sent_at", "body")


class SqliteNodeStore(
    SqliteLedger, SqliteAuditLog, SqliteReceipts, SqliteReviews, SqliteForgets, NodeFigures
):
    """Safe from several threads. A `transaction` inside another one joins it."""

    # -------------------------------------------------------------------------- letters in

    def first_time(self, sender: str, letter_id: str, at: float) -> bool:
        """Remember a letter; False when it was there before."""
        return (
            self._write("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", sender, letter_id, at) == 1
        )

    def forget_seen(self, before: float) -> None:
        """Drop ids that no letter can come with any more."""
        self._write("DELETE FROM seen WHERE at < ?", before)

    def quarantine(self, at: float, sender: str, reason: str) -> None:
        """Note a delivery that was put aside; the newest thousand are kept."""
        with self.transaction():
            self._write(
                "INSERT INTO quarantine (at, sender, reason) VALUES (?, ?, ?)",
                at, sender[:64], reason[:500],
            )  # fmt: skip
            self._write(
                "DELETE FROM quarantine WHERE number <= (SELECT MAX(number) FROM quarantine) - ?",
                MAX_QUARANTINED,
            )

    def quarantined(self) -> list[tuple[float, str, str]]:
        """Time, sender and reason of each, oldest first."""
        return self._rows("SELECT at, sender, reason FROM quarantine ORDER BY number")

    # -------------------------------------------------------------------------------- jobs

    def add_job(self, record: JobRecord) -> None:
        """Keep a new job. It must not be there yet."""
        self._write(
            "INSERT INTO jobs (job_id, submitter, state, code_digest, record) "
            "VALUES (?, ?, ?, ?, ?)",
            record.job_id, record.submitter, record.state, record.code_digest,
            _record_text(record),
        )  # fmt: skip

    def replace_job(self, record: JobRecord, was: str) -> None:
        """Put the next value of a job in the place of the one in state `was`.

        Raises:
            StateError: the job is in another state by now, or may not go there.
        """
        changed = self._write(
            "UPDATE jobs SET state = ?, record = ? WHERE job_id = ? AND state = ?",
            record.state, _record_text(record), record.job_id, was,
        )  # fmt: skip
        if changed != 1:
            raise StateError(
                f"job {record.job_id} is not {was} any more", next_step="look at it again"
            )

    def job(self, job_id: str) -> JobRecord | None:
        """The job of that id."""
        rows = self._rows("SELECT record FROM jobs WHERE job_id = ?", job_id)
        return _record(rows[0][0]) if rows else None

    def jobs(self, *states: str) -> list[JobRecord]:
        """Jobs in any of these states (all when none is named), in order of arrival."""
        where = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        rows = self._rows(f"SELECT record FROM jobs {where} ORDER BY number", *states)  # noqa: S608 - only question marks
        return [_record(text) for (text,) in rows]

    def count_jobs(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return dict(self._rows("SELECT state, COUNT(*) FROM jobs GROUP BY state"))

    def count_jobs_of(self, submitter: str, *states: str) -> int:
        """How many jobs of one submitter are in these states."""
        marks = ", ".join("?" * len(states))
        rows = self._rows(
            f"SELECT COUNT(*) FROM jobs WHERE submitter = ? AND state IN ({marks})",  # noqa: S608 - only question marks
            submitter, *states,
        )  # fmt: skip
        return int(rows[0][0])

    # ------------------------------------------------------------------------- letters out

    def queue(self, outgoing: Outgoing) -> None:
        """Have a letter delivered once this transaction is committed."""
        letter = outgoing.letter
        content = {name: getattr(letter, name) for name in _LETTER}
        self._write(
            "INSERT INTO outbox (letter_id, recipient, kind, letter, files) "
            "VALUES (?, ?, ?, ?, ?)",
            letter.id, letter.recipient, letter.kind, json.dumps(content),
            json.dumps(outgoing.files),
        )  # fmt: skip

    def outgoing(self) -> list[Outgoing]:
        """What is not delivered and not given up, oldest first."""
        return self._outgoing("problem = ''")

    def next_outgoing(self, without: Collection[str]) -> list[Outgoing]:
        """The oldest of `outgoing` to each recipient; not to those in `without`."""
        marks = ", ".join("?" * len(without))
        return self._outgoing(
            "number IN (SELECT MIN(number) FROM outbox "  # noqa: S608 - only question marks
            f"WHERE problem = '' AND recipient NOT IN ({marks}) GROUP BY recipient)",
            *without,
        )

    def drop_outgoing(self, recipient: str, kind: str, keep: int) -> None:
        """Forget what of `outgoing` is of one kind to one recipient, but the newest `keep`."""
        self._write(
            "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox "
            "WHERE problem = '' AND recipient = ? AND kind = ? "
            "ORDER BY number DESC LIMIT -1 OFFSET ?)",
            recipient, kind, keep,
        )  # fmt: skip

    def given_up(self) -> list[Outgoing]:
        """What cannot be delivered."""
        return self._outgoing("problem <> ''")

    def _outgoing(self, where: str, *values: object) -> list[Outgoing]:
        rows = self._rows(
            "SELECT letter, files, tries, not_before, problem FROM outbox "  # noqa: S608 - fixed conditions
            f"WHERE {where} ORDER BY number",
            *values,
        )
        return [
            Outgoing(
                letter=Letter(**json.loads(letter)),
                files=json.loads(files),
                tries=tries,
                not_before=not_before,
                problem=problem,
            )
            for letter, files, tries, not_before, problem in rows
        ]

    def delivered(self, letter_id: str) -> None:
        """The relay has it."""
        self._write("DELETE FROM outbox WHERE letter_id = ?", letter_id)

    def postpone(self, letter_id: str, not_before: float, problem: str = "") -> None:
        """Try again later; never, when a problem is named."""
        self._write(
            "UPDATE outbox SET tries = tries + 1, not_before = ?, problem = ? "
            "WHERE letter_id = ?",
            not_before, problem[:500], letter_id,
        )  # fmt: skip

    # ------------------------------------------------------------------ policy, invitations

    def policy(self) -> Statement | None:
        """The signed policy in force."""
        rows = self._rows("SELECT statement FROM policies ORDER BY version DESC LIMIT 1")
        return Statement.from_mapping(json.loads(rows[0][0])) if rows else None

    def policy_of(self, version: int) -> Statement | None:
        """The signed policy of that version, in force now or before."""
        rows = self._rows("SELECT statement FROM policies WHERE version = ?", version)
        return Statement.from_mapping(json.loads(rows[0][0])) if rows else None

    def all_policies(self) -> list[tuple[int, float, dict[str, Any]]]:
        """Version, since when, and the signed statement of each, oldest first."""
        rows = self._rows("SELECT version, at, statement FROM policies ORDER BY version")
        return [(version, at, json.loads(text)) for version, at, text in rows]

    def put_policy(self, statement: Statement, version: int, at: float) -> None:
        """Put a policy in force; the earlier ones are kept."""
        self._write(
            "INSERT INTO policies VALUES (?, ?, ?)",
            version, json.dumps(statement.to_mapping()), at,
        )  # fmt: skip

    def put_invitation(self, statement: Statement) -> None:
        """Keep an invitation; the same id again changes nothing."""
        self._write(
            "INSERT OR IGNORE INTO invitations (id, statement, expires_at) "
            "VALUES (?, ?, ?)",
            statement.body["id"], json.dumps(statement.to_mapping()),
            statement.body["expires_at"],
        )  # fmt: skip

    def invitation(self, invitation_id: str) -> tuple[Statement, str] | None:
        """The invitation and who used it ("" for nobody)."""
        rows = self._rows("SELECT statement, used_by FROM invitations WHERE id = ?", invitation_id)
        if not rows:
            return None
        return Statement.from_mapping(json.loads(rows[0][0])), rows[0][1]

    def use_invitation(self, invitation_id: str, fingerprint: str) -> None:
        """It is used up, by the identity of that fingerprint."""
        self._write(
            "UPDATE invitations SET used_by = ? WHERE id = ? AND used_by = ''",
            fingerprint, invitation_id,
        )  # fmt: skip

    def unopened_tickets(self) -> list[Statement]:
        """Invitations whose ticket the gateway does not know yet."""
        rows = self._rows("SELECT statement FROM invitations WHERE ticket_open = 0")
        return [Statement.from_mapping(json.loads(text)) for (text,) in rows]

    def ticket_opened(self, invitation_id: str) -> None:
        """The gateway knows it now."""
        self._write("UPDATE invitations SET ticket_open = 1 WHERE id = ?", invitation_id)

    # -------------------------------------------------------------------- pins, as the post asks

    def get(self, name: str) -> PublicIdentity | None:
        """The pinned identity of that name, or None."""
        rows = self._rows("SELECT identity FROM pins WHERE name = ?", name)
        return PublicIdentity.from_mapping(json.loads(rows[0][0])) if rows else None

    def pin(self, identity: PublicIdentity) -> None:
        """Remember an identity. The same identity again: nothing happens.

        Raises:
            TrustError: another key is pinned under that name; a person decides.
        """
        with self.transaction():
            known = self.get(identity.name)
            former_pins.refuse(self._db, identity)
            if known is None:
                self._write(
                    "INSERT INTO pins VALUES (?, ?)",
                    identity.name, json.dumps(identity.to_mapping()),
                )  # fmt: skip
            elif known.fingerprint != identity.fingerprint:
                raise TrustError(
                    f"another key is pinned for {identity.name}",
                    next_step="compare fingerprints with them by phone; the owner decides",
                )

    def succeed(self, links: Sequence[Handover], at: float) -> None:
        """Go along checked hand-overs; what was pinned becomes history.

        Raises:
            TrustError: the first one does not begin at the pin any more.
        """
        with self.transaction():
            new = former_pins.move_on(self._db, self.get(links[-1].new.name), links, at)
            self._write(
                "UPDATE pins SET identity = ? WHERE name = ?",
                json.dumps(new.to_mapping()), new.name,
            )  # fmt: skip

    def former(self, name: str) -> tuple[Former, ...]:
        """What was pinned under that name before, oldest first."""
        with self._lock, foreign(self._path):
            return former_pins.read(self._db, name)

    def identity_of(self, name: str, fingerprint: str) -> PublicIdentity | None:
        """The pinned identity of that name; the former one that a fingerprint names."""
        pinned = self.get(name)
        if pinned is None or pinned.fingerprint == fingerprint:
            return pinned
        with self._lock, foreign(self._path):
            return former_pins.known(self._db, name, fingerprint) or pinned

    def followed_since(self, name: str, at: float) -> int:
        """How many hand-overs of that name were followed after a point in time."""
        with self._lock, foreign(self._path):
            return former_pins.followed_since(self._db, name, at)

    def names(self) -> list[str]:
        """All pinned names, sorted."""
        return [name for (name,) in self._rows("SELECT name FROM pins ORDER BY name")]

    # ---------------------------------------------------------------------------- datasets

    def register_dataset(self, card: DatasetCard, version: str = "") -> None:
        """Offer a dataset version; the newest registered one is in force.

        The same version again: nothing happens.

        Raises:
            StateError: card and version do not fit.
        """
        if version and version != card.version:
            raise StateError(
                f"the card of {card.name} is for another version",
                next_step="make the card again from the manifest",
            )
        self._write(
            "INSERT OR IGNORE INTO datasets (name, version, card) VALUES (?, ?, ?)",
            card.name, card.version, json.dumps(card.to_mapping()),
        )  # fmt: skip

    def datasets(self) -> dict[str, DatasetCard]:
        """Dataset name -> card of the version in force."""
        rows = self._rows(
            "SELECT card FROM datasets WHERE number IN "
            "(SELECT MAX(number) FROM datasets GROUP BY name) ORDER BY number"
        )
        cards = (DatasetCard.from_mapping(json.loads(text)) for (text,) in rows)
        return {card.name: card for card in cards}

    def card(self, name: str, version: str) -> DatasetCard | None:
        """The card of a version that was ever registered here."""
        rows = self._rows("SELECT card FROM datasets WHERE name = ? AND version = ?", name, version)
        return DatasetCard.from_mapping(json.loads(rows[0][0])) if rows else None

    def has_version(self, name: str, version: str) -> bool:
        """Whether that version of a dataset was ever registered here."""
        return bool(
            self._rows("SELECT 1 FROM datasets WHERE name = ? AND version = ?", name, version)
        )

    # ------------------------------------------------------------------------------- facts

    def fact(self, name: str) -> Any:
        """A JSON value kept under a name, or None."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def set_fact(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self._write(
            "INSERT INTO facts VALUES (?1, ?2) "
            "ON CONFLICT (name) DO UPDATE SET value = ?2",
            name, json.dumps(value),
        )  # fmt: skip


def _record_text(record: JobRecord) -> str:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return json.dumps({**values, "request": record.request.to_mapping()})


def _record(text: str) -> JobRecord:
    values = json.loads(text)
    values["request"] = JobRequest.from_mapping(values["request"])
    values["shards"] = tuple(values["shards"])
    values["reasons"] = tuple(values["reasons"])
    values["votes"] = tuple(values.get("votes", ()))
    values["decisions"] = tuple(values.get("decisions", ()))
    values["asked"] = tuple(values.get("asked", ()))
    return JobRecord(**values)
