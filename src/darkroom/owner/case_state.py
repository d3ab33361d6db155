"""How a case stands, in words. Pure."""

from darkroom.model.owner_case import Case
from darkroom.owner.wording import time_words


_DONE = {
    "reject": "rejected",
    "request-changes": "changes requested",
    "release": "released",
    "withhold": "withheld",
}


def is_live(case: Case, *, now: float, ran: bool) -> bool:
    """Whether an approval may still let the job run."""
    return case.verdict == "approve" and not ran and not 0 < case.expires_at <= now


def state_words(case: Case, *, now: float, ran: bool) -> str:
    """The state of a case.

    Args:
        case: of either subject.
        now: Unix seconds.
        ran: whether outputs of its job came.
    """
    if not case.verdict:
        return "refused as it came" if case.problem else "waits"
    if case.verdict == "withdraw":
        return f"withdrawn {time_words(case.decided_at)}"
    if case.verdict != "approve":
        return _DONE.get(case.verdict, case.verdict)
    if ran:
        return "approved, and it ran"
    if not case.expires_at:
        return "approved"
    if is_live(case, now=now, ran=ran):
        return f"approved until {time_words(case.expires_at)}"
    return f"expired {time_words(case.expires_at)}"
