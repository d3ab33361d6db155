"""A submission: one job, asked of one or more domains. Wait for it, read it, cancel it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from darkroom.errors import StateError, UnreachableError
from darkroom.model.dsse import to_envelope
from darkroom.model.message import one_line, require_words
from darkroom.model.submitted import JobRow, SubmissionRow
from darkroom.policy.transitions import FINAL
from darkroom.scientist.advice import advice, is_finished
from darkroom.scientist.again import again
from darkroom.scientist.conversation import WAITING, Questions, addressee, advice_on
from darkroom.scientist.outputs import ReleasedModel
from darkroom.scientist.results import DomainResult, Results
from darkroom.scientist.revision import revise
from darkroom.scientist.shown import Shown
from darkroom.scientist.summary import summarise


if TYPE_CHECKING:
    from darkroom.scientist.job import JobFunction
    from darkroom.scientist.session import Session


POLL_SECONDS = 2.0  # another notebook may have collected what we wait for
RETRY_SECONDS = 1.0


class Submission(Shown):
    """A live view: every look at it reads what is stored on this machine."""

    def __init__(self, submission_id: str, *, session: "Session") -> None:
        self.id = submission_id
        self.session = session
        self._renderer = session.renderer

    @property
    def row(self) -> SubmissionRow:
        """What is stored, now."""
        return self.session.store.submission(self.id)

    @property
    def name(self) -> str:
        """The job's name."""
        return self.row.name

    @property
    def project(self) -> str:
        """The label that budgets and run logs group by."""
        return self.row.project

    @property
    def jobs(self) -> dict[str, JobRow]:
        """What is known of each job, by domain."""
        return {job.label: job for job in self.row.jobs}

    @property
    def state(self) -> dict[str, str]:
        """The state of each job, by domain."""
        return {label: job.state for label, job in self.jobs.items()}

    @property
    def finished(self) -> bool:
        """Whether nothing more is to come."""
        return all(is_finished(job) for job in self.row.jobs)

    @property
    def digests(self) -> dict[str, dict[str, str]]:
        """`code_digest` and `job_digest` of each job: what an owner approves."""
        return {
            label: {
                "code_digest": job.request.spec.code_digest,
                "job_digest": job.request.job_digest,
            }
            for label, job in self.jobs.items()
        }

    def advice(self) -> list[str]:
        """What has to happen next, and who does it."""
        return _advice(self.session, self.row.jobs)

    def refresh(self) -> "Submission":
        """Send what is unsent and take in what arrived, without waiting.

        Raises:
            UnreachableError: the gateway does not answer; nothing is lost.
        """
        self.session.collector.flush()
        while self.session.collector.collect(wait=0):
            pass
        if self.session.store.all_stale(unlogged=True):
            self.session.flush_run_log()  # what does not work now is done later
        return self

    def wait(self, timeout: float | None = None) -> "Submission":
        """Wait until every domain has answered, showing how far each is.

        Interrupting the cell stops only the waiting. When a job waits for a person, the
        table says for whom and what they do next.

        Args:
            timeout: seconds, or None for as long as it takes.

        Returns:
            This submission; ask `.finished` when a timeout was given.
        """
        wait_for(self.session, self.name, lambda: self.row.jobs, timeout=timeout)
        return self

    @property
    def results(self) -> Results:
        """The verified results so far."""
        found: dict[str, DomainResult] = {}
        others: dict[str, JobRow] = {}
        for label, job in self.jobs.items():
            row = self.session.store.result(job.request.job_id)
            if row is None:
                others[label] = job
            else:
                stale = self.session.store.stale(job.request.job_id)
                found[label] = DomainResult(job.request, row, stale=stale, renderer=self._renderer)
        return Results(found, others=others, renderer=self._renderer)

    @property
    def models(self) -> dict[str, dict[str, ReleasedModel]]:
        """Released models by domain and output."""
        return self.results.models

    def cancel(self) -> "Submission":
        """Ask every domain that is not finished to stop; partial outputs are destroyed there.

        Raises:
            UnreachableError: the gateway does not answer; the wish is kept and sent later.
        """
        post, store = self.session.post, self.session.store
        for job in self.row.jobs:
            if job.state not in FINAL:
                letter = post.write(
                    "job.cancel", job.request.audience, {"job_id": job.request.job_id}
                )
                store.add_letter(letter)
        return self.refresh()

    @property
    def questions(self) -> "Questions":
        """What reviewers asked and what was answered, by domain; yours once it arrived there."""
        found = {
            label: self.session.store.messages(job.request.job_id)
            for label, job in self.jobs.items()
        }
        return Questions({n: tuple(said) for n, said in found.items()}, renderer=self._renderer)

    def answer(self, text: str, domain: str = "") -> "Submission":
        """Write to the reviewers of a job that waits: an answer, or something they should know.

        It stands in the domain's log and is not secret from its reviewers.

        Args:
            text: one line of at most 500 characters; white space is put together.
            domain: whose job, as in `.jobs`; by default the one that asked last or, of a
                submission to one domain, that one.

        Raises:
            InputError: it is not clear which domain, or that job does not wait.
            SpecError: no words, too many, or hidden ones.
        """
        job = addressee(self.jobs, self.questions, domain)
        body = {"job_id": job.request.job_id, "text": require_words(one_line(text))}
        letter = self.session.post.write("job.answer", job.request.audience, body)
        self.session.store.add_letter(letter)
        return self.refresh()

    def revise(
        self,
        job: "JobFunction",
        *,
        on_mock: Mapping[str, Any] | None = None,
        **parameters: Any,  # noqa: ANN401
    ) -> "Submission":
        """Submit the next version to each domain that turned this one down.

        Its reviewers see it beside the former one, with what has changed.

        Args:
            job: the changed function, made with `@darkroom.job`.
            on_mock: as for `job.submit`.
            **parameters: values of its parameters; those of before when none is given.

        Raises:
            InputError: no domain turned this one down.
        """
        return revise(self, job, on_mock=on_mock or {}, parameters=parameters)

    def again(self) -> "Submission":
        """Submit what is stale of this once more: the same code, on the newest version.

        It is a new job at each domain: it is reviewed and charged like any other.

        Raises:
            InputError: nothing of it is stale, or it carried something that is.
        """
        return again(self)

    def summary(self) -> dict[str, dict[str, Any]]:
        """The submission as JSON values, by domain: digests, states, bytes, seconds."""
        rows = {
            label: row
            for label, job in self.jobs.items()
            if (row := self.session.store.result(job.request.job_id)) is not None
        }
        return summarise(self.jobs, self.results, rows)

    def verify(self) -> "Submission":
        """Check every kept result again, signature and bytes; also after keys were changed.

        Raises:
            TrustError: one of them is not what its domain signed.
        """
        for job in self.row.jobs:
            if job.collected:
                self.session.collector.verify(job.request.job_id)
        return self

    def receipts(self) -> dict[str, dict[str, Any]]:
        """The receipt of each domain that sent one, as a DSSE envelope: see docs/receipts.md."""
        found = {label: result.receipt for label, result in self.results.items()}
        return {label: to_envelope(r.statement) for label, r in found.items() if r is not None}


