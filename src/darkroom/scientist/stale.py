"""Results that are stale: footage that they may have read was forgotten since.

The domain says so, signed. What was made with a stale model is stale as well; that follows
from what was submitted here, and nobody has to say it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from darkroom.errors import TrustError
from darkroom.model.canonical import digest
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.stale import KIND, Stale
from darkroom.model.statement import Statement
from darkroom.model.submitted import JobRow, ResultRow, StaleRow
from darkroom.ports import Verifier
from darkroom.run_log import RunLog
from darkroom.scientist.record import record_key
from darkroom.scientist.stale_words import tags_of
from darkroom.scientist.store import Store


def verify_stale(
    value: Any,  # noqa: ANN401  # of untrusted origin
    *,
    request: JobRequest,
    result: ResultRow | None,
    domain: PublicIdentity,
    verifier: Verifier,
) -> Statement:
    """The signed statement that a release is stale.

    Args:
        value: the mapping of a `stale` statement.
        request: what we asked for.
        result: what came for it, if it is here.
        domain: the *pinned* identity of the domain that was asked.

    Raises:
        SpecError: it is malformed.
        TrustError: its signature does not hold, or it is about something else.
    """
    statement = Statement.from_mapping(value if isinstance(value, dict) else {})
    said = Stale.from_body(verifier.check_statement(statement, KIND, domain))
    about = (said.job_id, said.domain, said.dataset, said.dataset_version)
    ours = (request.job_id, request.audience, request.dataset, request.dataset_version)
    released = digest(result.release["body"]) if result is not None else said.release
    if about != ours or said.release not in ("", released):
        raise TrustError(
            "a statement about a stale release is about another one",
            next_step="it is put aside; ask the domain's owner about it",
        )
    return statement


def spread(store: Store, at: float) -> list[str]:
    """Mark every result that was made with a stale one, however far away; their job ids."""
    known = store.all_stale()
    if not known:
        return []
    every = [job for row in store.submissions() for job in row.jobs]
    jobs = [job for job in every if job.collected]
    by_id = {job.request.job_id: job for job in jobs}
    stale = {row.job_id: row for row in known}
    waiting = [job_id for job_id in stale if job_id in by_id]
    marked = []
    while waiting:
        source = waiting.pop()
        good = [job for job in jobs if job.request.job_id not in stale]
        carried = {sha256 for job in good for sha256 in job.request.spec.files.values()}
        made = set(_made(store, every, source, among=carried))
        for job in good:
            job_id = job.request.job_id
            if not made & set(job.request.spec.files.values()):
                continue
            row = StaleRow(
                job_id=job_id, statement=stale[source].statement, made_from=source, at=at
            )
            if store.put_stale(row):
                marked.append(job_id)
            stale[job_id] = row
            waiting.append(job_id)
    return marked


def _made(
    store: Store,
    jobs: Collection[JobRow],
    job_id: str,
    *,
    among: Collection[str] | None = None,
) -> list[str]:
    """The hashes of what left for a job, but of its log and of what was here before it came.

    A domain that releases the bytes of a file that a job carried, or that another result had
    before, did not make them: it could else say of anybody's work that it is stale.

    Args:
        jobs: all that were ever submitted here.
        among: the only hashes that matter; None: all do.
    """
    result = store.result(job_id)
    if result is None:
        return []
    before = {
        sha256
        for job in jobs
        if job.request.job_id == job_id or job.submitted_at < result.received_at
        for sha256 in job.request.spec.files.values()
    }
    made = [h for h in _left(result) if h not in before and (among is None or h in among)]
    for job in jobs:
        if not made:
            break  # results are large: they are read only while one of them could matter
        if job.collected and job.request.job_id != job_id:
            other = store.result(job.request.job_id)
            if other is not None and other.received_at < result.received_at:
                earlier = set(_left(other))
                made = [sha256 for sha256 in made if sha256 not in earlier]
    return made


def _left(result: ResultRow) -> Iterable[str]:
    """The hashes of the outputs, each once, but of the log: nobody builds on that."""
    outputs = result.release["body"]["outputs"]
    return dict.fromkeys(e["sha256"] for name, e in outputs.items() if name != "log")


def tell_run_log(store: Store, run_log: RunLog | None) -> None:
    """Mark the runs, and the models of them, whose results are stale; what is known is left out.

    Raises:
        DarkroomError: the run log does not take it now; it is told again.
    """
    if run_log is None:
        return
    unlogged = store.all_stale(unlogged=True)
    every = [job for row in store.submissions() for job in row.jobs] if unlogged else []
    for row in unlogged:
        job = store.job(row.job_id)
        key = record_key(job.submission) if job else ""
        if job is None or not store.logged(key):
            continue  # a record that is written later says it itself
        run_log.mark_stale(
            [key, f"{key}-{job.label}"], models=_made(store, every, row.job_id), tags=tags_of(row)
        )
        store.mark_stale_logged(row.job_id)


def taker(
    store: Store, verifier: Verifier, pinned: Callable[[str], PublicIdentity | None]
) -> Callable[[JobRow, Any, float], None]:
    """Takes in letters of kind `release.stale`.

    Args:
        pinned: the pinned identity of a domain.
    """

    def take(row: JobRow, value: Any, at: float) -> None:  # noqa: ANN401
        request = row.request
        domain = pinned(request.audience)
        if domain is None:
            raise TrustError(
                f"no key of {request.audience} is pinned here", next_step="enrol there first"
            )
        statement = verify_stale(
            value,
            request=request,
            result=store.result(request.job_id),
            domain=domain,
            verifier=verifier,
        )
        store.put_stale(
            StaleRow(job_id=request.job_id, statement=statement.to_mapping(), made_from="", at=at)
        )
        spread(store, at)

    return take
