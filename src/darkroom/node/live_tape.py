"""What a live camera leaves on disk: pieces of at most a minute, each whole or not there.

    finished/<camera>-<microseconds>.json    when a piece begins, how many frames, its hash
    segments/<sha256>.zip                    its pictures, flushed before the line above
    <camera>.part                            the piece that is being written

A piece begins with a frame's true time, and its frames follow at the camera's rate. Where a
frame is missing, or comes at another time than its place says, a new piece begins: a gap
moves nothing that comes after it.
"""

import contextlib
import hashlib
import io
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom.model.canonical import canonical
from darkroom.model.live_frame import LiveFrame
from darkroom.model.segment import SECONDS, SegmentWriter
from darkroom.node.camera_work import write_file


LOOSE = 0.25  # seconds that a frame may come beside its place in a piece, or one frame's time
MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A finished piece of one camera's footage.

    Attributes:
        start: Unix seconds of its first frame.
        end: Unix seconds of its last frame.
    """

    camera: str
    start: float
    end: float
    frames: int
    sha256: str
    size: int
    width: int
    height: int

    @property
    def minute(self) -> int:
        """Minutes since 1970 in which it lies."""
        return int(self.start // SECONDS)

    @property
    def over(self) -> float:
        """Unix seconds at which its last frame was over, as near as its own frames tell."""
        apart = (self.end - self.start) / (self.frames - 1) if self.frames > 1 else LOOSE
        return self.end + apart

    @property
    def name(self) -> str:
        """Of its record; sorts by time."""
        return f"{self.camera}-{round(self.start * MICRO):016d}.json"


class Shelf:
    """The finished pieces of a dataset that are not part of a version yet."""

    def __init__(self, folder: Path) -> None:
        """Find what an earlier start left; what is not whole is dropped."""
        self.folder = folder
        self._lock = threading.Lock()
        for each in (folder / "segments", folder / "finished"):
            each.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for torn in folder.glob("*.part"):
            torn.unlink()
        self._pieces = sorted(
            filter(None, map(self._load, (folder / "finished").glob("*.json"))), key=_by_time
        )

    @property
    def pieces(self) -> list[Piece]:
        """All of them, by time."""
        with self._lock:
            return list(self._pieces)

    def file(self, piece: Piece) -> Path:
        """Where its pictures are."""
        return self.folder / "segments" / f"{piece.sha256}.zip"

    def add(self, piece: Piece) -> None:
        """Its pictures are in place: from now on it counts."""
        write_file(self.folder / "finished" / piece.name, canonical(asdict(piece)))
        with self._lock:
            self._pieces.append(piece)
            self._pieces.sort(key=_by_time)

    def drop(self, pieces: list[Piece]) -> None:
        """Forget pieces: they are part of a version now, or were erased."""
        gone = set(pieces)
        for piece in pieces:
            (self.folder / "finished" / piece.name).unlink(missing_ok=True)
        with self._lock:
            self._pieces = [piece for piece in self._pieces if piece not in gone]
            kept = {piece.sha256 for piece in self._pieces}
        for piece in pieces:
            if piece.sha256 not in kept:
                self.file(piece).unlink(missing_ok=True)

    def _load(self, record: Path) -> Piece | None:
        try:
            piece = Piece(**json.loads(record.read_bytes()))
            with self.file(piece).open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == piece.sha256
            if whole and piece.name == record.name:
                return piece
        except (OSError, ValueError, TypeError):
            pass  # it was being written as the power went
        record.unlink(missing_ok=True)
        return None


def _by_time(piece: Piece) -> tuple[float, str]:
    return (piece.start, piece.camera)


class Tape:
    """Writes one camera's pieces. Used by one thread."""

    def __init__(self, shelf: Shelf, camera: str, fps: float, *, newest: float = 0.0) -> None:
        """Begin.

        Args:
            newest: Unix seconds that no frame may lie before, beside those of its own pieces.
        """
        self._shelf = shelf
        self._camera = camera
        self._fps = fps
        self._loose = max(LOOSE, 1 / fps)
        self._file: io.BufferedRandom | None = None
        self._writer: SegmentWriter | None = None
        self._start = 0.0
        self._last = max((p.end for p in shelf.pieces if p.camera == camera), default=0.0)
        self._last = max(self._last, newest)
        self._size = (0, 0)

    @property
    def last(self) -> float:
        """Unix seconds of the newest frame that was written."""
        return self._last

    @property
    def pending(self) -> int:
        """Frames of the piece that is being written."""
        return self._writer.frames if self._writer else 0

    def add(self, frame: LiveFrame) -> Piece | None:
        """Write a frame.

        Returns:
            the piece that was finished before it, if one was.

        Raises:
            OSError: nothing can be written; `abandon` it.
        """
        finished = self.finish() if self._writer and not self._fits(frame) else None
        if self._writer is None:
            self._file = self._part.open("w+b")
            self._writer = SegmentWriter(self._file)
            self._start, self._size = frame.time, (frame.width, frame.height)
        self._writer.add(frame.picture)
        self._last = frame.time
        return finished

    def finish(self) -> Piece | None:
        """Close the piece that is being written: it is on disk when this returns."""
        if self._writer is None or self._file is None:
            return None
        writer, file = self._writer, self._file
        writer.close()
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        piece = Piece(
            camera=self._camera,
            start=self._start,
            end=self._last,
            frames=writer.frames,
            sha256=hashlib.file_digest(file, "sha256").hexdigest(),
            size=file.seek(0, os.SEEK_END),
            width=self._size[0],
            height=self._size[1],
        )
        file.close()
        self._file = self._writer = None
        self._part.chmod(0o444)
        target = self._shelf.file(piece)
        self._part.replace(target)
        _flush(target.parent)
        self._shelf.add(piece)
        return piece

    def abandon(self) -> int:
        """Drop the piece that is being written; how many frames go with it."""
        lost = self.pending
        if self._writer is not None and self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), 0)  # room for what is still to be flushed
            with contextlib.suppress(OSError, ValueError):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = self._writer = None
        self._part.unlink(missing_ok=True)
        return lost

    def _fits(self, frame: LiveFrame) -> bool:
        assert self._writer is not None
        place = self._start + self._writer.frames / self._fps
        return (
            not frame.gap
            and int(frame.time // SECONDS) == int(self._start // SECONDS)
            and abs(frame.time - place) <= self._loose
            and (frame.width, frame.height) == self._size
        )

    @property
    def _part(self) -> Path:
        return self._shelf.folder / f"{self._camera}.part"


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
