"""The verdict on a job, from the policy in force and what the node knows. Pure."""

from dataclasses import dataclass
from typing import Literal

from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.site_policy import SitePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens with a job, and why.

    Attributes:
        decision: `deny`; `review` (a person decides); `approve` (a rule decided).
        reasons: for the scientist and the owner; never empty.
        policy_version: the policy that was applied; 0 when none was in force.
    """

    decision: Literal["deny", "review", "approve"]
    reasons: tuple[str, ...]
    policy_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the node knows when it screens.

    Attributes:
        domain: its own name.
        datasets: dataset name -> version in force.
        environments: environment name -> lock hash of the prebuilt tree.
    """

    domain: str
    datasets: dict[str, str]
    environments: dict[str, str]


def screen(
    request: JobRequest,
    submitter: PublicIdentity,
    policy: SitePolicy | None,
    knowledge: Knowledge,
) -> Verdict:
    """Decide on a job whose envelope came from `submitter`'s pinned key.

    All reasons against are collected, so that one answer suffices to mend a job.
    """
    if policy is None:
        return Verdict(
            decision="deny",
            reasons=("the data owner has put no policy in force",),
            policy_version=0,
        )
    against = [
        *_identity(request, submitter, policy),
        *_access(request, policy),
        *_facts(request, knowledge),
        *_limits(request, policy),
    ]
    if against:
        return Verdict(decision="deny", reasons=tuple(against), policy_version=policy.version)
    if request.spec.code_digest in policy.approve:
        return Verdict(
            decision="approve",
            reasons=("a rule approves this code digest",),
            policy_version=policy.version,
        )
    return Verdict(
        decision="review",
        reasons=("no rule approves this code digest: the data owner decides",),
        policy_version=policy.version,
    )


def _identity(request: JobRequest, submitter: PublicIdentity, policy: SitePolicy) -> list[str]:
    reasons = []
    if (request.submitter, request.submitter_fingerprint) != (
        submitter.name,
        submitter.fingerprint,
    ):
        reasons.append("the job names another submitter than the one who sent it")
    if submitter.hosted and not policy.hosted_identities:
        reasons.append("the policy does not accept identities hosted on the Hub")
    return reasons


def _access(request: JobRequest, policy: SitePolicy) -> list[str]:
    grant = next((g for g in policy.grants if g.scientist == request.submitter), None)
    if grant is None or request.dataset not in grant.datasets:
        return [f"the policy gives {request.submitter} no access to dataset {request.dataset}"]
    if request.spec.tier not in grant.tiers:
        return [f"the policy does not give {request.submitter} the tier {request.spec.tier}"]
    return []


def _facts(request: JobRequest, knowledge: Knowledge) -> list[str]:
    reasons = []
    if request.audience != knowledge.domain:
        reasons.append(f"the job is addressed to another domain, {request.audience}")
    version = knowledge.datasets.get(request.dataset)
    if version is None:
        reasons.append(f"there is no dataset {request.dataset} here")
    elif version != request.dataset_version:
        reasons.append(
            f"dataset {request.dataset} has a newer version: reload the card and submit again"
        )
    environment = request.spec.environment
    lock_hash = knowledge.environments.get(environment.name)
    if lock_hash is None:
        reasons.append(f"there is no environment {environment.name} here")
    elif lock_hash != environment.lock_hash:
        reasons.append(f"environment {environment.name} has another lock hash here")
    return reasons


def _limits(request: JobRequest, policy: SitePolicy) -> list[str]:
    return [
        f"limit {name} is above what the policy allows"
        for name in request.spec.limits.within(policy.limits)
    ]


def released_by_rule(verdict_was_approve: bool, policy: SitePolicy | None) -> bool:
    """Whether outputs go out without a person: only for rule-approved code."""
    return verdict_was_approve and policy is not None and policy.release == "auto"
