"""What the scientist's connection needs of Darkroom: contracts, and what is tried on mock.

PySyft's words end at the connection; the session behind it is put in by
`darkroom.bootstrap.pysyft_scientist`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from darkroom.model.airlock import Airlock
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest, Limits
from darkroom.model.output import Output
from darkroom.model.submitted import JobRow, ResultRow


class DomainProfile(Protocol):
    """What a domain says about itself, verified. `darkroom.scientist.profile` has the words."""

    @property
    def environments(self) -> dict[str, tuple[str, str]]: ...  # noqa: D102
    @property
    def packages(self) -> dict[str, dict[str, str]]: ...  # noqa: D102
    @property
    def airlock(self) -> Airlock | None: ...  # noqa: D102
    @property
    def pysyft(self) -> str: ...  # noqa: D102
    @property
    def models(self) -> dict[str, tuple[str, int]]: ...  # noqa: D102
    def environment(self, name: str) -> Environment: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A job to be run on mock.

    Attributes:
        tree: path -> bytes of everything that runs, models included.
        code: path within `code/` -> text, for words about what went wrong.
        outputs: what is declared; empty where that is to be found out.
    """

    tree: dict[str, bytes]
    code: dict[str, str]
    card: DatasetCard
    environment: str
    limits: Limits
    outputs: dict[str, Output]
    parameters: dict[str, Any]
    airlock: Airlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a job left on mock.

    Attributes:
        files: file name -> `{"value": …}` or `{"bytes": n}`.
        frames: how many frames the mock holds.
    """

    files: dict[str, Any]
    frames: int


class Lab(Protocol):
    """The scientist's session. Called by one thread at a time."""

    @property
    def identity(self) -> PublicIdentity:
        """Who we are."""
        ...

    def domains(self) -> list[str]:
        """Names of the domains whose keys are pinned here; asks nobody."""
        ...

    def profile(self, domain: str) -> DomainProfile | None:
        """As last heard; None when there is none that holds. Never raises for the network."""
        ...

    def cards(self, domain: str) -> dict[str, DatasetCard] | None:
        """As last heard; None when nothing was heard yet. Never raises for the network."""
        ...

    def why_not(self, domain: str) -> str:
        """What is wrong with a domain that has no profile or lacks a card, or ""."""
        ...

    def forget(self) -> None:
        """Ask again at the next call, however fresh it is."""
        ...

    def face(self, card: DatasetCard) -> Path:
        """The folder of the mock of a card, rendered once.

        Raises:
            DarkroomError: it cannot be rendered.
        """
        ...

    def discover(self, trial: Trial) -> Seen:
        """Run on mock to see what it leaves; `trial.outputs` is empty.

        Raises:
            DarkroomError: it failed, with the author's line.
        """
        ...

    def try_on_mock(self, trial: Trial) -> dict[str, Any]:
        """Run on mock as at the domain; what the data owner is told of it.

        Raises:
            DarkroomError: it failed, with the author's line.
        """
        ...

    def submit(
        self, request: JobRequest, *, name: str, body: dict[str, Any], message: bytes
    ) -> None:
        """Keep the job and the letter that asks for it, and send it or say that it waits."""
        ...

    def collect(self) -> None:
        """Send what is unsent, take in what arrived. Says so when that is not possible now."""
        ...

    def job(self, job_id: str) -> JobRow | None:
        """What is known of a job."""
        ...

    def result(self, job_id: str) -> ResultRow | None:
        """A verified result."""
        ...

    def now(self) -> float:
        """Unix seconds."""
        ...

    def say(self, line: str) -> None:
        """Tell the person at the notebook."""
        ...
