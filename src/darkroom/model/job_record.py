"""What a node knows of one job: the request as it came, and how far it got."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.model.job import JobRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One job at one domain. A new value is made for every step; none is changed.

    Attributes:
        request: as it was admitted.
        code_digest, job_digest: as the node computed them at admission; what a rule or the
            owner approved, and what is compared again just before the start.
        state: a state of `policy.transitions`.
        received_at: Unix seconds, the node's clock.
        mock: what the submitter says the code did on mock; for the owner to read.
        supersedes: id of an earlier job of the same submitter that this one takes the place
            of, or "".
        by_rule: whether a rule of the policy approved the code.
        policy_version: of the policy that was applied.
        price: what was reserved for it, as the mapping of an `Amount`.
        votes: what people said about it, oldest first, as mappings of `policy.owner_word.Vote`.
        decisions: the signed yes of each of them, as mappings of `model.receipt_parts.Decided`; the
            latest of each person about the code and about the outputs.
        asked: who was asked for the decision that it waits for now.
        approved_by, released_by: names of the people, or `rule NAME`; "" before.
        approved_until: Unix seconds after which an unused approval is void; 0.0 for a rule's.
        touched: whether it was ever started, so that it may have seen data.
        attempts: how often it was started.
        cancel_requested: its submitter wants it to stop.
        shards: how many of its shards are done, and how many there are.
        seq: number of the last `job.state` letter.
        reasons: the latest words to the submitter.
        outputs: inspected outputs, name -> `{"type", "sha256", "bytes"}`, the log included,
            which has a random `blind` besides.
        facts: coarse facts of the run that go into the release.
    """

    request: JobRequest
    code_digest: str
    job_digest: str
    state: str
    received_at: float
    mock: dict[str, Any] = field(default_factory=dict)
    supersedes: str = ""
    by_rule: bool = False
    policy_version: int = 0
    price: dict[str, Any] = field(default_factory=dict)
    votes: tuple[dict[str, Any], ...] = ()
    decisions: tuple[dict[str, Any], ...] = ()
    asked: tuple[str, ...] = ()
    approved_by: str = ""
    released_by: str = ""
    approved_until: float = 0.0
    touched: bool = False
    attempts: int = 0
    cancel_requested: bool = False
    shards: tuple[int, int] = (0, 0)
    seq: int = 0
    reasons: tuple[str, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def job_id(self) -> str:
        """The id that its submitter gave it."""
        return self.request.job_id

    @property
    def submitter(self) -> str:
        """Name of the scientist."""
        return self.request.submitter
