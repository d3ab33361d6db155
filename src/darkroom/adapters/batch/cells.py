"""Run one notebook with papermill and tell of each cell. A program of its own.

Started by `execution` with the order as JSON on standard input; what happens is told as JSON
lines on a descriptor that the kernel does not inherit, so that no cell can tell tales.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn


ENGINE = "darkroom"
KERNEL_SECONDS = 120  # to start one, on a Pi with a cold disk
AUTOSAVE_SECONDS = 10
MOST_WORDS = 200
# Imported where they are installed, for seconds of CPU: a grammar of addresses that no notebook
# is checked against, and stores that papermill could read from. It is given local files alone.
NOT_NEEDED = ("rfc3987_syntax", "boto3", "pyarrow")

Tell = Callable[..., None]


def _teller(descriptor: int) -> Tell:
    os.set_inheritable(descriptor, False)

    def tell(**event: Any) -> None:
        os.write(descriptor, json.dumps(event).encode() + b"\n")

    return tell


def _engine(tell: Tell) -> Any:
    from papermill.engines import NBClientEngine

    class TellingEngine(NBClientEngine):
        """papermill's own engine; every cell is told as it begins and ends."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            """Execute, with both of the manager's hooks wrapped."""
            code = [i for i, cell in enumerate(nb_man.nb.cells) if cell.cell_type == "code"]
            number = {index: n for n, index in enumerate(code, start=1)}
            tell(event="cells", count=len(code))
            started, completed, since = nb_man.cell_start, nb_man.cell_complete, [0.0]

            def start(cell: Any, cell_index: int, **more: Any) -> None:
                if cell_index in number:
                    since[0] = time.monotonic()
                    tell(event="begin", cell=number[cell_index], source=_first_line(cell.source))
                started(cell, cell_index, **more)

            def complete(cell: Any, cell_index: int, **more: Any) -> None:
                completed(cell, cell_index, **more)
                if cell_index in number:
                    error = next((o.ename for o in cell.outputs if o.output_type == "error"), "")
                    tell(
                        event="end",
                        cell=number[cell_index],
                        seconds=time.monotonic() - since[0],
                        error=error[:MOST_WORDS],
                    )

            nb_man.cell_start, nb_man.cell_complete = start, complete
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    return TellingEngine


def _first_line(source: str) -> str:
    return next((line for line in source.splitlines() if line.strip()), "")[:MOST_WORDS]


def _stopped(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # papermill writes what there is, nbclient ends the kernel


def main() -> None:
    """Run as `python -m … <descriptor>`."""
    for name in NOT_NEEDED:
        sys.modules[name] = None  # type: ignore[assignment]
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook
    from papermill.engines import papermill_engines

    signal.signal(signal.SIGTERM, _stopped)
    tell = _teller(int(sys.argv[1]))
    order = json.load(sys.stdin)
    papermill_engines.register(ENGINE, _engine(tell))
    try:
        execute_notebook(
            order["notebook"],
            order["output"],
            order["parameters"],
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=KERNEL_SECONDS,
            autosave_cell_every=AUTOSAVE_SECONDS,
        )
    except PapermillExecutionError as error:
        tell(event="failed", error=error.ename[:MOST_WORDS])
    except DeadKernelError:
        tell(event="failed", error="DeadKernelError")
    except KeyboardInterrupt:
        tell(event="stopped")
    else:
        tell(event="done")


if __name__ == "__main__":
    main()
