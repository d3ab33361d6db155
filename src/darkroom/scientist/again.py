"""The same code and parameters once more, on the newest version: for results that are stale."""

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from darkroom.errors import InputError
from darkroom.model.letter import Letter
from darkroom.scientist.named import unknown


if TYPE_CHECKING:
    from darkroom.scientist.submission import Submission


def again(former: "Submission") -> "Submission":
    """Ask again for each stale result of a submission, as its letter was; it is charged anew.

    Raises:
        InputError: nothing is stale, or it carried what is stale itself.
        UnknownNameError: a domain does not offer the dataset or environment any more.
        UnreachableError: the gateway does not answer.
    """
    session, store = former.session, former.session.store
    stale = [(job, row) for job in former.row.jobs if (row := store.stale(job.request.job_id))]
    if not stale:
        raise InputError(
            "no result of this submission is stale",
            next_step="submit the job again as before, if you want another run",
        )
    made = next((row for _, row in stale if row.made_from), None)
    if made is not None:
        raise InputError(
            f"it carried what job {made.made_from[:8]} released, and that is stale",
            next_step=f"session.job('{made.made_from[:8]}').again(), then submit with its result",
        )
    domains, requests, letters = session.domains, [], list[Letter]()
    for job, _ in stale:
        request = job.request
        letter = store.asked(request.job_id)
        if letter is None or letter.kind != "job.submit":
            raise InputError(
                "this job was not submitted by the SDK",
                next_step="submit it again the way that it was submitted",
            )
        domain = domains[request.audience]
        if request.dataset not in domain.datasets:
            raise unknown("dataset", request.dataset, list(domain.datasets))
        offered = domain.profile.environment(request.spec.environment.name)
        new = replace(
            request,
            job_id=secrets.token_hex(16),
            submitter_fingerprint=session.identity.fingerprint,
            dataset_version=domain.datasets[request.dataset].version,
            spec=replace(request.spec, environment=offered),
        )
        body = {
            "request": new.to_mapping(),
            "mock": letter.body["mock"],
            "supersedes": request.job_id,
            **({"seen_head": head} if (head := store.seen_head(new.audience)) else {}),
        }
        requests.append(new)
        letters.append(
            session.post.write("job.submit", new.audience, body, dict(letter.attachments))
        )
    return session.keep(former.name, former.project, requests, letters)
