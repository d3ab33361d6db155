"""The loops of a node: one thread takes letters in, one sends, and each worker runs a job.

Nothing is decided here. What fails is tried again with growing pauses and said once.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence

from darkroom.errors import (
    DarkroomError,
    IsolationError,
    NameTakenError,
    StateError,
    UnreachableError,
)
from darkroom.model.handover import Handover
from darkroom.model.identity import PublicIdentity
from darkroom.node.audit import Audit
from darkroom.node.backoff import Backoff
from darkroom.node.bell import Bell
from darkroom.node.claims import Claims
from darkroom.node.intake import Intake
from darkroom.node.journal import Journal
from darkroom.node.present import Presence
from darkroom.node.run import Runner
from darkroom.node.send import Sender
from darkroom.node.standing import Standing
from darkroom.node.store import NodeStore
from darkroom.node.walls import Walls
from darkroom.ports import Clock, Relay
from darkroom.post import Post


LONG_POLL = 25.0
FAREWELL = 20.0  # seconds that running jobs get to stop, all together
LAST_LETTERS = 5.0  # seconds that the outbox gets afterwards


class Service:
    """Starts and stops the threads."""

    def __init__(
        self,
        *,
        identity: PublicIdentity,
        handovers: Sequence[Handover],
        store: NodeStore,
        journal: Journal,
        intake: Intake,
        presence: Presence,
        sender: Sender,
        runner: Runner,
        walls: Walls,
        relay: Relay,
        post: Post,
        clock: Clock,
        bell: Bell,
        stopping: threading.Event,
        workers: int,
        audit: Audit,
        standing: Standing,
        go_on: Callable[[], None],
        housekeeping: Callable[[], None],
        say: Callable[[str], None],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._identity = identity
        self._handovers = handovers
        self._store = store
        self._journal = journal
        self._intake = intake
        self._presence = presence
        self._sender = sender
        self._runner = runner
        self._walls = walls
        self._relay = relay
        self._post = post
        self._clock = clock
        self._bell = bell
        self._stopping = stopping
        self._workers = workers
        self._audit = audit
        self._standing = standing
        self._go_on = go_on
        self._housekeeping = housekeeping
        self._say = say
        self._beat = beat
        self._threads: list[threading.Thread] = []
        self._idle = threading.Event()
        self._claims = Claims()
        self._fatal: DarkroomError | None = None
        self._online = False
        self._ready = False
        self._owed = False  # what was held back may go out, and did not yet
        self._said: dict[str, str] = {}  # thread -> what is wrong there
        self._saying = threading.Lock()

    # ---------------------------------------------------------------------- start and stop

    def serve(self) -> None:
        """Work until `stop`.

        Raises:
            NameTakenError: another node holds this domain's name.
        """
        self._tell_waiting()
        poller = threading.Thread(target=self._poll, name="poller", daemon=True)
        sender = threading.Thread(target=self._send, name="sender", daemon=True)
        workers = [
            threading.Thread(target=self._work, name=f"worker-{n}", daemon=True)
            for n in range(self._workers)
        ]
        threads = [poller, sender, *workers]
        for thread in threads:
            thread.start()
        self._threads = threads  # from now on they are missed
        self._stopping.wait()
        self._bell.ring()
        patience = self._clock.monotonic() + FAREWELL
        for thread in workers:  # the poller may hang in a long poll; it takes nothing more
            thread.join(max(0.0, patience - self._clock.monotonic()))
        self._idle.set()
        sender.join(LAST_LETTERS)
        if self._fatal is not None:
            raise self._fatal

    def stop(self) -> None:
        """End: running jobs are stopped and wait for the next start."""
        self._stopping.set()
        self._runner.stop()
        self._bell.ring()

    def lost_threads(self) -> list[str]:
        """Names of threads that ended although nobody stopped them."""
        if self._stopping.is_set():
            return []
        return [thread.name for thread in self._threads if not thread.is_alive()]

    def _tell_waiting(self) -> None:
        """Whoever waits for a node that cannot isolate learns why."""
        why = self._walls.why_unfit()
        with self._store.transaction():
            for record in self._store.jobs("approved") if why else ():
                if why not in record.reasons:
                    self._journal.progress(record, *record.reasons, why)

    # -------------------------------------------------------------------------- letters in

    def poll_once(self, wait: float = LONG_POLL) -> int:
        """Come online where needed, publish what is new, take in what arrived.

        Returns:
            how many deliveries there were.
        """
        try:
            return self._poll_once(wait)
        except UnreachableError:
            self._online = False
            if not self._stopping.is_set():  # else it was we who left
                self._standing.away()
            raise

    def _poll_once(self, wait: float) -> int:
        if not self._online:
            self._relay.register(self._identity, self._handovers)
            self._relay.admit(self._journal.owner)
            self._look(now=True)
            self._online = True
        self._housekeeping()
        self._look()
        self._presence.publish()
        if self._standing.may_show:
            self._audit.show()
        if not self._ready:
            self._ready = True
            self._say(f"{self._identity.name} is ready")
        deliveries = self._post.receive(wait=wait)
        for delivery in deliveries:
            if self._stopping.is_set():
                return 0
            self._beat()
            self._intake.take(delivery, clock_offset=self._relay.clock_offset)
            self._runner.heed_wishes()
        if deliveries:
            self._post.acknowledge(deliveries[-1].cursor)
        return len(deliveries)

    def _look(self, *, now: bool = False) -> None:
        self._owed = self._standing.look(now=now) or self._owed
        if self._owed:
            self._go_on()
            self._owed = False
            self._bell.ring()

    def _poll(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            self._beat()
            try:
                self.poll_once()
            except NameTakenError as error:
                self._fatal = error
                self.stop()
            except Exception as error:  # noqa: BLE001 - no answer of a gateway ends this thread
                self._mention(error)
                self._stopping.wait(backoff.next())
            else:
                backoff.reset()
                self._mention(None)

    def _mention(self, error: Exception | None) -> None:
        """Say what is wrong once, whichever threads meet it, and once that it is over."""
        if self._stopping.is_set():
            return
        text = f"{type(error).__name__}: trying again" if error is not None else ""
        if isinstance(error, DarkroomError):
            text = f"{error.message} (next: {error.next_step})"
        name = threading.current_thread().name
        with self._saying:
            before = self._said.pop(name, "")
            if text and text not in (before, *self._said.values()):
                self._say(text)
            elif before and not (text or self._said):
                self._say("all is well again")
            if text:
                self._said[name] = text

    # ------------------------------------------------------------------------- letters out

    def send_once(self) -> float | None:
        """Deliver what can be delivered; seconds until something is to be tried again."""
        return self._sender.send_all().again_in

    def _send(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            heard = self._bell.rings
            try:
                again_in = self.send_once()
            except Exception as error:  # noqa: BLE001 - as above
                if not isinstance(error, DarkroomError | OSError):  # those the poller says
                    self._mention(error)
                self._stopping.wait(backoff.next())
                continue
            backoff.reset()
            self._mention(None)
            if not self._stopping.is_set():
                self._bell.wait(heard, again_in)
        self._idle.wait()
        if self._online:  # what ended with this process is told before the next one begins
            with contextlib.suppress(Exception):
                self.send_once()
                if self._standing.may_show:
                    self._audit.show(ending=True)

    # -------------------------------------------------------------------------------- jobs

    def work_once(self) -> bool:
        """Run the next approved job, if there is one and the walls hold."""
        if not self._walls.hold():
            return False
        waiting = [
            record
            for record in self._store.jobs("approved")
            if not self._standing.why(record.request.spec.tier)
        ]
        record = self._claims.take(waiting, self._clock.monotonic())
        if record is None:
            return False
        again_at: float | None = None
        try:
            self._runner.run(record)
        except Exception as error:  # noqa: BLE001 - whatever happens, the worker goes on
            self._say(f"job {record.job_id[:8]}: {_briefly(error)}; it is tried again")
            again_at = self._clock.monotonic() + self._claims.pause(record.job_id)
            self._settle(record.job_id)
            if isinstance(error, IsolationError):
                self._walls.probe()
                self._tell_waiting()
        finally:
            self._claims.give_back(record.job_id, again_at=again_at)
            self._bell.ring()
        return True

    def _settle(self, job_id: str) -> None:
        """Leave no job behind as running; a full disk may make that wait."""
        backoff = Backoff()
        while True:
            try:
                self._runner.interrupted(job_id, lost=True)
            except StateError as error:
                self._mention(error)
                if self._stopping.wait(backoff.next()):
                    return  # found and settled at the next start
            else:
                return

    def _work(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            heard = self._bell.rings
            try:
                worked = self.work_once()
            except Exception as error:  # noqa: BLE001 - the store cannot be read, for one
                self._mention(error)
                self._stopping.wait(backoff.next())
                continue
            backoff.reset()
            self._mention(None)
            if not worked:
                again_in = self._walls.again_in()
                due = self._claims.next_due(self._clock.monotonic())
                self._bell.wait(heard, due if again_in is None else again_in)


def _briefly(error: Exception) -> str:
    return error.message if isinstance(error, DarkroomError) else type(error).__name__
