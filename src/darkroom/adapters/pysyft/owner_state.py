"""How a job stands at the desk, in the words of PySyft's `state.yaml`. Pure."""

from datetime import UTC, datetime

from syft_job.models import JobState, JobStatus

from darkroom.adapters.pysyft.owner_desk import Standing


def last_word(standing: Standing) -> float:
    """When it was decided on last, Unix seconds."""
    return max(standing.case.decided_at, standing.output.decided_at if standing.output else 0.0)


_STATUS = {
    "pending": JobStatus.PENDING,
    "approved": JobStatus.APPROVED,
    "rejected": JobStatus.REJECTED,
    "done": JobStatus.DONE,
    "failed": JobStatus.FAILED,
}


def state_of(standing: Standing, address: str) -> JobState:
    """`state.yaml`, the same for the same standing.

    Args:
        standing: of the job.
        address: of the owner, in whose name it was decided.
    """
    case = standing.case
    state = JobState(
        status=_STATUS[standing.status],
        received_at=_time(case.received_at),
        review_reason=standing.reason or None,
    )
    if case.verdict in ("approve", "withdraw"):
        state.approved_by, state.approved_at = address, _time(case.decided_at)
        state.approval_method = "manual"
    if standing.status == "rejected":
        state.rejected_by, state.rejected_at = address, _time(last_word(standing))
    if standing.status in ("done", "failed"):
        at = standing.output.received_at if standing.output else case.decided_at
        state.completed_at, state.return_code = _time(at), int(standing.status == "failed")
    return state


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
