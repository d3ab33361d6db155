"""A session as PySyft's connection needs it: cards and profiles kept for a while, mock runs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from darkroom.adapters.pysyft.address import PLACE
from darkroom.adapters.pysyft.lab import Seen, Trial
from darkroom.adapters.pysyft.mock_failure import explain
from darkroom.adapters.pysyft.translation import MODULE
from darkroom.errors import DarkroomError, UnreachableError
from darkroom.model.canonical import digest, digest_bytes
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.output import output_to_mapping
from darkroom.model.submitted import JobRow, ResultRow
from darkroom.scientist.mock_run import MockOutcome, MockResult, MockTask
from darkroom.scientist.profile import Profile
from darkroom.scientist.session import Session


FRESH = 5.0  # seconds in which nobody is asked for profiles and cards again
ENTRYPOINT = f"{MODULE}:main"
KEPT_RUNS = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Heard:
    value: Any
    at: float


class SessionLab:
    """The `Lab` contract of `darkroom.adapters.pysyft.lab`."""

    def __init__(
        self, session: Session, discover: Callable[[MockTask], tuple[MockOutcome, Any]]
    ) -> None:
        """Ask nobody yet.

        Args:
            session: of the scientist.
            discover: as `LocalMockRunner.discover`.
        """
        self.session = session
        self._discover_on_mock = discover
        self._heard: dict[str, _Heard] = {}
        self._complained: set[str] = set()
        self._down = ""
        self._runs: dict[str, Any] = {}

    @property
    def identity(self) -> PublicIdentity:
        """Who we are."""
        return self.session.identity

    def now(self) -> float:
        """Unix seconds."""
        return self.session.clock.now()

    def say(self, line: str) -> None:
        """Tell the person at the notebook."""
        self.session.say(line)

    # ----------------------------------------------------------------------- what there is

    def domains(self) -> list[str]:
        """Names of the pinned domains; one that is spelled like an address has none of its own."""
        return sorted(n for n in self.session.catalogue.domains() if not n.endswith(PLACE))

    def profile(self, domain: str) -> Profile | None:
        """As last heard."""
        return (self._fresh("", self.session.catalogue.profiles) or {}).get(domain)

    def cards(self, domain: str) -> dict[str, DatasetCard] | None:
        """As last heard."""
        return self._fresh(domain, lambda: self.session.catalogue.cards(domain))

    def why_not(self, domain: str) -> str:
        """What was left out of what a domain says, and why."""
        return "; ".join(self.session.catalogue.problems.get(domain, [])) or self._down

    def forget(self) -> None:
        """Ask again at the next call."""
        self._heard = {key: _Heard(old.value, -FRESH) for key, old in self._heard.items()}

    def _fresh(self, key: str, ask: Callable[[], T]) -> T | None:
        """What was heard a moment ago, or now; the last word when nobody answers."""
        known, now = self._heard.get(key), self.session.clock.monotonic()
        if known is not None and now - known.at < FRESH:
            return known.value
        value: T | None = known.value if known is not None else None
        try:
            value = ask()
        except UnreachableError as error:
            self._is_down(error)
        except DarkroomError as error:
            self._complain(error.message)
        self._heard[key] = _Heard(value, now)
        return value

    def _is_down(self, error: UnreachableError) -> None:
        if not self._down:
            self._down = error.message
            self.say(f"{error.message}: what is known here is shown; nothing is lost")

    def _complain(self, line: str) -> None:
        if line not in self._complained:
            self._complained.add(line)
            self.say(line)

    # ------------------------------------------------------------------------------ on mock

    def face(self, card: DatasetCard) -> Path:
        """The folder of the mock of a card."""
        return self.session.mock_face(card)

    def discover(self, trial: Trial) -> Seen:
        """Run on mock to see what it leaves."""
        return self._once("discover", trial, self._discover)

    def _discover(self, trial: Trial) -> Seen:
        task = replace(self._task(trial), merge=ENTRYPOINT)  # a part: kept as it was returned
        outcome, files = self._discover_on_mock(task)
        self._require_done(outcome, trial)
        return Seen(files=files, frames=outcome.frames)

    def try_on_mock(self, trial: Trial) -> dict[str, Any]:
        """Run on mock as at the domain."""
        return self._once("try", trial, self._try)

    def _try(self, trial: Trial) -> dict[str, Any]:
        outcome = self.session.run_mock(self._task(trial))
        self._require_done(outcome, trial)
        result = MockResult(
            dataset=_address(trial),
            domain=trial.card.domain,
            declared=trial.outputs,
            outcome=outcome,
            renderer=self.session.renderer,
        )
        return result.summary

    def _once(self, what: str, trial: Trial, run: Callable[[Trial], T]) -> T:
        """The same job is run on the same mock once in a session."""
        key = digest(
            {
                "what": what,
                "tree": {path: digest_bytes(data) for path, data in trial.tree.items()},
                "outputs": {n: output_to_mapping(o) for n, o in trial.outputs.items()},
                "card": trial.card.to_mapping(),
                "airlock": trial.airlock.to_mapping(),
            }
        )
        if key not in self._runs:
            while len(self._runs) >= KEPT_RUNS:
                self._runs.pop(next(iter(self._runs)))
            self._runs[key] = run(trial)
        return self._runs[key]

    def _task(self, trial: Trial) -> MockTask:
        return MockTask(
            files=trial.tree,
            entrypoint=ENTRYPOINT,
            merge="",
            split="",
            parameters=trial.parameters,
            outputs=trial.outputs,
            limits=trial.limits,
            environment=trial.environment,
            face=self.face(trial.card),
            airlock=trial.airlock,
        )

    @staticmethod
    def _require_done(outcome: MockOutcome, trial: Trial) -> None:
        if outcome.status != "done":
            raise explain(
                status=outcome.status,
                problem=outcome.problem,
                error_class=outcome.error_class,
                log=outcome.log,
                code=trial.code,
                dataset=_address(trial),
            )

    # --------------------------------------------------------------------------------- jobs

    def submit(
        self, request: JobRequest, *, name: str, body: dict[str, Any], message: bytes
    ) -> None:
        """Keep the job with its letter, and send it or say that it waits."""
        letter = self.session.post.write(
            "pysyft.submit", request.audience, body, {"message": message}
        )
        self.session.submit_request(request, letter, name=name)

    def collect(self) -> None:
        """Send what is unsent, take in what arrived."""
        try:
            self.session.collector.flush()
            while self.session.collector.collect(wait=0):
                pass
            self._down = ""
        except UnreachableError as error:
            self._is_down(error)

    def job(self, job_id: str) -> JobRow | None:
        """What is known of a job."""
        return self.session.store.job(job_id)

    def result(self, job_id: str) -> ResultRow | None:
        """A verified result."""
        return self.session.store.result(job_id)


def _address(trial: Trial) -> str:
    return f"{trial.card.domain}/{trial.card.name}"
