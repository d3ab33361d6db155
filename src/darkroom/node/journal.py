"""How a job moves: its row, its event and the letters that say so, together.

Every method belongs inside a transaction of the store.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from darkroom.model.identity import NAME
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.outgoing import Outgoing
from darkroom.node.refusals import Refusals
from darkroom.node.store import NodeStore
from darkroom.policy.transitions import FINAL, State, event_of
from darkroom.ports import Clock


MAX_REASONS = 20
MAX_REASON = 300
STOPPED = ("failed", "cancelled", "rejected")  # ends after which no outputs come


class Journal:
    """Writes what happened, in the name of one domain.

    Attributes:
        owner: name of the data owner.
    """

    def __init__(
        self,
        *,
        store: NodeStore,
        clock: Clock,
        domain: str,
        owner: str,
        close: Callable[[JobRecord], None],
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        """Put together.

        Args:
            store: where it is written.
            clock: time.
            domain: in whose name.
            owner: the data owner.
            close: settles or gives back what a job reserved; called as it ends, however.
            ring: wakes who waits for work. Called inside the transaction: whoever looks at
                the store then waits for its end.
        """
        self._store = store
        self._clock = clock
        self._domain = domain
        self._close = close
        self._ring = ring
        self._refusals = Refusals(store, clock)
        self.owner = owner

    def open(self, record: JobRecord) -> JobRecord:
        """A job arrived."""
        self._store.add_job(record)
        self.note(
            "job-received",
            record.job_id,
            submitter=record.submitter,
            code_digest=record.code_digest,
            job_digest=record.job_digest,
        )
        return record

    def move(
        self,
        record: JobRecord,
        target: State,
        *reasons: str,
        announce: bool = True,
        detail: dict[str, Any] | None = None,
        **changes: Any,
    ) -> JobRecord:
        """Take a job along one transition of the table and tell its submitter.

        Args:
            record: as it is stored now.
            target: where it goes.
            reasons: words for the submitter.
            announce: False when another move follows in the same transaction.
            detail: what the log says of it; the reasons and attempts by default.
            changes: further fields of the record.
        """
        event = event_of(record.state, target)  # type: ignore[arg-type]  # the store only holds states
        words = tuple(reason[:MAX_REASON] for reason in reasons[:MAX_REASONS])
        after = replace(record, state=target, reasons=words, **changes)
        if announce:
            after = self._announced(after)
        self._store.replace_job(after, was=record.state)
        said = {"reasons": list(words), "attempts": after.attempts} if detail is None else detail
        self.note(event, record.job_id, **said)
        if target in FINAL:
            self._close(after)
        if target in STOPPED and record.state != "screened":
            self._tell_approvers(after)
        return after

    def _tell_approvers(self, record: JobRecord) -> None:
        """Whoever approved a job waits for its outputs; there will be none."""
        why = record.reasons[0] if record.reasons else ""
        for person in record.approved_by.split(", "):
            if NAME.fullmatch(person):  # a rule is nobody's name
                self.tell_owner(
                    "info",
                    f"job {record.job_id}: {record.state}{': ' if why else ''}{why}",
                    to=person,
                    about={"ended": {"job": record.job_id, "state": record.state, "why": why}},
                )

    def progress(self, record: JobRecord, *reasons: str, **changes: Any) -> JobRecord:
        """Say how a job fares that stays in its state."""
        words = tuple(reason[:MAX_REASON] for reason in reasons[:MAX_REASONS])
        after = self._announced(replace(record, reasons=words, **changes))
        self._store.replace_job(after, was=record.state)
        return after

    def _announced(self, record: JobRecord) -> JobRecord:
        record = replace(record, seq=record.seq + 1)
        self.tell(
            "job.state",
            record.submitter,
            {
                "job_id": record.job_id,
                "state": record.state,
                "reasons": list(record.reasons),
                "seq": record.seq,
                "shards": list(record.shards),
            },
        )
        return record

    def tell(
        self,
        kind: str,
        recipient: str,
        body: dict[str, Any],
        files: dict[str, str] | None = None,
    ) -> None:
        """Queue a letter; its id is fixed from now on."""
        letter = Letter(
            id=secrets.token_hex(16),
            kind=kind,
            sender=self._domain,
            recipient=recipient,
            sent_at=self._clock.now(),
            body=body,
        )
        self._store.queue(Outgoing(letter=letter, files=files or {}))
        self._ring()

    def ask(
        self,
        record: JobRecord,
        kind: str,
        people: Iterable[str],
        body: dict[str, Any],
        files: dict[str, str],
    ) -> JobRecord:
        """Ask for a decision whoever was not asked yet."""
        new = tuple(person for person in people if person not in record.asked)
        for person in new:
            self.tell(kind, person, body, files)
        after = replace(record, asked=(*record.asked, *new))
        if new:
            self._store.replace_job(after, was=record.state)
        return after

    def tell_owner(
        self, level: str, text: str, *, to: str = "", about: dict[str, Any] | None = None
    ) -> None:
        """A notice to the data owner, or to a reviewer.

        Args:
            level: `info` or `warning`.
            text: for a person.
            to: a reviewer; the data owner by default.
            about: the same for a program: `enrolled` or `ended`.
        """
        body = {"level": level, "text": text[:1000], **(about or {})}
        self.tell("owner.notice", to or self.owner, body)

    def note(self, event: str, job_id: str = "", **detail: Any) -> None:
        """Append to the event log."""
        self._store.add_event(self._clock.now(), event, job_id, detail)
        self._ring()

    def refuse(self, event: str, sender: str, job_id: str = "", /, **detail: Any) -> bool:
        """Note that something was refused.

        Returns:
            False when so much of that sender was refused today that it is only counted.
        """
        if not self._refusals.tells(sender):
            return False
        self.note(event, job_id, **detail)
        return True

    def change(self, event: str, what: str, /, **detail: Any) -> bool:
        """Note that something changed which others can make change.

        Returns:
            False when it changed so often today that it is only counted.
        """
        if not self._refusals.tells_change(what):
            return False
        self.note(event, **detail)
        return True

    def keeps_denied(self, submitter: str) -> bool:
        """Count a job that was denied; False when so many of theirs were that it is not kept."""
        return self._refusals.tells_denied(submitter)

    def close_day(self) -> None:
        """Note how many refusals and changes of a day that is over were only counted."""
        with self._store.transaction():
            self._refusals.close_day()
