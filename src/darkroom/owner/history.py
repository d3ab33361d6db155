"""What this owner was asked before, from their own store: to compare with, to count. Pure.

Only what came in as a request is known. Jobs that a rule both approved and released never
asked; the domain's ledger counts those.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from darkroom.errors import DarkroomError
from darkroom.model.budget import DAY
from darkroom.model.job import JobRequest
from darkroom.model.owner_case import Case


WEEK = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A sound request for review."""

    case: Case
    request: JobRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Outputs that this owner released."""

    case: Case
    request: JobRequest


class History:
    """The owner's own past, read once per sheet."""

    def __init__(self, code: Iterable[Case], output: Iterable[Case], *, now: float) -> None:
        """Take all cases of both subjects.

        Args:
            code: of reviews.
            output: of releases.
            now: Unix seconds.
        """
        self._code = tuple(code)
        self._output = tuple(output)
        self._now = now

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """Every sound request for review, oldest first."""
        found = []
        for case in self._code:
            request = None if case.problem else _request(case.body)
            if request is not None:
                found.append(Asked(case=case, request=request))
        return tuple(found)

    @cached_property
    def left(self) -> tuple[Left, ...]:
        """What was released, oldest first."""
        return tuple(
            Left(case=case, request=request)
            for case in self._output
            if case.verdict == "release" and (request := _request(case.body)) is not None
        )

    @cached_property
    def ran(self) -> frozenset[str]:
        """Ids of the jobs whose outputs came: they ran."""
        return frozenset(case.job_id for case in self._output)

    def approved(self) -> tuple[Asked, ...]:
        """What this owner approved and did not withdraw, latest first."""
        found = [asked for asked in self.asked if asked.case.verdict == "approve"]
        return tuple(sorted(found, key=lambda a: a.case.decided_at, reverse=True))

    def pending(self, scientist: str) -> int:
        """How many requests of a person wait here."""
        return sum(a.case.verdict == "" and a.request.submitter == scientist for a in self.asked)

    def together(self, case: Case) -> int:
        """How many requests wait under the digest of this one, itself included."""
        return sum(
            other.verdict == "" and not other.problem and other.digest == case.digest
            for other in (self._code if case.subject == "code" else self._output)
        )

    def again(self, request: JobRequest) -> tuple[Asked, ...]:
        """Other requests to run the same code on the same dataset."""
        return tuple(
            a
            for a in self.asked
            if a.request.job_id != request.job_id
            and a.request.dataset == request.dataset
            and a.request.spec.code_digest == request.spec.code_digest
        )

    def left_to(self, request: JobRequest, *, since: float = 0.0) -> tuple[Left, ...]:
        """What left from the same dataset to the same scientist."""
        return tuple(
            left
            for left in self.left
            if left.request.dataset == request.dataset
            and left.request.submitter == request.submitter
            and left.request.job_id != request.job_id
            and left.case.decided_at >= since
        )

    def this_week(self, request: JobRequest) -> int:
        """How many releases went the same way within seven days."""
        return len(self.left_to(request, since=self._now - WEEK))


def _request(body: dict[str, Any]) -> JobRequest | None:
    try:
        return JobRequest.from_mapping(body["request"])
    except (DarkroomError, KeyError, TypeError):
        return None
