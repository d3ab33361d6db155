"""What was seen of a task -> how it ended. Pure.

The order of the questions is the order of trust: first what we did ourselves (cancelled,
a limit that we enforced), then what the kernel counted, last what the job said.
"""

import errno
import json
import re
import signal
from dataclasses import dataclass
from typing import Literal

from darkroom.model.job import Limits
from darkroom.ports import Outcome


CLASS_NAME = re.compile(r"[A-Za-z_]\w{0,60}", re.ASCII)
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
    """Exception class and error number out of a program's own report.

    Whatever is not a plain class name becomes `Exception`: this word leaves the house.
    """
    try:
        value = json.loads(report[:MAX_REPORT])
        name, number = value["error"], value.get("errno", 0)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "Exception", 0
    if not isinstance(name, str) or not CLASS_NAME.fullmatch(name):
        name = "Exception"
    if not isinstance(number, int) or isinstance(number, bool):
        number = 0
    return name, number


def limit_words(limits: Limits) -> dict[str, str]:
    """Plain words for each limit."""
    return {
        "wall clock": f"wall clock ({limits.wall_seconds} s)",
        "memory": f"memory ({limits.memory_mib} MiB)",
        "CPU time": f"CPU time ({limits.cpu_seconds} s)",
        "processes": f"processes ({limits.processes})",
        "disk": f"disk ({limits.output_mib} MiB)",
        "files": f"open files ({limits.files})",
    }


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
        return "files"
    if seen.forks_refused or (number == errno.EAGAIN and name in _FORKING):
        return "processes"
    return ""


def judge(seen: Seen, limits: Limits) -> Outcome:
    """How the task ended."""

    def ended(
        status: Literal["done", "failed", "limit", "cancelled"],
        *,
        limit: str = "",
        error_class: str = "",
    ) -> Outcome:
        return Outcome(
            status=status,
            limit=limit,
            error_class=error_class,
            seconds=seen.seconds,
            log=seen.log,
            max_rss_mib=seen.max_rss_mib,
        )

    if seen.stopped == "cancelled":
        return ended("cancelled")
    if seen.code == 0 and not seen.stopped:
        if seen.refused_output:
            return ended("failed", error_class=seen.refused_output)
        return ended("done")
    name, number = read_report(seen.report) if seen.report else ("", 0)
    limit = _limit(seen, name, number)
    if limit:
        return ended("limit", limit=limit_words(limits)[limit])
    if not name:
        killed = SIGNAL_BASE < seen.code < SIGNAL_BASE + signal.NSIG
        name = _signal_name(seen.code - SIGNAL_BASE) if killed else "SystemExit"
    return ended("failed", error_class=name)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "Signal"
