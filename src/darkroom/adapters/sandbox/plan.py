"""From a task to a command line. Pure: it reads no file and starts nothing.

The order of the walls, from the outside in: bubblewrap makes the namespaces, the new root
and the system-call filter; `prlimit` lowers what one process may use; `setpriv` (when we
are root) gives up the last right. Only then the interpreter starts.
"""

# ruff: noqa: S108  # "/tmp" is the job's own, inside the sandbox

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from darkroom.model.job import Limits
from darkroom.ports import Runtime


Layer = Literal[
    "files",
    "network",
    "processes",
    "system calls",
    "identity",
    "environment",
    "memory",
    "process count",
    "disk",
    "wall clock",
]
LAYERS: tuple[Layer, ...] = Layer.__args__  # type: ignore[attr-defined]

MIB = 1 << 20
TMP_MIB = 64
TMP_INODES = 2048
SECOND_NET = 8
OUT_INODES = 16  # beside one for each file that the limit allows
NOBODY = 65534
# Room for thread stacks and mappings that are reserved and never touched; what is really
# used is watched from outside.
DATA_SLACK_MIB = 512
# One thread per job: workers run side by side, and spinning threads starve the cameras.
ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the machine offers, found once.

    Attributes:
        bwrap, prlimit, setpriv: absolute paths of the programs.
        folders: system folders that a job sees, read-only, at the same place.
        links: symbolic links of the root folder, `/lib` -> `usr/lib`.
        package: the folder of the `darkroom` package itself.
        root: whether jobs are started by root (own uid per job) or by an ordinary user.
    """

    bwrap: Path
    prlimit: Path
    setpriv: Path
    folders: tuple[Path, ...]
    links: tuple[tuple[Path, str], ...]
    package: Path
    root: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts of a task were put on this side, by what they are inside."""

    stage: Path
    uid: int
    dataset: bool = False
    code: bool = False
    parts: bool = False
    exposed: tuple[Path, ...] = ()  # only when a test takes the wall of files away


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """Numbers of the open files that the command inherits."""

    info: int
    report: int
    seccomp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """Who holds memory and process limits.

    Attributes:
        memory_held, processes_held: whether a control group holds the limit for the job
            as a whole; then the limit of one process or user is only a second net.
        without: walls that a test left out, to see that the probe names them.
    """

    memory_held: bool
    processes_held: bool
    without: frozenset[Layer] = field(default_factory=frozenset)


def _namespaces(host: Host, without: frozenset[Layer]) -> list[str]:
    args = ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    args += ["--hostname", "sandbox"]
    if not host.root:
        args += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    if "processes" not in without:
        args += ["--unshare-pid"]
    if "network" not in without:
        args += ["--unshare-net"]
    args += ["--new-session", "--die-with-parent"]
    return args


def _rights(host: Host, without: frozenset[Layer]) -> list[str]:
    if "identity" in without:
        return [] if host.root else ["--cap-add", "ALL"]
    args = ["--cap-drop", "ALL"]
    if host.root:  # setpriv needs these three, and gives them up
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            args += ["--cap-add", capability]
    return args


def _environment(without: frozenset[Layer]) -> list[str]:
    args = [] if "environment" in without else ["--clearenv"]
    for name, value in ENVIRONMENT.items():
        args += ["--setenv", name, value]
    return args


def _root(host: Host, runtime: Runtime, places: Places, without: frozenset[Layer]) -> list[str]:
    args: list[str] = []
    for folder in host.folders:
        args += ["--ro-bind", str(folder), str(folder)]
    for link, target in host.links:
        args += ["--symlink", target, str(link)]
    for tool in (host.prlimit, host.setpriv):
        args += ["--ro-bind", str(tool), str(tool)]
    if "processes" in without:
        args += ["--ro-bind", "/proc", "/proc"]
    else:
        args += ["--proc", "/proc"]
    args += ["--dev", "/dev", "--remount-ro", "/dev"]
    stage = places.stage
    args += ["--ro-bind", str(stage / "etc"), "/etc"]
    # TensorFlow Lite on Arm asks here which processor it has, and fails without an answer.
    args += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    args += ["--bind", str(stage / "tmp"), "/tmp", "--bind", str(stage / "out"), "/out"]
    args += ["--ro-bind", str(stage / "job"), "/job"]
    if places.code:
        args += ["--ro-bind", str(stage / "code"), "/job/code"]
    if places.dataset:
        args += ["--ro-bind", str(stage / "data"), "/data"]
    if places.parts:
        args += ["--ro-bind", str(stage / "parts"), "/parts"]
    for path in visible(runtime, host):
        args += [*_open_way(path), "--ro-bind", str(path), str(path)]
    for path in places.exposed:
        for parent in reversed(path.parents[:-1]):
            args += ["--perms", "0755", "--dir", str(parent)]
        args += ["--ro-bind", str(path), str(path)]
    return [*_parents(args), *args, "--remount-ro", "/", "--chdir", "/"]


