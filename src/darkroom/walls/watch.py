"""Look at a job from outside: its processes, their memory and processor time.

A job lives in one tree below the first process of its namespace, whatever it forks and
however it detaches: orphans go to that first process. So the tree is the whole job.
"""

# ruff: noqa: PTH116, PTH208  # looked at ten times a second: names, not path objects

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path


TICKS = os.sysconf("SC_CLK_TCK")
MOST = 4096  # processes that one look follows; more than any limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at all processes of a job.

    Attributes:
        tasks: processes and threads.
        resident: bytes resident, shared pages counted in each process.
        private: bytes that only files on no disk hold: anonymous and shared memory.
        cpu_seconds: processor time, with that of ended and awaited children.
    """

    tasks: int = 0
    resident: int = 0
    private: int = 0
    cpu_seconds: float = 0.0


@dataclass(slots=True)
class Watcher:
    """Follows one job."""

    first: int
    _own: dict[tuple[int, int], float] = field(default_factory=dict)

    def look(self) -> Look:
        """Count what lives now. A process that ends meanwhile is left out."""
        tasks = resident = private = 0
        awaited = 0.0
        for pid in tree(self.first):
            try:
                words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            own = (int(words[11]) + int(words[12])) / TICKS
            awaited += own + (int(words[13]) + int(words[14])) / TICKS
            self._own[pid, int(words[19])] = own
            tasks += int(words[17])
            sizes = _sizes(status)
            resident += sizes.get("VmRSS", 0)
            private += sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)
        # Children that nobody awaited show in the second sum only.
        cpu = max(awaited, sum(self._own.values()))
        return Look(tasks=tasks, resident=resident, private=private, cpu_seconds=cpu)

    def private_bytes(self) -> int:
        """What `Look.private` estimates, exactly: a page that many share counts once.

        Slow, so asked only when the estimate is over a limit. A process that hides its
        details is charged by the estimate.
        """
        return sum(_shared_out(pid) for pid in tree(self.first))


def _shared_out(pid: int) -> int:
    names: tuple[str, ...] = ("Pss_Anon", "Pss_Shmem")
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        names = ("RssAnon", "RssShmem")
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return 0
    except OSError:  # it has ended
        return 0
    lines = (line.partition(":") for line in text.splitlines())
    return sum(int(value.split()[0]) * 1024 for name, _, value in lines if name in names)


def _sizes(status: str) -> dict[str, int]:
    sizes = {}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "RssShmem"):
            sizes[name] = int(value.split()[0]) * 1024
    return sizes


def tree(first: int) -> list[int]:
    """A process and all that descend from it."""
    found: list[int] = []
    queue = [first]
    while queue and len(found) < MOST:
        pid = queue.pop()
        found.append(pid)
        queue.extend(_children(pid))
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        for thread in threads:
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
            children.extend(int(word) for word in text.split())
    except OSError:
        pass
    return children


def of_user(uid: int) -> list[int]:
    """All processes on the machine that run under a uid."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{entry}").st_uid == uid:
                    found.append(int(entry))
    return found


def end_all_of_user(uid: int, *, seconds: float = 5.0) -> bool:
    """Kill until nothing runs under a uid that only one job ever has."""
    deadline = time.monotonic() + seconds
    while pids := of_user(uid):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
