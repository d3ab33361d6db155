"""One request for each dataset; whatever cannot work is said before anything is sent."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest, Tier
from darkroom.scientist.domain import RemoteDataset
from darkroom.scientist.profile import Profile


if TYPE_CHECKING:
    from darkroom.scientist.job import JobFunction


def require_datasets(datasets: RemoteDataset | Iterable[RemoteDataset]) -> list[RemoteDataset]:
    """The datasets as a list.

    Raises:
        InputError: there is none, one stands twice, or something else is among them.
    """
    if isinstance(datasets, RemoteDataset) or not isinstance(datasets, Iterable):
        datasets = (datasets,)
    targets = list(datasets)
    for target in targets:
        require_dataset(target)
    if not targets:
        raise InputError(
            "no dataset was given, so there is nobody to ask",
            next_step="pass datasets, for instance session.datasets('plaza')",
        )
    if len({t.address for t in targets}) != len(targets):
        raise InputError("a dataset is given twice", next_step="name every dataset once")
    return targets


def require_dataset(value: object) -> None:
    """Refuse what is no dataset at a domain.

    Raises:
        InputError: saying how to get one.
    """
    if not isinstance(value, RemoteDataset):
        raise InputError(
            f"a {type(value).__name__} is not a dataset at a domain",
            next_step="use session.domains['north'].datasets['plaza'] or session.datasets('plaza')",
        )


def requests_for(
    job: "JobFunction",
    targets: Sequence[RemoteDataset],
    profiles: Mapping[str, Profile],
    problems: Mapping[str, Sequence[str]],
    *,
    submitter: PublicIdentity,
    project: str,
    tier: Tier | None,
    parameters: Mapping[str, Any],
) -> list[JobRequest]:
    """The requests, each with a fresh id.

    Args:
        profiles: of the domains that can be asked.
        problems: why others cannot.
        tier: another one than the job declares, or None.

    Raises:
        InputError: a domain cannot be asked, or `job` is none.
        UnknownNameError: a domain does not offer the environment.
    """
    if not hasattr(job, "capture"):
        raise InputError(
            f"a {type(job).__name__} is not a job",
            next_step="decorate it: @darkroom.job(outputs=…)",
        )
    captured = job.capture()
    requests = []
    for target in targets:
        profile = profiles.get(target.domain)
        if profile is None:
            why = "; ".join(problems.get(target.domain, []))
            raise InputError(
                f"domain {target.domain} cannot be asked: {why or 'not enrolled'}",
                next_step="leave it out, or ask its owner",
            )
        requests.append(
            JobRequest(
                job_id=secrets.token_hex(16),
                spec=job.spec(captured, profile.environment(job.environment), tier),
                parameters=dict(parameters),
                submitter=submitter.name,
                submitter_fingerprint=submitter.fingerprint,
                audience=target.domain,
                project=project,
                dataset=target.name,
                dataset_version=target.version,
            )
        )
    return requests


def labels(requests: Sequence[JobRequest]) -> list[str]:
    """What each is called among the others: its domain, with the dataset where asked twice."""
    asked = [request.audience for request in requests]
    return [
        r.audience if asked.count(r.audience) == 1 else f"{r.audience}/{r.dataset}"
        for r in requests
    ]
