"""Start separate processes, wait until each is ready, stop them by their process id."""

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from darkroom.errors import UnreachableError


POLL_SECONDS = 0.05
GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours.

    Attributes:
        born: its start time, so that a reused process id is never taken for it.
        mark: size of its log when it started; what it says comes after.
    """

    name: str
    pid: int
    born: float
    log: Path
    mark: int = 0

    def said(self) -> str:
        """What it printed since it started."""
        with self.log.open("rb") as log:
            log.seek(self.mark)
            return log.read().decode(errors="replace")

    def handle(self) -> psutil.Process | None:
        """The live process, or None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            alive = process.create_time() == self.born
            return process if alive and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def rss_mib(self) -> float:
        """Resident memory of the process itself in MiB; 0.0 when it has ended."""
        process = self.handle()
        return process.memory_info().rss / 2**20 if process else 0.0


class Processes:
    """The processes of one local system, remembered in a file so that another command
    can stop them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._register = folder / "processes.json"
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self.running: list[Process] = self._load()

    def start(
        self,
        name: str,
        argv: list[str],
        *,
        environment: Mapping[str, str],
        cwd: Path | None = None,
    ) -> Process:
        """Start a program with its output in `logs/<name>.log`; does not wait."""
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            mark = output.tell()
            child = subprocess.Popen(  # our own programs, no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
            )
        self._children[child.pid] = child
        born = psutil.Process(child.pid).create_time()
        process = Process(name, child.pid, born, log, mark)
        with self._lock:
            self.running.append(process)
            self._save()
        return process

    def wait(
        self, process: Process, ready: Callable[[], bool], *, seconds: float, hint: str
    ) -> None:
        """Return when `ready()` is true.

        Raises:
            UnreachableError: the process ended or was not ready in time; the end of its
                log is in the message.
        """
        end = time.monotonic() + seconds
        while not ready():
            if self.ended(process) or time.monotonic() > end:
                state = "ended" if self.ended(process) else f"not ready in {seconds:.0f} s"
                tail = process.said()[-1500:].strip()
                raise UnreachableError(
                    f"{process.name}: {state}\n{tail}",
                    next_step=f"{hint}; its log is {process.log}",
                )
            time.sleep(POLL_SECONDS)

    def ended(self, process: Process) -> bool:
        """Whether the process has ended (and reap it)."""
        child = self._children.get(process.pid)
        if child is not None:
            return child.poll() is not None
        return process.handle() is None

    def find(self, name: str) -> Process:
        """The running process of that name."""
        return next(p for p in reversed(self.running) if p.name == name)

    def stop(self, process: Process, *, sign: int = signal.SIGTERM) -> None:
        """Ask a process to end and make sure that it did."""
        self._end(process, sign)
        with self._lock:
            self.running.remove(process)
            self._save()

    def stop_all(self) -> None:
        """Stop everything, the last started first."""
        for process in reversed(self.running):
            self._end(process, signal.SIGTERM)
        self.running.clear()
        self._save()

    def _end(self, process: Process, sign: int) -> None:
        live = process.handle()
        if live is not None:
            family = live.children(recursive=True)
            with contextlib.suppress(psutil.NoSuchProcess):
                live.send_signal(sign)
            psutil.wait_procs([live], timeout=GRACE_SECONDS)
            for member in (live, *family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        child = self._children.pop(process.pid, None)
        if child is not None:
            child.wait()

    def _save(self) -> None:
        rows = [[p.name, p.pid, p.born, str(p.log), p.mark] for p in self.running]
        temporary = self._register.with_suffix(".tmp")
        temporary.write_text(json.dumps(rows))
        temporary.replace(self._register)

    def _load(self) -> list[Process]:
        try:
            rows = json.loads(self._register.read_text())
        except (OSError, ValueError):
            return []
        found = [Process(n, pid, born, Path(log), mark) for n, pid, born, log, mark in rows]
        return [p for p in found if p.handle()]
