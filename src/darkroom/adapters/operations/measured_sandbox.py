"""The `Sandbox` port with a clock beside it. What it notes is a power of two."""

import threading
from collections.abc import Callable

from darkroom.errors import DarkroomError, WorkerLostError
from darkroom.model.metrics import node
from darkroom.model.metrics.metric import Meter
from darkroom.policy.disclosure import seconds_bucket
from darkroom.ports import Clock, Isolation, Outcome, Sandbox, SandboxTask


class MeasuredSandbox:
    """Counts how runs end and how long they take, by program; not whose they are."""

    def __init__(self, sandbox: Sandbox, meter: Meter, clock: Clock) -> None:
        """Put in front of a sandbox."""
        self._sandbox = sandbox
        self._meter = meter
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0

    def probe(self) -> Isolation:
        """See `Sandbox.probe`."""
        found = self._sandbox.probe()
        self._meter.set(node.SANDBOX_FIT, found.fit)
        self._meter.clear(node.SANDBOX_LAYER)
        for layer, what in found.layers.items():
            self._meter.set(node.SANDBOX_LAYER, what == "holds", layer=layer)
        return found

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        """See `Sandbox.run`."""
        if task.program == "probe":
            return self._sandbox.run(task, cancelled=cancelled)
        began, status = self._clock.monotonic(), "refused"
        self._count(+1)
        try:
            outcome = self._sandbox.run(task, cancelled=cancelled)
            status = outcome.status
        except WorkerLostError:
            status = "lost"
            self._meter.add(node.WORKER_LOSSES)
            raise
        except DarkroomError as error:
            self._meter.add(node.SANDBOX_ERRORS, error=error.code)
            raise
        finally:
            self._count(-1)
            # Rounded here, so that the sum of the histogram says nothing finer either.
            seconds = seconds_bucket(self._clock.monotonic() - began)
            self._meter.observe(node.SHARD_SECONDS, seconds, program=task.program, status=status)
        return outcome

    def _count(self, step: int) -> None:
        with self._lock:
            self._running += step
            self._meter.set(node.SHARDS, self._running)
