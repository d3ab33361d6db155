"""The first process of a job's pod: `python -I -m darkroom.walls.worker`.

It proves that the network is shut, checks that the image is the one that the node means,
puts up the walls that a process can put around itself, and only then starts the program as
a child. It watches the child, ends it at a limit, and writes log and verdict to `/report`.

Where anything is not as it must be it ends with a code of `order.py` and nothing of the job
has run; the words for people go to the termination log, which the node reads with the pod.
"""

# ruff: noqa: S108  # "/tmp" is the container's own

import contextlib
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from darkroom.errors import SpecError
from darkroom.walls import canary, confine, landlock, last_words
from darkroom.walls.collect import DEPTH
from darkroom.walls.lock_hash import lock_hash
from darkroom.walls.order import (
    LOG,
    MAX_LOG,
    MAX_ORDER,
    MAX_REPORT,
    NO_ORDER,
    NO_REPORT,
    NO_WALLS,
    ORDER,
    OTHER_LOCK,
    REACHABLE,
    VERDICT,
    Order,
    Verdict,
)
from darkroom.walls.watch import Watcher


JOB, OUT, TMP, REPORT = Path("/job"), Path("/out"), Path("/tmp"), Path("/report")
PACKAGE = Path(__file__).resolve().parents[1]
PROGRAM = PACKAGE / "runtime" / "__main__.py"
LOCKS = (
    Path(sys.prefix).parent / "requirements"
)  # /opt/darkroom/venv has /opt/darkroom/requirements
CGROUP = Path("/sys/fs/cgroup")
# All that a job finds in its environment.
ENVIRONMENT = ("HOME", "LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
STARTED = b"started\n"
LOOK_SECONDS = 0.1
SIGNAL_BASE = 128
MIB = 1 << 20
OUT_ENTRIES = 16  # beside one for each file that the limit allows
ENDING_SECONDS = 5.0


def main() -> NoReturn:
    """Do what `/job/order.json` says, and end."""
    confine.show(False)
    last_words.open_words()
    order = _read_order()
    _see_the_network_shut(order)
    _check_lock(order)
    _refuse_calls(order)
    run = _Run(order)
    # The cluster ends a pod with SIGTERM; nobody waits for what the job would still say.
    signal.signal(signal.SIGTERM, lambda *_: _leave(run))
    run.watch()
    _leave(run, _judged(run, order))


def _give_up(code: int, words: str) -> NoReturn:
    last_words.say(words)
    os._exit(code)


def _read_order() -> Order:
    try:
        with (JOB / ORDER).open("rb") as file:
            return Order.from_json(file.read(MAX_ORDER))
    except (OSError, SpecError) as error:
        words = error.message if isinstance(error, SpecError) else str(error.strerror)
        _give_up(NO_ORDER, f"{ORDER} cannot be read: {words}")


def _see_the_network_shut(order: Order) -> None:
    left = canary.still_reachable(order.canaries)
    if left:
        _give_up(REACHABLE, "reached " + ", ".join(f"{host} port {port}" for host, port in left))


def _check_lock(order: Order) -> None:
    try:
        found = lock_hash((LOCKS / order.lock).read_bytes(), PACKAGE)
    except OSError as error:
        _give_up(OTHER_LOCK, f"the image has no {order.lock}: {error.strerror}")
    if found != order.lock_hash:
        _give_up(OTHER_LOCK, f"the image is {found}, the node means {order.lock_hash}")


def _refuse_calls(order: Order) -> None:
    machine = platform.machine()
    if machine not in order.filters:
        _give_up(NO_WALLS, f"there is no system-call filter for {machine!a}")
    try:
        confine.refuse_calls(order.filters[machine])
    except OSError as error:
        _give_up(NO_WALLS, f"the kernel takes no system-call filter: {error.strerror}")


class _Run:
    """The program while it lives."""

    def __init__(self, order: Order) -> None:
        self._limits = order.limits
        self.log, self.report = bytearray(), bytearray()
        self.stopped, self.code = "", -1
        self.landlock = landlock.version() > 0
        self.most_resident = 0
        self._watcher = Watcher(os.getpid())
        self._ours = self._watcher.look()
        self.started = time.monotonic()
        report_job = self._begin(order.program)
        for descriptor in (self._report, self._log):
            os.set_blocking(descriptor, False)
        os.close(report_job)

    def _begin(self, program: str) -> int:
        self._log, log_job = os.pipe()
        self._report, report_job = os.pipe()
        command = [sys.executable, "-I", "-X", "utf8", str(PROGRAM), program]
        try:
            self._process = subprocess.Popen(
                [*command, "--report", str(report_job)],
                stdin=subprocess.DEVNULL,
                stdout=log_job,
                stderr=log_job,
                pass_fds=(report_job,),
                preexec_fn=self._confine,  # noqa: PLW1509 - one thread is left
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                cwd="/",
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            _give_up(NO_WALLS, f"the walls of the job cannot be put up: {error}")
        os.close(log_job)
        self._ended = os.pidfd_open(self._process.pid)
        return report_job

    def _confine(self) -> None:
        confine.be_first_to_go()
        confine.end_with_parent()
        confine.lower_limits(self._limits)
        landlock.only_write_below((OUT, TMP))

    def watch(self) -> None:
        """Until the program ends or is stopped."""
        poll = select.poll()
        for descriptor in (self._log, self._report, self._ended):
            poll.register(descriptor, select.POLLIN)
        deadline = self.started + self._limits.wall_seconds
        next_look = self.started + LOOK_SECONDS
        while not self.stopped:
            pause = min(next_look, deadline) - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, pause) * 1000)}
            for descriptor in ready & {self._log, self._report}:
                if not self._drain(descriptor):
                    poll.unregister(descriptor)
            if self._ended in ready:
                return
            now = time.monotonic()
            if now >= deadline:
                self.stopped = "wall clock"
            elif now >= next_look:
                self._look()
                next_look = now + LOOK_SECONDS

    def _look(self) -> None:
        look = self._watcher.look()
        self.most_resident = max(self.most_resident, look.resident - self._ours.resident)
        if look.cpu_seconds - self._ours.cpu_seconds > self._limits.cpu_seconds:
            self.stopped = "CPU time"
        most = self._limits.memory_mib * MIB + self._ours.private
        if look.private > most and self._watcher.private_bytes() > most:
            self.stopped = "memory"

    def _drain(self, descriptor: int) -> bool:
        """Read what is there; what is over the cap is thrown away. False at the end."""
        kept, most = (self.log, MAX_LOG) if descriptor == self._log else (self.report, MAX_REPORT)
        try:
            chunk = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return True
        kept += chunk[: max(0, most - len(kept))]
        return bool(chunk)

    def end(self) -> None:
        """Nothing of the job lives after this."""
        deadline = time.monotonic() + ENDING_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpid() == 1:
                    os.kill(-1, signal.SIGKILL)  # all but us
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                break
            if pid == self._process.pid:
                code = os.waitstatus_to_exitcode(status)
                self.code = code if code >= 0 else SIGNAL_BASE - code
        for descriptor in (self._log, self._report):
            for _ in range(64):  # what lay in the pipe at the end
                before = len(self.log) + len(self.report)
                if not self._drain(descriptor) or len(self.log) + len(self.report) == before:
                    break


