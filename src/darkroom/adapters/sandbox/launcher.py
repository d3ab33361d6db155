"""The launcher: one small process with one thread, started before the node drops its rights.

It forks a supervisor for each task and cleans up after it, whatever happened: the slot's
user has no process left, its groups are gone. It reads nothing that the node sends; the
supervisor does, with the checks of `wire` and `staging`. It ends when the node does.

Started by `process.start_launcher` with the settings as one JSON frame.
"""

import contextlib
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox import (
    cgroups,
    staging,
    supervisor,
    system,
    uids,
    wire,
)
from darkroom.adapters.sandbox.host import find_host
from darkroom.errors import IsolationError
from darkroom.ports import Runtime
from darkroom.walls import watch
from darkroom.walls.seccomp import build_filter


MOST_WAITING = 1024
GROUP, STAGE = "darkroom-", "darkroom-stage-"


def runtime_from_mapping(value: dict[str, Any]) -> Runtime:
    """The inverse of `runtime_to_mapping`."""
    return Runtime(
        name=value["name"],
        python=Path(value["python"]),
        paths=tuple(Path(p) for p in value["paths"]),
        lock_hash=value["lock_hash"],
        interpreter=value["interpreter"],
    )


def runtime_to_mapping(runtime: Runtime) -> dict[str, Any]:
    """A runtime as it travels in the settings."""
    return {
        "name": runtime.name,
        "python": str(runtime.python),
        "paths": [str(p) for p in runtime.paths],
        "lock_hash": runtime.lock_hash,
        "interpreter": runtime.interpreter,
    }


def _house(settings: dict[str, Any], stage: Path) -> supervisor.House:
    host = find_host()
    first_uid = settings["first_uid"]
    if host.root:  # the lock is held as long as the launcher or a supervisor lives
        first_uid, _held = uids.reserve(first_uid, settings["slots"])
    return supervisor.House(
        host=host,
        runtimes=tuple(runtime_from_mapping(r) for r in settings["runtimes"]),
        roots=tuple(staging.identify(Path(r)) for r in settings["roots"]),
        seccomp=build_filter(),
        parents=cgroups.find(f"{GROUP}{os.getpid()}") if settings["cgroups"] else cgroups.Parents(),
        stage=stage,
        first_uid=first_uid,
        without=frozenset(settings["without"]),
    )


class Launcher:
    """Slots, and the tasks that wait for one."""

    def __init__(self, control: socket.socket, house: supervisor.House, slots: int) -> None:
        self._control, self._house = control, house
        self._free = list(range(slots))
        self._waiting: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, None)
        self._running: dict[int, tuple[int, int]] = {}  # pidfd -> (pid, slot)

    def serve(self) -> None:
        """Until the node closes the control socket."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    if not self._accept():
                        return
                else:
                    self._reap(key.fd)
            while self._waiting and self._free:
                self._start(self._waiting.pop(0), self._free.pop(0))

    def _accept(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 1, 4)
        except OSError:
            return False
        channels = [socket.socket(fileno=d) for d in descriptors]
        if not data:
            return False
        for channel in channels:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(channel)
            else:
                channel.close()
        return True

    def _start(self, channel: socket.socket, slot: int) -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self._selector.close()
                self._control.close()
                supervisor.become(self._house)
                supervisor.serve(channel, self._house, slot)
                code = 0
            finally:
                os._exit(code)
        channel.close()
        pidfd = os.pidfd_open(pid)
        self._running[pidfd] = (pid, slot)
        self._selector.register(pidfd, selectors.EVENT_READ, None)

    def _reap(self, pidfd: int) -> None:
        pid, slot = self._running.pop(pidfd)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        os.waitpid(pid, 0)
        if not self._house.host.root or watch.end_all_of_user(self._house.first_uid + slot):
            self._free.append(slot)  # a slot whose user cannot be emptied stays shut

    def end(self) -> None:
        """End what still runs; the supervisors' jobs die with them."""
        for pid, _ in self._running.values():
            os.kill(pid, signal.SIGKILL)
        for pidfd in list(self._running):
            self._reap(pidfd)


def _sweep() -> None:
    """Take away what a launcher left that was killed: empty groups and an empty folder."""
    cgroups.sweep(GROUP)
    for folder in Path(tempfile.gettempdir()).glob(f"{STAGE}*"):
        owner = folder.name.removeprefix(STAGE).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):  # another user's, or not empty
                folder.rmdir()


def main() -> None:
    """Run as `python -I … <descriptor>`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, meant for the node
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # and clean up on the way
    settings = wire.receive(control)
    if settings is None:
        return
    _sweep()
    stage = Path(tempfile.mkdtemp(prefix=f"{STAGE}{os.getpid()}-"))
    try:
        house = _house(settings, stage)
        _serve(control, house, settings["slots"])
    except IsolationError as error:
        wire.send(control, wire.error_to_frame(error))
    except OSError as error:
        failed = IsolationError(
            f"the launcher of the sandbox cannot start: {error}",
            next_step="check the folders that the node was given",
        )
        wire.send(control, wire.error_to_frame(failed))
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _serve(control: socket.socket, house: supervisor.House, slots: int) -> None:
    if house.host.root:
        system.prctl(system.PR_SET_DUMPABLE, 0)
    held = [name for name in ("memory", "pids") if getattr(house.parents, name)]
    wire.send(control, {"root": house.host.root, "cgroups": held})
    launcher = Launcher(control, house, slots)
    try:
        launcher.serve()
    finally:
        launcher.end()
        cgroups.remove_parents(house.parents)


if __name__ == "__main__":
    main()
