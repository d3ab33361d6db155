"""What the owner knows besides a request itself, gathered for one sheet."""

from dataclasses import dataclass

from darkroom.model.job import JobRequest
from darkroom.model.message import Message
from darkroom.model.owner_case import Notice
from darkroom.owner.closer_look import FileDifference, Tensors
from darkroom.owner.findings.finding import Finding
from darkroom.owner.history import WEEK, History
from darkroom.owner.nearest import Nearest
from darkroom.owner.sheet import Section
from darkroom.owner.wording import plural, time_words


LISTED = 20  # earlier releases
OFTEN = 3  # releases in a week from which it is called out


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """For a review or a release.

    Attributes:
        history: the owner's own past.
        now: Unix seconds.
        notices: what the domain said about this job.
        findings: what deserves a look in its code.
        near: the nearest job that was approved before.
        differences: how its texts differ from that.
        former: the job that this one takes the place of, when this owner was asked for it.
        former_differences: how its texts differ from that.
        messages: what reviewers and submitter wrote about this job.
        tensors: output name -> the arrays of a model.
    """

    history: History
    now: float
    notices: tuple[Notice, ...] = ()
    findings: tuple[Finding, ...] = ()
    near: Nearest | None = None
    differences: tuple[FileDifference, ...] = ()
    former: Nearest | None = None
    former_differences: tuple[FileDifference, ...] = ()
    messages: tuple[Message, ...] = ()
    tensors: dict[str, Tensors] | None = None


def before_section(request: JobRequest, background: Background) -> Section:
    """Who waits, and what went the same way before."""
    history = background.history
    waiting = history.pending(request.submitter)
    again = history.again(request)
    released = list(history.left_to(request))
    same = sum(left.request.spec.code_digest == request.spec.code_digest for left in released)
    rows = [
        ("waiting now", f"{plural(waiting, 'request')} of {request.submitter}"),
        (
            "left this week",
            f"{plural(history.this_week(request), 'earlier release')} from {request.dataset} to "
            f"{request.submitter}",
        ),
        ("left ever", plural(len(released), "earlier release")),
        (
            "the same code",
            f"asked for {plural(len(again), 'time')} before on {request.dataset}; "
            f"{plural(same, 'release')} of it",
        ),
    ]
    latest = sorted(released, key=lambda left: left.case.decided_at, reverse=True)[:LISTED]
    rows += [
        (
            f"left {time_words(left.case.decided_at)}",
            f"“{left.request.spec.name}”, {_kinds(left.case.body)} "
            f"({left.case.digest.removeprefix('sha256:')[:16]})",
        )
        for left in latest
    ]
    cut = f" The latest {LISTED} are listed." if len(released) > LISTED else ""
    return Section(
        heading="What went before",
        note="From your own store; what a rule released without asking you is in the domain's "
        f"ledger.{cut}",
        rows=tuple(rows),
    )


def before_alerts(request: JobRequest, background: Background) -> list[str]:
    """Differencing: what two answers say that neither says alone."""
    alerts = []
    week = list(background.history.left_to(request, since=background.now - WEEK))
    if len(week) >= OFTEN:
        alerts.append(
            f"{plural(len(week), 'earlier release')} from {request.dataset} to "
            f"{request.submitter} this week: answers that differ a little can be subtracted "
            "from one another"
        )
    same = [a for a in background.history.again(request) if a.case.verdict == "approve"]
    if same:
        alerts.append(
            f"the same code was approved {plural(len(same), 'time')} before on "
            f"{request.dataset}: look at what is different this time"
        )
    return alerts


def _kinds(body: dict[str, object]) -> str:
    outputs = body.get("outputs")
    return ", ".join(sorted(map(str, outputs)))[:200] if isinstance(outputs, dict) else "?"
