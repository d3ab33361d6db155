"""Why a result is stale: for people, and for the run log."""

from darkroom.model.stale import Stale
from darkroom.model.submitted import StaleRow


def reason_of(row: StaleRow) -> str:
    """Why a result is stale, for people."""
    said = Stale.from_body(row.statement["body"])
    if row.made_from:
        return f"it was made with what job {row.made_from[:8]} released, and there {said.reason}"
    return said.reason


def replacement_of(row: StaleRow) -> str:
    """The version that took the place of the one that a result came from; "": nobody says."""
    return "" if row.made_from else Stale.from_body(row.statement["body"]).replaced_by


def tags_of(row: StaleRow) -> dict[str, str]:
    """What a run, or a version of a model, says of it."""
    return {"stale": "true", "stale.reason": reason_of(row)}
