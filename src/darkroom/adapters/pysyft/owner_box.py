"""The owner's SyftBox as a view of the review queue: what lies in it, and what was noted there.

The desk is right and the box follows: jobs are put in as the engine receives messages,
`state.yaml` is rewritten from what the desk knows, finished jobs are taken out again. What
a person notes in `state.yaml` is a wish, and the desk is asked before it counts. Outputs that
wait for release lie beside the box, behind a link, for the engine reads and copies whatever
lies in it.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syft.sync.messages.proposed_filechange import ProposedFileChange, ProposedFileChangesMessage
from syft_job.job_storage import JobRef
from syft_job.models import JobState, JobStatus

from darkroom.adapters.pysyft.owner_desk import ReviewQueue, Standing
from darkroom.adapters.pysyft.owner_job_folder import JobFolder, job_folder
from darkroom.adapters.pysyft.owner_job_names import JobNames
from darkroom.adapters.pysyft.owner_jobs import OwnerJobs
from darkroom.adapters.pysyft.owner_state import last_word, state_of
from darkroom.adapters.pysyft.submitted_folder import CONFIG
from darkroom.errors import DeniedError


KEPT = 32  # finished jobs that stay in the box
MAX_LIVE = 48  # jobs at once; PySyft's sync is quadratic in them
OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxJob:
    """A request for review and its place in the box."""

    standing: Standing
    ref: JobRef

    @property
    def title(self) -> str:
        """For a line of text."""
        return f"{self.ref.job_name} ({self.ref.ds_email})"


class OwnerBox:
    """What lies in the box of one owner."""

    def __init__(
        self,
        *,
        address: str,
        jobs: OwnerJobs,
        held: Path,
        queue: ReviewQueue,
        tell: Callable[[str], object],
    ) -> None:
        """Put together by `owner_client`.

        Args:
            address: of the owner's datasite.
            jobs: the engine's job client.
            held: folder beside the box, for outputs that wait for release.
            queue: the owner's desk.
            tell: where a sentence for a person goes.
        """
        self._address = address
        self._client = jobs
        self._files = jobs.manager
        self._held = held
        self._queue = queue
        self._tell = tell
        self._told: set[str] = set()
        self._away = ""
        self._names = JobNames(address)
        self._jobs: dict[JobRef, BoxJob] = {}
        self._offered: set[int] = set()

    # ----------------------------------------------------------------------------- the view

    def refresh(self, *, wait: float = 0.0) -> None:
        """Make the box follow the desk; rejections noted in it are signed."""
        away = self._queue.fetch(wait=wait)
        if away and away != self._away:
            self._tell(f"{away}; the box shows what was known before")
        self._away = away
        found = self._named(self._queue.standings())
        shown = {job.ref: job for job in self._worth_showing(found.values())}
        for ref in list(self._files.iter_submission_refs(self._address)):
            if ref in found and ref not in shown:
                self._remove(found[ref])
            elif ref not in found and self._is_ours(ref):
                self._clear(ref)  # of a request that the desk forgot: its name is free again
        for ref, job in shown.items():
            if self._is_whole(ref):
                shown[ref] = self._follow(job)
            elif self._place(ref).exists():
                self._remove(job)  # half of it: the engine was stopped, or a person was here
        self._jobs = shown
        self._offered = set()

    def prepare(self, addresses: Iterable[str]) -> None:
        """The folders of these scientists, with the engine's own permission files."""
        for address in addresses:
            inbox = self._client.config.get_all_submissions_dir(self._address) / address
            if not (inbox / "syft.pub.yaml").is_file():
                self._client.setup_ds_job_folder_as_do(address)

    def mention_strangers(self, addresses: Iterable[str]) -> None:
        """Say whose jobs wait and are not shown, for PySyft takes none of who is no peer."""
        peers = set(addresses)
        for address in sorted({job.ref.ds_email for job in self._jobs.values()} - peers):
            self.say_once(
                f"jobs of {address} are at the desk (`darkroom review ls`); here they appear "
                "once the policy grants them something (client.approve_peer_request)"
            )

    def next_message(self, sender: str) -> tuple[bytes, str] | None:
        """A job of that scientist which is not in the box yet: (the engine's message, id)."""
        for job in self._jobs.values():
            case = job.standing.case
            if job.ref.ds_email != sender or case.id in self._offered or self._is_whole(job.ref):
                continue
            self._offered.add(case.id)
            try:
                folder = self._folder(job)
            except DeniedError:
                continue  # its files are not kept any more
            return self._message(job.ref, folder), str(case.id)
        return None

    def arrived(self, message_id: str | None) -> None:
        """The engine has written that job down."""
        for ref, job in self._jobs.items():
            if str(job.standing.case.id) == message_id and self._is_whole(ref):
                self._jobs[ref] = self._follow(job)

    def jobs(self) -> list[BoxJob]:
        """What is in the box, oldest first."""
        return [job for ref, job in self._jobs.items() if self._is_whole(ref)]

    def find(self, name: str, submitter: str | None = None) -> BoxJob:
        """The one job of that name.

        Raises:
            DeniedError: there is none, or there are several.
        """
        found = [
            job
            for job in self.jobs()
            if job.ref.job_name == name and submitter in (None, job.ref.ds_email)
        ]
        if len(found) != 1:
            raise DeniedError(
                f"{len(found)} jobs are called {ascii(name)[:80]}",
                next_step="copy the name from client.jobs, and give user= if two share it",
            )
        return found[0]

    # ------------------------------------------------------------------- the owner's wishes

    def wishes_approval(self, job: BoxJob) -> bool:
        """Whether a person noted an approval that is not signed yet."""
        noted = self._noted(job.ref)
        return (
            job.standing.status == "pending"
            and noted is not None
            and noted.status == JobStatus.APPROVED
        )

    def sign_approval(self, job: BoxJob) -> bool:
        """Show and sign what was noted, for exactly the bytes that lie in the box; once.

        Raises:
            DeniedError: the box does not hold what the desk holds, or not all can be seen in it.
        """
        case, noted = job.standing.case, self._noted(job.ref)
        at_desk = f"decide it with `{self._queue.command('review show', case)}`"
        if noted is None or noted.approval_method not in (None, "manual"):
            self._forget_wish(job)
            raise DeniedError(f"{job.title}: this is not a person's approval", next_step=at_desk)
        folder = self._folder(job)
        if folder.hidden:
            self._forget_wish(job)
            raise DeniedError(
                f"{job.title} cannot be judged here: {folder.hidden}", next_step=at_desk
            )
        if not self._holds(job.ref, folder):
            self._remove(job)
            raise DeniedError(
                f"{job.title}: the files in the box are not those of the request; "
                "nothing was signed, and they are fetched again",
                next_step="call client.sync(), read the job, and approve it again",
            )
        reason = noted.review_reason or ""
        self._tell(self._queue.sheet(case, name=job.ref.job_name, reason=reason))
        return self._queue.decide(case, "approve", reason)

    def release(self, job: BoxJob, *, with_log: bool) -> bool:
        """Show what would leave, and sign its release; once."""
        held = job.standing.held
        if held is None:
            return False
        self._tell(self._queue.sheet(held, name=job.ref.job_name, with_log=with_log))
        return self._queue.decide(held, "release", "", with_log=with_log)

    def say_once(self, text: str) -> None:
        """A sentence, unless it was said before."""
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    # ------------------------------------------------------------------------------ details

    def _named(self, standings: Sequence[Standing]) -> dict[JobRef, BoxJob]:
        found: dict[JobRef, BoxJob] = {}
        for standing, ref in zip(standings, self._names.given(standings), strict=True):
            if ref is not None:
                found[ref] = BoxJob(standing=standing, ref=ref)
            else:
                self.say_once(
                    "a request cannot be shown in PySyft's client: "
                    f"`{self._queue.command('review show', standing.case)}`"
                )
        return found

    def _worth_showing(self, jobs: Iterable[BoxJob]) -> list[BoxJob]:
        jobs = list(jobs)
        live = [job for job in jobs if not job.standing.finished]
        over = sorted(
            (job for job in jobs if job.standing.finished),
            key=lambda job: (last_word(job.standing), job.standing.case.id),
        )
        if len(live) > MAX_LIVE:
            self.say_once(
                f"{len(live) - MAX_LIVE} more jobs wait; the box shows {MAX_LIVE} at a time "
                "(`darkroom review ls` shows all)"
            )
        return sorted([*live[:MAX_LIVE], *over[-KEPT:]], key=lambda job: job.standing.case.id)

    def _follow(self, job: BoxJob) -> BoxJob:
        """Sign a rejection that was noted, then write down how the job stands."""
        noted = self._noted(job.ref)
        pending = job.standing.status == "pending"
        if pending and noted is not None and noted.status == JobStatus.REJECTED:
            if not self._is_of_this(job):
                self._remove(job)
                self._tell(
                    f"{job.title}: the files in the box are not those of the request; it was not "
                    "rejected, and they are fetched again: read the job, and reject it again"
                )
                return job
            reason = noted.review_reason or ""
            self._queue.decide(job.standing.case, "reject", reason)
            standing = next(
                (s for s in self._queue.standings() if s.case.id == job.standing.case.id),
                job.standing,
            )
            job = BoxJob(standing=standing, ref=job.ref)
        elif pending and noted is not None and noted.status == JobStatus.APPROVED:
            return job
        wanted = state_of(job.standing, self._address)
        if noted is None or noted.disk_dict() != wanted.disk_dict():
            self._files.write_state(job.ref, wanted)
        self._show_outputs(job)
        return job

    def _holds(self, ref: JobRef, folder: JobFolder) -> bool:
        """Whether exactly these bytes lie in the box."""
        return _tree(self._place(ref)) == {n: t.encode() for n, t in folder.files.items()}

    def _is_of_this(self, job: BoxJob) -> bool:
        """Whether what was read in the box is this request, as far as it can be told."""
        try:
            return self._holds(job.ref, self._folder(job))
        except DeniedError:  # its files are not kept any more
            return self._ids(job.ref).get("job_id") == job.standing.case.job_id

    def _is_ours(self, ref: JobRef) -> bool:
        return "job_id" in self._ids(ref)

    def _ids(self, ref: JobRef) -> dict[str, Any]:
        """Which request the record in the box is of."""
        with contextlib.suppress(Exception):  # a person may have written anything
            return dict(self._files.read_submission(ref).headers["darkroom"])
        return {}

    def _forget_wish(self, job: BoxJob) -> None:
        self._files.write_state(job.ref, state_of(job.standing, self._address))

    def _show_outputs(self, job: BoxJob) -> None:
        """Link to the outputs; whatever else was put in their place goes."""
        link = self._files.review_dir(job.ref) / OUTPUTS
        case = job.standing.output
        place = self._held / str(case.id) if case is not None else None
        linked = link.is_symlink() and link.readlink() == place
        if linked and place is not None and place.is_dir():
            return
        _erase(link)
        if place is None or case is None:
            return
        try:
            files = self._queue.outputs(case)
        except DeniedError:
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)
        for name, data in files.items():
            (place / name).write_bytes(data)
        link.symlink_to(place, target_is_directory=True)

    def _remove(self, job: BoxJob) -> None:
        """Take a job out of the box; the desk keeps it."""
        self._clear(job.ref)
        if job.standing.output is not None:
            _erase(self._held / str(job.standing.output.id))

    def _clear(self, ref: JobRef) -> None:
        _erase(self._place(ref))
        _erase(self._files.review_dir(ref))

    def _place(self, ref: JobRef) -> Path:
        place: Path = self._files.submission_dir(ref)
        return place

    def _is_whole(self, ref: JobRef) -> bool:
        return (self._place(ref) / CONFIG).is_file()  # the file that is written last

    def _folder(self, job: BoxJob) -> JobFolder:
        case = job.standing.case
        request, files = self._queue.read(case)
        return job_folder(request, files, name=job.ref.job_name, asked_at=case.received_at)

    def _message(self, ref: JobRef, folder: JobFolder) -> bytes:
        place = self._place(ref).relative_to(self._client.config.get_user_dir(self._address))
        message = ProposedFileChangesMessage(
            sender_email=ref.ds_email,
            proposed_file_changes=[
                ProposedFileChange(
                    path_in_datasite=place / path, content=text, datasite_email=self._address
                )
                for path, text in folder.files.items()
            ],
        )
        data: bytes = message.as_compressed_data()
        return data

    def _noted(self, ref: JobRef) -> JobState | None:
        """`state.yaml` as it lies there."""
        with contextlib.suppress(Exception):  # a person may have written anything
            return self._files.read_state(ref)
        return None


def _tree(folder: Path) -> dict[str, bytes]:
    """Path -> bytes; what is no plain file stands for itself with bytes that no text has."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            found[path.relative_to(folder).as_posix()] = b"\xff"
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def _erase(path: Path) -> None:
    """A file, a link or a folder; what a link leads to stays."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
