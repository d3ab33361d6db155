"""See each wall of a cluster stand, from a node that is only one of its pods.

First that the canaries are alive: an address that nobody reaches proves nothing about the
network of a job. Then the program `probe` runs in pods as a hostile job would, with the
node's own files as bait, and what it found is compared.
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox.kubernetes.room import NoRoomError
from darkroom.adapters.sandbox.plan import ENVIRONMENT, LAYERS
from darkroom.adapters.sandbox.probe import (
    HOLDS,
    MEMORY_MIB,
    OUT_MIB,
    OUTSTAY_SECONDS,
    PROCESSES,
    of_limit,
    of_walls,
    probe_limits,
)
from darkroom.errors import DarkroomError
from darkroom.ports import Isolation, Outcome, Runtime, Sandbox, SandboxTask
from darkroom.walls.canary import Address, reachable


WALL_SECONDS = 60
SLOW_SECONDS = 10.0  # for a pod to be ended and to say so
# Of the node's own pod and of the machine under a pod; none may be seen from a job.
HIDDEN = (
    "/var/run/secrets/kubernetes.io",
    "/keys",
    "/state",
    "/exchange",
    "/footage",
    "/etc/darkroom",
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/etc/rancher",
    "/run/containerd",
)
NO_LANDLOCK = (
    "the kernel under the pods has none (Raspberry Pi OS); the container's read-only root "
    "stands alone"
)
FILES_COUNTED = "counted by the worker; the file system of a pod does not hold them"
DEAD = (
    "none of the canaries of sandbox.yaml answers this node, so nothing proves that a job's "
    "network is shut; name addresses that the node reaches"
)


def alive(canaries: Sequence[Address]) -> list[Address]:
    """The canaries that answer this process."""
    if not canaries:
        return []
    with ThreadPoolExecutor(len(canaries)) as pool:
        answers = pool.map(reachable, canaries)
        return [canary for canary, answered in zip(canaries, answers, strict=True) if answered]


def probe(
    sandbox: Sandbox,
    runtimes: Sequence[Runtime],
    exchange: Path,
    *,
    canaries: Sequence[Address],
    landlock: Callable[[], bool],
) -> Isolation:
    """Try all walls.

    Raises:
        NoRoomError: the cluster takes no pod now; of the walls that were seen, all hold.

    Args:
        sandbox: to be tried.
        runtimes: the first one is used.
        exchange: holds the folders that the tasks need, and the bait.
        canaries: that every pod must fail to reach.
        landlock: what the last worker said of its kernel.
    """
    if not runtimes:
        return Isolation(fit=False, layers={"runtimes": "sandbox.yaml names no environment"})
    if not alive(canaries):
        return Isolation(fit=False, layers={"network": DEAD})
    layers: dict[str, str] = {}
    try:
        home = Path(tempfile.mkdtemp(prefix="probe-", dir=exchange))
    except OSError as error:
        return Isolation(fit=False, layers={"exchange": f"cannot be written: {error.strerror}"})
    try:
        layers |= _try_all(sandbox, runtimes[0], home)
    except NoRoomError:
        raise
    except DarkroomError as error:
        layers["start"] = f"{error.message}; {error.next_step}"
    finally:
        shutil.rmtree(home, ignore_errors=True)
    fit = all(layers.get(name) == HOLDS for name in LAYERS)
    if fit:  # not required: what is weaker is told
        layers["own user"] = HOLDS
        layers["landlock"] = HOLDS if landlock() else NO_LANDLOCK
        layers["file count"] = FILES_COUNTED
    return Isolation(fit=fit, layers=layers)


def _try_all(sandbox: Sandbox, runtime: Runtime, home: Path) -> dict[str, str]:
    canary = home / "canary"
    canary.write_text(secrets.token_hex(16))

    def start(name: str, request: dict[str, Any], *, mib: int, wall: int) -> tuple[Outcome, Path]:
        out = home / name
        out.mkdir()
        task = SandboxTask(
            task_id=f"{home.name}-{name}",
            program="probe",
            runtime=runtime,
            request=request,
            limits=probe_limits(memory_mib=mib, wall_seconds=wall),
            out=out,
        )
        return sandbox.run(task), out

    asked = {
        "attempt": "walls",
        "canary": str(canary),
        "hidden": HIDDEN,
        "interface": True,  # a pod has one; the worker saw that it leads nowhere
        "namespaces": {},  # of another machine: numbers that say nothing
        "sinks": [],
        "environment": [*ENVIRONMENT, "PWD", "LC_CTYPE"],
        "processes": PROCESSES,
        "out_mib": OUT_MIB,
        "files": 0,
    }
    hungry = {"attempt": "memory", "mib": MEMORY_MIB * 4}
    late = {"attempt": "wall clock", "seconds": OUTSTAY_SECONDS}
    with ThreadPoolExecutor(3) as pool:
        walls = pool.submit(start, "walls", asked, mib=512, wall=WALL_SECONDS)
        memory = pool.submit(start, "memory", hungry, mib=MEMORY_MIB, wall=WALL_SECONDS)
        clock = pool.submit(start, "clock", late, mib=512, wall=1)
    layers: dict[str, str] = {}
    full: NoRoomError | None = None
    for word, task in (("", walls), ("memory", memory), ("wall clock", clock)):
        try:
            outcome, out = task.result()
        except NoRoomError as error:
            full = error
        else:
            layers |= (
                of_walls(outcome, out)
                if not word
                else {word: of_limit(outcome, word, slow=SLOW_SECONDS)}
            )
    if full and all(layers[name] == HOLDS for name in LAYERS if name in layers):
        raise full
    return layers
