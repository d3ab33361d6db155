"""The operator's port, what it writes down, and what it never would."""

import contextlib
import io
import json
import logging
import math
import socket
import threading
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from darkroom.adapters.json_log import JsonHandler, JsonLog
from darkroom.adapters.operations.energy_meter import EnergyMeter
from darkroom.adapters.operations.measured_sandbox import MeasuredSandbox
from darkroom.adapters.operations.process_facts import ProcessFacts, seconds_since_begin
from darkroom.adapters.operations.pulse import Pulse
from darkroom.adapters.operations.registry import Registry
from darkroom.adapters.operations.server import (
    AT_ONCE,
    MAX_HEAD,
    Answers,
    OperationsServer,
    Place,
    place_of,
)
from darkroom.errors import InputError, IsolationError, SpecError, StateError, WorkerLostError
from darkroom.model.correlation import correlation_of
from darkroom.model.metrics import node, process
from darkroom.model.metrics.metric import OTHER, POWERS_OF_TWO, Metric
from tests.node.outside import HandClock


HITS = Metric(name="hits_total", kind="counter", text="Hits.", labels={"way": ("in", "out")})
LEVEL = Metric(name="level", kind="gauge", text="Level.")
SECONDS = Metric(
    name="seconds", kind="histogram", text="S.", labels={"way": ("in",)}, buckets=(0.5, 1.0, 2.0)
)


def parsed(registry: Registry) -> dict[tuple[str, tuple[str, ...]], float]:
    """As Prometheus' own reader understands it."""
    families = text_string_to_metric_families(registry.read().decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


# ------------------------------------------------------------------------------ the registry


def test_what_is_counted_is_what_prometheus_reads():
    registry = Registry([HITS, LEVEL, SECONDS])
    registry.add(HITS, way="in")
    registry.add(HITS, 2, way="in")
    registry.set(LEVEL, -1.5)
    for value in (0.5, 0.6, 9.0):
        registry.observe(SECONDS, value, way="in")

    assert parsed(registry) == {
        ("hits_total", ("in",)): 3,
        ("level", ()): -1.5,
        ("seconds_bucket", ("in", "0.5")): 1,
        ("seconds_bucket", ("in", "1")): 2,
        ("seconds_bucket", ("in", "2")): 2,
        ("seconds_bucket", ("in", "+Inf")): 3,
        ("seconds_sum", ("in",)): 10.1,
        ("seconds_count", ("in",)): 3,
    }


@given(st.text())
def test_a_label_holds_no_value_that_its_table_does_not_name(value):
    registry = Registry([HITS])
    registry.add(HITS, way=value)

    assert parsed(registry) == {("hits_total", (value if value in {"in", "out"} else OTHER,)): 1}


@given(st.floats())
def test_every_number_can_be_read_again(value):
    registry = Registry([LEVEL])
    registry.set(LEVEL, value)

    (found,) = parsed(registry).values()
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Hits"},
        {"name": "hits", "kind": "counter"},
        {"name": "hits_total"},
        {"labels": {"way": ('in"',)}},
        {"labels": {"way": ("in\n",)}},
        {"labels": {"way": tuple(str(n) for n in range(65))}},
        {"text": "two\nlines"},
        {"buckets": (1.0,)},
        {"kind": "histogram"},
        {"kind": "histogram", "buckets": (2.0, 1.0)},
    ],
)
def test_a_metric_that_could_not_be_written_is_refused(wrong):
    with pytest.raises(SpecError):
        Metric(**{"name": "hits", "kind": "gauge", "text": "Hits.", **wrong})


def test_other_labels_than_the_table_has_are_a_bug():
    with pytest.raises(KeyError, match="way"):
        Registry([HITS]).add(HITS)


# ------------------------------------------------------------------------------- the sandbox


class Sandbox:
    """Runs nothing; ends as it is told, after so many seconds."""

    def __init__(self, clock, seconds, error=None):
        self.clock, self.seconds, self.error = clock, seconds, error

    def run(self, task, *, cancelled=lambda: False):
        from darkroom.ports import Outcome

        self.clock.forward(self.seconds)
        if self.error:
            raise self.error
        return Outcome(status="done", seconds=self.seconds)


class Task:
    program = "run"


