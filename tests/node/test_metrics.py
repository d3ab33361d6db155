"""What a node's operator sees after real jobs: all the numbers, and no name."""

import io
import json
import threading

import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.json_log import JsonLog
from darkroom.bootstrap.node_assembly import assemble
from darkroom.bootstrap.node_operations import NodeOperations
from darkroom.bootstrap.operations import Operations, OperationsSettings
from darkroom.model.canonical import digest_bytes
from darkroom.model.correlation import correlation_of
from darkroom.model.job import Limits
from darkroom.model.metrics.node import NODE
from darkroom.model.output import Scalars
from darkroom.ports import Outcome
from tests.node.village import Village


DEADLINE = 20.0


class Watched(Village):
    """A village whose node has an operator."""

    def start(self) -> None:
        from darkroom.adapters.sqlite.node_store import SqliteNodeStore

        self.store = SqliteNodeStore(self.state / "node.db")
        self.store._db.execute("PRAGMA synchronous = OFF")
        self.out = io.StringIO()
        self.energy = self.folder / "joules"
        self.energy.write_text("0")
        self.operator = Operations(
            OperationsSettings(process="node", energy=self.energy),
            metrics=NODE, folder=self.state, say=self.said.append, longest_turn=60.0,
        )  # fmt: skip
        self.operator.log = JsonLog("node", self.out, self.clock.now)
        self.watched = NodeOperations(self.operator, self.store, self.clock)
        self.relay = self.watched.relay(self.exchange.client("north"))
        outside, self.sandbox_inside = self.sandbox, self.sandbox
        self.sandbox = self.watched.sandbox(outside)
        self.node = assemble(
            self.parts(), state=self.state, title="North", owner="olga", workers=self.workers,
            say=self.operator.log.say, beat=self.operator.pulse.beat, on_letter=self.watched.letter,
        )  # fmt: skip
        self.node.recover()
        self.node.walls.probe()

    def metrics(self) -> dict[str, float]:
        self.watched.catch_up()
        lines = self.operator.meter.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def log(self) -> list[dict[str, str]]:
        self.watched.catch_up()
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
def watched(tmp_path):
    village = Watched(tmp_path).in_force()
    yield village
    village.store.close()


def test_every_number_of_a_job_that_went_all_the_way(watched):
    request = watched.produced(split="camera")
    now = watched.metrics()
    assert now['darkroom_jobs{state="produced",tier="reviewed"}'] == 1
    assert now['darkroom_oldest_job_seconds{state="produced"}'] >= 0
    watched.release(request.job_id)
    watched.settle()

    now = watched.metrics()
    for event in ("received", "screened", "approved", "started", "produced"):
        assert now[f'darkroom_job_events_total{{event="job-{event}",tier="reviewed"}}'] == 1
    assert now['darkroom_job_events_total{event="output-released",tier="reviewed"}'] == 1
    assert 'darkroom_jobs{state="produced",tier="reviewed"}' not in now
    assert now['darkroom_shard_seconds_count{program="run",status="done"}'] == 2
    assert now['darkroom_shard_seconds_count{program="inspect",status="done"}'] == 1
    assert now["darkroom_shards_running"] == 0
    assert now["darkroom_sandbox_fit"] == 1
    assert now['darkroom_sandbox_layer_holds{layer="network"}'] == 1
    assert now["darkroom_ledger_entries"] == 2
    assert now["darkroom_policy_version"] == 1
    assert now["darkroom_datasets"] == 1
    assert now['darkroom_envelopes_total{direction="in"}'] == 4
    assert now['darkroom_envelopes_total{direction="out"}'] > 3
    assert now["darkroom_inbox_letters"] == now["darkroom_outbox_letters"] == 0
    assert now["darkroom_gateway_last_contact_timestamp_seconds"] == watched.clock.now()
    assert now["darkroom_transaction_seconds_count"] > 10
    assert now["darkroom_store_errors_total"] == 0


def test_no_name_of_anybody_or_anything_is_in_a_label_or_a_log(watched):
    """People, datasets, cameras, files, code, parameters, outputs: none of it."""
    code = b"def spy(data, params):\n    return {'licence-plates': {'b-xy-1234': 1}}\n"
    files = {"alice_secrets.py": code}
    job = {
        "name": "find-plaza", "entrypoint": "alice_secrets:spy", "project": "walls-have-ears",
        "files": {path: digest_bytes(data) for path, data in files.items()},
        "outputs": {"licence-plates": Scalars(names=("b-xy-1234",))},
        "parameter_schema": {"whom": "text"},
        "parameters": {"whom": 'olga"} 1\nlicence_plates{plaza="b-xy'},
    }  # fmt: skip
    request = watched.request(**job)
    watched.submit(request, files=files)
    watched.settle()
    watched.approve(request)
    watched.settle()
    watched.release(request.job_id)
    watched.settle()
    fails = watched.approved()
    watched.sandbox_inside.job = lambda _: Outcome(
        status="failed", seconds=1.0, error_class="PlazaError", log=b"alice saw cam0"
    )
    watched.settle()
    assert watched.ended(request.job_id)
    assert watched.ended(fails.job_id)
    rejected = watched.request(dataset="other-place", limits=Limits(memory_mib=1 << 20))
    watched.submit(rejected, by=watched.bob)
    watched.settle()

    watched.watched.catch_up()
    told = watched.operator.meter.read().decode() + watched.out.getvalue()
    assert "job-started" in told
    for secret in (
        "alice", "bob", "olga", "plaza", "cam0", "cam1", "spy", "licence", "b-xy", "walls-have",
        "find-plaza", "other-place", "PlazaError", "job.py", request.job_id, fails.job_id,
        watched.manifest.version, request.job_digest, str(watched.folder), "code_digest",
    ):  # fmt: skip
        found = [line for line in told.splitlines() if secret in line and line[0] != "#"]
        assert (secret, found) == (secret, [])


