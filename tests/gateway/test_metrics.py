"""What the gateway's operator sees of an exchange: how much, never who."""

import io
import json
import socket
import threading
import urllib.error
import urllib.request
from contextlib import redirect_stdout

import httpx
import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.operations.server import Place
from darkroom.bootstrap.gateway import GatewaySettings, assembled
from darkroom.bootstrap.operations import OperationsSettings
from darkroom.errors import QuotaError, UnknownNameError
from darkroom.gateway.limits import GatewayLimits
from darkroom.model.metrics import gateway as metrics
from tests.gateway.serving import DEADLINE, HandClock, serving


ENVELOPE = "e" * 32
SECRETS = ("alice", "north", "fountain", "127.0.0.1/", "darkroom1:")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def read(port: int) -> dict[str, float]:
    lines = get(port, "/metrics")[1].splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


@pytest.fixture
def watched(tmp_path):
    """A gateway with an operations port, its log as it goes, alice and north."""
    port, out = free_port(), io.StringIO()
    settings = OperationsSettings(
        process="gateway", place=Place("127.0.0.1", port), log_format="json"
    )
    limits = GatewayLimits(pair_parcels=2)
    with (
        redirect_stdout(out),
        serving(tmp_path / "state", limits=limits, operations=settings) as gateway,
        gateway.join("alice") as alice,
        gateway.join("north", "domain") as north,
    ):
        north.admit("alice")
        yield gateway, port, out, alice, north


def test_routes_of_the_table_are_those_that_are_served(tmp_path):
    settings = GatewaySettings(state=tmp_path, public_urls=("http://127.0.0.1:1",))
    with assembled(settings, port=1, clock=SystemClock()) as (app, _):
        assert {route.path for route in app.asgi.routes} == set(metrics.ROUTES)


def test_an_exchange_is_counted_and_nobody_is_named(watched):
    gateway, port, out, alice, north = watched
    alice.send("north", ENVELOPE, b"x" * 1000, expires_in=60)
    address = alice.put_blob(b"b" * 5000, ["north"])
    assert north.get_blob("alice", address) == b"b" * 5000
    waiting = read(port)
    assert waiting["darkroom_gateway_mailbox_envelopes"] == 1
    assert waiting["darkroom_gateway_mailbox_bytes"] == 1000
    assert waiting["darkroom_gateway_mailbox_oldest_seconds"] >= 0
    assert waiting['darkroom_gateway_blob_bytes{state="ready"}'] == 5000
    alice.send("north", "f" * 32, b"y", expires_in=60)
    with pytest.raises(QuotaError):
        alice.send("north", "a" * 32, b"z", expires_in=60)
    with pytest.raises(UnknownNameError):
        alice.identity("nobody-fountain")
    north.acknowledge(north.receive(wait=1)[-1].cursor)
    httpx.get(f"{gateway.address}/v1/alice/../../etc?north=darkroom1:x")

    now = read(port)
    assert now['darkroom_gateway_envelopes_total{direction="in"}'] == 2
    assert now['darkroom_gateway_envelopes_total{direction="out"}'] == 2
    assert now['darkroom_gateway_envelope_bytes_total{direction="in"}'] == 1001
    assert now['darkroom_gateway_refusals_total{error="quota"}'] == 1
    assert now['darkroom_gateway_refusals_total{error="unknown-name"}'] == 1
    route = 'method="PUT",route="/v1/mailboxes/{recipient}/{id}"'
    assert now[f'darkroom_gateway_requests_total{{{route},status="200"}}'] == 2
    assert now[f'darkroom_gateway_requests_total{{{route},status="429"}}'] == 1
    assert now['darkroom_gateway_identities{role="domain"}'] == 1
    assert now["darkroom_gateway_mailbox_envelopes"] == 0
    # With quotes, so that a help text may say what a mailbox is.
    told = get(port, "/metrics")[1]
    labels = [line for line in told.splitlines() if not line.startswith("#")]
    log = [json.loads(line) for line in out.getvalue().splitlines()]
    events = [(line["event"], line.get("envelope")) for line in log if line["event"] != "said"]
    assert ("envelope-in", ENVELOPE) in events
    assert ("envelope-out", ENVELOPE) in events
    for secret in SECRETS:
        assert not [line for line in labels if secret in line]
        assert not [line for line in log if secret in json.dumps(line) and line["event"] != "said"]


def test_who_waits_for_mail_is_counted_while_they_wait(watched):
    _, port, _, _, north = watched
    waiter = threading.Thread(target=lambda: north.receive(wait=20.0))
    waiter.start()
    try:
        deadline = SystemClock().monotonic() + DEADLINE
        while not read(port)["darkroom_gateway_long_polls"]:
            assert SystemClock().monotonic() < deadline
    finally:
        alice_free = SystemClock().now()
        watched[3].send("north", f"{int(alice_free)}", b"wake", expires_in=60)
        waiter.join(DEADLINE)
    assert read(port)["darkroom_gateway_long_polls"] == 0


def test_ready_means_that_its_stores_work(watched):
    gateway, port, *_ = watched
    assert get(port, "/healthz") == (200, "alive\n")
    assert get(port, "/readyz") == (200, "ready\n")
    assert get(port, "/v1/mailbox")[0] == 404
    assert httpx.get(f"{gateway.address}/metrics").status_code == 404, "never on the public port"


def test_a_store_that_is_gone_makes_it_unready_and_not_dead(tmp_path):
    port, clock, state = free_port(), HandClock(), tmp_path / "state"
    settings = OperationsSettings(process="gateway", place=Place("127.0.0.1", port))
    with serving(state, clock=clock, operations=settings):
        assert get(port, "/readyz")[0] == 200
        (state / "blobs").rename(state / "away")
        (state / "blobs").write_text("not a folder")
        clock.forward(61.0)

        status, why = get(port, "/readyz")
        assert status == 503
        assert "blob" in why
        assert get(port, "/healthz")[0] == 200
        assert read(port)["darkroom_ready"] == 0
        (state / "blobs").unlink()
        (state / "away").rename(state / "blobs")
        clock.forward(6.0)
        assert get(port, "/readyz")[0] == 200
