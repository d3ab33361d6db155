"""What a node tells its operator: figures of its file, its events, whether it lives."""

import contextlib
import threading
import time

from darkroom.adapters.operations.measured_footage import MeasuredFootage
from darkroom.adapters.operations.measured_relay import MeasuredRelay
from darkroom.adapters.operations.measured_sandbox import MeasuredSandbox
from darkroom.adapters.sqlite.node_figures import EventLine
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.node_assembly import Node
from darkroom.bootstrap.operations import Operations
from darkroom.errors import StateError
from darkroom.model.metrics import node as metrics
from darkroom.node.standing import STANDING
from darkroom.policy.standing import LEVEL
from darkroom.ports import Clock, FootageStore, Relay, Sandbox


WRITE_EVERY = 60.0  # seconds between two proofs that the disk takes a write
ENDS_RUN = {"job-interrupted", "job-produced", "job-failed", "job-cancelled", "approval-void"}
LATER = 2.0


class NodeOperations:
    """Looks at one node from outside; changes nothing of how it works."""

    def __init__(self, operations: Operations, store: SqliteNodeStore, clock: Clock) -> None:
        """Watch a node's file from now on."""
        self._operations = operations
        self._meter = operations.meter
        self._store = store
        self._clock = clock
        self._written = -WRITE_EVERY
        self._write = threading.Lock()
        self._seen = store.last_event()
        self._running: dict[str, float] = {}  # job -> joules at its begin
        self._shared: set[str] = set()  # jobs that did not have the machine to themselves
        store.on_transaction = self._transaction
        self._meter.on_read(self._look)

    # ------------------------------------------------------------------ in front of the ports

    def relay(self, relay: Relay) -> MeasuredRelay:
        """The same relay, counted."""
        return MeasuredRelay(relay, self._meter, self._clock)

    def sandbox(self, sandbox: Sandbox) -> MeasuredSandbox:
        """The same sandbox, counted."""
        return MeasuredSandbox(sandbox, self._meter, self._clock)

    def footage(self, footage: FootageStore) -> MeasuredFootage:
        """The same store, counted."""
        return MeasuredFootage(footage, self._meter)

    def letter(self, event: str, job_id: str, envelope: str) -> None:
        """A letter came, went, came back or was put aside."""
        self._operations.event(event, job_id=job_id, envelope=envelope)

    # ------------------------------------------------------------------------------- the node

    def begin(self, node: Node) -> None:
        """The node is about to serve."""
        threading.Thread(target=self._follow, args=(node,), name="follower", daemon=True).start()
        self._operations.alive_when(
            lambda: " and ".join(f"{name} has ended" for name in node.service.lost_threads())
        )
        self._operations.ready_when(node.walls.why_unfit)
        self._operations.ready_when(self._why_not_writable)
        self._operations.begin()

    def _why_not_writable(self) -> str:
        """A write that reaches the disk, now and then: rights, room and damage show in no other way."""
        with self._write:
            now = self._clock.monotonic()
            if now - self._written >= WRITE_EVERY:
                self._store.set_fact("written", self._clock.now())
                self._written = now
        return ""

    def _transaction(self, seconds: float, held: bool) -> None:  # noqa: FBT001 - as the store tells it
        self._meter.observe(metrics.TRANSACTION, seconds)
        if not held:
            self._meter.add(metrics.STORE_ERRORS)

    # ------------------------------------------------------------------------------ its events

    def _follow(self, node: Node) -> None:
        while True:
            heard = node.bell.rings
            try:
                self.catch_up()
            except StateError:  # said by who works with the file
                time.sleep(LATER)
                continue
            node.bell.wait(heard)

    def catch_up(self) -> None:
        """Count and log what happened since."""
        while lines := self._store.events_after(self._seen):
            for line in lines:
                self._seen = line.number
                self._operations.event(line.event, job_id=line.job_id)
                if line.event in metrics.EVENTS:
                    self._meter.add(metrics.JOB_EVENTS, event=line.event, tier=line.tier)
                    self._weigh(line)

    def _weigh(self, line: EventLine) -> None:
        """Joules between begin and end of a job; none for jobs that ran side by side."""
        meter = self._operations.energy
        if meter is None:
            return
        if line.event == "job-started":
            self._running[line.job_id] = meter.joules()
            if len(self._running) > 1:
                self._shared |= self._running.keys()
        elif line.event in ENDS_RUN and line.job_id in self._running:
            joules = meter.joules() - self._running.pop(line.job_id)
            if line.job_id in self._shared:
                self._shared.discard(line.job_id)
            else:
                self._meter.add(metrics.JOB_JOULES, joules, tier=line.tier)
                self._meter.add(metrics.JOBS_METERED, tier=line.tier)

    # ----------------------------------------------------------------------------- its figures

    def _look(self) -> None:
        with contextlib.suppress(StateError):  # the counter of failed transactions tells that
            self._figures()

    def _figures(self) -> None:
        now, meter = self._clock.now(), self._meter
        found = self._store.figures(metrics.OPEN_STATES)
        oldest: dict[str, float] = {}
        meter.clear(metrics.JOBS)
        meter.clear(metrics.OLDEST_JOB)
        for (state, tier), (number, since) in found.jobs.items():
            meter.set(metrics.JOBS, number, state=state, tier=tier)
            oldest[state] = min(since, oldest.get(state, since))
        for state, since in oldest.items():
            meter.set(metrics.OLDEST_JOB, max(0.0, now - since), state=state)
        standing = self._store.fact(STANDING) or {}
        meter.set(metrics.CHARGED_WAIT, float(standing.get("is") != LEVEL))
        meter.set(metrics.EPOCH, self._store.epoch())
        meter.set(metrics.OUTBOX, found.outbox)
        meter.set(metrics.OUTBOX_AGE, max(0.0, now - found.outbox_since) if found.outbox else 0.0)
        meter.set(metrics.GIVEN_UP, found.given_up)
        meter.set(metrics.QUARANTINED, found.put_aside)
        meter.set(metrics.LEDGER, found.ledger)
        meter.set(metrics.POLICY_VERSION, found.policy)
        if found.policy:
            meter.set(metrics.POLICY_AGE, max(0.0, now - found.policy_at))
        meter.set(metrics.DATASETS, found.datasets)
