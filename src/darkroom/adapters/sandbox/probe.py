"""See each wall stand: run the program `probe` inside, keep the sinks outside, compare.

A wall that was only configured does not count. One that fails is named; every wall in
`plan.LAYERS` is required.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from darkroom.adapters.sandbox.plan import ENVIRONMENT, LAYERS
from darkroom.errors import DarkroomError, IsolationError
from darkroom.model.job import Limits
from darkroom.ports import Isolation, Outcome, Runtime, Sandbox, SandboxTask


Address = str | tuple[str, int]
HOLDS = "holds"
RESULT = "probe.json"
MAX_RESULT = 64 << 10
PROCESSES, FILES, OUT_MIB, MEMORY_MIB = 24, 32, 4, 96
OUTSTAY_SECONDS = 2.5
SLOW_KILL_SECONDS = 2.0
# Not required: what is weaker when it is missing is told, and in docs/sandbox.md.
NO_OWN_USER = (
    "jobs run under the node's own user, in a user namespace: the node was not started by root"
)
NO_GROUPS = (
    "no control group can be made for {what}; it is limited per process and watched from "
    "outside instead"
)


def probe(
    sandbox: Sandbox,
    runtimes: Sequence[Runtime],
    roots: Sequence[Path],
    *,
    rooted: bool,
    cgroups: Sequence[str],
) -> Isolation:
    """Try all walls.

    Args:
        sandbox: to be tried.
        runtimes: the first one is used.
        roots: the first one holds the folders that the tasks need, and a canary.
        rooted: whether the launcher is root.
        cgroups: which of `memory` and `pids` the kernel holds for a job as a whole.
    """
    if not runtimes or (rooted and not roots):
        return Isolation(
            fit=False,
            layers={"launcher": "it was started without a runtime or without a folder"},
        )
    layers: dict[str, str] = {}
    home = Path(tempfile.mkdtemp(prefix="probe-", dir=roots[0] if roots else None))
    try:
        layers |= _try_all(sandbox, runtimes[0], home)
    except DarkroomError as error:
        layers["start"] = f"{error.message}; {error.next_step}"
    finally:
        shutil.rmtree(home, ignore_errors=True)
    fit = all(layers.get(name) == HOLDS for name in LAYERS)
    layers["own user"] = HOLDS if rooted else NO_OWN_USER
    for what, name in (("memory", "memory group"), ("pids", "process group")):
        layers[name] = HOLDS if what in cgroups else NO_GROUPS.format(what=what)
    return Isolation(fit=fit, layers=layers)


def _try_all(sandbox: Sandbox, runtime: Runtime, home: Path) -> dict[str, str]:
    def start(name: str, request: dict[str, Any], limits: Limits) -> tuple[Outcome, Path]:
        out = home / name
        out.mkdir()
        task = SandboxTask(
            task_id=f"probe-{name}",
            program="probe",
            runtime=runtime,
            request=request,
            limits=limits,
            out=out,
        )
        return sandbox.run(task), out

    with _Sinks(home) as sinks, ThreadPoolExecutor(3) as pool:
        walls = pool.submit(
            start,
            "walls",
            _request(home, sinks),
            probe_limits(memory_mib=512, wall_seconds=20),
        )
        memory = pool.submit(
            start,
            "memory",
            {"attempt": "memory", "mib": MEMORY_MIB * 4},
            probe_limits(memory_mib=MEMORY_MIB, wall_seconds=20),
        )
        clock = pool.submit(
            start,
            "clock",
            {"attempt": "wall clock", "seconds": OUTSTAY_SECONDS},
            probe_limits(memory_mib=512, wall_seconds=1),
        )
        layers = of_walls(*walls.result())
        layers["memory"] = of_limit(memory.result()[0], "memory")
        layers["wall clock"] = of_limit(clock.result()[0], "wall clock")
        if sinks.touched():
            layers["network"] = "bytes of a job arrived at a listener of the host"
    return layers


def probe_limits(*, memory_mib: int, wall_seconds: int) -> Limits:
    """Limits of a run of the program `probe`."""
    return Limits(
        memory_mib=memory_mib,
        cpu_seconds=20,
        wall_seconds=wall_seconds,
        processes=PROCESSES,
        files=FILES,
        output_mib=OUT_MIB,
    )


def _request(home: Path, sinks: "_Sinks") -> dict[str, Any]:
    canary = home / "canary"
    canary.write_text(secrets.token_hex(16))
    return {
        "attempt": "walls",
        "canary": str(canary),
        "namespaces": {n: str(Path(f"/proc/self/ns/{n}").readlink()) for n in ("net", "pid")},
        "sinks": sinks.addresses,
        "environment": [*ENVIRONMENT, "PWD", "LC_CTYPE"],
        "processes": PROCESSES,
        "out_mib": OUT_MIB,
        "files": FILES * 4,
    }


def of_walls(outcome: Outcome, out: Path) -> dict[str, str]:
    """Layer -> "holds", or what got through, as the program `probe` found it.

    Raises:
        IsolationError: the program did not come to its end.
    """
    try:
        path = out / RESULT
        if outcome.status != "done" or path.stat().st_size > MAX_RESULT:
            raise ValueError
        found = json.loads(path.read_bytes())
        return {name: "; ".join(said) or HOLDS for name, said in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        why = outcome.limit or outcome.error_class or outcome.status
        raise IsolationError(
            f"the probe itself did not come to its end ({why})",
            next_step="start the node again on a quieter machine",
        ) from None


def of_limit(outcome: Outcome, word: str, *, slow: float = SLOW_KILL_SECONDS) -> str:
    """Whether a limit ended what went past it."""
    if outcome.status != "limit" or not outcome.limit.startswith(word):
        return f"a job went past its limit of {word}"
    if word == "wall clock" and outcome.seconds > slow:
        return "a job was ended too late"
    return HOLDS


class _Sinks:
    """Listeners of this process that no job may reach."""

    def __init__(self, home: Path) -> None:
        self._sockets: list[socket.socket] = []
        self.addresses: list[tuple[int, int, Address]] = []
        hidden = "\0darkroom-" + secrets.token_hex(8)
        inet, inet6, unix = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
        stream, packets = socket.SOCK_STREAM, socket.SOCK_DGRAM
        places: list[tuple[int, int, Address]] = [
            (stream, inet, ("127.0.0.1", 0)),
            (packets, inet, ("127.0.0.1", 0)),
            (stream, inet6, ("::1", 0)),
            (stream, unix, hidden),
            (packets, unix, hidden + "d"),
            (stream, unix, os.path.relpath(home / "sink")),
        ]
        for kind, family, address in places:
            with contextlib.suppress(OSError):  # a host without IPv6 has no such sink
                self._listen(kind, family, address, home)

    def _listen(self, kind: int, family: int, address: Address, home: Path) -> None:
        sink = socket.socket(family, kind)
        self._sockets.append(sink)
        sink.bind(address)
        sink.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sink.listen()
        if family == socket.AF_UNIX:
            named = not str(address).startswith("\0")
            reached: Address = str(home / "sink") if named else address
        else:
            reached = sink.getsockname()[:2]
        self.addresses.append((kind, family, reached))

    def touched(self) -> bool:
        """Whether anything arrived anywhere."""
        return any(self._arrivals())

    def _arrivals(self) -> Iterator[bool]:
        for sink in self._sockets:
            try:
                if sink.type == socket.SOCK_STREAM:
                    sink.accept()[0].close()
                else:
                    sink.recv(64)
            except OSError:
                continue
            yield True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sink in self._sockets:
            sink.close()
