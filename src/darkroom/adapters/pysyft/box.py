"""PySyft's SyftBox folder, and what lies beside it.

    <box>/                    the engine's; mocks, jobs, their states and outputs
    <box>-event-messages/     the engine's log of what it was told
    <box>-jobs/               which job of the box is which of Darkroom, and what was sent
    <box>-archive/            finished jobs (`archive`)

Called inside the engine's own lock (`.sync.lock`), so one process at a time.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Collection, MutableMapping
from pathlib import Path
from typing import Any

from syft.sync.events.file_change_event import FileChangeEventsMessageFileName
from syft.sync.file_utils import compute_directory_hash
from syft_rds.config import COLLECTION_SUBPATH

from darkroom.adapters.pysyft.archive import KEPT, Archive
from darkroom.adapters.pysyft.job_files import STATE
from darkroom.adapters.pysyft.job_records import JobRecords, Record
from darkroom.adapters.pysyft.submitted_folder import INBOX, LAYOUT, read_folder
from darkroom.adapters.pysyft.wire import read_proposal
from darkroom.adapters.pysyft.write_filter import review_folder
from darkroom.errors import SpecError, StateError


A_WHILE = 60.0  # seconds between the claim of a name and the folder of that name, at most
KEPT_MESSAGES = 64  # of the engine's log: it reads all of it at every start


class Box:
    """The folders of one client.

    Attributes:
        folder: PySyft's.
        address: our own.
        records: which jobs are in it.
        archive: which were.
    """

    def __init__(self, folder: Path, address: str) -> None:
        """Nothing is written yet."""
        self.folder = folder
        self.address = address
        self.records = JobRecords(folder.with_name(f"{folder.name}-jobs"))
        self.archive = Archive(folder.with_name(f"{folder.name}-archive"))
        self._log = folder.with_name(f"{folder.name}-event-messages")

    def submission(self, record: Record) -> Path:
        """The folder of a job as it was submitted."""
        return self.folder.joinpath(record.datasite, *INBOX, self.address, LAYOUT, record.name)

    def review(self, record: Record) -> Path:
        """The folder of its state and outputs."""
        return self.folder / review_folder(record.datasite, self.address, record.name)

    def shown_at(self, record: Record) -> int:
        """When the state that the box shows of a job was written; 0 when it shows none."""
        try:
            return (self.review(record) / STATE).stat().st_mtime_ns
        except OSError:
            return 0

    def says(self, record: Record, text: str) -> bool:
        """Whether the state that the box shows of a job is exactly that."""
        try:
            with (self.review(record) / STATE).open("rb") as file:
                return file.read(len(text.encode()) + 1) == text.encode()
        except OSError:
            return False

    def is_old(self, record: Record) -> bool:
        """Whether a job was begun a while ago."""
        try:
            begun = self.records.path(record.datasite, record.name).stat().st_mtime
        except OSError:
            return True
        return time.time() - begun > A_WHILE

    def write(self, record: Record, name: str, content: str | bytes) -> None:
        """Put a whole file below a job's review folder; nobody ever sees a part of it.

        Raises:
            StateError: the disk does not take it.
        """
        path = self.review(record) / name
        draft = self.records.folder / f"{record.job_id}.part"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content if isinstance(content, bytes) else content.encode())
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StateError(
                f"an output cannot be written: {error.strerror}",
                next_step=f"make room on the disk of {self.folder}, then client.sync()",
            ) from error

    def restore(self, record: Record, parse_yaml: Callable[[str, str], dict[str, Any]]) -> bool:
        """Make the folder of a job again, of the message that was sent.

        Args:
            record: of a job whose folder is gone.
            parse_yaml: strict, from (text, name).

        Returns:
            Whether what was sent is known.

        Raises:
            StateError: the disk does not take it.
        """
        message = self.records.message(record)
        if message is None:
            return False
        try:  # by the readers of the domain: no path of it leads anywhere else
            proposal = read_proposal(message)
            job = read_folder(
                proposal, sender=self.address, datasite=record.datasite, parse_yaml=parse_yaml
            )
        except SpecError:
            return False
        if job.job_name != record.name:
            return False
        target = self.submission(record)
        head = f"{target.relative_to(self.folder / record.datasite).as_posix()}/"
        draft = self.records.folder / f"{record.job_id}.part"
        try:
            shutil.rmtree(draft, ignore_errors=True)
            for change in proposal.changes:
                path = draft / change.path.removeprefix(head)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_bytes(change.text.encode())
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.rename(target)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise StateError(
                f"a job cannot be put back into the box: {error.strerror}",
                next_step=f"make room on the disk of {self.folder}, then client.sync()",
            ) from error
        return True

    def remove(self, record: Record) -> None:
        """A job that was never sent: its folder and its record."""
        self.records.drop_message(record)  # first: another notebook would put the folder back
        shutil.rmtree(self.submission(record), ignore_errors=True)
        self.records.drop(record)

    def forget(self, record: Record, hashes: MutableMapping[Path, Any]) -> None:
        """Forget what the engine remembers of a job's files, so that its name is free again."""
        places = (self.submission(record), self.review(record))
        within = tuple(f"{place.relative_to(self.folder)}/" for place in places)
        for path in [path for path in hashes if str(path).startswith(within)]:
            del hashes[path]

    def datasets_of(self, owner: str) -> dict[tuple[str, str], str]:
        """(owner, dataset) -> the engine's hash of what lies here of it from before."""
        folder = self.folder / owner / COLLECTION_SUBPATH
        places = folder.iterdir() if folder.is_dir() else ()
        found = {(owner, place.name): compute_directory_hash(place) for place in places}
        return {key: content_hash for key, content_hash in found.items() if content_hash}

    def clear_dataset(self, owner: str, tag: str) -> None:
        """Remove the files of a dataset's older version."""
        shutil.rmtree(self.folder / owner / COLLECTION_SUBPATH / tag, ignore_errors=True)

    def tidy(
        self, finished: Collection[str], hashes: MutableMapping[Path, Any]
    ) -> tuple[list[str], int]:
        """Archive all but the newest finished jobs.

        Args:
            finished: ids of jobs that are finished and shown as such.
            hashes: what the engine remembers of files.

        Returns:
            The ids of finished jobs that are not in the box any more, and how many were
            archived here.

        Raises:
            StateError: the disk does not take it.
        """
        if len(finished) <= KEPT:
            return [], 0
        found = [record for record in self.records.all() if record.job_id in finished]
        found.sort(key=self.shown_at, reverse=True)
        for record in found[KEPT:]:
            self.archive.put(
                record,
                record_path=self.records.path(record.datasite, record.name),
                submission=self.submission(record),
                review=self.review(record),
            )
            self.records.drop_message(record)
            self.forget(record, hashes)
        kept = {record.job_id for record in found[:KEPT]}
        return [job_id for job_id in finished if job_id not in kept], len(found[KEPT:])

    def shorten_log(self) -> None:
        """Drop all but the newest messages; what they said lies in the box."""
        names = [entry.name for entry in os.scandir(self._log)] if self._log.is_dir() else []
        if len(names) <= KEPT_MESSAGES:
            return
        times: dict[str, float] = {}
        for name in names:
            with contextlib.suppress(ValueError):
                times[name] = FileChangeEventsMessageFileName.from_string(name).timestamp
        for name in sorted(times, key=times.__getitem__)[:-KEPT_MESSAGES]:
            (self._log / name).unlink(missing_ok=True)