def test_one_word_follows_a_job_through_the_log_of_both_sides(watched):
    heard = []
    watched.alice.post._on_letter = lambda *line: heard.append(line)
    request = watched.produced()
    watched.alice.letters("job.state")

    word = correlation_of(request.job_id)
    mine = [line for line in watched.log() if line.get("correlation") == word]
    assert [line["event"] for line in mine if line["event"].startswith("job-")] == [
        "job-received", "job-screened", "job-approved", "job-started", "job-produced",
    ]  # fmt: skip
    # The gateway knows envelopes only: their ids tie its log to those of both ends.
    out = {envelope for event, job, envelope in heard if event == "letter-out" and job}
    arrived = {line["envelope"] for line in mine if line["event"] == "letter-in"}
    assert out
    assert out <= arrived
    came = {envelope for event, job, envelope in heard if job == request.job_id} - out
    assert came
    assert came <= {line["envelope"] for line in mine if line["event"] == "letter-out"}


def test_joules_are_counted_for_jobs_that_were_alone(watched):
    watched.sandbox_inside.inside = lambda *_: (
        watched.watched.catch_up(), watched.energy.write_text("42.5"),
    )  # fmt: skip
    watched.produced(outputs={"counts": Scalars(names=("frames",))})
    now = watched.metrics()

    assert now['darkroom_job_joules_total{tier="reviewed"}'] == 42.5
    assert now['darkroom_jobs_metered_total{tier="reviewed"}'] == 1
    assert now["darkroom_energy_joules_total"] == 42.5


def test_without_a_meter_there_are_no_joules(tmp_path):
    operator = Operations(
        OperationsSettings(process="node"), metrics=NODE, folder=tmp_path, say=str
    )
    text = operator.meter.read().decode()
    assert "joules" not in text


# ------------------------------------------------------------------------------ the probes


def test_a_node_without_a_gateway_is_ready_and_one_without_walls_is_not(watched):
    watched.watched.begin(watched.node)
    watched.exchange.up = False
    assert watched.operator.why_not_ready() == ""
    assert watched.operator.why_dead() == ""

    watched.sandbox_inside.fit = False
    watched.node.walls.probe()
    assert "cannot isolate jobs" in watched.operator.why_not_ready()
    assert "network" in watched.operator.why_not_ready()
    assert watched.operator.why_dead() == ""
    assert watched.metrics()["darkroom_ready"] == 0


def test_a_disk_that_takes_no_write_is_seen_without_a_job(watched):
    watched.watched.begin(watched.node)
    assert watched.operator.why_not_ready() == ""
    watched.store._db.execute("PRAGMA query_only = ON")
    assert watched.operator.why_not_ready() == "", "not tried again within a minute"
    watched.clock.forward(61)

    assert "node.db" in watched.operator.why_not_ready()
    watched.store._db.execute("PRAGMA query_only = OFF")
    assert watched.metrics()["darkroom_store_errors_total"] >= 1
    assert watched.operator.why_not_ready() == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_is_stuck_and_a_thread_that_ended_are_death(watched):
    assert watched.operator.why_dead() == "", "a start may take its time"
    watched.watched.begin(watched.node)
    serving = threading.Thread(target=watched.node.service.serve)
    serving.start()
    stuck = threading.Event()
    try:
        waited = threading.Event()
        watched.node.service._housekeeping = lambda: (waited.set(), stuck.wait(DEADLINE))
        watched.submit(watched.request())
        assert waited.wait(DEADLINE)
        assert watched.operator.why_dead() == ""
        watched.operator.pulse._last = SystemClock().monotonic() - 61.0
        assert "has not turned for 61 s" in watched.operator.why_dead()
        stuck.set()

        def broken() -> None:
            raise SystemExit  # what no loop catches

        watched.node.service._housekeeping = broken
        watched.submit(watched.request())
        end = SystemClock().monotonic() + DEADLINE
        while "poller has ended" not in watched.operator.why_dead():
            assert SystemClock().monotonic() < end
    finally:
        stuck.set()
        watched.node.service.stop()
        serving.join(DEADLINE)
    assert not serving.is_alive()
    watched.operator.end()
    assert watched.operator.why_not_ready() == "it is being stopped"


def test_what_ends_with_the_process_is_told_before_it_is_gone(watched):
    """A job is stopped, waits again, and its submitter hears so while the process ends."""
    running, request = threading.Event(), watched.approved()

    def hold(_task, cancelled):
        running.set()
        while not cancelled():
            threading.Event().wait(0.01)

    watched.sandbox_inside.inside = hold
    serving = threading.Thread(target=watched.node.service.serve)
    serving.start()
    assert running.wait(DEADLINE)
    watched.node.service.stop()
    serving.join(DEADLINE)

    assert not serving.is_alive()
    job = watched.job(request.job_id)
    assert (job.state, job.attempts) == ("approved", 0)
    assert watched.store.outgoing() == []
    said = watched.alice.letters("job.state", request.job_id)[-1]
    assert said.body["state"] == "approved"
