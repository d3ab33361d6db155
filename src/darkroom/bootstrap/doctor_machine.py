"""The machine under a process: memory, disk, kernel, clock. Raspberry Pis have their own gaps."""

import contextlib
import ctypes
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from darkroom.bootstrap.doctor import Finding, fail, ok, warn
from darkroom.walls import landlock


MIB, GIB = 1 << 20, 1 << 30
LITTLE_DISK, NO_DISK = 2 * GIB, 256 * MIB
SYSTEM_MIB = 512  # kernel, k3s agent and node: what is not a job's
PAGE_4K = 4096
CGROUP_LINE = "add `cgroup_memory=1 cgroup_enable=memory` to /boot/firmware/cmdline.txt, and reboot"


def meminfo(root: Path = Path("/")) -> dict[str, int]:
    """`/proc/meminfo` in bytes."""
    found = {}
    for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if value.split()[-1:] == ["kB"]:
            found[name] = int(value.split()[0]) << 10
    return found


def memory(jobs_mib: int = 0, workers: int = 0, root: Path = Path("/")) -> Iterator[Finding]:
    """Whether the declared jobs fit beside what runs already.

    Args:
        jobs_mib: the most that one worker of a job may use; 0: no jobs run here.
        workers: how many run side by side.
        root: where the machine's files are; another in tests.
    """
    total = meminfo(root)["MemTotal"] // MIB
    limit = _own_limit(root)
    if limit and limit // MIB < total:
        total = limit // MIB
    need = jobs_mib * workers + SYSTEM_MIB
    if jobs_mib and total < need:
        most = max(0, (total - SYSTEM_MIB) // max(1, jobs_mib))
        cure = (
            f"set workers: {most} in domain.yaml"
            if most
            else f"lower limits.memory_mib in the policy below {max(1, total - SYSTEM_MIB)}"
        )
        yield fail(
            "memory",
            f"{total} MiB here, and {workers} workers of {jobs_mib} MiB beside the system need "
            f"{need} MiB",
            cure,
        )
    else:
        yield ok("memory", f"{total} MiB" + (f", {need} MiB needed at most" if jobs_mib else ""))


def _own_limit(root: Path) -> int:
    """What this control group may use; 0 for no limit."""
    try:
        return int((root / "sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def disk(folder: Path) -> Iterator[Finding]:
    """Free room where a state lies."""
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    words = f"{free / GIB:.1f} GiB free for {folder}"
    if free < NO_DISK:
        yield fail("disk", words, "make room: nothing can be kept safely any more")
    elif free < LITTLE_DISK:
        yield warn("disk", words, "make room, or set retention_days of the datasets")
    else:
        yield ok("disk", words)


def kernel(root: Path = Path("/")) -> Iterator[Finding]:
    """What the walls of the sandbox need of it."""
    machine, page = platform.machine(), os.sysconf("SC_PAGE_SIZE")
    if machine in {"x86_64", "aarch64"}:
        yield ok("architecture", f"{machine}, pages of {page} bytes")
    else:
        yield fail(
            "architecture", f"{machine} has no locked environment", "use a 64-bit system (arm64)"
        )
    if page != PAGE_4K:
        yield warn(
            "pages",
            f"the kernel has pages of {page >> 10} KiB (Raspberry Pi 5), which gVisor and some "
            "wheels do not take",
            "add `kernel=kernel8.img` to /boot/firmware/config.txt before a runtimeClassName is set",
        )
    yield _memory_groups(root)
    if landlock.version():
        yield ok("landlock", f"ABI {landlock.version()}")
    else:
        yield warn(
            "landlock",
            "the kernel has none (Raspberry Pi OS builds it without)",
            "nothing must be done: the other walls hold alone; Debian's or Ubuntu's kernel has it",
        )


def _memory_groups(root: Path) -> Finding:
    groups = root / "sys/fs/cgroup"
    try:
        offered = (groups / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError:
        offered = ["memory"] if (groups / "memory").is_dir() else []
    if "memory" in offered:
        return ok("control groups", "the kernel limits memory")
    line = (root / "proc/cmdline").read_text(encoding="utf-8", errors="replace")
    pi = "Raspberry Pi" in _model(root)
    missing = [word for word in ("cgroup_memory=1", "cgroup_enable=memory") if word not in line]
    if pi and missing:
        what = f"the kernel command line lacks {' and '.join(missing)}: no memory limit holds"
        return fail("control groups", what, CGROUP_LINE)
    return warn(
        "control groups",
        "no control group of this process limits memory; jobs are watched from outside instead",
        CGROUP_LINE if pi else "start the node by root, or delegate the memory controller to it",
    )


def _model(root: Path) -> str:
    try:
        return (root / "proc/device-tree/model").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


class _Timex(ctypes.Structure):
    """The head of struct timex: `adjtimex` fills it in and says whether the clock is kept."""

    _fields_ = (("modes", ctypes.c_uint), ("rest", ctypes.c_long * 32))


UNSYNCHRONISED = 5  # TIME_ERROR
KEEPERS = {"chronyd": "chrony", "systemd-timesyn": "systemd-timesyncd", "ntpd": "ntpd"}


def time_sync() -> Iterator[Finding]:
    """Whether the kernel says that somebody keeps the clock; a Pi has none that runs on."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(_Timex()))
    if state < 0:
        yield warn("time", "the kernel does not say whether the clock is kept", "look at the host")
    elif state == UNSYNCHRONISED:
        yield warn(
            "time",
            "nobody keeps this clock: it drifts, and a Pi begins with a wrong one",
            "sudo apt-get install chrony (or: sudo timedatectl set-ntp true)",
        )
    else:
        yield ok("time", f"kept in step{_keeper()}")


def _keeper() -> str:
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            name = path.read_text(encoding="utf-8", errors="replace").strip()
            if name in KEEPERS:
                return f" by {KEEPERS[name]}"
    return ""


def folder_rights(folder: Path) -> Iterator[Finding]:
    """A state folder that is there, writable, and closed to others."""
    if not folder.is_dir():
        yield fail("folder", f"there is no folder {folder}", "name another, or run `init` first")
        return
    mode = folder.stat().st_mode & 0o777
    if mode & 0o007:
        yield fail("folder", f"others may enter {folder} (mode {mode:o})", f"chmod o-rwx {folder}")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        user = os.geteuid()
        yield fail("folder", f"user {user} may not write {folder}", f"chown -R {user} {folder}")
    else:
        yield ok("folder", f"{folder} (mode {mode:o})")
