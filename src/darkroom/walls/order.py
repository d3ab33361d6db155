"""What the node tells the worker of a pod, and what the worker tells the node. Pure shapes.

The order comes from the node and is read before anything of the job runs. The verdict was
written beside a hostile job: every field is held against what it may be.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from darkroom.errors import SpecError
from darkroom.model.error_class import LIMITS
from darkroom.model.job import Limits


ORDER, VERDICT, LOG, REFUSED = "order.json", "verdict.json", "log", "refused"
MAX_ORDER = 256 << 10
MAX_VERDICT = 16 << 10
MAX_LOG = 64 << 10
MAX_REPORT = 4096
MAX_CANARIES = 16
MAX_SECONDS = 10**7
# Exit codes when nothing of the job has run, when what it left cannot be read, and when the
# exchange cannot be written. The job itself may be what brings NO_REPORT about.
REACHABLE, OTHER_LOCK, NO_WALLS, NO_ORDER, NO_REPORT, NOT_KEPT = 77, 78, 79, 80, 81, 82


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the worker does.

    Attributes:
        program: of `darkroom.runtime`.
        lock: file name of the lock below the image's folder of locks.
        lock_hash: that the image must have.
        canaries: (IP address, port) that must not be reachable.
        filters: machine as the kernel calls it -> the system-call filter.
    """

    program: str
    limits: Limits
    lock: str
    lock_hash: str
    canaries: tuple[tuple[str, int], ...]
    filters: dict[str, bytes]

    def to_json(self) -> bytes:
        """As it is written."""
        value = asdict(self)
        value["filters"] = {m: base64.b64encode(f).decode() for m, f in self.filters.items()}
        return json.dumps(value).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read one.

        Raises:
            SpecError: it is none.
        """
        try:
            value: dict[str, Any] = json.loads(data)
            canaries = tuple((str(host), int(port)) for host, port in value["canaries"])
            lock = str(value["lock"])
            if "/" in lock or not 0 < len(canaries) <= MAX_CANARIES:
                raise ValueError
            return cls(
                program=str(value["program"]),
                limits=Limits(**value["limits"]),
                lock=lock,
                lock_hash=str(value["lock_hash"]),
                canaries=canaries,
                filters={
                    str(machine): base64.b64decode(text, validate=True)
                    for machine, text in value["filters"].items()
                },
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SpecError(
                "the order of a worker is not well formed",
                next_step="run node and jobs from images of one version",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the worker saw of the program.

    Attributes:
        code: exit code, 128 + signal when one ended it.
        stopped: the limit for which the worker ended it, or "".
        started: whether the interpreter came to the program at all.
        oom_kills: how often the kernel killed for want of memory.
        disk_full: whether a file system that the job writes to had no room.
        seconds: wall time.
        report: what the program wrote about its own end.
        landlock: whether the kernel has Landlock.
    """

    code: int
    stopped: str
    started: bool
    oom_kills: int
    disk_full: bool
    seconds: float
    max_rss_mib: float
    report: bytes
    landlock: bool

    def to_json(self) -> bytes:
        """As it is written."""
        return json.dumps(
            {**asdict(self), "report": base64.b64encode(self.report).decode()}
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self | None:
        """Read one; None when it is none."""
        try:
            value = json.loads(data)
            stopped = value["stopped"]
            if stopped not in ("", *LIMITS):
                return None
            return cls(
                code=_whole(value["code"], 255),
                stopped=stopped,
                started=value["started"] is True,
                oom_kills=_whole(value["oom_kills"], 1 << 30),
                disk_full=value["disk_full"] is True,
                seconds=_real(value["seconds"], MAX_SECONDS),
                max_rss_mib=_real(value["max_rss_mib"], 1 << 30),
                report=base64.b64decode(value["report"], validate=True)[:MAX_REPORT],
                landlock=value["landlock"] is True,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
            return None


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return value


def _real(value: object, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return float(value)
