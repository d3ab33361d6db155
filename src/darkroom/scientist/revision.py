"""The next version of a submission, linked to the one before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError
from darkroom.scientist.named import unknown


if TYPE_CHECKING:
    from darkroom.scientist.job import JobFunction
    from darkroom.scientist.submission import Submission

TURNED_DOWN = ("rejected", "withheld", "failed", "cancelled")


def revise(
    former: "Submission",
    job: "JobFunction",
    *,
    on_mock: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> "Submission":
    """Submit a changed job to each domain that has ended the former one without a result.

    Raises:
        InputError: there is none, or `job` is no job.
        UnknownNameError: a domain does not offer the dataset any more.
    """
    if not hasattr(job, "capture"):
        raise InputError(
            f"a {type(job).__name__} is not a job",
            next_step="decorate it: @darkroom.job(outputs=…)",
        )
    rows = [row for row in former.row.jobs if row.state in TURNED_DOWN]
    if not rows:
        raise InputError(
            "no domain has turned this submission down",
            next_step="wait for it, or .cancel() it first",
        )
    session, first = former.session, rows[0].request
    domains = session.domains
    targets, supersedes = [], {}
    for row in rows:
        offered = domains[row.request.audience].datasets
        if row.request.dataset not in offered:
            raise unknown("dataset", row.request.dataset, list(offered))
        target = offered[row.request.dataset]
        targets.append(target)
        supersedes[target.address] = row.request.job_id
    kept = {n: v for n, v in first.parameters.items() if n in job.parameters}
    return session.submit(
        job,
        targets,
        project=former.project,
        tier=first.spec.tier if first.spec.tier != job.tier else None,
        parameters=dict(parameters) or kept,
        on_mock=on_mock,
        supersedes=supersedes,
    )
