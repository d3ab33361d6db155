"""A folder that another program fills with clips or pictures, as a `LiveSource`.

A file is taken once nobody has written to it for a moment, in the order of its time, and
removed when all its frames are on disk, masked. What cannot be read stays where it is.
"""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from darkroom.adapters.video.process import Decoder
from darkroom.adapters.video.stream import SILENCE, masks_of
from darkroom.adapters.video.wire import MOST_PICTURE, Kind
from darkroom.errors import DarkroomError, IsolationError, StateError
from darkroom.model.camera_config import CameraConfig
from darkroom.model.containers import HEAD_BYTES, is_recording
from darkroom.model.live_frame import LiveFrame
from darkroom.ports import Clock


SETTLED = 2.0  # seconds without a change: its writer is done
LOOK_EVERY = 1.0
MOST_FILES = 10_000
BEGINS_PICTURE = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\x00", b"MM\x00*")


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A file that may be taken."""

    changed: float
    name: str


class Spool:
    """The `LiveSource` of a camera with a `folder`."""

    def __init__(
        self,
        camera: CameraConfig,
        *,
        clock: Clock,
        newest: float,
        say: Callable[[str], None],
        settled: float = SETTLED,
    ) -> None:
        """Prepare; nothing is read before `frames`.

        Args:
            camera: with what is masked.
            clock: time.
            newest: Unix seconds of the newest frame that is on disk already.
            say: told of files that cannot be used.
            settled: seconds without a change after which a file is taken.
        """
        self._camera = camera
        self._clock = clock
        self._newest = newest
        self._say = say
        self._settled = settled
        self._stopping = threading.Event()
        self._decoder: Decoder | None = None
        self._lock = threading.Lock()
        self._taken: dict[str, float] = {}  # name -> time of its last frame
        self._refused: set[str] = set()

    def frames(self) -> Iterator[LiveFrame]:
        """See `LiveSource.frames`."""
        pictures: Decoder | None = None
        try:
            while not self._stopping.is_set():
                waiting = self._look()
                for file in waiting:
                    if self._stopping.is_set():
                        return
                    with self._open(file.name) as opened:
                        head = opened.read(HEAD_BYTES)
                        opened.seek(0)
                        if head.startswith(BEGINS_PICTURE) or head[8:12] == b"WEBP":
                            pictures = pictures or self._start("pictures", "")
                            yield from self._picture(pictures, opened, file)
                        elif is_recording(head):
                            yield from self._clip(opened, file)
                        else:
                            self._refuse(file.name, "is neither a recording nor a picture")
                if not waiting:
                    self._stopping.wait(LOOK_EVERY)
        except OSError as error:
            raise StateError(
                f"the folder of camera {self._camera.id} cannot be read: {error.strerror}",
                next_step=f"check {self._camera.folder} and its rights",
            ) from error
        finally:
            if pictures is not None:
                pictures.close()

    def interrupt(self) -> None:
        """See `LiveSource.interrupt`."""
        self._stopping.set()
        if self._decoder is not None:
            self._decoder.end()

    def recorded(self, until: float) -> None:
        """See `LiveSource.recorded`: files of which every frame is on disk are removed."""
        with self._lock:
            done = [name for name, last in self._taken.items() if last <= until]
            for name in done:
                del self._taken[name]
        for name in done:
            try:
                (Path(self._camera.folder) / name).unlink(missing_ok=True)
            except OSError as error:
                self._refuse(name, f"is recorded and cannot be removed ({error.strerror})")

    # --------------------------------------------------------------------------- the files

    def _look(self) -> list[Waiting]:
        now = self._clock.now()
        found: list[Waiting] = []
        with os.scandir(self._camera.folder) as entries:
            for entry in entries:
                if len(found) == MOST_FILES:
                    break
                if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                    continue
                changed = entry.stat(follow_symlinks=False).st_mtime
                with self._lock:
                    known = entry.name in self._taken or entry.name in self._refused
                if not known and changed + self._settled <= now:
                    found.append(Waiting(changed, entry.name))
        return sorted(found)

    def _open(self, name: str) -> BinaryIO:
        descriptor = os.open(
            Path(self._camera.folder) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "a file was put in place of another one")
        return os.fdopen(descriptor, "rb")

    def _start(self, kind: str, source: str, *descriptors: int) -> Decoder:
        decoder = self._decoder = Decoder(self._camera.id)
        decoder.start(
            kind,
            source,
            fps=self._camera.fps,
            masks=masks_of(self._camera),
            descriptors=descriptors,
        )
        return decoder

    def _picture(self, decoder: Decoder, file: BinaryIO, of: Waiting) -> Iterator[LiveFrame]:
        """A picture was taken when its file was written."""
        if not self._is_new(of, of.changed):
            return
        data = file.read(MOST_PICTURE + 1)
        if len(data) > MOST_PICTURE:
            self._refuse(of.name, "is too large")
            return
        decoder.hand_in(data)
        for message, picture in decoder.messages(silence=SILENCE):
            if message.kind == Kind.FRAME:
                self._take(of, of.changed)
                yield LiveFrame(
                    time=of.changed, picture=picture, width=message.width, height=message.height
                )
            elif message.kind == Kind.DONE:
                if message.number:
                    self._refuse(of.name, "cannot be decoded")
                return
        if not self._stopping.is_set():
            self._refuse(of.name, "cannot be decoded")

    def _clip(self, file: BinaryIO, of: Waiting) -> Iterator[LiveFrame]:
        """A recording ended when its file was written last."""
        if not self._is_new(of, of.changed):
            return
        number = file.fileno()
        decoder = self._start("clip", f"/proc/self/fd/{number}", number)
        start, last, gap = of.changed, of.changed, True
        try:
            for message, picture in decoder.messages(silence=SILENCE):
                if message.kind == Kind.TICK and gap:
                    start = of.changed - message.time
                if message.kind != Kind.FRAME:
                    continue
                last = start + message.time
                if last > self._newest:
                    yield LiveFrame(
                        time=last, picture=picture, width=message.width,
                        height=message.height, gap=gap,
                    )  # fmt: skip
                    gap = False
        except IsolationError:  # the machine's fault, and not the file's
            raise
        except DarkroomError as error:
            self._refuse(of.name, f"cannot be decoded to its end: {error.message}")
            return
        finally:
            decoder.close()
        if gap and not self._stopping.is_set():
            self._refuse(of.name, "gave no frame that is newer than the footage there is")
        elif not gap:
            self._take(of, last)

    def _is_new(self, of: Waiting, last: float) -> bool:
        if last > self._newest:
            return True
        self._refuse(of.name, "is older than the footage there is")
        return False

    def _take(self, of: Waiting, last: float) -> None:
        self._newest = max(self._newest, last)
        with self._lock:
            self._taken[of.name] = last

    def _refuse(self, name: str, why: str) -> None:
        with self._lock:
            self._taken.pop(name, None)
            new = name not in self._refused
            self._refused.add(name)
        if new:
            self._say(f"camera {self._camera.id}: {ascii(name)[:80]} {why}; it stays where it is")
