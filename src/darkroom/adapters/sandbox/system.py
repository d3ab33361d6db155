"""The system calls that Python 3.11 does not offer. Nothing here decides anything."""

import ctypes
import os
import platform
import signal
from pathlib import Path


MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RDONLY = 2, 4, 8, 1
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
# Since Linux 5.0 new calls have one number on every architecture that we run on.
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
OPEN_TREE_CLONE, AT_RECURSIVE, AT_EMPTY_PATH = 1, 0x8000, 0x1000
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_IDMAP = 0x00100000
MACHINES = ("x86_64", "aarch64")

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _call(number: int, what: str, *arguments: object) -> int:
    if platform.machine() not in MACHINES:
        raise OSError(38, f"{what}: not known on {platform.machine()}")
    return _check(_libc.syscall(ctypes.c_long(number), *arguments), what)


def mount(source: str, target: Path, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2)."""
    _check(
        _libc.mount(
            source.encode(),
            os.fsencode(target),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        ),
        "mount",
    )


def unshare(flags: int) -> None:
    """unshare(2); Python has it from 3.12."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument."""
    unused = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(value), unused, unused, unused), "prctl")


def die_with_parent() -> None:
    """SIGKILL for us when the thread that forked us ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def mount_tree(tree: int, target: Path) -> None:
    """Put a detached mount at a place."""
    _call(
        SYS_MOVE_MOUNT,
        "move_mount",
        ctypes.c_int(tree),
        b"",
        ctypes.c_int(-100),  # AT_FDCWD
        os.fsencode(target),
        ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH),
    )


def detached_copy(folder: int) -> int:
    """A detached bind mount of an open folder: no path is walked again."""
    return _call(
        SYS_OPEN_TREE,
        "open_tree",
        ctypes.c_int(folder),
        b"",
        ctypes.c_uint(OPEN_TREE_CLONE | AT_EMPTY_PATH | os.O_CLOEXEC),
    )


def map_owner(tree: int, namespace: int) -> None:
    """Show files of a detached mount under the ids that a user namespace maps."""
    attributes = _MountAttr(attr_set=MOUNT_ATTR_IDMAP, userns_fd=namespace)
    _call(
        SYS_MOUNT_SETATTR,
        "mount_setattr",
        ctypes.c_int(tree),
        b"",
        ctypes.c_uint(AT_EMPTY_PATH),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
