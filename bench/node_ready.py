"""How long a node takes from its start until `/readyz` says yes, and from SIGTERM to its end.

`python -m bench.node_ready` prints one JSON line: `node_ready_s` (the fastest of several
starts, with both environments of domains/north), `stop_s`, `rss_mib`. No gateway is needed: a
node is ready without one.
"""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.local_stack import BIN, LOOPBACK, free_port
from darkroom.bootstrap.node import initialise
from darkroom.config import domain_config
from darkroom.errors import StateError


STARTS = 3
PATIENCE = 120.0
NOWHERE = "http://127.0.0.1:1"
DOMAIN = """
domain: north
title: A node with what domains/north offers
workers: 2
environments: {tflite: litert, tensorflow: ""}
footage: folder
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of one node."""

    ready_s: float
    stop_s: float
    rss_mib: float


def make_node(folder: Path) -> tuple[Path, Path]:
    """A domain's folder and the state of a node that never ran."""
    domain, state = folder / "domains" / "north", folder / "state"
    domain.mkdir(parents=True)
    (domain / "domain.yaml").write_text(DOMAIN)
    owner = SycKeyring.generate("owner", "owner").identity
    initialise(state, domain=domain_config(domain), gateway=NOWHERE, owner=owner)
    return domain, state


def start_once(domain: Path, state: Path) -> Start:
    """Start a node, wait until it is ready, stop it.

    Raises:
        StateError: it does not become ready.
    """
    port = free_port()
    began = time.monotonic()
    node = subprocess.Popen(
        [str(BIN / "darkroom"), "node", "serve", "--state", str(state), "--domain", str(domain),
         "--gateway", NOWHERE, "--operations", f"{LOOPBACK}:{port}"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    pause = threading.Event()
    try:
        while not _says_yes(port):
            if node.poll() is not None or time.monotonic() - began > PATIENCE:
                raise StateError("the node is not ready", next_step="start it by hand and read on")
            pause.wait(0.02)
        ready = time.monotonic() - began
        metrics = httpx.get(f"http://{LOOPBACK}:{port}/metrics").text
        rss = metrics.partition("\nprocess_resident_memory_bytes ")[2].split()[0]
        asked = time.monotonic()
        node.send_signal(signal.SIGTERM)
        if node.wait(PATIENCE):
            raise StateError("the node did not end with 0", next_step="read its log")
        return Start(ready, time.monotonic() - asked, float(rss) / (1 << 20))
    finally:
        if node.poll() is None:
            node.kill()
            node.wait()


def _says_yes(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/readyz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def measure(starts: int = STARTS) -> dict[str, float]:
    """The best of several starts: others on the machine only make it slower."""
    with tempfile.TemporaryDirectory(prefix="darkroom-ready-") as name:
        domain, state = make_node(Path(name))
        Path(name).chmod(0o755)
        found = [start_once(domain, state) for _ in range(starts)]
    return {
        "node_ready_s": round(min(start.ready_s for start in found), 2),
        "stop_s": round(min(start.stop_s for start in found), 2),
        "rss_mib": round(min(start.rss_mib for start in found), 1),
    }


def main() -> None:
    """Measure and print."""
    print(json.dumps({"bench": "node_ready", **measure()}), file=sys.stdout)


if __name__ == "__main__":
    main()
