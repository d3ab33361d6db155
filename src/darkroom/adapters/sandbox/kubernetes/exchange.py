"""The volume that the node and its jobs share, and where a path lies on the cluster's volumes.

    tasks/<task>/job/{request.json, order.json, code/…}   read-only in the pod
    tasks/<task>/parts/…                                  read-only, where a task has some
    tasks/<task>/kept/{out/…, log, verdict.json}          what the collector left

Node and pods have different users and one group; everything here is the group's to read.
Others of the group write beside `tasks`, so that no link is followed on the way to it, and
the folder that was opened at the start is the one that is used until the end.
"""

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.sandbox.kubernetes.manifest import JOB_NAME, Place
from darkroom.errors import DarkroomError, IsolationError, StateError
from darkroom.model.job import Limits
from darkroom.ports import SandboxTask
from darkroom.walls.collect import Collector, RefusedOutputError, empty
from darkroom.walls.collector import TAKEN
from darkroom.walls.order import LOG, MAX_LOG, MAX_VERDICT, ORDER, REFUSED, VERDICT, Order, Verdict


MIB = 1 << 20
FOLDER, SHARED, FILE = 0o750, 0o770, 0o640
MOST_LEFT = 4096  # folders of tasks that are looked at after a crash
TASK_FOLDER = re.compile(rf"{JOB_NAME.pattern}-[0-9a-f]{{8}}")
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume: where the node sees it, and the claim that jobs name."""

    path: Path
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """Where the parts of one task lie.

    Attributes:
        folder: of the task; another one each time that it runs, so that a pod of a node that
            was killed finds none.
        job, kept: paths on the exchange's volume.
    """

    folder: Path
    job: str
    kept: str
    data: Place | None
    parts: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What came back. `verdict` is None when there is none that can be read."""

    verdict: Verdict | None
    log: bytes
    refused: str


