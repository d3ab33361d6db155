"""PySyft's job client in the owner's role: what a Darkroom domain does not do is refused."""

from pathlib import Path
from typing import Any, NoReturn

from syft_job.client import JobClient
from syft_job.config import SyftJobConfig
from syft_job.job import JobInfo

from darkroom.adapters.pysyft.job_storage import RememberingJobStorage
from darkroom.errors import DeniedError


class OwnerJob(JobInfo):
    """A job as its owner sees it; approving is a note until the jobs are processed."""

    def approve(self, reason: str | None = None, approval_method: str = "manual") -> None:
        """Note an approval; `client.process_approved_jobs()` signs it.

        Raises:
            DeniedError: it is an automatic one.
        """
        if approval_method != "manual":
            raise _refused(
                "PySyft's automatic approvals look at parts of a job only",
                "write a rule with a code_digest into the policy (docs/policy.md)",
            )
        super().approve(reason)

    def accept_by_depositing_result(self, path: str) -> NoReturn:
        """Refused: what leaves is what the job made, inspected and signed."""
        raise _refused(
            f"nothing was taken from {Path(path).name}: results come from the domain's sandbox",
            "approve the job and process it, or reject it",
        )

    def rerun(self) -> NoReturn:
        """Refused: an approval is for one run, and its budget is spent."""
        raise _refused("a domain runs a job once", "ask the scientist to submit it again")

    def share_outputs(self, users: list[str]) -> NoReturn:
        """Refused: outputs leave by a signed release."""
        del users
        raise _refused("outputs leave by a signed release to their submitter", _RELEASE)

    def share_logs(self, users: list[str]) -> NoReturn:
        """Refused: the log leaves with the outputs."""
        del users
        raise _refused("the log leaves with the outputs, by a signed release", _RELEASE)


_RELEASE = (
    "call client.process_approved_jobs(share_outputs_with_submitter=True, "
    "share_logs_with_submitter=…)"
)


class OwnerJobs(JobClient):
    """Lists the jobs that the box holds; submits none."""

    def __init__(self, config: SyftJobConfig, target_datasite_owner_email: str) -> None:
        """As the stock one."""
        super().__init__(config, target_datasite_owner_email)
        self.manager = RememberingJobStorage(config)

    def submit_bash_job(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise _refused("a data owner's client submits no jobs", _SUBMIT)

    def submit_python_job(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise _refused("a data owner's client submits no jobs", _SUBMIT)

    def validate_submission(self, inbox_job_path: Path) -> tuple[bool, str]:
        """Nothing is rejected by the look of a folder here; the domain checked it."""
        del inbox_job_path
        return True, ""

    def _get_all_jobs(self) -> list[OwnerJob]:
        return [
            OwnerJob(job.job_metadata, job._state, job.current_user_email, self, job._ref)  # noqa: SLF001 - the stock constructor takes them
            for job in super()._get_all_jobs()
        ]


_SUBMIT = "submit as a scientist, with darkroom.pysyft.login_ds"


def _refused(what: str, next_step: str) -> DeniedError:
    return DeniedError(what, next_step=next_step)
