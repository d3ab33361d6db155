"""Questions of reviewers and what was answered, as a notebook shows them."""

from collections.abc import Iterator, Mapping, Sequence

from darkroom.errors import InputError
from darkroom.model.message import Message
from darkroom.model.submitted import JobRow
from darkroom.policy.conversation import WRITES
from darkroom.scientist.named import unknown
from darkroom.scientist.shown import Renderer, Shown


WAITING = WRITES["scientist"]  # states of a job about which its submitter may write


class Questions(Shown):
    """What was written about the jobs of a submission, by domain; iterates over messages."""

    def __init__(self, said: Mapping[str, tuple[Message, ...]], *, renderer: Renderer) -> None:
        self.said = dict(said)
        self._renderer = renderer

    def __iter__(self) -> Iterator[Message]:
        return (message for messages in self.said.values() for message in messages)

    def __len__(self) -> int:
        return sum(map(len, self.said.values()))

    def __getitem__(self, domain: str) -> tuple[Message, ...]:
        """What was written about the job at one domain, in order."""
        if domain not in self.said:
            raise unknown("domain", domain, list(self.said))
        return self.said[domain]

    @property
    def open(self) -> dict[str, Message]:
        """Domain -> the last message, where it is a reviewer's: nobody answered yet."""
        return {
            domain: messages[-1]
            for domain, messages in self.said.items()
            if messages and messages[-1].side == "reviewer"
        }


def addressee(jobs: Mapping[str, JobRow], questions: Questions, domain: str) -> JobRow:
    """The job that a message is about.

    Args:
        jobs: of the submission.
        questions: about them.
        domain: as its author named it, or "".

    Raises:
        InputError: it is not clear which, or that job does not wait.
        UnknownNameError: that domain was not asked.
    """
    if domain and domain not in jobs:
        raise unknown("domain", domain, list(jobs))
    waiting = {label: job for label, job in jobs.items() if job.state in WAITING}
    asked = [label for label in questions.open if label in waiting]
    label = domain or (max(asked, key=lambda n: questions.open[n].at) if asked else "")
    if not label and len(jobs) == 1:
        label = next(iter(jobs))
    if not label:
        raise InputError(
            "this submission has jobs at several domains, and none of them asked",
            next_step=f"name one: submission.answer('…', domain={next(iter(jobs))!r})",
        )
    if label not in waiting:
        raise InputError(
            f"the job at {label} is {jobs[label].state}: nobody there waits for words about it",
            next_step=f"write while it is {' or '.join(WAITING)}",
        )
    return waiting[label]


def advice_on(row: JobRow, said: Sequence[Message]) -> str:
    """One sentence where a reviewer waits for an answer; else ""."""
    if not said or said[-1].side != "reviewer":
        return ""
    last = said[-1]
    return (
        f"{row.label}: {last.by} asks: “{last.text}”   "
        f"answer with  submission.answer('…', domain={row.label!r})"
    )
