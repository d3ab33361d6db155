"""The program `probe`: play the hostile job, and say honestly what worked.

The node runs it at its start. It tries what a job would try; whatever succeeds is written
to `/out/probe.json` under the name of the wall that should have stopped it. The node keeps
the sinks and compares.
"""

# ruff: noqa: PTH115, PTH116, PTH208, S108  # tries the calls themselves

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from darkroom.runtime.places import Places


MIB = 1 << 20
RESULT = "probe.json"
HIDDEN = ("/etc/shadow", "/etc/hostname", "/etc/ssh")  # of a machine; an image has its own
Breaches = dict[str, list[str]]
_REFUSED = (errno.EPERM, errno.ENOSYS, errno.EACCES)
# Calls that an ordinary process may make on an ordinary kernel, with harmless arguments.
# x86-64 and AArch64 numbers; the filter must answer before the kernel looks at them.
_CALLS: dict[str, tuple[int, int]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "mount": (165, 40),
    "unshare": (272, 97),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "personality": (135, 92),
}
_FAMILIES = {
    "TCP": (socket.AF_INET, socket.SOCK_STREAM),
    "UDP": (socket.AF_INET, socket.SOCK_DGRAM),
    "ICMP": (socket.AF_INET, socket.SOCK_RAW),
    "IPv6 TCP": (socket.AF_INET6, socket.SOCK_STREAM),
    "IPv6 UDP": (socket.AF_INET6, socket.SOCK_DGRAM),
    "netlink": (16, socket.SOCK_RAW),
    "packet": (17, socket.SOCK_RAW),
    "vsock": (40, socket.SOCK_STREAM),
    "kernel crypto": (38, 5),
}


def main(request: dict[str, Any], places: Places) -> None:
    """Do what `request["attempt"]` says."""
    match request["attempt"]:
        case "walls":
            breaches = walls(request, places)
            (places.out / RESULT).write_text(json.dumps(breaches))
        case "memory":
            _allocate(request["mib"])
        case "wall clock":
            _outstay(request["seconds"])


def walls(request: dict[str, Any], places: Places) -> Breaches:
    """Try every wall that can be tried in one run."""
    attempts: dict[str, Callable[[], Iterator[str]]] = {
        "files": lambda: _files(request),
        "network": lambda: _network(request),
        "processes": lambda: _processes(request),
        "system calls": _system_calls,
        "identity": _identity,
        "environment": lambda: _environment(request),
        "process count": lambda: _process_count(request["processes"]),
        "disk": lambda: _disk(request, places),
    }
    return {name: list(attempt()) for name, attempt in attempts.items()}


def _files(request: dict[str, Any]) -> Iterator[str]:
    for name in (request["canary"], *request.get("hidden", HIDDEN)):
        with suppress(OSError):
            os.stat(name)
            yield "a file of the host is visible"
    for folder in ("/", "/usr/lib", "/etc", "/job", "/dev"):
        with suppress(OSError):
            descriptor = os.open(f"{folder}/probe", os.O_CREAT | os.O_WRONLY)
            os.close(descriptor)
            yield f"{folder} can be written"
    with suppress(OSError):
        if set(os.listdir("/home")):
            yield "home folders are visible"


def _network(request: dict[str, Any]) -> Iterator[str]:
    if os.readlink("/proc/self/ns/net") == request["namespaces"].get("net"):
        yield "the network of the host is shared"
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    names = {line.split(":")[0].strip() for line in lines}
    if not request.get("interface") and names - {"lo"}:
        yield "there is a network interface"
    for kind, family, address in request["sinks"]:
        try:
            with socket.socket(family, kind) as client:
                client.settimeout(0.3)
                where = tuple(address) if isinstance(address, list) else address
                client.connect(where)
                client.send(b"probe")
        except OSError:
            continue
        if kind == socket.SOCK_STREAM:
            yield "a connection to the host was made"


