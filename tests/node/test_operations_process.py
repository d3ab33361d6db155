"""A node as an operator has it: probes from outside, a log for machines, a polite end."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.node import initialise
from darkroom.config import domain_config
from tests.gateway.test_metrics import free_port
from tests.node.processes import DEADLINE, Running, environment, freeze, write_domain


pytestmark = pytest.mark.e2e
NOWHERE = "http://127.0.0.1:1"
GRACE = 15.0  # of the 30 s that a pod gets


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operations")
    freeze(folder)
    domain, state = write_domain(folder), folder / "state"
    owner = SycKeyring.generate("olga", "owner").identity
    initialise(state, domain=domain_config(domain), gateway=NOWHERE, owner=owner)
    return domain, state


def serve(place, port: int, *more: str) -> Running:
    domain, state = place
    return Running(
        "node", "serve", "--state", state, "--domain", domain, "--gateway", NOWHERE,
        "--operations", f"127.0.0.1:{port}", *more,
    )  # fmt: skip


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_ready_without_a_gateway_and_gone_within_its_grace(place):
    port, clock = free_port(), SystemClock()
    with serve(place, port, "--log-format", "json") as node:
        heard = set()
        deadline = clock.monotonic() + DEADLINE
        while (answer := get(port, "/readyz"))[0] != 200:
            heard.add(answer)
            assert clock.monotonic() < deadline, node.lines
            assert node.process.poll() is None, node.lines
        assert heard <= {(0, ""), (503, "it is starting\n")}
        assert get(port, "/healthz") == (200, "alive\n")
        metrics = get(port, "/metrics")[1]
        assert "\ndarkroom_sandbox_fit 1\n" in metrics
        ready_after = metrics.partition("\ndarkroom_ready_after_seconds ")[2].split()[0]
        assert 0 < float(ready_after) < DEADLINE
        while 'gateway_errors_total{error="unreachable"}' not in get(port, "/metrics")[1]:
            assert clock.monotonic() < deadline
        assert get(port, "/readyz")[0] == 200
        began = clock.monotonic()
        assert node.stop() == 0
        assert clock.monotonic() - began < GRACE
    lines = [json.loads(line) for line in node.lines if line != "(end)"]
    assert {line["process"] for line in lines} == {"node"}
    assert any("the sandbox holds" in line.get("message", "") for line in lines)


def test_a_port_that_is_taken_is_said_before_anything_else(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with serve(place, taken.getsockname()[1]) as node:
            node.wait_for("the operations port .* cannot be used")
            assert node.process.wait(DEADLINE) == 2


def test_a_start_can_be_stopped_too(place):
    """The first process of a container has no default for SIGTERM."""
    with serve(place, free_port()) as node:
        node.wait_for("root given up|the sandbox holds|footage in")
        assert node.stop() == 0, node.lines


def test_what_a_node_loads_at_its_start_is_little():
    """Arrays, pictures and the object store's client come when they are used: 30 MiB, a second."""
    heavy = ("numpy", "cv2", "minio", "pydantic_settings", "tensorflow", "prometheus_client")
    code = (
        "import sys, darkroom.cli.node, darkroom.bootstrap.node; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout.strip() == "[]"
