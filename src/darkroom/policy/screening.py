"""The verdict on a job, from the policy in force and what the node knows. Pure."""

from dataclasses import dataclass
from typing import Literal

from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import Account
from darkroom.model.declared_width import against as against_width
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.ledger import against as against_price
from darkroom.policy.price import FREE_TIERS, price


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens with a job, and why.

    Attributes:
        decision: `deny`; `review` (people decide); `approve` (a rule decided).
        reasons: for the scientist and the owner; never empty.
        policy_version: the policy that was applied; 0 when none was in force.
        rule: name of the rule that decided, or "".
        price: what the job reserves.
    """

    decision: Literal["deny", "review", "approve"]
    reasons: tuple[str, ...]
    policy_version: int
    rule: str = ""
    price: Amount = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the node knows when it screens.

    Attributes:
        domain: its own name.
        datasets: dataset name -> version in force.
        environments: environment name -> lock hash of the prebuilt tree.
        pending: how many other jobs of the submitter wait for review.
        spent: the accounts that the job draws on, with what was spent of each; none for a
            job that holds its reservation already.
        oversize: why no machine of the domain can hold a job of these limits; "" where one can.
    """

    domain: str
    datasets: dict[str, str]
    environments: dict[str, str]
    pending: int = 0
    spent: tuple[tuple[Account, Amount], ...] = ()
    oversize: str = ""


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
    cost = price(request.spec, policy.airlock)
    foreign = [*_identity(request, submitter, policy), *_access(request, policy)]
    against = [
        *foreign,
        *_facts(request, knowledge),
        *_limits(request, policy),
        *_declarations(request, policy),
        # What is left of a budget is told to those who may draw on it.
        *(() if foreign else against_price(cost, knowledge.spent)),
    ]
    rule = next((r for r in policy.rules if not r.against(request)), None)
    most = policy.reviews.max_pending
    if rule is None and knowledge.pending >= most:
        against.append(f"{most} of your jobs wait for review here already, which is the most")
    if against:
        return Verdict(
            decision="deny", reasons=tuple(against), policy_version=policy.version, price=cost
        )
    if rule is not None:
        return Verdict(
            decision="approve",
            reasons=(f"the rule {rule.name} approves it",),
            policy_version=policy.version,
            rule=rule.name,
            price=cost,
        )
    people = policy.reviews.code
    return Verdict(
        decision="review",
        reasons=(
            "no rule approves this job: "
            + ("the data owner decides" if people == 1 else f"{people} reviewers decide"),
        ),
        policy_version=policy.version,
        price=cost,
    )


def may_draw(request: JobRequest, submitter: PublicIdentity, policy: SitePolicy) -> bool:
    """Whether a job is its submitter's own, on a dataset, tier and project that is granted."""
    return not _identity(request, submitter, policy) and not _access(request, policy)


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
    grant = policy.grant_of(request.submitter)
    if grant is None or request.dataset not in grant.datasets:
        return [f"the policy gives {request.submitter} no access to dataset {request.dataset}"]
    reasons = []
    if request.spec.tier not in grant.tiers:
        reasons.append(f"the policy does not give {request.submitter} the tier {request.spec.tier}")
    if grant.projects and request.project not in grant.projects:
        reasons.append(f"the policy gives {request.submitter} no project {request.project}")
    covered = any(b.per == "dataset" and b.covers(request.dataset) for b in policy.budgets)
    if request.spec.tier not in FREE_TIERS and not covered:
        reasons.append(f"the policy has no budget for dataset {request.dataset}")
    return reasons


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
    if knowledge.oversize:
        reasons.append(knowledge.oversize)
    return reasons


def _limits(request: JobRequest, policy: SitePolicy) -> list[str]:
    return [
        f"limit {name} is above what the policy allows"
        for name in request.spec.limits.within(policy.limits)
    ]


def _declarations(request: JobRequest, policy: SitePolicy) -> list[str]:
    return [
        f"output {name} {why}"
        for name, output in request.spec.outputs.items()
        for why in against_width(output, policy.airlock)
    ]


def released_by_rule(request: JobRequest, policy: SitePolicy | None, *, by_rule: bool) -> bool:
    """Whether outputs go out without a person: work on mock, and where a rule says so."""
    if policy is None or not by_rule:
        return False
    rule = next((r for r in policy.rules if not r.against(request)), None)
    return rule is not None and (request.spec.tier in FREE_TIERS or rule.release == "auto")
