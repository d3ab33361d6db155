"""What the gateway tells its operator: figures of its file, and whether its stores work."""

import contextlib
import threading

from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.adapters.sqlite.gateway.figures import figures, prove_writable
from darkroom.bootstrap.operations import Operations
from darkroom.errors import DarkroomError, StateError
from darkroom.gateway.bells import Bells
from darkroom.model.metrics import gateway as metrics
from darkroom.ports import BlobStore, Clock


PROBE = "ready/probe"  # an object of nobody
LOOK_EVERY = 5.0  # seconds between two looks at the stores
WRITE_EVERY = 60.0  # and between two proofs that they take a write


class GatewayOperations:
    """Looks at one gateway from outside; changes nothing of how it works."""

    def __init__(
        self,
        operations: Operations,
        database: Database,
        objects: BlobStore,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """Watch its stores from now on."""
        self._meter = operations.meter
        self._database = database
        self._objects = objects
        self._bells = bells
        self._clock = clock
        self._one = threading.Lock()
        self._looked, self._written = -LOOK_EVERY, -WRITE_EVERY
        self._found = ""
        operations.ready_when(self._why_not_working)
        operations.meter.on_read(self._look)

    def _why_not_working(self) -> str:
        with self._one:
            now = self._clock.monotonic()
            if now - self._looked >= LOOK_EVERY:
                self._found = self._try()
                self._looked = self._clock.monotonic()
            return self._found

    def _try(self) -> str:
        now = self._clock.monotonic()
        try:
            if now - self._written >= WRITE_EVERY:
                prove_writable(self._database)
                self._objects.put(PROBE, b"ready")
                self._objects.get(PROBE)
                self._objects.delete(PROBE)
                self._written = now
            figures(self._database)
            self._objects.keys(PROBE)
        except DarkroomError as error:
            return error.message
        return ""

    def _look(self) -> None:
        meter = self._meter
        meter.set(metrics.LONG_POLLS, self._bells.listeners)
        with contextlib.suppress(StateError):  # the answers' status tells that
            found = figures(self._database)
            age = self._clock.now() - found.waiting_since if found.envelopes else 0.0
            meter.set(metrics.MAILBOX_ENVELOPES, found.envelopes)
            meter.set(metrics.MAILBOX_BYTES, found.envelope_bytes)
            meter.set(metrics.MAILBOX_AGE, max(0.0, age))
            for metric in (metrics.BLOBS, metrics.BLOB_BYTES, metrics.IDENTITIES):
                meter.clear(metric)
            for state, (number, size) in found.blobs.items():
                meter.set(metrics.BLOBS, number, state=state)
                meter.set(metrics.BLOB_BYTES, size, state=state)
            for role, number in found.identities.items():
                meter.set(metrics.IDENTITIES, number, role=role)