@given(st.floats(0.0, 10_000.0))
def test_run_times_leave_as_powers_of_two_in_the_sum_too(seconds):
    clock, registry = HandClock(), Registry(node.NODE)
    MeasuredSandbox(Sandbox(clock, seconds), registry, clock).run(Task())

    total = parsed(registry)["darkroom_shard_seconds_sum", ("run", "done")]
    assert total in POWERS_OF_TWO
    assert seconds <= total + 1e-9


@pytest.mark.parametrize(
    ("error", "status", "counted"),
    [
        (WorkerLostError("gone", next_step="wait"), "lost", "darkroom_worker_losses_total"),
        (IsolationError("no", next_step="look"), "refused", "darkroom_sandbox_errors_total"),
    ],
)
def test_a_lost_machine_is_no_broken_wall(error, status, counted):
    clock, registry = HandClock(), Registry(node.NODE)
    with pytest.raises(type(error)):
        MeasuredSandbox(Sandbox(clock, 1.0, error), registry, clock).run(Task())

    found = parsed(registry)
    assert found["darkroom_shard_seconds_count", ("run", status)] == 1
    assert sum(value for (name, _), value in found.items() if name == counted) == 1
    assert found["darkroom_shards_running", ()] == 0


# ------------------------------------------------------------------------------- the process


def test_the_process_is_seen_as_the_kernel_sees_it(tmp_path):
    registry = Registry(process.EVERYWHERE)
    ProcessFacts(registry, tmp_path).look()

    found = parsed(registry)
    assert 5 << 20 < found["process_resident_memory_bytes", ()] < 4 << 30
    assert found["process_cpu_seconds_total", ()] > 0
    assert found["darkroom_disk_free_bytes", ()] <= found["darkroom_disk_size_bytes", ()]
    assert 0 < seconds_since_begin() < 86_400


def test_the_pulse_says_when_the_loop_is_stuck():
    clock = HandClock()
    pulse = Pulse(clock.monotonic, longest=10.0)
    clock.forward(10.0)
    assert pulse.why_dead() == ""
    clock.forward(1.0)
    assert "11 s" in pulse.why_dead()
    pulse.beat()
    assert pulse.why_dead() == ""


@pytest.mark.parametrize(
    ("name", "begin", "end", "joules"),
    [("energy_uj", "1000000", "4500000", 3.5), ("energy1_input", "0", "1e6", 1.0),
     ("shelly", "10.5", "12.0", 1.5)],
)  # fmt: skip
def test_a_meter_counts_joules_since_it_was_opened(tmp_path, name, begin, end, joules):
    file = tmp_path / name
    file.write_text(begin)
    meter = EnergyMeter(file)
    assert meter.joules() == 0.0
    file.write_text(end + "\n")
    assert meter.joules() == pytest.approx(joules)
    assert meter.joules() == pytest.approx(joules)


def test_a_counter_that_begins_anew_loses_nothing(tmp_path):
    (tmp_path / "max_energy_range_uj").write_text("10000000")
    file = tmp_path / "energy_uj"
    file.write_text("9000000")
    meter = EnergyMeter(file)
    file.write_text("2000000")
    assert meter.joules() == pytest.approx(3.0)
    file.unlink()
    assert meter.joules() == pytest.approx(3.0)


@pytest.mark.parametrize("content", ["", "nan", "-1", "inf", "twelve", "\x00" * 64])
def test_what_is_no_counter_is_refused_at_the_start(tmp_path, content):
    (tmp_path / "energy_uj").write_text(content)
    with pytest.raises(SpecError, match="energy_uj"):
        EnergyMeter(tmp_path / "energy_uj")


# ------------------------------------------------------------------------------- the server


@pytest.fixture
def server():
    said = {"health": "", "readiness": ""}
    answers = Answers(
        metrics=lambda: b"level 1\n",
        health=lambda: said["health"],
        readiness=lambda: said["readiness"] or "",
    )
    server = OperationsServer(Place("127.0.0.1", 0), answers)
    server.start()
    server.said = said
    yield server
    server.close()


