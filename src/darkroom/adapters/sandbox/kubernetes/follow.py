"""Follow one Job from its making to its end, with the clock outside the cluster."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from darkroom.adapters.sandbox.kubernetes.api import Api
from darkroom.adapters.sandbox.kubernetes.locked import TASK_LABEL
from darkroom.adapters.sandbox.kubernetes.pods import Look, look
from darkroom.adapters.sandbox.kubernetes.room import NoRoomError
from darkroom.errors import IsolationError, UnreachableError, WorkerLostError


FIRST_PAUSE, LONGEST_PAUSE, LONGER = 0.1, 0.5, 1.25
# What a pod may take beside the program: the canaries' lag, start and end of two containers.
AROUND_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a cluster is waited for, in seconds.

    Attributes:
        start: until a pod runs, whatever it waits for.
        room: for a machine with room, while no other task of ours runs.
        answer: for the API server to answer again.
        end: until the pod of a deleted Job is gone.
    """

    start: float = 300.0
    room: float = 30.0
    answer: float = 60.0
    end: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How a Job ended.

    Attributes:
        stopped: why we ended it ourselves: "cancelled", "wall clock", or "".
        seconds: since its pod ran.
    """

    found: Look
    stopped: str
    seconds: float


@dataclass(slots=True, kw_only=True)
class Follower:
    """Looks at one Job until it ended.

    Attributes:
        running: names of all tasks of ours whose pods run; shared by all followers.
        closed: whether the sandbox was closed.
    """

    api: Api
    name: str
    wall_seconds: int
    patience: Patience
    running: set[str]
    closed: Callable[[], bool]
    cancelled: Callable[[], bool]
    _begun: float = field(default_factory=time.monotonic)
    _ran: float | None = None
    _alone_since: float | None = None
    _silent_since: float | None = None

    def follow(self) -> Followed:
        """Until the Job ended, a clock of ours, or cancellation.

        Raises:
            WorkerLostError: its machine is gone.
            IsolationError: nothing of the job ran, and nothing will.
            UnreachableError: the API server is away for longer than we wait.
        """
        pause = FIRST_PAUSE
        while True:
            found = self._look()
            if found is not None and (ended := self._judge(found)) is not None:
                return ended
            if self.closed():
                raise IsolationError("the sandbox has ended", next_step="restart the node")
            if self.cancelled():
                return self._ended(found or Look(state="waiting"), "cancelled")
            if self._ran and time.monotonic() - self._ran > self.wall_seconds + AROUND_SECONDS:
                return self._ended(found or Look(state="running"), "wall clock")
            time.sleep(pause)
            pause = min(pause * LONGER, LONGEST_PAUSE)

    def _look(self) -> Look | None:
        """One look; None while the API server is away, for a while."""
        try:
            # The pods first: a pod that is there has a Job that was there.
            pods = self.api.pods(f"{TASK_LABEL}={self.name}")
            found = look(self.api.job(self.name), pods, self.name)
        except UnreachableError:
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if now - self._silent_since > self.patience.answer:
                raise
            return None
        self._silent_since = None
        return found

    def _judge(self, found: Look) -> Followed | None:
        if found.state == "ended":
            return self._ended(found, "")
        if found.state == "refused":
            raise IsolationError(found.why, next_step=found.next_step)
        if found.state == "lost":
            raise WorkerLostError(
                found.why, next_step="see whether that Pi is up (`kubectl get nodes`)"
            )
        now = time.monotonic()
        if found.state == "running":
            self._ran = self._ran or now
            self.running.add(self.name)
            return None
        if self._ran is None:
            self._wait(found, now)
        return None

    def _wait(self, found: Look, now: float) -> None:
        """Whether it is worth to wait on."""
        if self.running - {self.name}:
            self._alone_since = None
        else:
            self._alone_since = self._alone_since or now
        hopeless = (
            found.unschedulable
            and self._alone_since is not None
            and now - self._alone_since > self.patience.room
        )
        if hopeless or now - self._begun > self.patience.start:
            seconds = round(now - self._begun)
            kind = NoRoomError if found.unschedulable or found.podless else IsolationError
            raise kind(
                f"the job did not start within {seconds} s: {found.why}",
                next_step=found.next_step,
            )

    def _ended(self, found: Look, stopped: str) -> Followed:
        return Followed(
            found=found, stopped=stopped, seconds=time.monotonic() - (self._ran or self._begun)
        )