class Exchange:
    """Task folders on the shared volume.

    Args:
        root: the volume, as the node sees it.
        mounts: all volumes that jobs may mount, the exchange among them.

    Raises:
        IsolationError: the volume is not mounted here, is no volume of sandbox.yaml, or what
            should be a folder of ours on it is none.
    """

    def __init__(self, root: Path, mounts: Sequence[Mount]) -> None:
        self._mounts = sorted(mounts, key=lambda mount: len(mount.path.parts), reverse=True)
        self.root = root
        if not root.is_dir():
            raise IsolationError(
                f"the exchange volume is not mounted at {root}",
                next_step="mount it into the node's pod, or mend `exchange` in sandbox.yaml",
            )
        place = self.place(root)
        if place is None:
            raise IsolationError(
                f"the exchange {root} lies on no volume of sandbox.yaml",
                next_step="add it to `mounts` with its claim",
            )
        self.claim, self._below = place.claim, place.path
        with _told("exchange"):
            descriptor = _our_folder(root / "tasks")
        weakref.finalize(self, os.close, descriptor)
        self._tasks = Path(f"/proc/self/fd/{descriptor}")

    def place(self, path: Path) -> Place | None:
        """Claim and path of a folder, or None when it lies on no volume of ours."""
        real = path.resolve()
        for mount in self._mounts:
            with contextlib.suppress(ValueError):
                below = real.relative_to(mount.path.resolve())
                return Place(claim=mount.claim, path="" if below == Path() else below.as_posix())
        return None

    def lay_out(self, name: str, task: SandboxTask, order: Order) -> Laid:
        """Write a task's folder.

        Raises:
            IsolationError: a folder of the task cannot be opened, or lies where no job can
                mount it.
            StateError: the volume is full.
        """
        folder = self._tasks / f"{name}-{secrets.token_hex(4)}"
        data = self._footage(task.dataset) if task.dataset else None
        for path in (task.code, task.parts, task.out):
            if path is not None and not path.is_dir():
                raise _cannot_open(path)
        there = {p: self._sub(folder.name, p) for p in ("job", "kept", "parts")}
        parts = Place(claim=self.claim, path=there["parts"]) if task.parts else None
        laid = Laid(folder=folder, job=there["job"], kept=there["kept"], data=data, parts=parts)
        try:
            with _told("exchange"):
                self._write(folder, task, order)
        except DarkroomError:
            self.remove(folder)
            raise
        return laid

    def _write(self, folder: Path, task: SandboxTask, order: Order) -> None:
        for part, mode in (("", FOLDER), ("job", FOLDER), ("kept", SHARED)):
            (folder / part).mkdir()
            (folder / part).chmod(mode)
        _write(folder / "job" / "request.json", json.dumps(task.request).encode())
        _write(folder / "job" / ORDER, order.to_json())
        if task.code is not None:
            _copy(task.code, folder / "job" / "code")
        if task.parts is not None:
            _copy(task.parts, folder / "parts")

    def _sub(self, folder: str, part: str) -> str:
        return f"{self._below}/tasks/{folder}/{part}".lstrip("/")

    def _footage(self, dataset: Path) -> Place:
        place = self.place(dataset)
        # Footage of another Pi is not mounted here: its own machine sees whether it is there.
        seen = place is None or any(
            m.claim == place.claim and m.path.is_dir() for m in self._mounts
        )
        if seen and not dataset.is_dir():
            raise _cannot_open(dataset)
        if place is None or not place.path:  # a job sees one folder of a volume, never all of it
            raise IsolationError(
                f"the dataset at {dataset} lies on no volume that jobs can mount",
                next_step="keep footage below a path of `mounts` in sandbox.yaml",
            )
        return place

    def collect(self, folder: Path, out: Path, limits: Limits) -> Kept:
        """Take what the collector kept, checked once more, into the task's own folder."""
        kept = folder / "kept"
        verdict = Verdict.from_json(_read(kept / VERDICT, MAX_VERDICT))
        refused = _read(kept / REFUSED, 64).decode("ascii", "replace")
        taken = kept / TAKEN
        if verdict is not None and verdict.code == 0 and not refused and not verdict.stopped:
            with _told("node's disk"):
                refused = _take(taken, out, limits)
        return Kept(verdict=verdict, log=_read(kept / LOG, MAX_LOG), refused=refused)

    def remove(self, folder: Path) -> None:
        """Take a task's folder away."""
        shutil.rmtree(folder, ignore_errors=True)

    def left_behind(self) -> dict[Path, str]:
        """Folders of tasks and their Jobs: at the start, those of a node that was killed."""
        with os.scandir(self._tasks) as entries:
            found = [
                Path(entry.path)
                for entry, _ in zip(entries, range(MOST_LEFT), strict=False)
                if TASK_FOLDER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
        return {folder: folder.name.rpartition("-")[0] for folder in found}


def _our_folder(path: Path) -> int:
    """Open a folder that is the node's own and no link; made where there is none."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=FOLDER)
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _not_ours(path) from error
        raise
    try:
        info = os.fstat(descriptor)
        if info.st_uid != os.geteuid():
            raise _not_ours(path)
        os.fchmod(descriptor, FOLDER | info.st_mode & stat.S_ISGID)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _not_ours(path: Path) -> IsolationError:
    return IsolationError(
        f"{path} is a link, or no folder that this node made",
        next_step="find out who put it there; then remove it and restart the node",
    )


def _take(source: Path, target: Path, limits: Limits) -> str:
    """Copy; the word for why not, or ""."""
    collector = Collector(most_bytes=limits.output_mib * MIB, most_files=limits.files)
    reading = os.open(source, _OPEN)
    try:
        writing = os.open(target, _OPEN)
        try:
            collector.take(reading, writing)
        except RefusedOutputError as refused:
            empty(writing)
            return refused.error_class
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    return ""


def _copy(source: Path, target: Path) -> None:
    """A tree of the node's own, readable for the group; links are not followed nor taken."""
    target.mkdir()
    target.chmod(FOLDER)
    with os.scandir(source) as entries:
        for entry in entries:
            inner = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                _copy(Path(entry.path), inner)
            elif entry.is_file(follow_symlinks=False):
                shutil.copyfile(entry.path, inner, follow_symlinks=False)
                inner.chmod(FILE)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(FILE)


def _read(path: Path, most: int) -> bytes:
    """A regular file, bounded; b"" when it is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def _cannot_open(path: Path) -> IsolationError:
    return IsolationError(
        f"a folder of the task cannot be opened: {path}", next_step="name existing folders"
    )


@contextlib.contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told: DarkroomError = IsolationError(
            f"the {place} cannot be used: {error.strerror}",
            next_step="check the volume and that the node's group owns it",
        )
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            told = StateError(f"the {place} is full", next_step="free room on that volume")
        raise told from error
