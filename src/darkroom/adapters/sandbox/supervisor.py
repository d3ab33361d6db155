"""One task from start to end, in a process of its own outside the sandbox.

It holds the clock, drains what the job prints, looks at what the job uses, ends it, and
takes its outputs when nothing of it lives any more. The job can do nothing to it: it is
in another process namespace, and under another user where we are root.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from darkroom.adapters.sandbox import cgroups, plan, staging, system, wire
from darkroom.adapters.sandbox.outcome import MAX_REPORT, SIGNAL_BASE, Seen, judge
from darkroom.adapters.sandbox.plan import Layer
from darkroom.errors import IsolationError
from darkroom.ports import Outcome, Runtime, SandboxTask
from darkroom.walls import watch
from darkroom.walls.collect import Collector, RefusedOutputError, empty


LOG_BYTES = 64 << 10
STARTED = b"started\n"
SLOWEST_LOOK, SLOWEST_LOOK_ALONE = 0.1, 0.04  # seconds; alone: nobody else holds memory
AT_LIMIT_SECONDS = 1.0
SETUP_SECONDS = 10.0
NICE = 10
MORE_OOM = "1000"  # when the machine runs out of memory, the job goes first


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the launcher knows and each supervisor inherits."""

    host: plan.Host
    runtimes: tuple[Runtime, ...]
    roots: tuple[staging.Root, ...]
    seccomp: bytes
    parents: cgroups.Parents
    stage: Path
    first_uid: int
    without: frozenset[Layer]


def serve(channel: socket.socket, house: House, slot: int) -> None:
    """Read a task from the channel, run it, answer."""
    try:
        task = wire.task_from_frame(wire.receive(channel), house.runtimes)
        with _Stage(house, task, slot) as stage:
            answer = wire.outcome_to_frame(stage.run(channel))
    except IsolationError as error:
        answer = wire.error_to_frame(error)
    except OSError as error:
        failed = IsolationError(
            f"the sandbox could not be set up: {error.strerror}",
            next_step="see what `darkroom node status` says of isolation",
        )
        answer = wire.error_to_frame(failed)
    with contextlib.suppress(OSError):  # the node has gone: nobody to tell
        wire.send(channel, answer)


