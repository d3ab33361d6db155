"""A scientist's session: what there is, what was asked, what came back."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from darkroom.errors import DarkroomError, StateError, UnreachableError
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest, Tier
from darkroom.model.letter import Letter
from darkroom.model.submitted import JobRow, SubmissionRow
from darkroom.ports import Clock
from darkroom.post import Post
from darkroom.run_log import RunLog
from darkroom.scientist.ask_cost import ask_cost
from darkroom.scientist.catalogue import Catalogue
from darkroom.scientist.collect import Collector
from darkroom.scientist.cost import Cost
from darkroom.scientist.domain import Datasets, Domain, Domains, RemoteDataset
from darkroom.scientist.mock_run import MockOutcome, MockRunner, MockTask
from darkroom.scientist.named import unknown
from darkroom.scientist.outputs import ReleasedModel
from darkroom.scientist.profile import Profile
from darkroom.scientist.record import Recorded, build_record, encode_record
from darkroom.scientist.registered import write_record
from darkroom.scientist.requests import labels, requests_for, require_datasets
from darkroom.scientist.shown import Renderer, Shown
from darkroom.scientist.stale import tell_run_log
from darkroom.scientist.store import Store
from darkroom.scientist.submission import Submission, Submissions


if TYPE_CHECKING:
    from darkroom.scientist.job import JobFunction


class Progress(Protocol):
    """Shows how far jobs are, and what has to happen next."""

    def show(self, jobs: Sequence[JobRow], advice: Sequence[str]) -> None:
        """Show this now; called often, also when nothing changed."""
        ...


class MockShop(Protocol):
    """Makes and opens mock faces."""

    def face(self, card: DatasetCard) -> Path:
        """The folder of the mock face of a card; made once, then kept."""
        ...

    def open(self, card: DatasetCard) -> Any:  # noqa: ANN401  # darkroom.runtime.Dataset
        """The mock face as a dataset."""
        ...


class Session(Shown):
    """Made by `darkroom.connect()`.

    Attributes:
        identity: who we are.
        gateway: the address of the gateway.
        run_log_address: where MLflow is, or "".
    """

    def __init__(
        self,
        *,
        identity: PublicIdentity,
        gateway: str,
        catalogue: Catalogue,
        post: Post,
        collector: Collector,
        store: Store,
        clock: Clock,
        mocks: MockShop,
        run_mock: MockRunner,
        run_log: RunLog | None,
        run_log_address: str,
        renderer: Renderer,
        progress: Callable[[str], AbstractContextManager[Progress]],
        say: Callable[[str], None],
        pause: Callable[[float], None],
    ) -> None:
        self.identity = identity
        self.gateway = gateway
        self.catalogue = catalogue
        self.post = post
        self.collector = collector
        self.store = store
        self.clock = clock
        self.renderer = renderer
        self.progress = progress
        self.pause = pause
        self.run_mock: Callable[[MockTask], MockOutcome] = run_mock
        self._renderer = renderer
        self._mocks = mocks
        self._run_log = run_log
        self.run_log_address = run_log_address
        self.say = say
        self._owners: dict[str, str] = {}

    # --------------------------------------------------------------------- what there is

    @property
    def name(self) -> str:
        """Our name at the gateway."""
        return self.identity.name

    @property
    def domains(self) -> Domains:
        """The domains that we are enrolled at, as they describe themselves now.

        Raises:
            UnreachableError: the gateway does not answer.
        """
        profiles = self.catalogue.profiles()
        self._owners.update({name: p.owner for name, p in profiles.items()})
        identities = self.catalogue.domains()
        return Domains(
            {name: self._domain(identities[name], p) for name, p in profiles.items()},
            problems=self.catalogue.problems,
            renderer=self.renderer,
        )

    def datasets(self, name: str | None = None) -> list[RemoteDataset]:
        """The datasets of all domains, or those with one name.

        Raises:
            UnknownNameError: no domain has a dataset of that name.
        """
        found = [d for domain in self.domains.values() for d in domain.datasets.values()]
        if name is None:
            return found
        named = [d for d in found if d.name == name]
        if not named:
            raise unknown("dataset", name, sorted({d.name for d in found}))
        return named

    def owners(self) -> dict[str, str]:
        """Domain -> name of its owner, as last heard."""
        if not self._owners:
            try:
                self.domains  # noqa: B018  # asks the gateway once
            except UnreachableError:
                return {}
        return self._owners

    def _domain(self, identity: PublicIdentity, profile: Profile) -> Domain:
        def find() -> Datasets:
            cards = self.catalogue.cards(identity.name)
            return Datasets(
                {
                    name: RemoteDataset(
                        card, session=self, renderer=self.renderer, airlock=profile.airlock
                    )
                    for name, card in cards.items()
                },
                renderer=self.renderer,
            )

        return Domain(identity=identity, profile=profile, datasets=find, renderer=self.renderer)

    def mock_face(self, card: DatasetCard) -> Path:
        """The folder of the mock face of a card."""
        return self._mocks.face(card)

    def open_mock(self, card: DatasetCard) -> Any:  # noqa: ANN401  # darkroom.runtime.Dataset
        """The mock face of a card, opened."""
        return self._mocks.open(card)

    # ---------------------------------------------------------------------------- asking

    def cost(
        self,
        job: "JobFunction",
        /,
        datasets: RemoteDataset | Iterable[RemoteDataset] | None = None,
        *,
        project: str = "default",
        tier: Tier | None = None,
        on_mock: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
        **parameters: Any,  # noqa: ANN401
    ) -> Cost:
        """What a job would cost, what is left, and what each domain would decide.

        Nothing runs, nothing is reserved, and no domain keeps the question.

        Args:
            job: made with `@darkroom.job`.
            datasets: as for `job.submit`; without any, all datasets of all domains.
            project: the label that budgets group by.
            tier: another one than the job declares.
            on_mock: as for `job.submit`; it changes nothing here.
            timeout: seconds to wait for the domains.
            **parameters: values of the declared parameters.

        Raises:
            InputError, UnknownNameError, SpecError: as `job.submit`, and before it.
            UnreachableError: the gateway does not answer.
        """
        del on_mock
        targets = require_datasets(self.datasets() if datasets is None else datasets)
        profiles = self.catalogue.profiles()
        requests = requests_for(
            job, targets, profiles, self.catalogue.problems, submitter=self.identity,
            project=project, tier=tier, parameters=parameters,
        )  # fmt: skip
        return ask_cost(self, job.name, project, requests, profiles, timeout=timeout)

    def submit(
        self,
        job: "JobFunction",
        targets: Sequence[RemoteDataset],
        *,
        project: str,
        tier: Tier | None,
        parameters: Mapping[str, Any],
        on_mock: Mapping[str, Any],
        supersedes: Mapping[str, str] | None = None,
    ) -> Submission:
        """Hop 2: run on mock, write one letter for each domain, keep them, send them.

        Args:
            job, targets, project, tier, parameters, on_mock: as for `job.submit`.
            supersedes: address of a dataset -> the earlier job whose place this one takes.
        """
        requests = requests_for(
            job, targets, self.catalogue.profiles(), self.catalogue.problems,
            submitter=self.identity, project=project, tier=tier, parameters=parameters,
        )  # fmt: skip
        trial = {**parameters, **on_mock}
        mocks = [job.run_on_mock(target, **trial) for target in targets]
        files = {f"code/{p}": data for p, data in job.capture().files.items()}
        letters: list[Letter] = []
        for target, request, mock in zip(targets, requests, mocks, strict=True):
            summary = {**mock.summary, **({"parameters": dict(on_mock)} if on_mock else {})}
            body: dict[str, Any] = {"request": request.to_mapping(), "mock": summary}
            if former := (supersedes or {}).get(target.address):
                body["supersedes"] = former
            if head := self.store.seen_head(request.audience):
                body["seen_head"] = head  # whether the domain lost what it gave us
            letters.append(self.post.write("job.submit", request.audience, body, files))
        return self.keep(job.name, project, requests, letters)

    def submit_request(self, request: JobRequest, letter: Letter, *, name: str) -> Submission:
        """Keep and send a request that was made elsewhere, out of a PySyft job for instance.

        Args:
            request: it was run on mock.
            letter: asks for it.
            name: what the submission is called.
        """
        return self.keep(name, request.project, [request], [letter])

    def keep(
        self,
        name: str,
        project: str,
        requests: Sequence[JobRequest],
        letters: list[Letter],
    ) -> Submission:
        """Kept first, then sent: nothing is lost when the gateway does not answer.

        Args:
            name: what the submission is called.
            requests, letters: one of each for a job.
        """
        now, submission_id = self.clock.now(), secrets.token_hex(6)
        jobs = tuple(
            JobRow(
                request=request,
                submission=submission_id,
                label=label,
                submitted_at=now,
                changed_at=now,
            )
            for label, request in zip(labels(requests), requests, strict=True)
        )
        self.store.add_submission(
            SubmissionRow(id=submission_id, name=name, project=project, created_at=now, jobs=jobs),
            letters,
        )
        try:
            self.collector.flush()
        except (StateError, UnreachableError) as error:  # an error would make people ask twice
            self.say(f"{error.message}. The submission is kept here and sent by .wait()")
        return Submission(submission_id, session=self)

    @property
    def jobs(self) -> Submissions:
        """All submissions made on this machine, newest first."""
        return Submissions(self.store.submissions(), session=self)

    def job(self, identifier: str) -> Submission:
        """A submission by its id, or by the id or digest of one of its jobs.

        Works in any notebook of this machine, also after a restart of the kernel.

        Raises:
            UnknownNameError: nothing begins with that.
        """
        wanted = identifier.removeprefix("sha256:")
        found = {
            row.id
            for row in self.store.submissions()
            for known in (row.id, *(i for j in row.jobs for i in _identifiers(j)))
            if wanted and known.startswith(wanted)
        }
        if len(found) != 1:
            raise unknown(
                "submission" if not found else "single submission",
                identifier,
                [row.id for row in self.store.submissions()],
            )
        return Submission(found.pop(), session=self)

    # --------------------------------------------------------------------------- run log

    def record(
        self,
        submission: Submission,
        *,
        name: str = "",
        description: str = "",
        metrics: Mapping[str, Mapping[str, float | Sequence[float]]] | None = None,
        plots: Mapping[str, Any] | None = None,
        model: ReleasedModel | None = None,
        model_input: tuple[int, ...] | None = None,
        register: str = "",
    ) -> Recorded:
        """Write a submission's results to the run log (MLflow). Again changes nothing.

        A parent run for the submission, a child for each domain. When the run log does not
        answer, the record is kept here and written with the next call.

        Args:
            submission: with at least one result.
            name: of the parent run; the job's name and domains by default.
            description: Markdown, shown on top of the run.
            metrics: domain -> metric -> value, or the values step by step; numbers that a
                domain released as scalars are added by themselves.
            plots: file name -> matplotlib figure or PNG bytes.
            model: a released model to log as a model, with its signature.
            model_input: the shape of the model's input, the batch as -1.
            register: name of a registered model that the model becomes a version of.
        """
        record = build_record(
            submission.row,
            submission.results,
            name=name,
            description=description,
            metrics=metrics or {},
            plots=plots or {},
            model=model,
            model_input=model_input,
            register=register,
        )
        if self.store.logged(record.key):
            self.say("this submission is in the run log already; nothing was changed there")
        else:
            self.store.spool(record.key, encode_record(record), self.clock.now())
            if note := self.flush_run_log():
                self.say(note)
        return Recorded(
            key=record.key,
            address=self.store.logged(record.key),
            privacy=record.tags["privacy"],
            renderer=self.renderer,
        )

    def flush_run_log(self) -> str:
        """Write the records that wait; what to tell a person, or ""."""
        waiting = self.store.spooled()
        if waiting and self._run_log is None:
            return (
                "no run log is set up (MLFLOW_TRACKING_URI is empty): the record is kept here "
                "and written when one is"
            )
        try:
            for item in waiting:
                assert self._run_log is not None  # said above
                address = write_record(item.record, self._run_log, self.store)
                self.store.mark_logged(item.key, address, self.clock.now())
            tell_run_log(self.store, self._run_log)
        except DarkroomError as error:  # whatever it is, nothing is lost
            left = len(self.store.spooled())
            return (
                f"{error.message}: {left} record(s) are kept here and written with the "
                "next session.record(), session.flush_run_log() or darkroom.connect()"
            )
        return ""


def _identifiers(job: JobRow) -> tuple[str, ...]:
    digests = (job.request.job_digest, job.request.spec.code_digest)
    return (job.request.job_id, *(d.removeprefix("sha256:") for d in digests))
