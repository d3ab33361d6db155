"""Finished jobs outside the box: PySyft's engine becomes slower with each job in it.

Beside the box, `<box>-archive/<datasite>/<name>-<first digits of the id>/` holds what the
box held: `submission/` and `review/`. The newest finished jobs stay in the box.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from darkroom.adapters.pysyft.job_files import STATE, STDOUT
from darkroom.adapters.pysyft.job_records import Record, read_record
from darkroom.errors import StateError, UnknownNameError


KEPT = 32  # finished jobs in the box
SUBMISSION, REVIEW, RECORD = "submission", "review", "job.json"


@dataclass(frozen=True, slots=True)
class ArchivedJob:
    """A finished job that was moved out of the box.

    Attributes:
        name, datasite, job_id: as it was called, where it ran, and its id in Darkroom.
        path: its folder.
    """

    name: str
    datasite: str
    job_id: str
    path: Path

    @property
    def status(self) -> str:
        """In PySyft's words: `done`, `failed` or `rejected`."""
        return str(self._state().get("status", "failed"))

    @property
    def review_reason(self) -> str:
        """What the domain said."""
        return str(self._state().get("review_reason") or "")

    @property
    def output_paths(self) -> list[Path]:
        """The files that it released."""
        folder = self.path / REVIEW / "outputs"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    @property
    def stdout(self) -> str:
        """What it printed, when the owner released it."""
        file = self.path / REVIEW / STDOUT
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    @property
    def code_dir(self) -> Path:
        """The code as it was submitted."""
        return self.path / SUBMISSION / "code"

    def _state(self) -> dict[str, object]:
        file = self.path / REVIEW / STATE
        state = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
        return state if isinstance(state, dict) else {}


class Archive:
    """The finished jobs of one box."""

    def __init__(self, folder: Path) -> None:
        """Open it.

        Args:
            folder: on the disk of the box; made with the first job.
        """
        self.folder = folder

    def put(self, record: Record, *, record_path: Path, submission: Path, review: Path) -> None:
        """Move a job here. May be repeated after any interruption.

        Raises:
            StateError: the disk does not take it.
        """
        target = self.folder / record.datasite / f"{record.name}-{record.job_id[:8]}"
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            for source, name in ((submission, SUBMISSION), (review, REVIEW), (record_path, RECORD)):
                if source.exists():
                    if (target / name).is_dir():  # moved before, and made again in the box since
                        shutil.rmtree(target / name)
                    source.rename(target / name)
        except OSError as error:
            raise StateError(
                f"a finished job cannot be archived: {error.strerror}",
                next_step=f"make room on the disk of {self.folder}",
            ) from error

    def jobs(self) -> list[ArchivedJob]:
        """All of them, the one that was archived last first."""
        found = []
        for path in self.folder.glob(f"*/*/{RECORD}"):
            record = read_record(path)
            if record is not None:
                job = ArchivedJob(record.name, record.datasite, record.job_id, path.parent)
                found.append((path.parent.stat().st_mtime, job))
        return [job for _, job in sorted(found, key=lambda pair: -pair[0])]

    def __iter__(self) -> Iterator[ArchivedJob]:
        return iter(self.jobs())

    def __len__(self) -> int:
        return len(self.jobs())

    def __repr__(self) -> str:
        lines = [f"{job.name} ({job.status}) -> {job.datasite}" for job in self]
        return "\n".join(lines) or "no job is archived yet"

    def __getitem__(self, name: str | int) -> ArchivedJob:
        """By its name (the latest of that name) or its place in the list.

        Raises:
            UnknownNameError: none is here.
        """
        if isinstance(name, int):
            return self.jobs()[name]
        for job in self.jobs():
            if job.name == name:
                return job
        raise UnknownNameError(
            f"no job {ascii(name)[:60]} is archived", next_step="see darkroom.pysyft.archived(…)"
        )