def get(server, path, method="GET"):
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def raw(server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as peer:
        peer.sendall(data)
        found = b""
        with contextlib.suppress(ConnectionResetError):  # it did not read to the end
            while piece := peer.recv(4096):
                found += piece
        return found


def test_three_paths_and_nothing_else(server):
    assert get(server, "/metrics") == (200, "level 1\n")
    assert get(server, "/healthz?x=1") == (200, "alive\n")
    assert get(server, "/readyz") == (200, "ready\n")
    assert get(server, "/readyz", "HEAD") == (200, "")
    for path in ("/", "/metrics/", "//metrics", "/../etc/passwd", "/v1/mailbox"):
        assert get(server, path)[0] == 404
    assert get(server, "/metrics", "POST")[0] == 405


def test_no_is_said_with_words(server):
    server.said.update(health="the main loop has not turned for 400 s", readiness="no room")

    assert get(server, "/healthz") == (503, "the main loop has not turned for 400 s\n")
    assert get(server, "/readyz") == (503, "no room\n")


def test_a_check_that_fails_is_a_no_without_its_text(server):
    server.said.clear()

    status, body = get(server, "/readyz")
    assert (status, body) == (500, "KeyError\n")


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n", b"hello\r\n\r\n", b"GET /metrics\r\n\r\n", b"\xff\xfe\r\n\r\n",
     b"GET " + b"a" * (MAX_HEAD * 2)],
)  # fmt: skip
def test_what_is_no_request_gets_no_metrics(server, data):
    answer = raw(server, data)

    assert b"level" not in answer
    assert get(server, "/metrics")[0] == 200


def test_who_only_holds_the_line_keeps_nobody_out(server):
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(AT_ONCE)]
    try:
        # All places are taken for two seconds at most; then a probe is heard again.
        deadline = threading.Event()
        threading.Timer(10.0, deadline.set).start()
        while not deadline.is_set():
            try:
                assert get(server, "/healthz") == (200, "alive\n")
                break
            except OSError:
                continue
        assert not deadline.is_set()
    finally:
        for peer in idle:
            peer.close()


def test_a_port_that_is_taken_is_said_at_the_start(server):
    with pytest.raises(StateError, match=str(server.port)):
        OperationsServer(Place("127.0.0.1", server.port), server._answers)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:9464", Place("127.0.0.1", 9464)),
        ("0.0.0.0:0", Place("0.0.0.0", 0)),
        ("localhost:1", Place("127.0.0.1", 1)),
        ("[::1]:9464", Place("::1", 9464)),
    ],
)
def test_places_to_listen_at(text, place):
    assert place_of(text) == place


@pytest.mark.parametrize(
    "text",
    ["9464", "", ":9464", "pi:9464", "127.0.0.1:", "127.0.0.1:99999", "::1:9464", "[1.2.3.4]:1"],
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(InputError, match="operations"):
        place_of(text)


# ---------------------------------------------------------------------------------- the log


def lines(out: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_object_a_line_whatever_is_said():
    out = io.StringIO()
    log = JsonLog("node", out, lambda: 0.5)
    log.say('two\nlines "and" \x1b[31m more')
    log.event("job-started", job_id="a" * 32, envelope="e1")

    said, started = lines(out)
    assert said["time"] == "1970-01-01T00:00:00.500Z"
    assert said["message"] == 'two\nlines "and" \x1b[31m more'
    assert out.getvalue().isascii()
    assert started == {
        "time": "1970-01-01T00:00:00.500Z", "level": "info", "process": "node",
        "event": "job-started", "correlation": correlation_of("a" * 32), "envelope": "e1",
    }  # fmt: skip


def test_the_word_that_follows_a_job_is_one_for_each_and_does_not_hold_its_id():
    ids = [f"{n:032x}" for n in range(40)]
    words = [correlation_of(job_id) for job_id in ids]

    assert len(set(words)) == len(ids)
    assert correlation_of("") == ""
    assert not any(word in job_id for job_id in ids for word in words)


def test_an_exception_is_logged_as_its_class_and_place():
    out = io.StringIO()
    logger = logging.getLogger("tests.operations")
    logger.addHandler(JsonHandler(JsonLog("gateway", out, lambda: 0.0)))
    try:
        raise ValueError("alice's parameters")
    except ValueError:
        logger.exception("request of alice failed")

    (line,) = lines(out)
    assert line["level"] == "error"
    assert "ValueError at test_operations.py" in line["message"]
    assert "alice" not in out.getvalue()
