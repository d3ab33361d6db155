"""Run one notebook headlessly with papermill in a process of its own, and keep it as HTML."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from darkroom.config import REPOSITORY
from darkroom.errors import JobFailedError


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
    run.output.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(dict(run.parameters))
    done = subprocess.run(  # our own program, no shell
        [
            sys.executable, "-m", "papermill", str(run.notebook), str(run.output),
            "--no-progress-bar", "--cwd", str(REPOSITORY), "--kernel", "python3", "-y", text,
        ],
        env=dict(run.environment),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if page and run.output.exists():
        write_pages([run.output], run.environment)
    if done.returncode:
        raise JobFailedError(
            f"notebook {run.notebook.name} stopped:\n{done.stderr.strip()[-2500:]}",
            next_step=f"open the executed copy: {run.output}",
        )


def write_pages(executed: Sequence[Path], environment: Mapping[str, str]) -> None:
    """Write each executed notebook as `.html` beside it; one process for all, it starts slowly."""
    subprocess.run(  # our own program, no shell
        [sys.executable, "-m", "nbconvert", "--to", "html", *map(str, executed)],
        env=dict(environment),
        capture_output=True,
        check=False,
    )
