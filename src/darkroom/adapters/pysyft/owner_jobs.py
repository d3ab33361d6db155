"""PySyft's job client in the owner's role: what a Darkroom domain does not do is refused."""

from pathlib import Path
from typing import Any, NoReturn

from syft_job.client import JobClient
from syft_job.config import SyftJobConfig
from syft_job.job import JobInfo, JobsList
from syft_job.job_ref import JobRef

from darkroom.adapters.pysyft.job_client import SafeStdout
from darkroom.adapters.pysyft.job_storage import RememberingJobStorage
from darkroom.adapters.pysyft.owner_job_page import JobPage, page_html, page_line
from darkroom.errors import DeniedError


class OwnerJob(JobInfo):
    """A job as its owner sees it; approving is a note until the jobs are processed."""

    @property
    def code(self) -> str:
        """The text of the entry point, and of nothing else."""
        path = self.code_dir / (self.job_metadata.entrypoint or ".")
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @property
    def stdout(self) -> SafeStdout:
        """A viewer for what it printed."""
        return SafeStdout(self)

    @property
    def page(self) -> JobPage:
        """Everything there is to read before a word on it."""
        place = self.job_submission_path
        texts = {
            path.relative_to(place).as_posix(): path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(place.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        entrypoint = self.job_metadata.entrypoint
        return JobPage(
            name=self.name,
            submitter=self.submitted_by,
            status=self.status,
            reason=self.review_reason or "",
            facts=dict(self.job_headers.get("darkroom") or {}),
            entrypoint=f"code/{entrypoint}" if entrypoint else "",
            texts=texts,
        )

    def __repr__(self) -> str:
        return page_line(self.page)

    def _repr_html_(self) -> str:
        return page_html(self.page)

    def approve(self, reason: str | None = None, approval_method: str = "manual") -> None:
        """Note an approval; `client.process_approved_jobs()` signs it.

        Raises:
            DeniedError: it is an automatic one, or another job lies in its place by now.
        """
        if approval_method != "manual":
            raise _refused(
                "PySyft's automatic approvals look at parts of a job only",
                "write a rule with a code_digest into the policy (docs/policy.md)",
            )
        self._require_unchanged()
        super().approve(reason)
        print(f"   It is {self._whose()}: process_approved_jobs() signs that")  # noqa: T201 - as the stock one

    def reject(self, reason: str | None = None) -> None:
        """Note a rejection; the next sync signs it.

        Raises:
            DeniedError: another job lies in its place by now.
        """
        self._require_unchanged()
        super().reject(reason)
        print(f"   It is {self._whose()}: the next sync signs that")  # noqa: T201 - as the stock one

    def _whose(self) -> str:
        facts = self.job_headers.get("darkroom") or {}
        return f"the job of {self.submitted_by}, {facts.get('job_digest', 'without a digest')}"

    def _require_unchanged(self) -> None:
        """This object was read some time ago; the note goes to whatever lies there now."""
        try:
            now = self._client.manager.read_submission(self._ref).headers
        except OSError:
            now = {}
        if now != self.job_headers:
            raise _refused(
                f"{self.name} ({self.submitted_by}) is not in the box any more, or another job is",
                "look at client.jobs again",
            )

    def accept_by_depositing_result(self, path: str) -> NoReturn:
        """Refused: what leaves is what the job made, inspected and signed."""
        raise _refused(
            f"nothing was taken from {Path(path).name}: results come from the domain's sandbox",
            "call job.approve(), then client.process_approved_jobs(), which brings the sandbox's "
            "outputs (share_outputs_with_submitter=True releases them); or job.reject('why')",
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
        self._turns: dict[JobRef, int] = {}

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

    @property
    def jobs(self) -> JobsList:
        """The jobs in the box, in the order in which they came: an index stays one job's.

        PySyft's own list is newest first, and whoever sends a job moves all others.
        """
        found = super().jobs
        new = [job for job in found if job._ref not in self._turns]  # noqa: SLF001
        for job in sorted(new, key=lambda job: (job.submitted_at or "", job.name)):
            self._turns[job._ref] = max(self._turns.values(), default=0) + 1  # noqa: SLF001
        there = {job._ref for job in found}  # noqa: SLF001
        self._turns = {ref: turn for ref, turn in self._turns.items() if ref in there}
        ordered = sorted(found, key=lambda job: self._turns[job._ref])  # noqa: SLF001
        return JobsList(ordered, self.target_datasite_owner_email, has_do_role=self.has_do_role)

    def _get_all_jobs(self) -> list[OwnerJob]:
        return [
            OwnerJob(job.job_metadata, job._state, job.current_user_email, self, job._ref)  # noqa: SLF001 - the stock constructor takes them
            for job in super()._get_all_jobs()
        ]


_SUBMIT = "submit as a scientist, with darkroom.pysyft.login_ds"


def _refused(what: str, next_step: str) -> DeniedError:
    return DeniedError(what, next_step=next_step)
