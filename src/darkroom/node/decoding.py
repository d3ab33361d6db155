"""Have one window of footage decoded in the sandbox, and take over what came out.

The node opens no picture: it reads numbers out of `result.json`, checks each against what
it asked for, and cuts a file of opaque bytes whose size and hash are the declared ones.
"""

import hashlib
import io
import json
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from darkroom.errors import DataError, IsolationError, StateError
from darkroom.model.job import Limits
from darkroom.model.segment import FASTEST, SLOWEST, Row
from darkroom.node.footage_source import FootageSource
from darkroom.ports import Outcome, Runtime, Sandbox, SandboxTask


WINDOW_FRAMES = 600
MOST_PICTURE_BYTES = 32 << 20
FULL_BYTES = 1 << 20
MOST_RESULT_BYTES = 1 << 20
MOST_TRUTH_BYTES = 64 << 20
LIMITS = Limits(
    memory_mib=1024,
    cpu_seconds=900,
    wall_seconds=1800,
    processes=32,
    files=128,
    output_mib=160,  # a window ends at 64 MiB, plus its last picture
)

NO_ROOM = "free some space and start the same ingest again: it goes on where it stopped"
_REFUSED: dict[str, tuple[str, str]] = {
    "not-footage": (
        "is not a video or picture that can be decoded (damaged, or not footage)",
        "copy the recording again, or convert it: ffmpeg -i SOURCE -c:v libx264 OUT.mp4",
    ),
    "no-rate": (
        "does not say how many frames a second it has, or says less than one a minute",
        "give --fps",
    ),
    "too-large": (
        "has pictures of more than 16 million pixels",
        "scale it down before ingest, or use the camera's sub-stream",
    ),
    "size-differs": (
        "has pictures of different sizes",
        "ingest each size as a camera of its own",
    ),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Result(_Strict):
    width: int = Field(ge=0, le=1 << 15)
    height: int = Field(ge=0, le=1 << 15)
    fps: float = Field(ge=SLOWEST, le=FASTEST, allow_inf_nan=False)
    declared: int = Field(ge=0, le=1_000_000_000)
    ended: bool
    overlap: str = Field(pattern=r"^([0-9a-f]{64})?$")
    sizes: list[int] = Field(max_length=WINDOW_FRAMES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


_TRUTH = TypeAdapter(list[list[Annotated[list[FiniteFloat], Field(min_length=7, max_length=7)]]])


class _Refusal(_Strict):
    refused: str = Field(max_length=40)
    at: int = Field(ge=0, le=1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A decoded window; its pictures are read from a file that lives as long as the
    context that gave it.

    Attributes:
        declared: how many frames the container says the recording has.
        overlap: hash of the picture before the window, "" when there is none.
        sizes: bytes of each picture.
        truth: rows per frame, of a synthetic world.
    """

    width: int
    height: int
    fps: float
    declared: int
    ended: bool
    overlap: str
    sizes: tuple[int, ...]
    truth: tuple[list[Row], ...]
    file: io.BufferedReader

    def pictures(self) -> Iterator[bytes]:
        """The encoded pictures in order; bytes that nobody here looks into."""
        self.file.seek(0)
        for size in self.sizes:
            yield self.file.read(size)


class Decoder:
    """Decodes windows of one source."""

    def __init__(
        self, *, sandbox: Sandbox, runtime: Runtime, source: FootageSource, work: Path
    ) -> None:
        self._sandbox = sandbox
        self._runtime = runtime
        self._source = source
        self._work = work

    @contextmanager
    def decode(
        self, first: int, *, size: tuple[int, int] | None, sequential: bool
    ) -> Iterator[Window]:
        """Decode the window that begins at frame `first`.

        Args:
            first: Index of its first frame.
            size: Width and height of the windows before.
            sequential: Walk to the first frame instead of winding there.

        Raises:
            DataError: this is not footage that can be used.
            StateError: no room.
            IsolationError: the sandbox could not be set up.
        """
        request, footage = self._request(first, size=size, sequential=sequential)
        with tempfile.TemporaryDirectory(dir=self._work, prefix="window-") as folder:
            out = Path(folder) / "out"
            out.mkdir()
            try:
                outcome = self._sandbox.run(
                    SandboxTask(
                        task_id=uuid.uuid4().hex,
                        program="decode",
                        runtime=self._runtime,
                        request=request,
                        limits=LIMITS,
                        out=out,
                        dataset=footage,
                    )
                )
            except IsolationError as error:
                if shutil.disk_usage(self._work).free > FULL_BYTES:
                    raise
                raise StateError(
                    f"{self._source.camera}: the disk is full", next_step=NO_ROOM
                ) from error
            self._require_done(outcome)
            window = self._take(out)
            try:
                yield window
            finally:
                window.file.close()

    def _footage(self) -> tuple[Path | None, str]:
        """The folder that the worker sees, and the video's name in it.

        The worker sees nothing beside the video, where the file system can link; nothing
        is copied, so that unmasked pixels stay where they are.
        """
        source = self._source
        if source.kind != "video" or source.path is None:
            return source.path, ""
        staging = self._work / f"source-{source.camera}"
        link = staging / "footage"
        try:
            staging.mkdir(exist_ok=True)
            if not link.exists():
                os.link(source.path, link)
            owner = source.path.stat()
            if os.geteuid() == 0:  # the sandbox shows the folder's owner as its own user
                os.chown(staging, owner.st_uid, owner.st_gid)
        except OSError:
            return source.path.parent, source.path.name
        return staging, link.name

    def _request(
        self, first: int, *, size: tuple[int, int] | None, sequential: bool
    ) -> tuple[dict[str, Any], Path | None]:
        source = self._source
        folder, file = self._footage()
        request: dict[str, Any] = {
            "kind": source.kind,
            "camera": source.camera,
            "first": first,
            "count": WINDOW_FRAMES,
            "fps": source.fps,
            "masks": [*source.masks],
            "size": [*size] if size else None,
            "sequential": sequential,
        }
        match source.kind:
            case "video":
                request["file"] = file
            case "pictures":
                request["pictures"] = [*source.pictures[first : first + WINDOW_FRAMES]]
                request["declared"] = len(source.pictures)
            case "world":
                request["recipe"] = source.recipe
        return request, folder

    def _require_done(self, outcome: Outcome) -> None:
        camera = self._source.camera
        if outcome.status == "limit":
            raise DataError(
                f"{camera}: the decoder hit its limit of {outcome.limit}",
                next_step="use a smaller picture or a lower rate, or convert the recording",
            )
        if outcome.status != "done":
            raise DataError(
                f"{camera}: the decoder gave up ({outcome.error_class or outcome.status})",
                next_step=_REFUSED["not-footage"][1],
            )

    def _take(self, out: Path) -> Window:
        result = self._result(out)
        truth: tuple[list[Row], ...] = ()
        try:
            if self._source.kind == "world" and result.sizes:
                truth = _truth(_bounded(out / "truth.json", MOST_TRUTH_BYTES))
            file = _regular(out / "pictures")
        except (OSError, ValueError, RecursionError) as error:
            raise self._broken("files") from error
        sound = (
            os.fstat(file.fileno()).st_size == sum(result.sizes)
            and hashlib.file_digest(file, "sha256").hexdigest() == result.sha256
            and all(0 < size <= MOST_PICTURE_BYTES for size in result.sizes)
            and (not result.sizes or min(result.width, result.height) > 0)
            and (not self._source.fps or self._source.fps == result.fps)
            and (self._source.kind != "world" or len(truth) == len(result.sizes))
        )
        if not sound:
            file.close()
            raise self._broken("pictures")
        fields = result.model_dump(exclude={"sizes", "sha256"})
        return Window(sizes=tuple(result.sizes), truth=truth, file=file, **fields)

    def _result(self, out: Path) -> _Result:
        try:
            value = json.loads(_bounded(out / "result.json", MOST_RESULT_BYTES))
            if "refused" in value:
                self._refuse(_Refusal.model_validate(value))
            return _Result.model_validate(value)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise self._broken("facts") from error

    def _refuse(self, refusal: _Refusal) -> None:
        camera = self._source.camera
        if refusal.refused == "no-room":
            raise StateError(f"{camera}: the decoder found no room", next_step=NO_ROOM)
        if refusal.refused not in _REFUSED:
            raise self._broken("refusal")
        what, next_step = _REFUSED[refusal.refused]
        where = self._source.path.name if self._source.path else "the world"
        if self._source.pictures and refusal.at < len(self._source.pictures):
            where = f"{where}/{self._source.pictures[refusal.at]}"
        raise DataError(f"{camera}: {where!a} {what}", next_step=next_step)

    def _broken(self, what: str) -> DataError:
        return DataError(
            f"{self._source.camera}: the decode worker handed back broken {what}",
            next_step="do not use this recording: it may be made to attack the decoder",
        )


def _regular(path: Path) -> io.BufferedReader:
    """Open a regular file, following no link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("not a regular file")
    return os.fdopen(descriptor, "rb")


def _truth(data: bytes) -> tuple[list[Row], ...]:
    return tuple(
        [[int(row[0]), int(row[1]), *row[2:]] for row in frame]
        for frame in _TRUTH.validate_json(data)
    )


def _bounded(path: Path, most: int) -> bytes:
    with _regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError("too long")
    return data
