"""Control groups, versions 1 and 2: memory and number of processes of a job as a whole.

Not every machine lets us make groups (a Raspberry Pi needs `cgroup_enable=memory` on its
kernel command line, an ordinary user needs a delegation). `find` says which parent folders
are usable; without any, the supervisor watches resident memory instead.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


ROOT = Path("/sys/fs/cgroup")
OUR_OWN = 2  # bubblewrap outside, and inside as the first process
REMOVAL_SECONDS = 2.0


def _folders(*paths: Path | None) -> set[Path]:
    """Those that there are; in version 2 both are one folder."""
    return {path for path in paths if path is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parents:
    """Folders below which job groups are made; None where that is not possible."""

    memory: Path | None = None
    pids: Path | None = None
    version: int = 0


@dataclass(slots=True, kw_only=True)
class Group:
    """The group of one running job."""

    memory: Path | None
    pids: Path | None
    version: int

    def enter(self) -> None:
        """Put the calling process in; called between fork and exec."""
        for folder in _folders(self.memory, self.pids):
            (folder / "cgroup.procs").write_text("0")

    def oom_kills(self) -> int:
        """How often the kernel killed for want of memory."""
        if self.memory is None:
            return 0
        name = "memory.events" if self.version == 2 else "memory.oom_control"  # noqa: PLR2004
        return _count(self.memory / name, "oom_kill")

    def forks_refused(self) -> int:
        """How often a process was refused."""
        return _count(self.pids / "pids.events", "max") if self.pids else 0

    def cpu_seconds(self) -> float:
        """Processor time of all processes, ended ones too; 0.0 when nobody counts."""
        if self.version != 2 or self.memory is None:  # noqa: PLR2004
            return 0.0
        return _count(self.memory / "cpu.stat", "usage_usec") / 1e6

    def members(self) -> list[int]:
        """Process ids in the group, as seen from here."""
        folder = self.pids or self.memory
        if folder is None:
            return []
        try:
            return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
        except (OSError, ValueError):
            return []

    def kill(self) -> None:
        """End every member, also those that are being forked right now (version 2)."""
        for folder in _folders(self.memory, self.pids):
            with contextlib.suppress(OSError):
                (folder / "cgroup.kill").write_text("1")

    def remove(self) -> None:
        """Forget the group; its members must have ended."""
        for folder in _folders(self.memory, self.pids):
            _remove(folder)


def _count(path: Path, name: str) -> int:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # the last member is still on its way out
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)
        else:
            return


def _usable(folder: Path, needed: str) -> bool:
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return False
    return (folder / needed).exists() and os.access(folder / "cgroup.procs", os.W_OK)


def find(name: str, root: Path = ROOT) -> Parents:
    """Make our own parent groups, where that is possible.

    Args:
        name: name of the parent group, unique to this launcher.
        root: where the hierarchies are mounted; another in tests.
    """
    if (root / "cgroup.controllers").exists():
        return _find_v2(root, name)
    memory, pids = root / "memory" / name, root / "pids" / name
    has_memory = (root / "memory").is_dir() and _usable(memory, "memory.limit_in_bytes")
    has_pids = (root / "pids").is_dir() and _usable(pids, "cgroup.procs")
    return Parents(
        memory=memory if has_memory else None,
        pids=pids if has_pids else None,
        version=1,
    )


def _find_v2(root: Path, name: str) -> Parents:
    wanted = {"memory", "pids"}
    folder = root / name
    try:
        offered = set((root / "cgroup.controllers").read_text().split())
        folder.mkdir(exist_ok=True)
        for place in (root, folder):
            for controller in sorted(wanted & offered):
                (place / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        return Parents(version=2)
    return Parents(
        memory=folder if "memory" in offered else None,
        pids=folder if "pids" in offered else None,
        version=2,
    )


def make_group(parents: Parents, slot: int, *, memory_bytes: int, processes: int) -> Group:
    """A fresh group for the job in a slot; what is not possible is left out."""
    memory = parents.memory / f"slot-{slot}" if parents.memory else None
    pids = parents.pids / f"slot-{slot}" if parents.pids else None
    for folder in _folders(memory, pids):
        _remove(folder)
        folder.mkdir()
    two = parents.version == 2  # noqa: PLR2004
    if memory:
        limit = "memory.max" if two else "memory.limit_in_bytes"
        swap = "memory.swap.max" if two else "memory.memsw.limit_in_bytes"
        (memory / limit).write_text(str(memory_bytes))
        with contextlib.suppress(OSError):  # no swap accounting: nothing to limit
            (memory / swap).write_text("0" if two else str(memory_bytes))
        with contextlib.suppress(OSError):  # before 4.19 there is no such file
            if two:
                (memory / "memory.oom.group").write_text("1")
    if pids:
        (pids / "pids.max").write_text(str(processes + OUR_OWN))
    return Group(memory=memory, pids=pids, version=parents.version)


def remove_parents(parents: Parents) -> None:
    """Take our own parent groups away again, at the end of the launcher."""
    for folder in _folders(parents.memory, parents.pids):
        for slot in folder.glob("slot-*"):
            _remove(slot)
        _remove(folder)


def sweep(prefix: str, root: Path = ROOT) -> None:
    """Take away what launchers left that were killed: parents named by a dead process."""
    for hierarchy in (root, root / "memory", root / "pids"):
        for folder in hierarchy.glob(f"{prefix}*"):
            owner = folder.name.removeprefix(prefix)
            if owner.isdecimal() and not Path("/proc", owner).exists():
                for slot in folder.glob("slot-*"):
                    _end_members(slot)
                remove_parents(Parents(memory=folder))


def _end_members(slot: Path) -> None:
    """A sandbox whose launcher was killed while it was being set up waits for ever."""
    for pid in Group(memory=slot, pids=None, version=0).members():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
