"""What the owner's word does: a decision on one digest, or a new policy. Pure."""

from dataclasses import dataclass
from typing import Any

from darkroom.model.site_policy import SitePolicy
from darkroom.policy.transitions import State


# (subject, verdict) -> (state the job must be in, state it goes to)
DECISIONS: dict[tuple[str, str], tuple[State, State]] = {
    ("code", "approve"): ("screened", "approved"),
    ("code", "reject"): ("screened", "rejected"),
    ("output", "release"): ("produced", "released"),
    ("output", "withhold"): ("produced", "withheld"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Where a decision takes a job; `against` says why nowhere."""

    target: State | None = None
    against: str = ""


def decide(decision: dict[str, Any], state: str, digests: dict[str, str]) -> Effect:
    """What a decision of the owner, its signature already checked, does to a job.

    Args:
        decision: body of the signed statement.
        state: the job's state now.
        digests: subject -> the digest that the node itself computed.
    """
    subject, verdict = decision.get("subject"), decision.get("verdict")
    if not isinstance(subject, str) or not isinstance(verdict, str):
        return Effect(against="a decision names its subject and verdict")
    if (subject, verdict) not in DECISIONS:
        return Effect(against="a decision of this kind is not known")
    needed, target = DECISIONS[subject, verdict]
    if state != needed:
        return Effect(against=f"the job is {state}, a decision on {subject} needs {needed}")
    if not digests.get(subject) or decision.get("digest") != digests[subject]:
        return Effect(against=f"the {subject} here has another digest than the decision")
    return Effect(target=target)


def succeeds(policy: SitePolicy, *, domain: str, version: int) -> str:
    """Why a policy may not follow the one of `version` (0: none) here; "" when it may."""
    if policy.domain != domain:
        return f"policy {policy.version} is for the domain {policy.domain}, not {domain}"
    if policy.version <= version:
        return (
            f"policy {policy.version} is not newer than the one in force, {version}: "
            "raise its version"
        )
    return ""
