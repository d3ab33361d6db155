"""Past jobs for a replay: from a node's state, or from what an owner was asked. Reads only."""

import math
from contextlib import closing
from pathlib import Path
from typing import Literal

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.adapters.sqlite.owner_store import STORE, SqliteOwnerStore
from darkroom.config import policy_proposal
from darkroom.errors import DarkroomError, InputError, SpecError
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.job_record import JobRecord
from darkroom.model.owner_case import Case
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.replay_view import Replay
from darkroom.policy.replay import UNKNOWN, Past, replay
from darkroom.policy.transitions import FINAL


NODE = "node.db"
_DECIDED = ("job-approved", "job-rejected", "job-cancelled")  # events that end the review
_ENDED = ("job-rejected", "job-cancelled", "job-failed", "approval-void")  # without a result
_SCREENED = "job-screened"
YOU = "you"  # whose desk it is; others' words are not here
ONLY_ASKED = (
    "What other reviewers said.",
    "Jobs that a rule approved or the domain turned down without asking: they are not here. "
    "Budgets count only what you were asked about.",
)


def replay_policy(state: Path, file: Path) -> Replay:
    """Screen every past job against a proposal, each at its own time.

    Args:
        state: the state folder of a domain's node, or of its owner.
        file: the policy.yaml.

    Raises:
        InputError: there is no history in that folder, or it is another domain's.
        SpecError: the file is no policy.
    """
    policy = policy_proposal(file)
    if (state / NODE).is_file():
        return _from_node(state, policy)
    if (state / STORE).is_file():
        return _from_owner(state, policy)
    raise InputError(
        f"{state} is the state of no node and of no owner",
        next_step="give the folder of the node, or yours, with --state",
    )


def _require_domain(policy: SitePolicy, domain: str) -> None:
    if domain and policy.domain != domain:
        raise InputError(
            f"this policy is for {policy.domain}, the history is {domain}'s",
            next_step="give a policy of the same domain",
        )


# --------------------------------------------------------------------------------- a node


def _from_node(state: Path, policy: SitePolicy) -> Replay:
    with closing(SqliteNodeStore(state / NODE, read_only=True)) as store:
        signed = store.policies()
        bodies = {version: said.body for version, (said, _) in signed.items()}
        _require_domain(policy, str(next(iter(bodies.values()), {}).get("domain", "")))
        first = min((at for _, at in signed.values()), default=math.inf)
        times = store.times_of(_SCREENED, *_DECIDED, *_ENDED)
        jobs = [
            _past(store, record, times.get(record.job_id, {}), ruled_since=first)
            for record in store.jobs()
        ]
        owner = str(store.fact("owner") or "")
    policies = {version: _read(body) for version, body in bodies.items()}
    return Replay(
        policy=policy,
        rows=tuple(replay(jobs, policy, owner=owner, then=policies.get)),
        source=f"the domain's own log of {len(jobs):,} jobs",
    )


def _past(
    store: SqliteNodeStore, record: JobRecord, times: dict[str, float], *, ruled_since: float
) -> Past:
    request = record.request
    submitter = store.identity_of(request.submitter, request.submitter_fingerprint)
    assert submitter is not None  # pins are never removed
    last = store.reservation(record.job_id)
    refunded = last is not None and last.kind == "refund"
    ended = [times[event] for event in _ENDED if event in times]
    decided = [times[event] for event in _DECIDED if event in times]
    decision: Literal["deny", "review", "approve"] = (
        "approve" if record.by_rule else "review" if _SCREENED in times else "deny"
    )
    return Past(
        request=request,
        submitter=submitter,
        # A price is taken at the ledger's time, which a clock that was set back leaves alone.
        at=last.at if last is not None else record.received_at,
        decision=decision,
        state=record.state,
        words="; ".join(record.reasons),
        policy_version=record.policy_version,
        approved_by=record.approved_by,
        released_by=record.released_by,
        # No policy was asked, although one was in force.
        outside=not record.policy_version and record.received_at >= ruled_since,
        left_review=min(decided) if decided else None,
        refunded_at=min(ended) if refunded and record.state in FINAL and ended else None,
    )


def _read(body: dict[str, object]) -> SitePolicy | None:
    try:
        return SitePolicy.from_mapping(body)
    except SpecError:
        return None  # of an older form


# ------------------------------------------------------------------------------- an owner


def _from_owner(state: Path, policy: SitePolicy) -> Replay:
    with closing(SqliteOwnerStore(state / STORE)) as store:
        settings = store.fact("settings") or {}
        cases = store.cases("code", waiting=False)
        released = {case.job_id for case in store.cases("output", waiting=False) if case.verdict}
    domain = str(settings.get("domain", ""))
    _require_domain(policy, domain)
    jobs = [past for case in cases if (past := _asked(case, released)) is not None]
    return Replay(
        policy=policy,
        rows=tuple(replay(jobs, policy, owner=YOU)),
        source=f"the {len(jobs):,} requests that you were asked about",
        unknown=(*ONLY_ASKED, *UNKNOWN),
    )


def _asked(case: Case, released: set[str]) -> Past | None:
    if case.problem:
        return None
    try:
        request = JobRequest.from_mapping(case.body["request"])
        submitter = PublicIdentity.from_mapping(case.body["submitter"])
    except (DarkroomError, KeyError, TypeError):
        return None
    states = {"": "screened", "approve": "approved"}
    return Past(
        request=request,
        submitter=submitter,
        at=case.received_at,
        decision="review",
        state="released" if case.job_id in released else states.get(case.verdict, "rejected"),
        words=case.reason,
        approved_by=YOU if case.verdict == "approve" else "",
        left_review=case.decided_at if case.verdict else None,
    )
