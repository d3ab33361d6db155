"""What the owner's process remembers: the contract. `adapters.sqlite.owner_store` keeps it."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from darkroom.model.letter import Letter
from darkroom.model.message import Message
from darkroom.model.owner_case import Case, Notice, Subject


class OwnerStore(Protocol):
    """Durable, safe from several threads and processes. Every method raises `StateError`
    when the disk is full or the file broken; then nothing of its transaction happened.

    Alone, each method is its own transaction.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, on disk when it ends; inside another one it joins that one."""
        ...

    def first_time(self, sender: str, letter_id: str, at: float) -> bool:
        """Remember a letter; False when it was there before."""
        ...

    def forget(self, *, seen_before: float, files_before: float, approved_before: float) -> None:
        """Drop old letter ids, and the files of requests decided before a time.

        Args:
            seen_before: of letter ids.
            files_before: of files, unless they are code that was approved.
            approved_before: of approved code, which later jobs are compared with.
        """
        ...

    def add_case(self, case: Case, files: dict[str, bytes]) -> Case | None:
        """Keep a request (its id is given here); None when the same one is there."""
        ...

    def reopen(self, case: Case, files: dict[str, bytes]) -> Case | None:
        """Let a request that was agreed to wait again; None when it was not.

        Args:
            case: as the domain asks for it once more.
            files: its attachments; what is kept may be gone.
        """
        ...

    def cases(self, subject: Subject, *, waiting: bool) -> list[Case]:
        """The requests of a subject, oldest first; only those that wait, or all."""
        ...

    def files(self, case: Case) -> dict[str, bytes]:
        """Its attachments."""
        ...

    def decide(
        self,
        case: Case,
        verdict: str,
        reason: str,
        at: float,
        *,
        expires_at: float = 0.0,
        was: str = "",
    ) -> bool:
        """Write a decision down; False when the verdict was another one than `was`."""
        ...

    def add_message(self, message: Message) -> bool:
        """Keep a message about a job; False when one of its number is there."""
        ...

    def messages(self, job_id: str) -> list[Message]:
        """What reviewers and submitter wrote about a job, in order."""
        ...

    def add_notice(self, notice: Notice) -> None:
        """Keep a notice; bounded in number."""
        ...

    def notices(self, limit: int) -> list[Notice]:
        """The latest notices, newest last."""
        ...

    def queue(self, letter: Letter) -> None:
        """Have a letter (without attachments) sent once this transaction is committed."""
        ...

    def unsent(self) -> list[Letter]:
        """What the relay does not have yet, oldest first."""
        ...

    def sent(self, letter_id: str) -> None:
        """The relay has it."""
        ...

    def fact(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """A JSON value kept under a name, or None."""
        ...

    def set_fact(self, name: str, value: object) -> None:
        """Keep a JSON value under a name."""
        ...
