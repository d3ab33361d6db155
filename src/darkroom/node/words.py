"""How a run ended, in plain words for its submitter. No value of the data is in them. Pure."""

from darkroom.model.error_class import error_class
from darkroom.ports import Outcome


LOST = "lost its worker {attempts} times"
INTERRUPTED = "its worker was lost; it starts again"
STOPPED = "the domain is being restarted; it starts again"


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