def _processes(request: dict[str, Any]) -> Iterator[str]:
    if os.readlink("/proc/self/ns/pid") == request["namespaces"].get("pid"):
        yield "the processes of the host are visible"
    for name in ("environ", "mem"):
        with suppress(OSError):
            if Path(f"/proc/1/{name}").read_bytes():
                yield f"/proc/1/{name} can be read"
    with suppress(OSError):
        if not os.path.samestat(os.stat("/proc/1/root/"), os.stat("/")):
            yield "the root of the first process can be entered"
    # Started by an ordinary user, the first process has the job's user: what the job
    # could do to it must be worth nothing, so it lies behind the same filter.
    first = Path("/proc/1/status").read_text()
    if "Seccomp:\t2" not in first:
        yield "the first process has no system-call filter"


def _system_calls() -> Iterator[str]:
    status = Path("/proc/self/status").read_text()
    if "Seccomp:\t2" not in status:
        yield "no system-call filter is loaded"
    for name, (family, kind) in _FAMILIES.items():
        try:
            socket.socket(family, kind).close()
        except OSError as error:
            if error.errno not in _REFUSED:
                yield f"a {name} socket was not refused by the filter"
        else:
            yield f"a {name} socket was made"
    column = 0 if os.uname().machine == "x86_64" else 1
    for name, numbers in _CALLS.items():
        if not _refused(numbers[column]):
            yield f"{name} was not refused by the filter"


def _refused(number: int) -> bool:
    """Whether a call is refused; made in a child, for some change who makes them."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        zero = ctypes.c_long(0)
        result = libc.syscall(ctypes.c_long(number), *[zero] * 6)
        refused = result < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)
        os._exit(0 if refused else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _identity() -> Iterator[str]:
    facts = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":\t" in line
    )
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(facts[name], 16):
            yield f"the job has capabilities ({name})"
    if facts["NoNewPrivs"].strip() != "1":
        yield "the job may gain rights"
    if "0" in facts["Uid"].split():
        yield "the job runs as root"
    with suppress(OSError):
        os.setuid(0)
        yield "the job became root"


def _environment(request: dict[str, Any]) -> Iterator[str]:
    content = Path("/proc/self/environ").read_bytes()
    names = {item.partition(b"=")[0].decode() for item in content.split(b"\0") if item}
    if names - set(request["environment"]):
        yield "variables of the node are visible"
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:
        yield "the job may dump core"


def _process_count(most: int) -> Iterator[str]:
    children: list[int] = []
    try:
        while len(children) < most * 2:
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
        yield f"more than {most} processes were made"
    except OSError:
        pass
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def _disk(request: dict[str, Any], places: Places) -> Iterator[str]:
    # /proc of a job has no other place to write: /out and /tmp are all there is.
    for folder, most in ((places.out, request["out_mib"]), (Path("/tmp"), 64)):
        file = folder / "fill"
        try:
            with file.open("wb", buffering=0) as target:
                for _ in range(most + 2):
                    if target.write(bytes(MIB)) < MIB:
                        raise OSError(errno.ENOSPC, "full")
            yield f"{folder} takes more than {most} MiB"
        except OSError:
            pass
        file.unlink(missing_ok=True)
    yield from _many_files(places.out, request["files"])


def _many_files(folder: Path, most: int) -> Iterator[str]:
    if not most:  # a pod's file system does not count them, and the worker does
        return
    made = []
    try:
        for number in range(most):
            file = folder / f"many{number}"
            file.touch()
            made.append(file)
        yield f"{folder} takes {most} files"
    except OSError:
        pass
    for file in made:
        file.unlink()


def _allocate(mib: int) -> None:
    """Hold memory until somebody stops us."""
    held = [bytearray(os.urandom(64)) * (MIB // 64) for _ in range(mib)]
    time.sleep(1.0)
    del held


def _outstay(seconds: float) -> None:
    """Ignore every request to end, with a detached child that does the same."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
    time.sleep(seconds)
