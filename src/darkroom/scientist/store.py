"""What the scientist's machine remembers: submissions, letters, results. A contract.

Results survive a restart of the kernel, and two notebooks may share one home: every change
is one transaction, and doing it twice changes nothing.
"""

from typing import Any, Protocol

from darkroom.model.letter import Letter
from darkroom.model.message import Message
from darkroom.model.statement import Statement
from darkroom.model.submitted import JobRow, ResultRow, Spooled, StaleRow, SubmissionRow


class Store(Protocol):
    """Durable. Safe from several processes."""

    def add_submission(self, row: SubmissionRow, letters: list[Letter]) -> None:
        """Keep a submission with its jobs and the letters that ask for them, at once."""
        ...

    def submissions(self) -> list[SubmissionRow]:
        """All submissions, newest first."""
        ...

    def submission(self, submission_id: str) -> SubmissionRow:
        """One submission.

        Raises:
            UnknownNameError: no such submission.
        """
        ...

    def job(self, job_id: str) -> JobRow | None:
        """One job, or None."""
        ...

    def add_message(self, message: Message) -> bool:
        """Keep a message about a job; False when one of its number is there."""
        ...

    def messages(self, job_id: str) -> list[Message]:
        """What reviewers and we wrote about a job, in order."""
        ...

    def add_letter(self, letter: Letter) -> None:
        """Keep a letter to be sent (a cancellation)."""
        ...

    def keep_head(self, head: Statement) -> None:
        """Keep a domain's signed head of its log, if none that is higher is here."""
        ...

    def seen_head(self, domain: str) -> dict[str, Any] | None:
        """The highest head of a domain's log that is here."""
        ...

    def domain_restored(self, domain: str, *, before: float, why: str, at: float) -> int:
        """Jobs that a domain had before it was restored have ended; how many."""
        ...

    def unsent(self) -> list[Letter]:
        """Letters that the gateway does not have yet, oldest first."""
        ...

    def mark_sent(self, letter_id: str, at: float) -> None:
        """The gateway has it; a job in state `queued` becomes `sent`."""
        ...

    def mark_undeliverable(self, letter_id: str, reason: str, at: float) -> None:
        """It can never be sent, or came back; the job fails with that reason."""
        ...

    def set_state(
        self,
        job_id: str,
        *,
        state: str,
        reasons: tuple[str, ...],
        seq: int,
        shards: tuple[int, int],
        at: float,
    ) -> bool:
        """Take a state in unless a newer one is here; whether anything changed."""
        ...

    def put_result(self, job_id: str, result: ResultRow) -> bool:
        """Keep a verified result once; False when one is here already (it stays)."""
        ...

    def result(self, job_id: str) -> ResultRow | None:
        """The verified result of a job, or None."""
        ...

    def asked(self, job_id: str) -> Letter | None:
        """The letter that asked for a job, with everything that it carried."""
        ...

    def put_stale(self, row: StaleRow) -> bool:
        """A result is stale; False when that is known already."""
        ...

    def stale(self, job_id: str) -> StaleRow | None:
        """Why a result is stale; None: it is not."""
        ...

    def all_stale(self, *, unlogged: bool = False) -> list[StaleRow]:
        """Everything that is stale, oldest first; or what the run log does not know yet."""
        ...

    def mark_stale_logged(self, job_id: str) -> None:
        """The run log knows that it is stale."""
        ...

    def receipts(self) -> list[tuple[bytes, float]]:
        """Every receipt that is kept here, oldest first, with the time it came."""
        ...

    def ask_quote(self, job_id: str, domain: str, at: float) -> None:
        """Remember for an hour that a domain was asked for a quote under that id."""
        ...

    def put_quote(self, job_id: str, domain: str, quote: dict[str, Any], at: float) -> bool:
        """Keep an answer; False unless that domain was asked and this is the first one."""
        ...

    def quote(self, job_id: str) -> dict[str, Any] | None:
        """The answer to a question, or None."""
        ...

    def quarantine(self, *, sender: str, job_id: str, problem: str, at: float) -> None:
        """Write down that something was put aside; with a job id, on the job as well."""
        ...

    def quarantined(self) -> list[tuple[float, str, str]]:
        """(when, sender, problem), newest first."""
        ...

    def spool(self, key: str, record: bytes, at: float) -> None:
        """Keep a run record until the run log has it; the same key replaces."""
        ...

    def spooled(self) -> list[Spooled]:
        """Run records that the run log does not have yet, oldest first."""
        ...

    def mark_logged(self, key: str, address: str, at: float) -> None:
        """The run log has it; the record is dropped, the address kept."""
        ...

    def put_registered(self, name: str, version: str, receipt: str) -> None:
        """The run log has a version of a registered model, of what a receipt is about."""
        ...

    def logged(self, key: str) -> str:
        """The address of a record in the run log, or ""."""
        ...
