"""HOP 7, run: the code that was approved, on the version that was approved, or nothing.

Just before the start both digests are computed anew from the node's own copy, and whether
the approval still holds.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from darkroom.errors import DarkroomError, UnreachableError
from darkroom.model.dataset import Manifest
from darkroom.model.job_record import JobRecord
from darkroom.model.shard import cut
from darkroom.node import words
from darkroom.node.attempt import Attempts, Ended, Plan
from darkroom.node.cancel import BY_SUBMITTER
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.disclose import Disclosure
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.policy.price import FREE_TIERS
from darkroom.policy.transitions import FINAL, MAX_ATTEMPTS, State
from darkroom.ports import FootageStore, Runtime


class Runner:
    """Runs one job at a time per calling thread."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        shelf: CodeShelf,
        laws: Laws,
        footage: FootageStore,
        runtimes: Callable[[], Mapping[str, Runtime]],
        attempts: Attempts,
        disclosure: Disclosure,
        workers: int,
        scratch: Path,
        stopping: Callable[[], bool],
        why_held: Callable[[str], str],
        mock: Callable[[str], tuple[Path, Manifest]],
    ) -> None:
        """Put together.

        Args:
            why_held: why jobs of a tier do not start now, or "".
            mock: folder and manifest of the mock face of a dataset.
        """
        self._store = store
        self._journal = journal
        self._shelf = shelf
        self._laws = laws
        self._footage = footage
        self._runtimes = runtimes
        self._attempts = attempts
        self._disclosure = disclosure
        self._workers = workers
        self._scratch = scratch
        self._stopping = stopping
        self._why_held = why_held
        self._mock = mock
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
            self._end_before_start(record, "failed", against)
            return
        against = self._laws.against_start(record)
        if against:
            self._end_before_start(record, "rejected", against)
            return
        try:
            plan = self._plan(record)
        except UnreachableError:
            raise
        except DarkroomError as error:
            self._end_before_start(record, "failed", f"the footage cannot be read: {error.code}")
            return
        wish = self._live.setdefault(record.job_id, threading.Event())
        try:
            if self._started(plan):
                ended = self._attempts.make(
                    plan,
                    wish=wish,
                    stopping=self._stopping,
                    say_progress=lambda done: self._say_progress(plan, done),
                )
                self._settle(plan, ended)
        except BaseException:
            self.interrupted(record.job_id, lost=True)
            raise
        finally:
            self._live.pop(record.job_id, None)
            shutil.rmtree(plan.scratch, ignore_errors=True)

    def heed_wishes(self) -> None:
        """Stop the runs that were cancelled or lost their approval; called after letters came."""
        for job_id, wish in list(self._live.items()):
            record = self._store.job(job_id)
            if record is not None and (record.cancel_requested or record.state in FINAL):
                wish.set()

    def stop(self) -> None:
        """The node ends: nobody waits for a moment any more."""
        for wish in list(self._live.values()):
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
        if self._store.get(record.submitter) is None or not record.approved_by:
            return "it was not approved for an enrolled scientist; nothing ran"
        return ""

    def _end_before_start(self, record: JobRecord, state: State, why: str) -> None:
        with self._store.transaction():
            now = self._store.job(record.job_id)
            if now is not None and now.state == "approved":
                self._journal.move(now, state, why)

    def _plan(self, record: JobRecord) -> Plan:
        request = record.request
        if request.spec.tier in FREE_TIERS:  # generated pictures, whatever was approved
            dataset, manifest = self._mock(request.dataset)
        else:
            manifest = self._footage.manifest(request.dataset_version)
            dataset = self._footage.materialise(request.dataset_version)
        scratch = self._scratch / record.job_id
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        return Plan(
            record=record,
            runtime=self._runtimes()[request.spec.environment.name],
            dataset=dataset,
            manifest=manifest,
            shards=cut(manifest, request.spec.split, self._workers),
            scratch=scratch,
        )

    def _started(self, plan: Plan) -> bool:
        with self._store.transaction():
            record = self._store.job(plan.record.job_id)
            if record is None or record.state != "approved":
                return False  # cancelled meanwhile
            if self._why_held(record.request.spec.tier):
                return False
            against = self._laws.against_start(record)
            if against:  # while its footage was fetched
                self._journal.move(record, "rejected", against)
                return False
            self._journal.move(
                record,
                "running",
                attempts=record.attempts + 1,
                touched=True,
                shards=(0, len(plan.shards)),
            )
        return True

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
                said = (ended.said,) if ended.said else ()
                self._journal.move(record, "failed", ended.against, *said)
            else:
                self._disclosure.produced(record, ended.inspected.outputs, self._facts(plan, ended))

    def _facts(self, plan: Plan, ended: Ended) -> dict[str, Any]:
        """Coarse, and known from the card but for the bucket of time."""
        return {
            "seconds_bucket": ended.seconds,
            "workers": len(plan.shards),
            "frames": sum(camera.frames for camera in plan.manifest.cameras),
            "interpreter": plan.runtime.interpreter,
        }
