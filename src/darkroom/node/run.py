"""HOP 7, run: the code that was approved, on the version that was approved, or nothing.

Just before the start both digests are computed anew from the node's own copy. The shards of
a job run side by side in sandboxes; this process only waits for them.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.errors import DarkroomError, UnreachableError
from darkroom.model.dataset import Manifest
from darkroom.model.job_record import JobRecord
from darkroom.model.output import output_to_mapping
from darkroom.node import words
from darkroom.node.cancel import BY_SUBMITTER
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.disclose import Disclosure, Inspected
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.shards import cut
from darkroom.node.store import NodeStore
from darkroom.policy.disclosure import MAX_LOG, seconds_bucket
from darkroom.policy.transitions import MAX_ATTEMPTS
from darkroom.ports import Clock, FootageStore, Outcome, Runtime, Sandbox, SandboxTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One attempt at one job, with everything it needs in place.

    Attributes:
        shards: camera ids per worker; one shard of all cameras for a job that is not split.
        scratch: an empty folder of this attempt.
    """

    record: JobRecord
    runtime: Runtime
    dataset: Path
    manifest: Manifest
    shards: list[list[str]]
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended: with inspected outputs, or with words why not."""

    inspected: Inspected | None = None
    against: str = ""
    seconds: float = 0.0


class Runner:
    """Runs one job at a time per calling thread; all share `pool` for their shards."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        shelf: CodeShelf,
        laws: Laws,
        footage: FootageStore,
        runtimes: Callable[[], Mapping[str, Runtime]],
        sandbox: Sandbox,
        disclosure: Disclosure,
        clock: Clock,
        pool: Executor,
        workers: int,
        scratch: Path,
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._journal = journal
        self._shelf = shelf
        self._laws = laws
        self._footage = footage
        self._runtimes = runtimes
        self._sandbox = sandbox
        self._disclosure = disclosure
        self._clock = clock
        self._pool = pool
        self._workers = workers
        self._scratch = scratch
        self._stopping = stopping
        self._live: dict[str, threading.Event] = {}

    def run(self, record: JobRecord) -> None:
        """Take an approved job to its next state that is not `running`.

        Raises:
            UnreachableError: the footage cannot be fetched now; the job is still approved.
            IsolationError: the sandbox did not start; the job is approved again, or failed
                when that was the last attempt.
        """
        against = self._changed(record)
        if against:
            self._fail_before_start(record, against)
            return
        try:
            plan = self._plan(record)
        except UnreachableError:
            raise
        except DarkroomError as error:
            self._fail_before_start(record, f"the footage cannot be read: {error.code}")
            return
        wish = self._live.setdefault(record.job_id, threading.Event())
        try:
            if self._started(plan):
                self._settle(plan, self._attempt(plan, wish))
        except BaseException:
            self.interrupted(record.job_id, lost=True)
            raise
        finally:
            self._live.pop(record.job_id, None)
            shutil.rmtree(plan.scratch, ignore_errors=True)

    def heed_wishes(self) -> None:
        """Stop the runs that their submitters cancelled; called after letters came in."""
        for job_id, wish in list(self._live.items()):
            record = self._store.job(job_id)
            if record is not None and record.cancel_requested:
                wish.set()

    def interrupted(self, job_id: str, *, lost: bool) -> None:
        """A running job has no worker any more: it waits again, or was lost too often.

        Args:
            job_id: of the job; nothing happens when it is not running.
            lost: False when the node itself is being stopped; that is not held against it.
        """
        with self._store.transaction():
            record = self._store.job(job_id)
            if record is None or record.state != "running":
                return
            if record.cancel_requested:
                self._journal.move(record, "cancelled", BY_SUBMITTER)
            elif not lost:
                attempts = max(0, record.attempts - 1)
                self._journal.move(
                    record, "approved", words.STOPPED, attempts=attempts, shards=(0, 0)
                )
            elif record.attempts >= MAX_ATTEMPTS:
                why = words.LOST.format(attempts=record.attempts)
                self._journal.move(record, "failed", why)
            else:
                self._journal.move(record, "approved", words.INTERRUPTED, shards=(0, 0))

    # -------------------------------------------------------------------- before the start

    def _changed(self, record: JobRecord) -> str:
        """Why this is not what was approved, or may not start any more; "" when it is."""
        request = record.request
        spec = request.spec
        if self._shelf.hashes(record.code_digest) != spec.files:
            return "the code kept here is not the code that was approved; nothing ran"
        if (spec.code_digest, request.job_digest) != (record.code_digest, record.job_digest):
            return "the job kept here is not the job that was approved; nothing ran"
        runtime = self._runtimes().get(spec.environment.name)
        if runtime is None or runtime.lock_hash != spec.environment.lock_hash:
            return f"environment {spec.environment.name} changed since; nothing ran"
        submitter = self._store.get(record.submitter)
        if submitter is None or not record.approved_by:
            return "it was not approved for an enrolled scientist; nothing ran"
        return "; ".join(self._laws.against_start(request, submitter))

    def _fail_before_start(self, record: JobRecord, why: str) -> None:
        with self._store.transaction():
            now = self._store.job(record.job_id)
            if now is not None and now.state == "approved":
                self._journal.move(now, "failed", why)

    def _plan(self, record: JobRecord) -> Plan:
        request = record.request
        manifest = self._footage.manifest(request.dataset_version)
        dataset = self._footage.materialise(request.dataset_version)
        split = request.spec.split == "camera"
        scratch = self._scratch / record.job_id
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        return Plan(
            record=record,
            runtime=self._runtimes()[request.spec.environment.name],
            dataset=dataset,
            manifest=manifest,
            shards=cut(manifest.cameras, self._workers if split else 1),
            scratch=scratch,
        )

    def _started(self, plan: Plan) -> bool:
        with self._store.transaction():
            record = self._store.job(plan.record.job_id)
            if record is None or record.state != "approved":
                return False  # cancelled meanwhile
            self._journal.move(
                record,
                "running",
                attempts=record.attempts + 1,
                shards=(0, len(plan.shards)),
            )
        return True

    # -------------------------------------------------------------------------- the attempt

    def _attempt(self, plan: Plan, wish: threading.Event) -> Ended:
        def cancelled() -> bool:
            return wish.is_set() or self._stopping()

        begin = self._clock.monotonic()
        outcomes = self._run_shards(plan, cancelled)
        against = _worst(outcomes)
        left = plan.scratch / "parts" / "0"
        if not against and (len(outcomes) > 1 or plan.record.request.spec.merge):
            left = plan.scratch / "merged"
            merged = self._merge(plan, left, cancelled)
            outcomes.append(merged)
            against = words.ended(merged, "the merge")
        if against:
            return Ended(against=against)
        seconds = self._clock.monotonic() - begin
        inspected = self._disclosure.inspect(
            plan.record,
            left=left,
            log=_joined([outcome.log for outcome in outcomes]),
            runtime=plan.runtime,
            scratch=plan.scratch,
            cancelled=cancelled,
        )
        return Ended(inspected=inspected, against=inspected.against, seconds=seconds)

    def _run_shards(self, plan: Plan, cancelled: Callable[[], bool]) -> list[Outcome]:
        """Outcomes in the order of the shards. When one fails the others are stopped."""
        given_up = threading.Event()
        futures = {
            self._pool.submit(
                self._run_shard, plan, number, lambda: given_up.is_set() or cancelled()
            ): number
            for number in range(len(plan.shards))
        }
        outcomes: dict[int, Outcome] = {}
        errors: list[BaseException] = []
        try:
            for future in as_completed(futures):
                error = future.exception()
                if error is not None:
                    errors.append(error)
                else:
                    outcomes[futures[future]] = future.result()
                if error is not None or future.result().status != "done":
                    given_up.set()
                elif len(futures) > 1:
                    done = sum(o.status == "done" for o in outcomes.values())
                    self._say_progress(plan, done)
        finally:  # whatever happened, no shard outlives this attempt of its job
            given_up.set()
            wait(futures)
        if errors:
            raise errors[0]
        return [outcomes[number] for number in sorted(outcomes)]

    def _run_shard(self, plan: Plan, number: int, cancelled: Callable[[], bool]) -> Outcome:
        request = plan.record.request
        out = plan.scratch / "parts" / str(number)
        out.mkdir(mode=0o700, parents=True)
        whole = len(plan.shards) == 1
        return self._sandbox.run(
            SandboxTask(
                task_id=f"{plan.record.job_id}-{plan.record.attempts}-{number}",
                program="run",
                runtime=plan.runtime,
                request={
                    "entrypoint": request.spec.entrypoint,
                    "merge": request.spec.merge,
                    "parameters": request.parameters,
                    "outputs": _declared(plan.record),
                    "cameras": None if whole else plan.shards[number],
                    "interpreter": plan.runtime.interpreter,
                    "seed": int(plan.record.job_digest[-8:], 16),
                },
                limits=request.spec.limits,
                out=out,
                code=self._shelf.path(plan.record.code_digest),
                dataset=plan.dataset,
            ),
            cancelled=cancelled,
        )

    def _merge(self, plan: Plan, out: Path, cancelled: Callable[[], bool]) -> Outcome:
        request = plan.record.request
        out.mkdir(mode=0o700)
        return self._sandbox.run(
            SandboxTask(
                task_id=f"{plan.record.job_id}-{plan.record.attempts}-merge",
                program="merge",
                runtime=plan.runtime,
                request={
                    "merge": request.spec.merge,
                    "parameters": request.parameters,
                    "outputs": _declared(plan.record),
                    "interpreter": plan.runtime.interpreter,
                    "seed": int(plan.record.job_digest[-8:], 16),
                },
                limits=request.spec.limits,
                out=out,
                code=self._shelf.path(plan.record.code_digest),
                parts=plan.scratch / "parts",
            ),
            cancelled=cancelled,
        )

    def _say_progress(self, plan: Plan, done: int) -> None:
        with self._store.transaction():
            record = self._store.job(plan.record.job_id)
            if record is not None and record.state == "running":
                self._journal.progress(record, *record.reasons, shards=(done, len(plan.shards)))

    # ----------------------------------------------------------------------------- the end

    def _settle(self, plan: Plan, ended: Ended) -> None:
        with self._store.transaction():
            record = self._store.job(plan.record.job_id)
            if record is None or record.state != "running":
                return
            if record.cancel_requested:
                self._journal.move(record, "cancelled", BY_SUBMITTER)
            elif ended.against and self._stopping():
                self.interrupted(record.job_id, lost=False)
            elif ended.against or ended.inspected is None:
                self._journal.move(record, "failed", ended.against)
            else:
                self._disclosure.produced(record, ended.inspected.outputs, self._facts(plan, ended))

    def _facts(self, plan: Plan, ended: Ended) -> dict[str, Any]:
        """Coarse, and known from the card but for the bucket of time."""
        return {
            "seconds_bucket": seconds_bucket(ended.seconds),
            "workers": len(plan.shards),
            "frames": sum(camera.frames for camera in plan.manifest.cameras),
            "interpreter": plan.runtime.interpreter,
        }


def _declared(record: JobRecord) -> dict[str, Any]:
    return {n: output_to_mapping(o) for n, o in record.request.spec.outputs.items()}


def _worst(outcomes: list[Outcome]) -> str:
    """Why the shards as a whole did not end well: a fault before a mere cancellation."""
    faults = [o for o in outcomes if o.status in ("failed", "limit")]
    others = [o for o in outcomes if o.status == "cancelled"]
    return words.ended((faults or others)[0]) if faults or others else ""


def _joined(logs: list[bytes]) -> bytes:
    """The logs of all workers, each with its fair part of the cap."""
    if len(logs) == 1:
        return logs[0]
    share = MAX_LOG // len(logs) - 64
    return b"".join(
        b"--- part %d of %d ---\n%s\n" % (number, len(logs), log[:share])
        for number, log in enumerate(logs, 1)
    )
