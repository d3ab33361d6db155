"""A process gives up, for good, what a job must not have. No right is needed for it."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

from darkroom.model.job import Limits


PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
MIB = 1 << 20
INSTRUCTION = 8  # bytes
# Room for thread stacks and mappings that are reserved and never touched.
DATA_SLACK_MIB = 512
TMP_MIB = 64
CPU_GRACE = 5
NICE = 10

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _prctl(option: int, value: object, more: object = 0) -> None:
    unused = ctypes.c_ulong(0)
    if _libc.prctl(option, value, more, unused, unused) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def show(what: bool) -> None:
    """Whether others of our user may look into our memory, open files and environment."""
    _prctl(PR_SET_DUMPABLE, ctypes.c_ulong(what), ctypes.c_ulong(0))


def refuse_calls(program: bytes) -> None:
    """Load a system-call filter; it holds for us and all that we start.

    Raises:
        OSError: the kernel refuses it.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    loaded = _Program(len(program) // INSTRUCTION, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), ctypes.c_ulong(0))
    _prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(loaded))


def lower_limits(limits: Limits) -> None:
    """What one process of a job may use; the first net is the container's own limits.

    Threads and processes are counted for a user on the whole machine, so each task has one.
    """
    largest = max(limits.output_mib, TMP_MIB) * MIB
    for which, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, limits.files, limits.files),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + CPU_GRACE),
        (resource.RLIMIT_MEMLOCK, 65536, 65536),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_RTPRIO, 0, 0),
        (resource.RLIMIT_FSIZE, largest, largest),
        (resource.RLIMIT_NPROC, limits.processes + 1, limits.processes + 1),  # and the worker
        (resource.RLIMIT_DATA, *[(limits.memory_mib + DATA_SLACK_MIB) * MIB] * 2),
    ):
        most = resource.getrlimit(which)[1]
        if most == resource.RLIM_INFINITY:
            most = hard
        resource.setrlimit(which, (min(soft, most), min(hard, most)))


def be_first_to_go() -> None:
    """Less processor time than others, and the first to end when memory is short."""
    show(True)  # or the file below is root's
    os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def end_with_parent() -> None:
    """SIGKILL for us when the thread that forked us ends."""
    _prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), ctypes.c_ulong(0))
