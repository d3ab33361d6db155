"""PySyft's `JobStorage`, which parses a file again only when it has changed.

Every look at `client.jobs` reads two YAML files for each job in the box, about six
milliseconds a job: most of what PySyft's client spends.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from syft_job.config import SyftJobConfig
from syft_job.job_storage import JobRef, JobStateNotFoundError, JobStorage
from syft_job.models import JobState, JobSubmissionMetadata


KEPT = 1024


class RememberingJobStorage(JobStorage):
    """Same files, same answers. What is given away is a copy."""

    def __init__(self, config: SyftJobConfig) -> None:
        """As the stock one."""
        super().__init__(config=config)
        self._parsed: dict[Path, tuple[tuple[int, ...], Any]] = {}

    def read_submission(self, ref: JobRef) -> JobSubmissionMetadata:
        """A submission's `config.yaml`."""
        path = self._codec_for(ref.protocol_version).submission_metadata_path(ref)
        return self._remembered(
            path, lambda: super(RememberingJobStorage, self).read_submission(ref)
        )

    def read_state(self, ref: JobRef) -> JobState:
        """A job's `state.yaml`.

        Raises:
            JobStateNotFoundError: there is none.
        """
        path = self._codec_for(ref.protocol_version).state_path(ref)
        return self._remembered(path, lambda: super(RememberingJobStorage, self).read_state(ref))

    def _remembered(self, path: Path, read: Callable[[], Any]) -> Any:  # noqa: ANN401 - the engine's models
        try:
            facts = path.stat()
        except FileNotFoundError:
            raise JobStateNotFoundError(f"{path.name} is not there") from None
        mark = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        known = self._parsed.get(path)
        if known is None or known[0] != mark:
            if len(self._parsed) >= KEPT:
                self._parsed.clear()
            known = self._parsed[path] = (mark, read())
        return known[1].model_copy()  # its owner changes fields, never what is in them
