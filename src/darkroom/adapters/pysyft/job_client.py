"""PySyft's own `JobClient`, with what must be known before a job is copied.

The stock client copies first and fails half-way: a binary in the folder raises in the
middle of a submission, and the job of that name is in the box for ever. `SyftRDSClient`
lets its `job_client` be replaced.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from uuid import uuid4

from syft_job.client import JobClient
from syft_job.config import SyftJobConfig
from syft_job.job import JobInfo, JobsList
from syft_job.job_stdout import StdoutViewer

from darkroom.adapters.pysyft.job_storage import RememberingJobStorage
from darkroom.adapters.pysyft.submitted_folder import require_job_name
from darkroom.adapters.pysyft.wire import MAX_CHANGES
from darkroom.errors import DeniedError, InputError, SpecError
from darkroom.model.job import MAX_FILE_BYTES, require_path


# What lies in a folder of code and is none of it: left out, unlike hidden files, which are
# refused, because somebody may count on them.
LITTER = shutil.ignore_patterns(
    "__pycache__", "*.pyc", ".git", ".ipynb_checkpoints", ".venv", ".DS_Store"
)
BESIDE_CODE = 2  # run.sh and config.yaml


class SafeStdout(StdoutViewer):
    """What a job printed. PySyft leaves `<` as it is in its HTML, so there is none."""

    def _convert_ansi_to_html(self, text: str) -> str:
        return str(super()._convert_ansi_to_html(text.replace("<", "‹")))


class SafeJobInfo(JobInfo):
    """A job whose foreign words cannot become part of the notebook."""

    @property
    def stdout(self) -> StdoutViewer:
        """A viewer for what it printed."""
        return SafeStdout(self)


class SafeJobs(JobsList):
    """The jobs in the box; says where one is that is not there any more."""

    archived_as: Callable[[str], str]

    def __getitem__(self, index: int | str) -> JobInfo:
        """By place or name.

        Raises:
            ValueError: no job of that name is in the box.
        """
        try:
            return super().__getitem__(index)
        except ValueError as error:
            there = self.archived_as(index) if isinstance(index, str) else ""
            if not there:
                raise
            raise ValueError(f"{error}: it is finished and archived, see {there}") from None


class Submissions(Protocol):
    """Who is told of a job that is about to lie in the box, and knows where one went."""

    def begin(self, datasite: str, job_name: str) -> None:
        """A job of that name is begun.

        Raises:
            FileExistsError: there is one.
        """
        ...

    def give_up(self) -> None:
        """It is not sent; nothing of it may stay in the box."""
        ...

    def archived_as(self, job_name: str) -> str:
        """How a job that is archived is looked at, or "" when none of that name is."""
        ...


class CheckedJobClient(JobClient):
    """Refuses what no domain takes before anything is written, and cleans up after itself."""

    def __init__(self, config: SyftJobConfig, submissions: Submissions) -> None:
        """As the stock one.

        Args:
            config: of the client that it is for.
            submissions: told what is begun and given up.
        """
        super().__init__(config, config.current_user_email)
        self.manager = RememberingJobStorage(config)
        self._submissions = submissions

    def submit_bash_job(self, user: str, script: str, job_name: str = "") -> Path:
        """Refuse.

        Raises:
            DeniedError: always.
        """
        del user, script, job_name
        raise DeniedError(
            "a bash job is run nowhere: no domain executes what a submitter's shell script says",
            next_step="write it in Python: client.submit_python_job(…)",
        )

    def submit_python_job(
        self,
        user: str,
        code_path: str,
        job_name: str | None = "",
        dependencies: list[str] | None = None,
        entrypoint: str | None = None,
    ) -> Path:
        """Check, then copy as the stock client does.

        Raises:
            InputError: the name or a file is not accepted; nothing was written.
            FileExistsError: a job of that name is in the box.
        """
        name = require_job_name(job_name or f"Job - {uuid4().hex[:8]}")
        path, is_folder, entrypoint = self._validate_code_path_and_entrypoint(code_path, entrypoint)
        has_litter = require_text_files(path)
        if self.manager.submission_dir(self.manager.new_submission_ref(user, name)).exists():
            raise FileExistsError(f"Job '{name}' already exists for user '{user}'")
        self._submissions.begin(user, name)
        try:
            with TemporaryDirectory(prefix="darkroom-pysyft-") as folder:
                source = Path(folder, path.name) if is_folder and has_litter else path
                if source is not path:  # the stock client copies everything
                    shutil.copytree(path, source, ignore=LITTER)
                return super().submit_python_job(user, str(source), name, dependencies, entrypoint)
        except BaseException:
            self._submissions.give_up()
            raise

    @property
    def jobs(self) -> JobsList:
        """The jobs in the box, the newest first."""
        jobs = super().jobs
        jobs.__class__ = SafeJobs
        jobs.archived_as = self._submissions.archived_as
        return jobs

    def _get_all_jobs(self) -> list[JobInfo]:
        jobs = super()._get_all_jobs()
        for job in jobs:
            job.__class__ = SafeJobInfo
        return jobs


def require_text_files(path: Path) -> bool:
    """Refuse a folder (or file) of code that is not text, or more than a message holds.

    Returns:
        Whether there is litter in it.

    Raises:
        InputError: naming the file and the cure.
    """
    files = [path] if path.is_file() else []
    has_litter = path.is_dir() and _gather(path, files)
    if len(files) + BESIDE_CODE > MAX_CHANGES:
        raise InputError(
            f"{path} holds more than {MAX_CHANGES - BESIDE_CODE} files",
            next_step="submit the folder that holds the job's code and nothing else",
        )
    for file in files:
        inner = file.relative_to(path).as_posix() if file != path else file.name
        try:
            require_path(inner)
        except SpecError as error:
            raise InputError(error.message, next_step=error.next_step) from None
        if file.is_symlink():
            raise InputError(f"{inner} is a link", next_step="copy the file into the folder")
        if file.stat().st_size > MAX_FILE_BYTES or not _is_text(file):
            raise InputError(
                f"{inner} is not text, and a PySyft job is text throughout",
                next_step="a model travels by its hash: ask the domain's operator to register it, "
                'then sy.resolve_dataset_file_path("<its name>") gives its path '
                "(docs/pysyft.md); remove other binaries",
            )
    return has_litter


def _gather(folder: Path, found: list[Path]) -> bool:
    """Add the files of a folder; whether there was litter."""
    entries = sorted(folder.iterdir())
    litter = LITTER(str(folder), [entry.name for entry in entries])
    for entry in entries:
        if len(found) > MAX_CHANGES:
            break
        if entry.name in litter:
            continue
        if entry.is_dir() and not entry.is_symlink():
            litter |= {"below"} if _gather(entry, found) else set()
        else:
            found.append(entry)
    return bool(litter)


def _is_text(file: Path) -> bool:
    try:
        file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
