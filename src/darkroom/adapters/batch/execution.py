"""One notebook in a process apart: told cell by cell, ended at its deadline or when asked.

What the process says is read as data; how it ended is decided here.
"""

import contextlib
import json
import math
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import psutil

from darkroom.errors import StateError


Outcome = Literal["completed", "failed", "timed out", "stopped"]
GRACE_SECONDS = 15.0  # to write the notebook and to end the kernel
MOST_EVENT = 64 << 10
MOST_STDERR = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to execute.

    Attributes:
        parameters: values for the cell tagged `parameters`.
        environment: the whole environment of the kernel.
        folder: where the kernel runs.
        seconds: wall time for all cells together; None for no end.
    """

    notebook: Path
    output: Path
    parameters: Mapping[str, object]
    environment: Mapping[str, str]
    folder: Path
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A code cell that begins or has ended.

    Attributes:
        number: among the code cells, from 1.
        count: how many code cells there are.
        source: its first line; foreign text.
        seconds: how long it took, None as it begins.
        error: class of the exception that ended it, or "".
    """

    number: int
    count: int
    source: str
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an execution ended.

    Attributes:
        cell: the cell that failed, or was running; None when all went through.
        error: class of what ended it, or "".
        count: how many code cells there are.
        completed: how many went through.
    """

    outcome: Outcome
    cell: Cell | None
    error: str
    count: int
    completed: int
    seconds: float


def execute(
    order: Order, *, tell: Callable[[Cell], None] = lambda _: None, stop: int | None = None
) -> Ended:
    """Run to the end, to the deadline, or until `stop` can be read.

    Args:
        order: what to run; `output` holds what there is whatever happens.
        tell: called as each cell begins and ends.
        stop: a descriptor; readable means: end now.

    Raises:
        StateError: papermill or the kernel could not be started.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as said, _started(order, said) as (child, events):
        follow = _Follow(tell)
        outcome = _read(events, stop, began + (order.seconds or math.inf), follow)
        if outcome != "ended":
            _end(child)
        child.wait()
        if outcome == "ended" and follow.last not in ("done", "failed"):
            raise StateError(
                f"papermill could not run {order.notebook.name}:\n{_tail(said)}",
                next_step="see above; the kernel needs ipykernel, and a folder it may write to",
            )
    final: Outcome = "completed" if follow.last == "done" else "failed"
    if outcome != "ended":
        final = outcome
    return Ended(
        outcome=final,
        cell=None if final == "completed" else follow.cell,
        error={"timed out": "TimeoutError"}.get(final, follow.error),
        count=follow.count,
        completed=follow.completed,
        seconds=time.monotonic() - began,
    )


class _Follow:
    """The events so far."""

    def __init__(self, tell: Callable[[Cell], None]) -> None:
        self._tell = tell
        self.count = self.completed = 0
        self.cell: Cell | None = None
        self.error = self.last = ""

    def take(self, event: dict[str, Any]) -> None:
        self.last = event["event"]
        if self.last == "cells":
            self.count = event["count"]
        elif self.last == "begin":
            self.cell = Cell(number=event["cell"], count=self.count, source=event["source"])
            self._tell(self.cell)
        elif self.last == "end" and self.cell is not None:
            ended = Cell(
                number=self.cell.number,
                count=self.count,
                source=self.cell.source,
                seconds=event["seconds"],
                error=event["error"],
            )
            self.completed += not ended.error
            self.cell = ended
            self._tell(ended)
        elif self.last == "failed":
            self.error = event["error"]


@contextmanager
def _started(order: Order, said: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    order.output.parent.mkdir(parents=True, exist_ok=True)
    events, descriptor = os.pipe()
    try:
        child = subprocess.Popen(  # our own program, no shell
            [sys.executable, "-P", "-m", "darkroom.adapters.batch.cells", str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env={"PYDEVD_DISABLE_FILE_VALIDATION": "1", **order.environment},
            cwd=order.folder,
            pass_fds=[descriptor],
            start_new_session=True,  # Ctrl-C in the terminal is for us: we end it in order
        )
    finally:
        os.close(descriptor)
    try:
        words = {
            "notebook": str(order.notebook.absolute()),
            "output": str(order.output.absolute()),
            "parameters": dict(order.parameters),
        }
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(json.dumps(words).encode())
        yield child, events
    finally:
        os.close(events)
        _end(child, grace=0.0)


def _read(
    events: int, stop: int | None, deadline: float, follow: _Follow
) -> Literal["ended", "timed out", "stopped"]:
    rest = b""
    with selectors.DefaultSelector() as ready:
        ready.register(events, selectors.EVENT_READ)
        if stop is not None:
            ready.register(stop, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            wait = None if left == math.inf else max(left, 0.0)
            found = {key.fd for key, _ in ready.select(wait)}
            if stop in found:
                return "stopped"
            if events in found:
                data = os.read(events, MOST_EVENT)
                if not data:
                    return "ended"
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    follow.take(json.loads(line))
            elif left <= 0:
                return "timed out"


def _end(child: subprocess.Popen[bytes], *, grace: float = GRACE_SECONDS) -> None:
    """Ask it to end, and make sure: itself, its kernel, and what the kernel started."""
    if child.poll() is not None:
        return
    try:
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    child.terminate()
    try:
        child.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        child.kill()
    for member in family[1:]:
        if member.is_running():
            member.kill()
    child.wait()


def _tail(said: IO[bytes]) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - MOST_STDERR))
    return said.read().decode(errors="replace").strip()
