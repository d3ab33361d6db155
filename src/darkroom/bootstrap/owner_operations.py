"""What the owner's watch tells: how many requests wait and for how long."""

import contextlib

from darkroom.adapters.clock import SystemClock
from darkroom.bootstrap.operations import Operations
from darkroom.errors import StateError
from darkroom.model.metrics import owner as metrics
from darkroom.model.owner_case import Case, Subject
from darkroom.owner.store import OwnerStore


SUBJECTS: tuple[Subject, ...] = ("code", "output")


class OwnerOperations:
    """Looks at the owner's store."""

    def __init__(self, operations: Operations, store: OwnerStore) -> None:
        """Watch it from now on."""
        self._operations = operations
        self._store = store
        self._clock = SystemClock()
        operations.ready_when(self._why_not_readable)
        operations.meter.on_read(self._look)
        operations.begin()

    def shown(self, case: Case) -> None:
        """A request was announced."""
        self._operations.meter.add(metrics.ANNOUNCED, subject=case.subject)
        self._operations.event(f"{case.subject}-request-shown", job_id=case.job_id)

    def _why_not_readable(self) -> str:
        self._store.cases("code", waiting=True)
        return ""

    def _look(self) -> None:
        with contextlib.suppress(StateError):  # /readyz tells that
            for subject in SUBJECTS:
                waiting = self._store.cases(subject, waiting=True)
                oldest = min((case.received_at for case in waiting), default=0.0)
                age = max(0.0, self._clock.now() - oldest) if waiting else 0.0
                self._operations.meter.set(metrics.WAITING, len(waiting), subject=subject)
                self._operations.meter.set(metrics.OLDEST, age, subject=subject)
