"""What waits for the data owner, what became of it, and what the domain told them."""

from dataclasses import dataclass
from typing import Any, Literal


Subject = Literal["code", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request that waits for the owner, or did.

    Attributes:
        subject: `code` (review) or `output` (release).
        digest: what a decision binds; "" when the request was refused as it came.
        problem: why it cannot be shown or approved; "" when it is sound.
        verdict: "" while it waits; else `approve`, `reject`, `request-changes`, `withdraw`,
            `release` or `withhold`.
        decided_at: of the latest verdict, Unix seconds.
        expires_at: when an approval that was not used is void; 0.0 for all others.
    """

    id: int
    subject: Subject
    job_id: str
    digest: str
    received_at: float
    body: dict[str, Any]
    problem: str = ""
    verdict: str = ""
    reason: str = ""
    decided_at: float = 0.0
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence from the domain, or about a letter that came back."""

    at: float
    level: str
    text: str
