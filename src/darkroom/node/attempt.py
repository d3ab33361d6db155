"""One attempt at a job: its shards side by side in sandboxes, their merge, the inspection.

Nothing is decided here and nothing is stored. When anything is told, and how long an attempt
is said to have taken, is a power of two: see `tick`.
"""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkroom.errors import WorkerLostError
from darkroom.model.dataset import Manifest
from darkroom.model.job_record import JobRecord
from darkroom.model.output import output_to_mapping
from darkroom.model.shard import Shard
from darkroom.node import words
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.disclose import Disclosure, Inspected, as_text
from darkroom.node.tick import Tick
from darkroom.policy.disclosure import MAX_LOG
from darkroom.policy.price import FREE_TIERS
from darkroom.ports import Clock, Outcome, Runtime, Sandbox, SandboxTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One attempt at one job, with everything it needs in place.

    Attributes:
        shards: what each worker sees; one that sees all for a job that is not split.
        scratch: an empty folder of this attempt.
    """

    record: JobRecord
    runtime: Runtime
    dataset: Path
    manifest: Manifest
    shards: list[Shard]
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended: with inspected outputs, or with words why not.

    Attributes:
        said: what the job printed last, for a job on mock; "" for all others.
        seconds: how long it is said to have taken.
    """

    inspected: Inspected | None = None
    against: str = ""
    said: str = ""
    seconds: float = 0.0


class Attempts:
    """Makes attempts; all share one pool for their shards."""

    def __init__(
        self,
        *,
        shelf: CodeShelf,
        sandbox: Sandbox,
        disclosure: Disclosure,
        clock: Clock,
        pool: Executor,
        pause: Callable[[threading.Event, float], None],
    ) -> None:
        """Put together.

        Args:
            pause: waits so many seconds, or until the event is set.
        """
        self._shelf = shelf
        self._sandbox = sandbox
        self._disclosure = disclosure
        self._clock = clock
        self._pool = pool
        self._pause = pause

    def make(
        self,
        plan: Plan,
        *,
        wish: threading.Event,
        stopping: Callable[[], bool],
        say_progress: Callable[[int], None],
    ) -> Ended:
        """Run to the end, and hold it back until the next moment at which it may be told.

        A run that ends with an error is held back as well: a job may be what brought it about.

        Args:
            plan: what to run.
            wish: set when the job should stop.
            stopping: whether the node is ending.
            say_progress: told how many shards are done, at such moments.
        """

        def cancelled() -> bool:
            return wish.is_set() or stopping()

        tick = Tick(self._clock)
        try:
            ended = self._run_to_the_end(plan, tick, cancelled, say_progress)
        finally:
            seconds, left = tick.seconds(), tick.left()
            if plan.record.request.spec.tier not in FREE_TIERS:
                # The worker is held as well: the next job's begin would tell this one's end.
                self._pause(wish, left)
        return replace(ended, seconds=seconds)

    def _run_to_the_end(
        self,
        plan: Plan,
        tick: Tick,
        cancelled: Callable[[], bool],
        say_progress: Callable[[int], None],
    ) -> Ended:
        outcomes = self._run_shards(plan, tick, cancelled, say_progress)
        against = _worst(outcomes)
        left = plan.scratch / "parts" / "0"
        if not against and (len(outcomes) > 1 or plan.record.request.spec.merge):
            left = plan.scratch / "merged"
            merged = self._merge(plan, left, cancelled)
            outcomes.append(merged)
            against = words.ended(merged, "the merge")
        log = _joined([outcome.log for outcome in outcomes])
        if against:
            free = plan.record.request.spec.tier in FREE_TIERS
            return Ended(against=against, said=_last_line(log) if free else "")
        inspected = self._disclosure.inspect(
            plan.record,
            left=left,
            log=log,
            runtime=plan.runtime,
            scratch=plan.scratch,
            cancelled=cancelled,
        )
        return Ended(inspected=inspected, against=inspected.against)

    def _run_shards(
        self,
        plan: Plan,
        tick: Tick,
        cancelled: Callable[[], bool],
        say_progress: Callable[[int], None],
    ) -> list[Outcome]:
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
        running, said = set(futures), 0
        try:
            while running:
                ended, running = wait(running, tick.left(), FIRST_COMPLETED)
                moment = tick.passed()
                for future in ended:
                    error = future.exception()
                    if error is not None:
                        errors.append(error)
                    else:
                        outcomes[futures[future]] = future.result()
                    if error is not None or future.result().status != "done":
                        given_up.set()
                done = sum(o.status == "done" for o in outcomes.values())
                if running and done > said and moment:
                    say_progress(done)
                    said = done
        finally:  # whatever happened, no shard outlives this attempt of its job
            given_up.set()
            wait(futures)
        if errors:
            raise errors[0]
        return [outcomes[number] for number in sorted(outcomes)]

    def _run_shard(self, plan: Plan, number: int, cancelled: Callable[[], bool]) -> Outcome:
        """One shard; where the machine under it is lost, once more on another."""
        try:
            return self._run_once(plan, number, "", cancelled)
        except WorkerLostError:
            if cancelled():
                raise
            return self._run_once(plan, number, "again", cancelled)

    def _run_once(
        self, plan: Plan, number: int, again: str, cancelled: Callable[[], bool]
    ) -> Outcome:
        request = plan.record.request
        out = plan.scratch / "parts" / str(number)
        shutil.rmtree(out, ignore_errors=True)  # what a lost worker had left
        out.mkdir(mode=0o700, parents=True)
        return self._sandbox.run(
            SandboxTask(
                task_id=f"{plan.record.job_id}-{plan.record.attempts}-{number}{again}",
                program="run",
                runtime=plan.runtime,
                request={
                    "entrypoint": request.spec.entrypoint,
                    "merge": request.spec.merge,
                    "parameters": request.parameters,
                    "outputs": _declared(plan.record),
                    **plan.shards[number].to_mapping(),
                    "version": plan.manifest.version,
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


def _declared(record: JobRecord) -> dict[str, Any]:
    return {n: output_to_mapping(o) for n, o in record.request.spec.outputs.items()}


def _worst(outcomes: list[Outcome]) -> str:
    """Why the shards as a whole did not end well: a fault before a mere cancellation."""
    faults = [o for o in outcomes if o.status in ("failed", "limit")]
    others = [o for o in outcomes if o.status == "cancelled"]
    return words.ended((faults or others)[0]) if faults or others else ""


def _last_line(log: bytes) -> str:
    """The last thing that a job on mock printed: the error it ended with."""
    lines = as_text(log).decode().strip().splitlines()
    return "".join(c for c in lines[-1][:250] if c.isprintable()) if lines else ""


def _joined(logs: list[bytes]) -> bytes:
    """The logs of all workers, each with its fair part of the cap."""
    if len(logs) == 1:
        return logs[0]
    share = MAX_LOG // len(logs) - 64
    return b"".join(
        b"--- part %d of %d ---\n%s\n" % (number, len(logs), log[:share])
        for number, log in enumerate(logs, 1)
    )
