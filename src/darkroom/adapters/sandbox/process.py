"""The `Sandbox` port on one machine: asks the launcher, waits, hands the outcome back."""

import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from darkroom.adapters.sandbox import launcher, probe, wire
from darkroom.adapters.sandbox.plan import Layer
from darkroom.errors import IsolationError
from darkroom.ports import Isolation, Outcome, Runtime, SandboxTask


FIRST_UID = 64100
SLOTS = 16
CANCEL_POLL = 0.05
_START = (
    "import sys; sys.path.append({source!r}); "
    "from darkroom.adapters.sandbox.launcher import main; main()"
)


class ProcessSandbox:
    """Jobs in bubblewrap on this machine. Start it before the node drops its rights.

    Started by root, each job runs under a user of its own; started by an ordinary user, in
    a user namespace (weaker; `docs/sandbox.md` says where). Close it to end the launcher
    and everything that still runs.

    Args:
        runtimes: the interpreters that tasks may name; no other is ever started.
        roots: folders below which a root launcher opens what a task names.
        slots: how many tasks run at the same time; more wait.
        first_uid: where the blocks of uids for jobs start; the first free block is taken.
        cgroups: use control groups where possible.
        without: walls to leave out. For tests of the probe only.

    Attributes:
        problem: why no job can run here, or None; told by `probe` and raised by `run`.
        rooted: whether each job has a user of its own.
        cgroups: which of `memory` and `pids` the kernel holds for a job as a whole.
    """

    def __init__(
        self,
        *,
        runtimes: Iterable[Runtime],
        roots: Iterable[Path] = (),
        slots: int = SLOTS,
        first_uid: int = FIRST_UID,
        cgroups: bool = True,
        without: frozenset[Layer] = frozenset(),
    ) -> None:
        self._runtimes = tuple(runtimes)
        self._roots = tuple(Path(r).resolve() for r in roots)
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        settings = {
            "runtimes": [launcher.runtime_to_mapping(r) for r in self._runtimes],
            "roots": [str(r) for r in self._roots],
            "slots": slots,
            "first_uid": first_uid,
            "cgroups": cgroups,
            "without": sorted(without),
        }
        self.problem: IsolationError | None = None
        self.rooted, self.cgroups = False, tuple[str, ...]()
        try:
            self._start(settings)
        except IsolationError as error:
            self.problem = error

    def _start(self, settings: dict[str, object]) -> None:
        ours, theirs = socket.socketpair()
        source = str(Path(__file__).resolve().parents[3])
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-c",
                _START.format(source=source),
                str(theirs.fileno()),
            ],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        theirs.close()
        self._control = ours
        wire.send(ours, settings)
        hello = wire.receive(ours)
        if hello is None or "isolation" in hello:
            self.close()
            wire.answer(hello)
        else:
            self.rooted = bool(hello["root"])
            self.cgroups = tuple(hello["cgroups"])

    @property
    def pid(self) -> int:
        """Process id of the launcher."""
        return self._process.pid

    def probe(self) -> Isolation:
        """See `Sandbox.probe`."""
        if self.problem is not None:
            problem = f"{self.problem.message}; {self.problem.next_step}"
            return Isolation(fit=False, layers={"launcher": problem})
        return probe.probe(
            self,
            self._runtimes,
            self._roots,
            rooted=self.rooted,
            cgroups=self.cgroups,
        )

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        """See `Sandbox.run`."""
        if self.problem is not None:
            raise self.problem
        frame = wire.task_to_frame(task, self._runtimes)
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._hand_over(theirs)
            try:
                wire.send(ours, frame)
                told = False
                while not select.select([ours], [], [], CANCEL_POLL)[0]:
                    if not told and cancelled():
                        wire.send(ours, wire.CANCEL)
                        told = True
                return wire.answer(wire.receive(ours))
            except OSError as error:
                raise IsolationError(
                    "the sandbox does not answer", next_step="restart the node"
                ) from error

    def _hand_over(self, channel: socket.socket) -> None:
        try:
            with self._lock:
                if self._control is None:
                    raise OSError
                socket.send_fds(self._control, [b"t"], [channel.fileno()])
        except OSError as error:
            raise IsolationError(
                "the launcher of the sandbox has ended", next_step="restart the node"
            ) from error

    def close(self) -> None:
        """End the launcher and whatever still runs. Again: nothing happens."""
        with self._lock:
            if self._control is None:
                return
            self._control.close()
            self._control = None
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