def _open_way(path: Path) -> list[str]:
    """The folders above a path that lies below one of our own mounts, as a clone in /tmp does.

    They can only be made once that mount is there, and bubblewrap would close them.
    """
    made: list[str] = []
    for parent in reversed(path.parents):
        if any(parent != Path(m) and parent.is_relative_to(m) for m in _MOUNTED):
            made += ["--perms", "0755", "--dir", str(parent)]
    return made


_MOUNTED = ("/proc", "/dev", "/etc", "/tmp", "/out", "/job", "/data", "/parts")


def _parents(args: list[str]) -> list[str]:
    """The folders above all mounts, open to the job's user; bubblewrap would close them."""
    above = {
        parent
        for flag, target in zip(args, args[2:], strict=False)
        if flag in ("--ro-bind", "--ro-bind-try", "--bind")
        for parent in Path(target).parents
    }
    made: list[str] = []
    for parent in sorted(above - {Path("/")}):
        if not any(parent.is_relative_to(mount) for mount in _MOUNTED):
            made += ["--perms", "0755", "--dir", str(parent)]
    return made


def visible(runtime: Runtime, host: Host) -> list[Path]:
    """Folders of the runtime and of Darkroom itself; none twice, the outer ones first."""
    paths = sorted({*runtime.paths, host.package}, key=lambda p: (len(p.parts), str(p)))
    kept: list[Path] = []
    for path in paths:
        if not any(path.is_relative_to(other) for other in (*kept, *host.folders)):
            kept.append(path)
    return kept


def _rlimits(host: Host, limits: Limits, how: Enforcement) -> list[str]:
    largest = max(limits.output_mib, TMP_MIB) * MIB
    args = [
        str(host.prlimit),
        "--core=0",
        f"--nofile={limits.files}",
        f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 5}",
        "--memlock=65536",
        "--msgqueue=0",
        "--rtprio=0",
    ]
    if "disk" not in how.without:
        args.append(f"--fsize={largest}")
    if "process count" not in how.without:
        # An ordinary user's job shares its namespace with bubblewrap's first process.
        more = SECOND_NET if how.processes_held else 0 if host.root else 1
        args.append(f"--nproc={limits.processes + more}")
    if "memory" not in how.without and not how.memory_held:
        args.append(f"--data={(limits.memory_mib + DATA_SLACK_MIB) * MIB}")
    return [*args, "--"]


def _identity(host: Host, uid: int, without: frozenset[Layer]) -> list[str]:
    if not host.root or "identity" in without:
        return []
    return [
        str(host.setpriv),
        f"--reuid={uid}",
        f"--regid={uid}",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    ]


def program(python: Path, package: Path, name: str, report: int) -> list[str]:
    """The interpreter with one program of `darkroom.runtime`.

    `-I`: neither the environment nor the current folder decides what is imported.
    """
    entry = package / "runtime" / "__main__.py"
    flags = ["-I", "-X", "utf8"]
    return [str(python), *flags, str(entry), name, "--report", str(report)]


def command(
    host: Host,
    name: str,
    runtime: Runtime,
    limits: Limits,
    places: Places,
    fds: Descriptors,
    how: Enforcement,
) -> list[str]:
    """The whole command line of one task."""
    without = how.without
    args = [str(host.bwrap)]
    args += _namespaces(host, without)
    args += _rights(host, without)
    args += _environment(without)
    args += _root(host, runtime, places, without)
    if "system calls" not in without:
        args += ["--seccomp", str(fds.seccomp)]
    args += ["--info-fd", str(fds.info), "--"]
    args += _rlimits(host, limits, how)
    args += _identity(host, places.uid, without)
    return args + program(runtime.python, host.package, name, fds.report)


def out_mount(limits: Limits, uid: int, without: frozenset[Layer]) -> str:
    """Options of the file system that holds `/out`: full means full."""
    mib = 1024 if "disk" in without else limits.output_mib
    inodes = 1_000_000 if "disk" in without else limits.files + OUT_INODES
    return f"size={mib}m,nr_inodes={inodes},mode=0700,uid={uid},gid={uid}"


def tmp_mount(uid: int, without: frozenset[Layer]) -> str:
    """Options of the file system that holds `/tmp`."""
    mib, inodes = (1024, 1_000_000) if "disk" in without else (TMP_MIB, TMP_INODES)
    return f"size={mib}m,nr_inodes={inodes},mode=0700,uid={uid},gid={uid}"


def memory_bytes(limits: Limits) -> int:
    """What the kernel may charge to a job: its memory and its two file systems, which
    live in memory too; a full disk must say so and not look like a full memory.
    """
    return (limits.memory_mib + limits.output_mib + TMP_MIB) * MIB
