"""What the owner's PySyft client asks of the owner's desk. `darkroom.bootstrap` connects it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from darkroom.model.job import JobRequest
from darkroom.model.owner_case import Case


Status = Literal["pending", "approved", "rejected", "done", "failed"]
Verdict = Literal["approve", "reject", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one request for review stands, as far as the desk knows.

    Attributes:
        case: the request for review; sound.
        status: in PySyft's words; `done` once its outputs are here.
        reason: for a person.
        output: the request to release its outputs, once they are here.
        signed_here: it is approved, and that was said in PySyft's client.
    """

    case: Case
    status: Status
    reason: str = ""
    output: Case | None = None
    signed_here: bool = False

    @property
    def held(self) -> Case | None:
        """Outputs that wait for the owner's word."""
        return self.output if self.output is not None and not self.output.verdict else None

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status not in ("pending", "approved") and self.held is None


class ReviewQueue(Protocol):
    """The owner's desk: the same queue as `darkroom review`."""

    def fetch(self, *, wait: float = 0.0) -> str:
        """Letters in and out, waiting up to `wait` seconds for some; why not, or ""."""
        ...

    def standings(self) -> Sequence[Standing]:
        """Every sound request for review, oldest first."""
        ...

    def read(self, case: Case) -> tuple[JobRequest, dict[str, bytes]]:
        """A request for review and its files, everything recomputed.

        Raises:
            DeniedError: it is not what it says, or its files are not kept any more.
        """
        ...

    def outputs(self, case: Case) -> dict[str, bytes]:
        """File name -> bytes of exactly what would leave.

        Raises:
            DeniedError: as `read`.
        """
        ...

    def decide(self, case: Case, verdict: Verdict, reason: str, *, with_log: bool = False) -> bool:
        """Sign, keep and send the owner's word on this case; False when there was one.

        An approval makes the case one that was `signed_here`, for this login and later ones.
        """
        ...

    def unasked(self) -> Sequence[Case]:
        """Outputs that wait for the owner's word, of jobs that are not in `standings`."""
        ...

    def sheet(self, case: Case, *, name: str, reason: str = "", with_log: bool = False) -> str:
        """Everything that the owner's yes to this case binds, printed before it is signed.

        Args:
            case: a request for review or for release.
            name: of the job, in PySyft's client.
            reason: of an approval.
            with_log: of a release.

        Raises:
            DeniedError: as `read`.
        """
        ...

    def command(self, what: str, case: Case) -> str:
        """The command line that does it at the desk: `review show`, `release approve`, …"""
        ...


class Scientists(Protocol):
    """Who may use what: the owner's signed policy."""

    def accepted(self) -> Sequence[str]:
        """Names that the policy grants something, or that the owner accepted."""
        ...

    def requested(self) -> Sequence[str]:
        """Names that enrolled and have nothing yet."""
        ...

    def accept(self, name: str) -> None:
        """Grant them what is meant for them, in the next signed policy.

        Raises:
            DarkroomError: they are not enrolled, or the policy would not hold.
        """
        ...

    def turn_down(self, name: str) -> None:
        """Leave them without a grant."""
        ...

    def check(self, dataset: str, names: Sequence[str] | None) -> None:
        """Whether `share` would do.

        Raises:
            DarkroomError: it would not.
        """
        ...

    def share(self, dataset: str, names: Sequence[str] | None) -> None:
        """Grant a dataset to these, or (None) to everybody accepted, now and later."""
        ...

    def unshare(self, dataset: str) -> None:
        """Take a dataset out of every grant."""
        ...


class Footage(Protocol):
    """The datasets of the owner's domain, whose footage stays where it is."""

    def names(self) -> Sequence[str]:
        """Those that the domain is known to have."""
        ...

    def check(self, dataset: str, path: Path) -> None:
        """Whether `register` can be done here.

        Raises:
            DarkroomError: it cannot; with the command that does it on the right machine.
        """
        ...

    def register(self, dataset: str, path: Path, summary: str) -> str:
        """Make a version of the dataset from footage where it lies; its version."""
        ...
