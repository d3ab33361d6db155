"""What two parties say to each other. A letter is sealed whole; the relay sees none of it.

`KINDS` is the complete list of what may be said and by whom. None of them starts anything
by itself: a node acts only on the owner's signed statement or the owner's signed policy.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from darkroom.errors import EnvelopeError
from darkroom.model.identity import Role, require_name
from darkroom.model.json_shape import is_number


# kind -> (role of the sender, role of the recipient)
KINDS: dict[str, tuple[Role, Role]] = {
    "enrol.request": ("scientist", "domain"),
    "enrol.accepted": ("domain", "scientist"),
    "job.submit": ("scientist", "domain"),
    "pysyft.submit": ("scientist", "domain"),
    "job.cancel": ("scientist", "domain"),
    "job.quote": ("scientist", "domain"),
    "job.quoted": ("domain", "scientist"),
    "job.state": ("domain", "scientist"),
    "job.result": ("domain", "scientist"),
    "release.stale": ("domain", "scientist"),
    "owner.invitation": ("owner", "domain"),
    "owner.policy": ("owner", "domain"),
    "owner.decision": ("owner", "domain"),
    # Reviewers and the submitter of a job write to each other; the domain passes it on.
    "review.ask": ("owner", "domain"),
    "job.answer": ("scientist", "domain"),
    "job.message": ("domain", "scientist"),
    "review.message": ("domain", "owner"),
    "owner.override": ("owner", "domain"),
    "domain.restored": ("domain", "scientist"),
    "budget.ask": ("owner", "domain"),
    "budget.state": ("domain", "owner"),
    "review.request": ("domain", "owner"),
    "release.request": ("domain", "owner"),
    "owner.notice": ("domain", "owner"),
    # "I have new keys": sealed with them, so that it opens only along our hand-overs.
    "handover.scientist": ("scientist", "domain"),
    "handover.owner": ("owner", "domain"),
    "handover.domain": ("domain", "scientist"),
    "handover.node": ("domain", "owner"),
}
LETTER_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message.

    Attributes:
        id: 32 hex digits, chosen once by the sender; the same id is never acted on twice.
        kind: one of `KINDS`.
        sender, recipient: names of identities.
        sent_at: the sender's clock, Unix seconds.
        body: a JSON object; its shape belongs to the kind.
        attachments: named bytes that travel beside the body (code, models, outputs).
    """

    id: str
    kind: str
    sender: str
    recipient: str
    sent_at: float
    body: dict[str, Any]
    attachments: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not LETTER_ID.fullmatch(self.id):
            raise EnvelopeError("a letter's id is not 32 hex digits", next_step="ask for it again")
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise EnvelopeError(
                f"letters of kind {ascii(self.kind)[:40]} are not known here",
                next_step="upgrade the older side",
            )
        require_name(self.sender, "sender")
        require_name(self.recipient, "recipient")
        if not isinstance(self.body, dict) or not is_number(self.sent_at):
            raise EnvelopeError(
                "a letter's body is not an object, or it has no date",
                next_step="ask for it again",
            )