class _Stage:
    """The places of one task; as a context, so that groups never stay behind."""

    def __init__(self, house: House, task: SandboxTask, slot: int) -> None:
        self._house, self._task, self._slot = house, task, slot
        self._uid = house.first_uid + slot if house.host.root else 0
        self._group = cgroups.Group(memory=None, pids=None, version=0)

    def __enter__(self) -> Self:
        house, task = self._house, self._task
        root = house.host.root
        opener = staging.open_below if root else _anywhere
        staging.enter_namespace(root=root)
        self._out = opener(task.out, house.roots)
        folders = {
            inside: opener(path, house.roots)
            for inside, path in (
                ("data", task.dataset),
                ("code", task.code),
                ("parts", task.parts),
            )
            if path is not None
        }
        staging.lay_out(house.stage, task.request, self._uid or plan.NOBODY)
        without = house.without
        staging.mount_writable(house.stage / "out", plan.out_mount(task.limits, self._uid, without))
        staging.mount_writable(house.stage / "tmp", plan.tmp_mount(self._uid, without))
        for inside, folder in folders.items():
            becomes = self._uid if root else None
            staging.mount_folder(folder, house.stage / inside, owner_becomes=becomes)
        self._places = plan.Places(
            stage=house.stage,
            uid=self._uid,
            dataset="data" in folders,
            code="code" in folders,
            parts="parts" in folders,
            exposed=self._exposed() if "files" in without else (),
        )
        self._make_group()
        return self

    def __exit__(self, *_: object) -> None:
        self._group.remove()

    def _exposed(self) -> tuple[Path, ...]:
        return (Path("/etc"), *(root.path for root in self._house.roots))

    def _make_group(self) -> None:
        limits, without = self._task.limits, self._house.without
        parents = self._house.parents
        self._group = cgroups.make_group(
            cgroups.Parents(
                memory=None if "memory" in without else parents.memory,
                pids=None if "process count" in without else parents.pids,
                version=parents.version,
            ),
            self._slot,
            memory_bytes=plan.memory_bytes(limits),
            processes=limits.processes,
        )

    # ------------------------------------------------------------------------ the run

    def run(self, channel: socket.socket) -> Outcome:
        """Start, watch, end, collect.

        Raises:
            IsolationError: the program did not start.
        """
        started = time.monotonic()
        run = _Run(self._house, self._task, self._places, self._group)
        try:
            run.watch(channel)
        finally:
            run.end(self._uid)
        seen = Seen(
            code=run.code,
            seconds=time.monotonic() - started,
            max_rss_mib=round(run.most_resident / plan.MIB, 1),
            log=bytes(run.log),
            stopped=run.stopped,
            oom_kills=self._group.oom_kills(),
            forks_refused=self._group.forks_refused(),
            disk_full=any(_full(self._house.stage / n) for n in ("out", "tmp")),
            report=bytes(run.report[len(STARTED) :]),
            refused_output="",
        )
        outcome = judge(seen, self._task.limits)
        if not run.report.startswith(STARTED) and outcome.status in ("done", "failed"):
            words = ascii(bytes(run.log[:300]).decode(errors="replace"))[1:-1]
            raise IsolationError(
                f"the sandbox could not start the program: {words}",
                next_step="see what `darkroom node status` says of isolation",
            )
        return self._collect(outcome, seen) if outcome.status == "done" else outcome

    def _collect(self, outcome: Outcome, seen: Seen) -> Outcome:
        limits = self._task.limits
        target = os.open(f"/proc/self/fd/{self._out}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        info = os.fstat(target)
        owner = (info.st_uid, info.st_gid) if self._house.host.root else None
        collector = Collector(
            most_bytes=limits.output_mib * plan.MIB,
            most_files=limits.files,
            owner=owner,
        )
        source = os.open(self._house.stage / "out", os.O_RDONLY | os.O_DIRECTORY)
        try:
            collector.take(source, target)
        except RefusedOutputError as refused:
            empty(target)
            again = {name: getattr(seen, name) for name in seen.__dataclass_fields__}
            return judge(Seen(**{**again, "refused_output": refused.error_class}), limits)
        finally:
            os.close(source)
            os.close(target)
        return outcome


def _anywhere(path: Path, _roots: Sequence[staging.Root]) -> int:
    return staging.open_anywhere(path)


def _full(folder: Path) -> bool:
    room = os.statvfs(folder)
    return room.f_bavail == 0 or room.f_favail == 0


class _Run:
    """The living part: processes, pipes and the clock."""

    def __init__(
        self,
        house: House,
        task: SandboxTask,
        places: plan.Places,
        group: cgroups.Group,
    ) -> None:
        self._task, self._group, self._without = task, group, house.without
        self.log, self.report = bytearray(), bytearray()
        self.stopped, self.code = "", -1
        self.most_resident = 0
        self._refused, self._refused_since = 0, time.monotonic()
        self._first: int | None = None  # pidfd of the namespace's first process
        self._watcher: watch.Watcher | None = None
        self._begin(house, places)

    def _begin(self, house: House, places: plan.Places) -> None:
        info, info_job = os.pipe()
        self._report, report_job = os.pipe()
        self._log, log_job = os.pipe()
        with tempfile.TemporaryFile() as rules:
            rules.write(house.seccomp)
            rules.seek(0)
            command = plan.command(
                house.host,
                self._task.program,
                self._task.runtime,
                self._task.limits,
                places,
                plan.Descriptors(info=info_job, report=report_job, seccomp=rules.fileno()),
                plan.Enforcement(
                    memory_held=self._group.memory is not None,
                    processes_held=self._group.pids is not None,
                    without=house.without,
                ),
            )
            self.deadline = time.monotonic() + self._task.limits.wall_seconds
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log_job,
                stderr=log_job,
                pass_fds=(info_job, report_job, rules.fileno()),
                preexec_fn=self._prepare,  # noqa: PLW1509 - this process has one thread
                env={"CANARY": "1"} if "environment" in house.without else {},
                cwd="/",
            )
        for descriptor in (info_job, report_job, log_job):
            os.close(descriptor)
        self._ended = os.pidfd_open(self._process.pid)
        self._find_first(info)
        for descriptor in (self._report, self._log):
            os.set_blocking(descriptor, False)

    def _prepare(self) -> None:
        """Between fork and exec: what every process of the job inherits."""
        self._group.enter()
        os.nice(NICE)
        Path("/proc/self/oom_score_adj").write_text(MORE_OOM)
        os.umask(0o022)  # bubblewrap makes folders that the job's user must pass

    def _find_first(self, info: int) -> None:
        text, deadline = bytearray(), time.monotonic() + SETUP_SECONDS
        while time.monotonic() < deadline:
            if not select.select([info], [], [], 0.1)[0]:
                continue
            chunk = os.read(info, 4096)
            if not chunk:
                break
            text += chunk
        os.close(info)
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):
            pid = int(json.loads(text)["child-pid"])
            self._first = os.pidfd_open(pid)
            self._watcher = watch.Watcher(pid)

    # ---------------------------------------------------------------------- watching

    def watch(self, channel: socket.socket) -> None:
        """Until the program ends or is stopped."""
        poll = select.poll()
        for descriptor in (self._log, self._report, channel.fileno(), self._ended):
            poll.register(descriptor, select.POLLIN)
        pauses = self._pauses()
        next_look = time.monotonic() + next(pauses)
        while not self.stopped:
            now = time.monotonic()
            until = min(next_look, self.deadline)
            ready = {fd for fd, _ in poll.poll(max(0.0, until - now) * 1000)}
            for descriptor in ready & {self._log, self._report}:
                if not self._drain(descriptor):
                    poll.unregister(descriptor)
            if channel.fileno() in ready:  # "cancel", or the node has gone
                self.stopped = "cancelled"
            elif self._ended in ready:
                return
            now = time.monotonic()
            if now >= self.deadline and "wall clock" not in self._without:
                self.stopped = self.stopped or "wall clock"
            elif now >= next_look:
                self._look(now)
                next_look = now + next(pauses)

    def _pauses(self) -> Iterator[float]:
        slowest = SLOWEST_LOOK if self._group.memory else SLOWEST_LOOK_ALONE
        pause = 0.01
        while True:
            yield pause
            pause = min(pause * 2, slowest)

    def _drain(self, descriptor: int) -> bool:
        """Read what is there; what is over the cap is thrown away. False at the end."""
        kept, most = (self.log, LOG_BYTES) if descriptor == self._log else (self.report, MAX_REPORT)
        try:
            chunk = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return True
        kept += chunk[: max(0, most - len(kept))]
        return bool(chunk)

    def _look(self, now: float) -> None:
        if self._watcher is None:
            return
        look = self._watcher.look()
        limits, without = self._task.limits, self._without
        self.most_resident = max(self.most_resident, look.resident)
        cpu = max(look.cpu_seconds, self._group.cpu_seconds())
        if cpu > limits.cpu_seconds:
            self.stopped = "CPU time"
        most = limits.memory_mib * plan.MIB
        alone = self._group.memory is None and "memory" not in without
        if alone and look.private > most and self._watcher.private_bytes() > most:
            self.stopped = "memory"
        # Refused again and again, for longer than a program needs to give up: a fork bomb.
        refused = self._group.forks_refused()
        if refused == self._refused:
            self._refused_since = now
        elif now - self._refused_since > AT_LIMIT_SECONDS:
            self.stopped = "processes"
        self._refused = refused

    # ------------------------------------------------------------------------ ending

    def end(self, uid: int) -> None:
        """Nothing of the job lives after this."""
        if self._first is not None:
            # The first process of a namespace takes all others with it, in the kernel.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            select.select([self._first], [], [], SETUP_SECONDS)
        self._group.kill()
        if self.stopped:
            self._process.kill()
        code = self._process.wait()
        self.code = code if code >= 0 else SIGNAL_BASE - code
        if uid:
            watch.end_all_of_user(uid)
        for descriptor in (self._log, self._report):
            for _ in range(64):  # what lay in the pipe at the end
                before = len(self.log) + len(self.report)
                if not self._drain(descriptor):
                    break
                if len(self.log) + len(self.report) == before:
                    break
            os.close(descriptor)


def become(house: House) -> None:
    """Set up a freshly forked supervisor: ends with the launcher, dumps no memory."""
    system.die_with_parent()
    if house.host.root:
        system.prctl(system.PR_SET_DUMPABLE, 0)
