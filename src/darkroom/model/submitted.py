"""What a scientist's machine knows of what was submitted: nouns, not the SDK's live objects."""

from dataclasses import dataclass
from typing import Any

from darkroom.model.job import JobRequest


# States that only this side knows, before the node's first word and when it never comes.
QUEUED = "queued"  # kept here, not yet handed to the gateway
SENT = "sent"  # with the gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """What is known of one job.

    Attributes:
        request: what was asked for.
        submission: the id of the submission it belongs to.
        label: its name among the results of the submission: the domain, or
            `domain/dataset` where a domain was asked twice.
        state: `queued`, `sent`, or the last state that the domain told.
        reasons: the domain's words about that state.
        seq: the domain's number of that state; an older one never overwrites.
        shards: how many parts are done, of how many.
        submitted_at: when it was made here; changed_at: when the state last changed.
        problem: why a result that came cannot be trusted, or "".
        collected: whether a verified result is here.
    """

    request: JobRequest
    submission: str
    label: str
    state: str = QUEUED
    reasons: tuple[str, ...] = ()
    seq: int = -1
    shards: tuple[int, int] = (0, 0)
    submitted_at: float = 0.0
    changed_at: float = 0.0
    problem: str = ""
    collected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """One call of `submit`."""

    id: str
    name: str
    project: str
    created_at: float
    jobs: tuple[JobRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """A verified result.

    Attributes:
        release: the signed statement, as a mapping.
        outputs: name -> bytes.
        received_at: Unix seconds.
        receipt: the DSSE envelope that came with it; b"" from a domain that sends none.
    """

    release: dict[str, Any]
    outputs: dict[str, bytes]
    received_at: float
    receipt: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleRow:
    """That a result is stale.

    Attributes:
        statement: what the domain signed about it, or about what it was made with.
        made_from: id of the job whose result it was made with; "" where its own domain says it.
        at: when we heard, Unix seconds.
    """

    job_id: str
    statement: dict[str, Any]
    made_from: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A run record that waits for the run log."""

    key: str
    record: bytes
