"""Which job of the box is which Darkroom job: a small file for each, beside the box.

The truth about a job is in the session's store. These files only tie a folder of the box to
it, so that two notebooks on one box, or the next kernel, find it again. With each lies the
message that was sent, so that a box that somebody deletes can be made again.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom.adapters.pysyft.submitted_folder import require_job_name
from darkroom.adapters.pysyft.wire import MAX_MESSAGE
from darkroom.errors import DarkroomError, StateError
from darkroom.model.job import JOB_ID


ENDING, MESSAGE = ".json", ".message"
REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One job in the box.

    Attributes:
        job_id: of the Darkroom job.
        datasite: address of the domain.
        name: PySyft's name of the job.
        forms: output -> in which form its file is written (`job_files`).
    """

    job_id: str
    datasite: str
    name: str
    forms: dict[str, str]


class JobRecords:
    """The records of one box."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Args:
            folder: beside the box; made when there is something to keep.
        """
        self.folder = folder
        self._known: dict[Path, tuple[int, Record | None]] = {}

    def path(self, datasite: str, name: str) -> Path:
        """Where a record lies."""
        return self.folder / datasite / f"{require_job_name(name)}{ENDING}"

    def claim(self, record: Record) -> None:
        """Keep a record unless there is one of that name: one notebook gets the name.

        Raises:
            FileExistsError: another job has the name.
            StateError: the disk does not take it.
        """
        self._put(record, lambda draft, path: path.hardlink_to(draft))

    def put(self, record: Record) -> None:
        """Keep a record, in place of the one of that name.

        Raises:
            StateError: the disk does not take it.
        """
        self._put(record, lambda draft, path: draft.replace(path))

    def _put(self, record: Record, place: Callable[[Path, Path], object]) -> None:
        path = self.path(record.datasite, record.name)
        self._write(record, json.dumps(asdict(record)).encode(), path, place)

    def keep_message(self, record: Record, message: bytes) -> None:
        """Keep what was sent, as long as the record.

        Raises:
            StateError: the disk does not take it.
        """
        self._write(record, message, self._message(record), lambda draft, path: draft.replace(path))

    def message(self, record: Record) -> bytes | None:
        """What was sent, or None when that is not known."""
        try:
            with self._message(record).open("rb") as file:
                return file.read(MAX_MESSAGE + 1)
        except OSError:
            return None

    def drop_message(self, record: Record) -> None:
        """Forget what was sent."""
        self._message(record).unlink(missing_ok=True)

    def _message(self, record: Record) -> Path:
        return self.folder / record.datasite / f"{record.job_id}{MESSAGE}"

    @staticmethod
    def _write(
        record: Record, data: bytes, path: Path, place: Callable[[Path, Path], object]
    ) -> None:
        draft = path.with_name(f"{record.job_id}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(data)
            place(draft, path)
        except FileExistsError:
            raise
        except OSError as error:
            raise StateError(
                f"the job cannot be written down: {error.strerror}",
                next_step=f"make room on the disk of {path.parent}",
            ) from error
        finally:
            draft.unlink(missing_ok=True)

    def of(self, datasite: str) -> Iterator[Record]:
        """The records of a datasite; a damaged one is left out."""
        folder = self.folder / datasite
        for path in sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else ():
            record = self._read(path)
            if record is not None and (record.datasite, record.name) == (datasite, path.stem):
                yield record

    def _read(self, path: Path) -> Record | None:
        """A record, parsed again only when it has changed; None when it has just gone."""
        try:
            written = path.stat().st_mtime_ns
        except OSError:
            return None
        known = self._known.get(path)
        if known is None or known[0] != written:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[path] = (written, read_record(path))
        return known[1]

    def all(self) -> list[Record]:
        """The records of all datasites."""
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [record for f in folders if f.is_dir() for record in self.of(f.name)]

    def drop(self, record: Record) -> None:
        """Forget a record."""
        self.drop_message(record)
        self.path(record.datasite, record.name).unlink(missing_ok=True)


def read_record(path: Path) -> Record | None:
    """A record, or None when there is none that can be read."""
    try:
        record = Record(**json.loads(path.read_text(encoding="utf-8")))
        require_job_name(record.name)
        sound = (
            JOB_ID.fullmatch(record.job_id)
            and isinstance(record.datasite, str)
            and isinstance(record.forms, dict)
        )
    except (OSError, ValueError, TypeError, DarkroomError):
        return None
    return record if sound else None
