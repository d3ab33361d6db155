"""Run one notebook headlessly with papermill in a process of its own, and keep it as HTML."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.batch.execution import Order, execute
from darkroom.config import REPOSITORY
from darkroom.errors import JobFailedError


MOST_TRACEBACK = 2500
PAGE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookRun:
    """What to run and where the executed copy goes.

    Attributes:
        parameters: values for the cell tagged `parameters`.
        environment: the whole environment of the kernel.
    """

    notebook: Path
    output: Path
    parameters: Mapping[str, object]
    environment: Mapping[str, str]


def run_notebook(run: NotebookRun, *, page: bool = True) -> None:
    """Execute with papermill; write `output`, and with `page` the same as `.html` beside it.

    Raises:
        JobFailedError: a cell failed; the executed notebook shows which.
    """
    ended = execute(
        Order(
            notebook=run.notebook,
            output=run.output,
            parameters=run.parameters,
            environment=run.environment,
            folder=REPOSITORY,
            seconds=None,
        )
    )
    if page:
        write_pages([run.output], run.environment)
    if ended.cell is not None:
        raise JobFailedError(
            f"notebook {run.notebook.name} stopped with {ended.error} in code cell "
            f"{ended.cell.number}:\n{_traceback(run.output)[-MOST_TRACEBACK:]}",
            next_step=f"open the executed copy: {run.output}",
        )


def _traceback(executed: Path) -> str:
    """What the cell that failed shows."""
    cells = json.loads(executed.read_bytes())["cells"]
    errors = (o for cell in cells for o in cell.get("outputs", ()) if o["output_type"] == "error")
    return "\n".join(line for error in errors for line in error["traceback"])


def write_pages(executed: Sequence[Path], environment: Mapping[str, str]) -> None:
    """Write each executed notebook as `.html` beside it; one process for all, it starts slowly."""
    subprocess.run(  # our own program, no shell
        [sys.executable, "-P", "-m", "darkroom.adapters.batch.pages", *map(str, executed)],
        env=dict(environment),
        capture_output=True,
        timeout=PAGE_SECONDS,
        check=False,
    )
