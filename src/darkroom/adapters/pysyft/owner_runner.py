"""PySyft's job runner in the owner's role: it signs, waits and releases, and runs nothing.

Approved code runs in the domain's sandbox, on exactly the bytes that were signed for.
`run.sh` is there to be read.
"""

import time
from collections.abc import Callable
from typing import Any, NoReturn

from syft_job.config import SyftJobConfig
from syft_job.job_ref import JobRef
from syft_job.job_runner import SyftJobRunner, get_job_timeout_seconds

from darkroom.adapters.pysyft.owner_box import BoxJob, OwnerBox
from darkroom.adapters.pysyft.owner_desk import ReviewQueue
from darkroom.errors import DeniedError
from darkroom.model.owner_case import Case


POLL = 2.0  # seconds of one long poll; another process of this owner may take letters in, too
PROGRESS = 15.0  # seconds between two lines that say it still waits


class OwnerRunner(SyftJobRunner):
    """What `client.process_approved_jobs` calls."""

    def __init__(
        self,
        config: SyftJobConfig,
        *,
        box: OwnerBox,
        queue: ReviewQueue,
        tell: Callable[[str], object],
    ) -> None:
        """Put together by `owner_client`."""
        super().__init__(config)
        self._tell = tell
        self._box = box
        self._queue = queue

    def process_approved_jobs(
        self,
        stream_output: bool = True,
        timeout: int | None = None,
        skip_job_names: list[str] | None = None,
        share_outputs_with_submitter: bool = False,
        share_logs_with_submitter: bool = False,
    ) -> None:
        """Sign what was approved, wait for the outputs and, if asked to, release them.

        Jobs that were approved before and whose outputs are not decided on count as well. What
        was approved elsewhere, at the desk or by a rule, is not released from here: it is
        mentioned, with the command that does.

        Args:
            stream_output: say now and then that it waits.
            timeout: seconds to wait for all outputs; 0 signs only.
            skip_job_names: jobs to leave alone.
            share_outputs_with_submitter: print what leaves, and sign its release, for jobs
                that were approved with `job.approve()`.
            share_logs_with_submitter: the log leaves with them.

        Raises:
            DeniedError: an approval or a release was not signed; all others were.
        """
        self._box.refresh()
        skipped = set(skip_job_names or ())
        refused: list[DeniedError] = []
        waiting: set[int] = set()
        for job in self._box.jobs():
            if job.ref.job_name in skipped:
                continue
            try:
                if self._approve(job):
                    waiting.add(job.standing.case.id)
            except DeniedError as error:
                refused.append(error)
        if share_logs_with_submitter and not share_outputs_with_submitter:
            self._tell("the log leaves with the outputs only: share_outputs_with_submitter=True")
        self._await(
            waiting,
            seconds=get_job_timeout_seconds() if timeout is None else timeout,
            outputs=share_outputs_with_submitter,
            log=share_outputs_with_submitter and share_logs_with_submitter,
            say=stream_output,
            refused=refused,
        )
        self._box.refresh()
        for case in self._queue.unasked():
            self._box.say_once(
                f"outputs of {case.job_id}, for which no job stands here, wait at the desk: "
                f"{self._at_desk(case)}"
            )
        if refused:
            raise refused[0] if len(refused) == 1 else _together(refused)

    def _await(
        self,
        waiting: set[int],
        *,
        seconds: float,
        outputs: bool,
        log: bool,
        say: bool,
        refused: list[DeniedError],
    ) -> None:
        """Settle each of these as its outputs come."""
        end = time.monotonic() + seconds
        said, wait = time.monotonic(), 0.0
        while waiting:
            self._box.refresh(wait=wait)
            for job in self._box.jobs():
                case = job.standing.case
                if case.id not in waiting:
                    continue
                try:
                    settled = self._settle(job, outputs=outputs, log=log)
                except DeniedError as error:
                    refused.append(error)
                    settled = True
                if settled:
                    waiting.discard(case.id)
            wait = min(POLL, end - time.monotonic())
            if wait <= 0:
                break
            if waiting and say and time.monotonic() - said > PROGRESS:
                said = time.monotonic()
                self._tell(f"{len(waiting)} of them still run or wait at the domain")
        if waiting and seconds > 0:
            self._tell(
                f"{len(waiting)} jobs have brought no outputs yet; they go on, and "
                "process_approved_jobs() can be called again"
            )

    def share_job_results(
        self, job_name: str, share_outputs: bool, share_logs: bool, user: str | None = None
    ) -> None:
        """Release what a finished job holds."""
        self._box.refresh()
        job = self._box.find(job_name, user)
        if not share_outputs:
            self._tell("nothing leaves: the log goes with the outputs only")
        elif not self._box.release(job, with_log=share_logs):
            raise DeniedError(
                f"{job.title} holds nothing that waits for release",
                next_step="see `darkroom release ls --all`",
            )

    def run(self) -> None:
        """Watch for ever."""
        raise DeniedError(
            "the owner's client does not watch by itself", next_step="run `darkroom owner watch`"
        )

    def _approve(self, job: BoxJob) -> bool:
        """Whether its outputs are to be waited for."""
        if self._box.wishes_approval(job):
            if self._box.sign_approval(job):
                self._tell(f"{job.title}: approved, signed by you for {job.standing.case.digest}")
            else:
                self._tell(f"{job.title}: it was decided elsewhere meanwhile")
            return True
        return job.standing.status == "approved" or job.standing.held is not None

    def _settle(self, job: BoxJob, *, outputs: bool, log: bool) -> bool:
        """Whether there is nothing left to wait for."""
        standing = job.standing
        if standing.status in ("pending", "approved"):
            return False
        if standing.held is None:
            words = f": {standing.reason}" if standing.reason else ""
            self._tell(f"{job.title}: {standing.status}{words}")
        elif outputs and not standing.signed_here:
            self._tell(
                f"{job.title}: its outputs stay, for no job.approve() of yours stands for it: "
                f"{self._at_desk(standing.held)}"
            )
        elif outputs:
            if self._box.release(job, with_log=log):
                self._tell(f"{job.title}: released, signed by you for {standing.held.digest}")
            else:
                self._tell(f"{job.title}: its outputs were decided on elsewhere meanwhile")
        else:
            self._tell(
                f"{job.title}: its outputs wait for your release: job.output_paths, "
                f"`{self._queue.command('release show', standing.held)}`"
            )
        return True

    def _at_desk(self, held: Case) -> str:
        show, approve = (self._queue.command(f"release {w}", held) for w in ("show", "approve"))
        return f"`{show}` shows them, `{approve}` releases them"

    def _share_job_results(self, ref: JobRef, share_outputs: bool, share_logs: bool) -> None:
        self.share_job_results(ref.job_name, share_outputs, share_logs, ref.ds_email)

    def _execute_job(self, ref: JobRef, *_: Any, **__: Any) -> NoReturn:
        raise _never(ref)

    def _execute_job_streaming(self, ref: JobRef, timeout: int) -> NoReturn:
        del timeout
        raise _never(ref)

    def _execute_job_captured(self, ref: JobRef, timeout: int) -> NoReturn:
        del timeout
        raise _never(ref)


def _never(ref: JobRef) -> DeniedError:
    return DeniedError(
        f"{ascii(ref.job_name)[:80]} is not run here: nothing a scientist sends is run "
        "on the owner's machine",
        next_step="approve it; the domain's sandbox runs it",
    )


def _together(refused: list[DeniedError]) -> DeniedError:
    return DeniedError(
        f"{len(refused)} jobs were not signed for: " + "; ".join(e.message for e in refused),
        next_step=refused[0].next_step,
    )
