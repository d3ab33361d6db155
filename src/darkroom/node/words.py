"""How a run ended, in plain words for its submitter. No value of the data is in them. Pure."""

from darkroom.model.error_class import error_class
from darkroom.policy.standing import BEHIND, LEVEL, UNKNOWN
from darkroom.ports import Outcome


LOST = "lost its worker {attempts} times"
INTERRUPTED = "its worker was lost; it starts again"
STOPPED = "the domain is being restarted; it starts again"
RESTORED = "the domain was restored from a backup: submit it again"
WAITS = {  # by how the state of the domain stands; see `policy.standing`
    LEVEL: "",
    BEHIND: "this domain looks whether its state is the newest: private footage waits",
    UNKNOWN: "this domain cannot tell now whether its state is the newest: private footage waits",
}


def ended(outcome: Outcome, what: str = "the code") -> str:
    """Why a task did not end well; "" when it did."""
    match outcome.status:
        case "done":
            return ""
        case "limit":
            return f"{what} was stopped at a limit: {outcome.limit}"
        case "cancelled":
            return f"{what} was cancelled"
        case _ if outcome.error_class == "OutputError":
            return (
                f"{what} returned something else than the outputs it declares: run it on mock, "
                "where the same check names the output"
            )
        case _:
            return f"{what} ended with {error_class(outcome.error_class)}"


def cannot_isolate(layers: dict[str, str]) -> str:
    """Why jobs wait at a node whose walls do not hold."""
    missing = sorted(name for name, found in layers.items() if found != "holds")
    return "this domain cannot isolate jobs at present: " + (", ".join(missing) or "no sandbox")
