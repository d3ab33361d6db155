"""The sandbox of a cluster, from sandbox.yaml: its namespace, images, volumes and canaries."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.sandbox.kubernetes.api import Api
from darkroom.adapters.sandbox.kubernetes.exchange import Exchange, Mount
from darkroom.adapters.sandbox.kubernetes.locked import PYTHON
from darkroom.adapters.sandbox.kubernetes.manifest import MOST_SLOTS, Template
from darkroom.adapters.sandbox.kubernetes.sandbox import Image, KubernetesSandbox
from darkroom.adapters.sandbox.runtimes import PACKAGE
from darkroom.bootstrap.node_assembly import Node
from darkroom.config.sandbox_file import SandboxFile, sandbox_file
from darkroom.errors import SpecError
from darkroom.model.domain_config import DomainConfig
from darkroom.ports import Runtime
from darkroom.walls.canary import Address
from darkroom.walls.lock_hash import lock_hash
from darkroom.walls.order import MAX_CANARIES


LOOK_AGAIN_SECONDS = 60.0
INBOX = "inbox"  # on the exchange: what is copied there can be ingested


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSandbox:
    """Where jobs run, what they run in, and what node and jobs share."""

    sandbox: KubernetesSandbox
    runtimes: Mapping[str, Runtime]
    exchange: Path


def open_cluster_sandbox(
    path: Path,
    domain: DomainConfig,
    *,
    lock: Callable[[str, str], Path],
    closing: contextlib.ExitStack,
    say: Callable[[str], None],
    beside_node: bool = False,
) -> ClusterSandbox:
    """Read sandbox.yaml, hold the job template against its rules, clear up.

    Args:
        path: of sandbox.yaml.
        domain: whose environments need an image each.
        lock: name and interpreter of an environment -> its lock, as the node has it.
        closing: ends the sandbox.
        say: tells the operator.
        beside_node: a node serves with this file: its tasks are left alone, and one task at a
            time runs beside them.

    Raises:
        SpecError: naming file and line.
        IsolationError: the cluster, or its volumes, cannot be used.
        UnreachableError: the API server does not answer.
    """
    file = sandbox_file(path)
    images = _images(file, domain, path, lock)
    with file.template.blamed():
        template = Template(file.template.content, namespace=file.namespace)
    api = Api(server=file.server, token=file.token, ca=file.ca, namespace=file.namespace)
    closing.callback(api.close)
    mounts = [Mount(path=mount.path, claim=mount.claim) for mount in file.mounts]
    exchange = Exchange(file.exchange, mounts)
    with contextlib.suppress(OSError):  # who has something to put there is told
        (file.exchange / INBOX).mkdir(mode=0o770, exist_ok=True)
    sandbox = KubernetesSandbox(
        api=api,
        template=template,
        exchange=exchange,
        images=images,
        canaries=_addresses(file.canaries, say),
        slots=1 if beside_node else domain.workers + 2,
        first_slot=MOST_SLOTS - 1 if beside_node else 0,
    )
    closing.callback(sandbox.close)
    left = 0 if beside_node else sandbox.clear()
    if left:
        say(f"{domain.domain}: {left} tasks of a node that was killed are taken away")
    runtimes = {image.runtime.name: image.runtime for image in images}
    return ClusterSandbox(sandbox=sandbox, runtimes=runtimes, exchange=file.exchange)


def _images(
    file: SandboxFile, domain: DomainConfig, path: Path, lock: Callable[[str, str], Path]
) -> list[Image]:
    images = []
    for name, interpreter in domain.environments.items():
        found = file.environments.get(name)
        if found is None or found.interpreter != interpreter:
            raise SpecError(
                f"{path} has no image for the environment {name} ({interpreter or 'none'}) of "
                "domain.yaml",
                next_step="render both with helm/domain from one values.yaml",
            )
        held = lock(name, interpreter)
        runtime = Runtime(
            name=name,
            python=Path(PYTHON),
            paths=(),
            lock_hash=lock_hash(held.read_bytes(), PACKAGE),
            interpreter=interpreter,
        )
        images.append(Image(runtime=runtime, reference=found.image, lock=held.name))
    return images


def _addresses(
    canaries: tuple[tuple[str, int], ...], say: Callable[[str], None]
) -> tuple[Address, ...]:
    """IP addresses: a name that a pod cannot look up would prove nothing."""
    found: dict[Address, None] = {}
    for host, port in canaries:
        try:
            for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found[str(address[0]), int(address[1])] = None
        except OSError:
            say(f"the canary {host} cannot be looked up; the others must do")
    return tuple(found)[:MAX_CANARIES]


def probe_until_it_holds(
    node: Node, say: Callable[[str], None], stopping: threading.Event
) -> threading.Thread:
    """Probe the walls beside the service, and again whenever they are known not to hold.

    A cluster that has just started has no network plugin yet, no image, no second Pi; and
    what a worker found amiss later passes as well.
    """

    def probe() -> None:
        while not stopping.is_set():
            if not node.walls.fit:
                found = node.walls.probe()
                if found.fit:
                    say(f"the sandbox holds: {', '.join(sorted(found.layers))}")
                    node.bell.ring()
                else:
                    say(f"{node.walls.why_unfit()}; no job runs here yet")
                    for layer, state in sorted(found.layers.items()):
                        say(f"  {layer}: {state}")
            stopping.wait(LOOK_AGAIN_SECONDS)

    thread = threading.Thread(target=probe, name="probe", daemon=True)
    thread.start()
    return thread