def wait_for(
    session: "Session",
    title: str,
    rows: Callable[[], Sequence[JobRow]],
    *,
    timeout: float | None,
) -> None:
    """Wait until jobs are finished, of one submission or of several, showing how far each is.

    Args:
        session: whose they are.
        title: above the table.
        rows: what is known of them, now.
        timeout: seconds, or None for as long as it takes.
    """
    clock = session.clock
    end = None if timeout is None else clock.monotonic() + timeout
    with session.progress(title) as progress:
        note = ""
        while True:
            jobs = rows()
            progress.show(jobs, [*_advice(session, jobs), *([note] if note else [])])
            left = POLL_SECONDS if end is None else end - clock.monotonic()
            if all(map(is_finished, jobs)) or left <= 0:
                break
            try:
                session.collector.flush()
                session.collector.collect(wait=min(POLL_SECONDS, left))
                note = ""
            except (UnreachableError, StateError) as error:  # away, or its disk is full
                note = f"{error.message}: waiting for it; nothing is lost"
                session.pause(min(RETRY_SECONDS, left))


def _advice(session: "Session", jobs: Sequence[JobRow]) -> list[str]:
    owners = session.owners()
    lines = (advice(j, owners.get(j.request.audience, "the owner")) for j in jobs)
    said = (
        advice_on(j, session.store.messages(j.request.job_id)) for j in jobs if j.state in WAITING
    )
    return [line for line in (*lines, *said) if line]


class Submissions(Shown):
    """All submissions of this machine, newest first."""

    def __init__(self, rows: list[SubmissionRow], *, session: "Session") -> None:
        self.rows = rows
        self._session = session
        self._renderer = session.renderer

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Submission]:
        return (Submission(row.id, session=self._session) for row in self.rows)

    def __getitem__(self, index: int) -> Submission:
        """The submission at a place in the list; 0 is the newest."""
        return Submission(self.rows[index].id, session=self._session)