def _judged(run: _Run, order: Order) -> Verdict:
    seconds = time.monotonic() - run.started
    run.end()
    started = run.report.startswith(STARTED)
    return Verdict(
        code=run.code if run.code >= 0 else SIGNAL_BASE + signal.SIGKILL,
        stopped=run.stopped,
        started=started,
        oom_kills=_oom_kills(),
        disk_full=any(_full(folder) for folder in (OUT, TMP))
        or _entries(OUT, order.limits.files + OUT_ENTRIES),
        seconds=round(seconds, 3),
        max_rss_mib=round(max(0, run.most_resident) / MIB, 1),
        report=bytes(run.report[len(STARTED) :]) if started else b"",
        landlock=run.landlock,
    )


def _oom_kills() -> int:
    """How often the kernel killed in this container, where it shows the container's group."""
    for name in ("memory.events", "memory/memory.oom_control"):
        with contextlib.suppress(OSError, ValueError):
            lines = (CGROUP / name).read_text().split("\n")
            return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return 0


def _full(folder: Path) -> bool:
    room = os.statvfs(folder)
    return room.f_bavail == 0 or (room.f_files > 0 and room.f_favail == 0)


def _entries(folder: Path, most: int) -> bool:
    """Whether a tree has that many entries; the file system of a pod does not count them."""
    return any(number >= most for number, _ in enumerate(_tree(folder), 1))


def _open_to_group(folder: Path) -> None:
    """Let the collector, which has another user, read; it checks everything itself."""
    for entry in _tree(folder):
        with contextlib.suppress(OSError):
            if not entry.is_symlink():
                Path(entry.path).chmod(0o750 if entry.is_dir() else 0o640)


def _tree(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All entries, a folder before what is in it; no deeper than a collector goes."""
    left = [(os.fspath(folder), DEPTH)]
    while left:
        place, depth = left.pop()
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                yield entry
                if depth and entry.is_dir(follow_symlinks=False):
                    left.append((entry.path, depth - 1))


def _leave(run: _Run, verdict: Verdict | None = None) -> NoReturn:
    """End; with a verdict, after it is written."""
    if verdict is None:
        os._exit(SIGNAL_BASE + signal.SIGTERM)
    if verdict.started or verdict.stopped:
        _open_to_group(OUT)
    else:
        words = ascii(bytes(run.log[:300]).decode(errors="replace"))[1:-1]
        _give_up(NO_WALLS, f"the program could not be started: {words}")
    try:
        for entry in list(REPORT.iterdir()):  # where there is no Landlock a job writes here too
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        for name, content in ((LOG, bytes(run.log)), (VERDICT, verdict.to_json())):
            with os.fdopen(
                os.open(REPORT / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb"
            ) as f:
                f.write(content)
                os.fchmod(f.fileno(), 0o640)
    except (OSError, RecursionError) as error:
        _give_up(NO_REPORT, f"the report cannot be written: {type(error).__name__}")
    last_words.replace("")
    os._exit(0)


if __name__ == "__main__":
    main()
