"""The `Sandbox` port on a cluster: one Job for each task, followed from outside."""

import contextlib
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox.kubernetes import probe
from darkroom.adapters.sandbox.kubernetes.api import Api, TakenError
from darkroom.adapters.sandbox.kubernetes.exchange import Exchange, Laid
from darkroom.adapters.sandbox.kubernetes.follow import (
    FIRST_PAUSE,
    LONGER,
    LONGEST_PAUSE,
    Followed,
    Follower,
    Patience,
)
from darkroom.adapters.sandbox.kubernetes.locked import TASK_LABEL
from darkroom.adapters.sandbox.kubernetes.manifest import (
    MOST_SLOTS,
    Holes,
    Template,
    job_name,
)
from darkroom.adapters.sandbox.kubernetes.room import NoRoomError
from darkroom.adapters.sandbox.outcome import Seen, judge
from darkroom.errors import DarkroomError, IsolationError, WorkerLostError
from darkroom.model.correlation import correlation_of
from darkroom.model.job import Limits
from darkroom.ports import Isolation, Outcome, Runtime, SandboxTask
from darkroom.walls.canary import Address
from darkroom.walls.order import NO_REPORT, Order
from darkroom.walls.seccomp import MACHINES, build_filter


SLOTS = 16
JOB_ID = re.compile(r"[0-9a-f]{32}")  # what the task of a job begins with
SLOT_PAUSE = 0.05
UNANSWERED = b'{"error": "Exception"}'
_DEAD = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an environment is in this cluster.

    Attributes:
        reference: of the image, by digest.
        lock: file name of its lock, in the image.
    """

    runtime: Runtime
    reference: str
    lock: str


class KubernetesSandbox:
    """Jobs in pods of a cluster.

    Args:
        api: of the jobs' namespace.
        template: locked, checked.
        exchange: the volume that node and jobs share.
        images: what tasks may name; no other is ever started.
        canaries: addresses that no job may reach.
        slots: how many tasks run at the same time; more wait.
        first_slot: of them; two processes on one namespace share none, nor a task's user.
        patience: how long the cluster is waited for.
    """

    def __init__(
        self,
        *,
        api: Api,
        template: Template,
        exchange: Exchange,
        images: Sequence[Image],
        canaries: Sequence[Address],
        slots: int = SLOTS,
        first_slot: int = 0,
        patience: Patience | None = None,
    ) -> None:
        self._api, self._template, self._exchange = api, template, exchange
        self._images: Mapping[str, Image] = {image.runtime.name: image for image in images}
        self._canaries = tuple(canaries)
        self._patience = patience or Patience()
        self._filters = {machine: build_filter(machine) for machine in MACHINES}
        self._slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(first_slot, min(first_slot + slots, MOST_SLOTS)):
            self._slots.put(slot)
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._running: set[str] = set()
        self._landlock = False
        self._held: Isolation | None = None  # what the last probe saw, when all held
        self._closed = threading.Event()

    def clear(self) -> int:
        """Take away what a killed node left: folders, and the Jobs of their names.

        Raises:
            IsolationError, UnreachableError: the cluster does not let us.
        """
        left = self._exchange.left_behind()
        for folder, name in left.items():
            self._api.delete(name)
            self._exchange.remove(folder)
        return len(left)

    def probe(self) -> Isolation:
        """See `Sandbox.probe`.

        Where the cluster has no room for it, walls that held still do: until one of them was
        seen to fail.
        """
        try:
            found = probe.probe(
                self,
                [image.runtime for image in self._images.values()],
                self._exchange.root,
                canaries=self._canaries,
                landlock=lambda: self._landlock,
            )
        except NoRoomError as error:
            words = f"{error.message}; {error.next_step}"
            return self._held or Isolation(fit=False, layers={"start": words})
        self._held = found if found.fit else None
        return found

    def oversize(self, limits: Limits) -> str:
        """Why no job can have these limits here; "" where one can."""
        return self._template.oversize(limits)

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        """See `Sandbox.run`.

        Raises:
            UnreachableError: the API server did not answer.
        """
        image = self._images.get(task.runtime.name)
        if image is None or image.runtime != task.runtime:
            raise IsolationError(
                f"the runtime {task.runtime.name!r} is not known to the sandbox",
                next_step="restart the node after a change of its runtimes",
            )
        begun = time.monotonic()
        with self._slot(cancelled) as slot:
            if slot is None:
                return Outcome(status="cancelled", seconds=time.monotonic() - begun)
            name = job_name(task.task_id)
            with self._alone(name):
                laid = self._exchange.lay_out(name, task, self._order(task, image))
                try:
                    return self._run(name, task, image, laid, slot, cancelled)
                except (NoRoomError, WorkerLostError):
                    raise
                except IsolationError:
                    self._held = None
                    raise
                finally:
                    self._exchange.remove(laid.folder)

    def close(self) -> None:
        """Run nothing more; who waits for a task is told, and its Job is deleted."""
        self._closed.set()

    # --------------------------------------------------------------------------- one task

    @contextlib.contextmanager
    def _slot(self, cancelled: Callable[[], bool]) -> Iterator[int | None]:
        slot = self._free_slot(cancelled)
        try:
            yield slot
        finally:
            if slot is not None:
                self._slots.put(slot)

    def _free_slot(self, cancelled: Callable[[], bool]) -> int | None:
        while True:
            if self._closed.is_set():
                raise IsolationError("the sandbox has ended", next_step="restart the node")
            with contextlib.suppress(queue.Empty):
                return self._slots.get(timeout=SLOT_PAUSE)
            if cancelled():
                return None

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._lock:
            if name in self._names:
                raise IsolationError(
                    "a task of this id runs already", next_step="give every task its own id"
                )
            self._names.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._names.discard(name)
                self._running.discard(name)

    def _order(self, task: SandboxTask, image: Image) -> Order:
        return Order(
            program=task.program,
            limits=task.limits,
            lock=image.lock,
            lock_hash=image.runtime.lock_hash,
            canaries=self._canaries,
            filters=self._filters,
        )

    def _run(
        self,
        name: str,
        task: SandboxTask,
        image: Image,
        laid: Laid,
        slot: int,
        cancelled: Callable[[], bool],
    ) -> Outcome:
        manifest = self._template.filled(
            Holes(
                name=name,
                image=image.reference,
                limits=task.limits,
                slot=slot,
                exchange=self._exchange.claim,
                job=laid.job,
                kept=laid.kept,
                correlation=_correlation(task.task_id),
                data=laid.data,
                parts=laid.parts,
            )
        )
        self._create(manifest, name)
        follower = Follower(
            api=self._api,
            name=name,
            wall_seconds=task.limits.wall_seconds,
            patience=self._patience,
            running=self._running,
            closed=self._closed.is_set,
            cancelled=cancelled,
        )
        try:
            followed = follower.follow()
            if followed.stopped:  # by us: it lives until the cluster has ended it
                self._end(name)
        finally:
            with contextlib.suppress(DarkroomError):
                # Away now? The Job has a deadline of its own, and `clear` comes by.
                self._api.delete(name)
        return self._outcome(laid.folder, task, followed)

    def _create(self, manifest: dict[str, Any], name: str) -> None:
        try:
            self._api.create(manifest)
        except TakenError:  # of a node that was killed; what it did is done again
            self._end(name)
            try:
                self._api.create(manifest)
            except TakenError:
                raise IsolationError(
                    f"the Job {name} of an earlier node does not go away",
                    next_step=f"see why: kubectl -n {self._template.namespace} describe job {name}",
                ) from None

    def _end(self, name: str) -> None:
        """Delete a Job and wait until nothing of it lives.

        Raises:
            WorkerLostError: its machine does not say that it ended.
        """
        self._api.delete(name)
        deadline = time.monotonic() + self._patience.end
        pause = FIRST_PAUSE
        while self._api.job(name) is not None or self._living(name):
            if time.monotonic() > deadline:
                raise WorkerLostError(
                    f"{name} was told to end, and its machine does not say that it did",
                    next_step="see whether that Pi is up (`kubectl get nodes`)",
                )
            time.sleep(pause)
            pause = min(pause * LONGER, LONGEST_PAUSE)

    def _living(self, name: str) -> bool:
        return any(
            (pod.get("status") or {}).get("phase") not in _DEAD
            for pod in self._api.pods(f"{TASK_LABEL}={name}")
        )

    # ------------------------------------------------------------------------ what it was

    def _outcome(self, folder: Path, task: SandboxTask, followed: Followed) -> Outcome:
        word = followed.stopped or followed.found.limit
        if word or followed.found.code:
            seen = Seen(
                code=followed.found.code or 1,
                seconds=followed.seconds,
                max_rss_mib=0.0,
                log=b"",
                stopped="" if word == "disk" else word,
                disk_full=word == "disk",
                report=UNANSWERED if followed.found.code == NO_REPORT else b"",
            )
            return judge(seen, task.limits)
        kept = self._exchange.collect(folder, task.out, task.limits)
        verdict = kept.verdict
        if verdict is None:  # the job wrote over what the worker said
            seen = Seen(
                code=1,
                seconds=followed.seconds,
                max_rss_mib=0.0,
                log=kept.log,
                report=UNANSWERED,
            )
            return judge(seen, task.limits)
        self._landlock = verdict.landlock
        seen = Seen(
            code=verdict.code,
            seconds=followed.seconds,
            max_rss_mib=verdict.max_rss_mib,
            log=kept.log,
            stopped=verdict.stopped,
            oom_kills=verdict.oom_kills,
            disk_full=verdict.disk_full,
            report=verdict.report,
            refused_output=kept.refused,
        )
        return judge(seen, task.limits)


def _correlation(task_id: str) -> str:
    job_id = task_id.partition("-")[0]
    return correlation_of(job_id) if JOB_ID.fullmatch(job_id) else ""
