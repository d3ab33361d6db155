"""Ask domains for quotes and wait a moment for their answers."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from darkroom.errors import DarkroomError, UnreachableError
from darkroom.model.job import JobRequest
from darkroom.model.quote import KEPT_SECONDS, Quote
from darkroom.model.submitted import JobRow
from darkroom.policy.price import price
from darkroom.scientist.cost import Cost, DomainCost
from darkroom.scientist.profile import Profile
from darkroom.scientist.requests import labels


if TYPE_CHECKING:
    from darkroom.scientist.session import Progress, Session


PATIENCE = 2.0  # seconds without a word; then who is waited for is shown
POLL_SECONDS = 2.0  # another notebook may have collected what we wait for
RETRY_SECONDS = 1.0
ASKED, ANSWERED, NO_ANSWER = "asked", "answered", "no answer"


def ask_cost(
    session: "Session",
    job: str,
    project: str,
    requests: Sequence[JobRequest],
    profiles: Mapping[str, Profile],
    *,
    timeout: float,
) -> Cost:
    """What each domain answers, or that it does not.

    Args:
        session: whose post and store are used.
        job: its name.
        project: the label that budgets group by.
        requests: their ids are fresh.
        profiles: of all domains that are asked.
        timeout: seconds.
    """
    asked = dict(zip(labels(requests), requests, strict=True))
    answers = _answers(session, job, asked, timeout)
    entries = {}
    for label, request in asked.items():
        profile, answer = profiles[request.audience], answers[label]
        if isinstance(answer, Quote):
            quoted, known, problem = answer, answer.price, ""
        else:  # the price follows from what the domain publishes; what is left does not
            published = profile.airlock
            quoted, problem = None, answer
            known = price(request.spec, published) if published is not None else None
        entries[label] = DomainCost(
            domain=request.audience,
            dataset=request.dataset,
            owner=profile.owner,
            quote=quoted,
            price=known,
            problem=problem,
        )
    return Cost(entries, job=job, project=project, renderer=session.renderer)


def _answers(
    session: "Session", job: str, asked: Mapping[str, JobRequest], timeout: float
) -> dict[str, Quote | str]:
    """Each domain's quote, or why there is none."""
    asking = _Asking(session, asked)
    clock, begin = session.clock, session.clock.monotonic()
    with ExitStack() as shown:
        progress: Progress | None = None
        note = ""
        while True:
            passed = clock.monotonic() - begin
            asking.look()
            if progress is None and passed >= PATIENCE and asking.waiting:
                progress = shown.enter_context(session.progress(f"cost of {job}"))
            if progress is not None:
                progress.show(asking.rows(over=passed >= timeout), [note] if note else [])
            if not asking.waiting or passed >= timeout:
                break
            left = timeout - passed
            try:
                session.collector.collect(wait=min(POLL_SECONDS, left))
                note = ""
            except UnreachableError as error:
                note = f"{error.message}: waiting for it"
                session.pause(min(RETRY_SECONDS, left))
    return {
        label: asking.answers.get(label) or f"no answer within {timeout:g} s" for label in asked
    }


class _Asking:
    """The questions that are out, and what came back."""

    def __init__(self, session: "Session", requests: Mapping[str, JobRequest]) -> None:
        self._session = session
        self._requests = requests
        self._at = session.clock.now()
        self.answers: dict[str, Quote | str] = {}
        for label, request in requests.items():
            # Whoever collects the answer, here or in another notebook, knows it by this.
            session.store.ask_quote(request.job_id, request.audience, self._at)
            letter = session.post.write(
                "job.quote", request.audience, {"request": request.to_mapping()}
            )
            try:
                session.post.send(letter, expires_in=KEPT_SECONDS)
            except DarkroomError as error:  # one domain out of reach stops no other
                self.answers[label] = error.message

    @property
    def waiting(self) -> bool:
        return len(self.answers) < len(self._requests)

    def look(self) -> None:
        """Take what the store has by now."""
        for label, request in self._requests.items():
            if label not in self.answers:
                kept = self._session.store.quote(request.job_id)
                if kept is not None:
                    self.answers[label] = Quote.from_mapping(kept)

    def rows(self, *, over: bool) -> list[JobRow]:
        """How far each question is, for the display."""
        waiting = NO_ANSWER if over else ASKED
        return [
            JobRow(
                request=request,
                submission="",
                label=label,
                state=ANSWERED if label in self.answers else waiting,
                submitted_at=self._at,
            )
            for label, request in self._requests.items()
        ]
