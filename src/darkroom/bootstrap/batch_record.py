"""What the run log keeps about a batch."""

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.adapters.batch.execution import Ended
from darkroom.display.visible import visible
from darkroom.run_log import RunRecord


if TYPE_CHECKING:
    from darkroom.bootstrap.batch import BatchPlan


MAX_PARAMETER = 500  # characters; all of it stands in the executed notebook


def batch_record(
    plan: "BatchPlan", ended: Ended, executed: Path, leaked: list[int], *, key: str
) -> RunRecord:
    """The record of an executed notebook: itself, its page, how it went, and as whom.

    Args:
        leaked: code cells whose outputs were taken out.
        key: unique for this run.
    """
    notebook, who = plan.notebook, plan.identity.public
    page = executed.with_suffix(".html")
    files = {f"notebook/{path.name}": path.read_bytes() for path in (executed, page)
             if path.exists()}  # fmt: skip
    tags = {
        "privacy": f"released to {who.name}, and mock",
        "kind": "batch",
        "notebook": notebook.path.name,
        "notebook_digest": notebook.digest,
        "outcome": ended.outcome,
        "place": plan.place,
        "project": plan.project,
        "submitter": who.name,
        "submitter_fingerprint": who.fingerprint,
    }
    if plan.commit:
        tags |= {"git_commit": plan.commit, "mlflow.source.git.commit": plan.commit[:40]}
    if ended.cell is not None:
        tags["failed_cell"] = str(ended.cell.number)
    if ended.error:
        tags["error_class"] = visible(ended.error)
    if leaked:
        tags["withheld_cells"] = ", ".join(map(str, leaked))
    return RunRecord(
        key=key,
        name=f"{notebook.path.stem} · {ended.outcome}",
        description=_description(plan, ended),
        experiment=plan.project,
        tags=tags,
        params={n: str(v)[:MAX_PARAMETER] for n, v in plan.parameters.items()},
        metrics={"seconds": (ended.seconds,), "cells_completed": (float(ended.completed),)},
        files=files,
        succeeded=ended.outcome == "completed" and not leaked,
    )


def how_it_ended(ended: Ended) -> str:
    """One line for people: the cell and the class of the error, if there is one."""
    if ended.cell is None:
        return f"{ended.outcome}: {ended.completed} of {ended.count} code cells"
    cell = ended.cell
    source = visible(cell.source.strip())[:60]
    why = f" with {visible(ended.error)}" if ended.error else ""
    return f"{ended.outcome}{why} in code cell {cell.number} of {cell.count}: {source}"


def _description(plan: "BatchPlan", ended: Ended) -> str:
    return (
        f"**{plan.notebook.path.name}** ran headlessly as {plan.identity.public.name}: "
        f"`{how_it_ended(ended).replace('`', chr(39))}`, {ended.seconds:.0f} s.\n\n"
        "The executed notebook and its page lie under `notebook/`."
    )
