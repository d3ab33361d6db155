"""What was seen of a task -> how it ended. Pure.

The order of the questions is the order of trust: first what we did ourselves (cancelled,
a limit that we enforced), then what the kernel counted, last what the job said.
"""

import errno
import json
import signal
from dataclasses import dataclass
from typing import Literal

from darkroom.model.error_class import ERROR_CLASSES, LIMITS, SIGNAL, UNKNOWN, error_class
from darkroom.model.job import Limits
from darkroom.ports import Outcome


MAX_REPORT = 4096
SIGNAL_BASE = 128  # bubblewrap and shells: 128 + number of the signal
_FORKING = ("BlockingIOError", "RuntimeError")  # of fork, and of a thread
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The facts about one ended task.

    Attributes:
        code: exit code of bubblewrap.
        stopped: why we killed it: "cancelled", "wall clock", "memory", "CPU time",
            "processes", or "".
        oom_kills: how often the kernel killed in the job's memory group.
        forks_refused: how often the kernel refused a process in the job's group.
        disk_full: whether `/out` or `/tmp` had no room at the end.
        report: what the program wrote about its own end; hostile.
        refused_output: error class of an output that we did not take, or "".
    """

    code: int
    seconds: float
    max_rss_mib: float
    log: bytes
    stopped: str = ""
    oom_kills: int = 0
    forks_refused: int = 0
    disk_full: bool = False
    report: bytes = b""
    refused_output: str = ""


def read_report(report: bytes) -> tuple[str, int]:
    """Exception class and error number out of a program's own report; hostile."""
    try:
        value = json.loads(report[:MAX_REPORT])
        name, number = value["error"], value.get("errno", 0)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return UNKNOWN, 0
    if not isinstance(name, str) or not name:
        name = UNKNOWN
    if not isinstance(number, int) or isinstance(number, bool):
        number = 0
    return name, number


def limit_words(limits: Limits) -> dict[str, str]:
    """Plain words for each limit, with the number that the job itself declared."""
    numbers = (
        f"{limits.wall_seconds} s",
        f"{limits.memory_mib} MiB",
        f"{limits.cpu_seconds} s",
        f"{limits.processes}",
        f"{limits.output_mib} MiB",
        f"{limits.files}",
    )
    return {name: f"{name} ({number})" for name, number in zip(LIMITS, numbers, strict=True)}


def _limit(seen: Seen, name: str, number: int) -> str:
    if seen.stopped:
        return seen.stopped
    if seen.code == SIGNAL_BASE + signal.SIGXCPU:
        return "CPU time"
    if seen.oom_kills or name == "MemoryError":
        return "memory"
    if number in _DISK or seen.disk_full or seen.code == SIGNAL_BASE + signal.SIGXFSZ:
        return "disk"
    if number == errno.EMFILE:
        return "open files"
    if seen.forks_refused or (number == errno.EAGAIN and name in _FORKING):
        return "processes"
    return ""


def judge(seen: Seen, limits: Limits) -> Outcome:
    """How the task ended; limit and class are words of `model.error_class`."""

    def ended(
        status: Literal["done", "failed", "limit", "cancelled"],
        *,
        limit: str = "",
        name: str = "",
    ) -> Outcome:
        return Outcome(
            status=status,
            limit=limit,
            error_class=name and error_class(name),
            seconds=seen.seconds,
            log=seen.log,
            max_rss_mib=seen.max_rss_mib,
        )

    if seen.stopped == "cancelled":
        return ended("cancelled")
    if seen.code == 0 and not seen.stopped:
        if seen.refused_output:
            return ended("failed", name=seen.refused_output)
        return ended("done")
    name, number = read_report(seen.report) if seen.report else ("", 0)
    limit = _limit(seen, name, number)
    if limit:
        return ended("limit", limit=limit_words(limits)[limit])
    if not name:
        killed = SIGNAL_BASE < seen.code < SIGNAL_BASE + signal.NSIG
        name = _signal_name(seen.code - SIGNAL_BASE) if killed else "SystemExit"
    return ended("failed", name=name)


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return SIGNAL
    return name if name in ERROR_CLASSES else SIGNAL
