"""The finished camera-minutes of an ingest that is under way, on disk.

    finished/<camera>-<minute>.json    facts and annotations of a finished segment
    segments/<sha256>.zip              its pictures, flushed before the line above

What a killed ingest had not finished is one temporary file, which the next start drops.
"""

import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom.model.canonical import canonical
from darkroom.model.segment import Row, SegmentWriter, first_frame


Truth = list[list[Row] | None]
"""Per frame: its rows, or None where nobody labelled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A finished camera-minute.

    Attributes:
        declared: how many frames the container said the recording has.
        last: hash of its last picture.
        truth: rows per frame of a synthetic world; empty for real footage.
    """

    minute: int
    frames: int
    sha256: str
    size: int
    width: int
    height: int
    fps: float
    declared: int
    last: str
    truth: list[list[Row]]


def write_file(path: Path, data: bytes) -> None:
    """All of it or nothing, on disk when this returns."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the first window says of a recording, and every later one must agree with."""

    width: int
    height: int
    fps: float
    declared: int


class CameraWork:
    """One camera's finished segments, and the one that is being written.

    Attributes:
        facts: None before the first window.
    """

    def __init__(self, folder: Path, camera: str) -> None:
        self.camera = camera
        self._folder = folder
        self._segments = folder / "segments"
        self._records = folder / "finished"
        for each in (self._segments, self._records):
            each.mkdir(parents=True, exist_ok=True)
        self._file: io.BufferedRandom | None = None
        self._writer: SegmentWriter | None = None
        self._truth: list[list[Row]] = []
        self._last = ""
        self.finished: list[Finished] = []
        while (segment := self._load(len(self.finished))) is not None:
            self.finished.append(segment)
        self.facts: Facts | None = None
        if self.finished:
            one = self.finished[0]
            self.facts = Facts(
                width=one.width, height=one.height, fps=one.fps, declared=one.declared
            )

    @property
    def frames(self) -> int:
        """Frames in finished segments and in the one being written."""
        begun = self._writer.frames if self._writer else 0
        return sum(segment.frames for segment in self.finished) + begun

    @property
    def last(self) -> str:
        """Hash of the last picture, "" before the first."""
        if self._writer and self._writer.frames:
            return self._last
        return self.finished[-1].last if self.finished else ""

    def segment(self, finished: Finished) -> Path:
        """The file of a finished segment."""
        return self._segments / f"{finished.sha256}.zip"

    def add(self, picture: bytes, rows: list[Row] | None, facts: Facts) -> None:
        """Append a frame; a full minute becomes a finished segment."""
        self.facts = self.facts or facts
        if self._writer is None:
            self._file = self._part.open("w+b")
            self._writer = SegmentWriter(self._file)
            self._truth = []
        self._writer.add(picture)
        self._last = hashlib.sha256(picture).hexdigest()
        if rows is not None:
            self._truth.append(rows)
        minute = len(self.finished)
        fps = self.facts.fps
        if self._writer.frames == first_frame(minute + 1, fps) - first_frame(minute, fps):
            self.finish()

    def finish(self) -> None:
        """Close the segment that is being written, if there is one."""
        if self._writer is None or self._file is None or self.facts is None:
            return
        writer, file = self._writer, self._file
        writer.close()
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        finished = Finished(
            minute=len(self.finished),
            frames=writer.frames,
            sha256=sha256,
            size=file.seek(0, os.SEEK_END),
            last=self._last,
            truth=self._truth,
            **asdict(self.facts),
        )
        self._drop()
        self._part.chmod(0o444)
        self._part.replace(self.segment(finished))
        _flush_folder(self._segments)
        write_file(self._record(finished.minute), canonical(asdict(finished)))
        self.finished.append(finished)

    def abandon(self) -> None:
        """Drop the segment that is being written."""
        self._drop()
        self._part.unlink(missing_ok=True)

    def _drop(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None

    @property
    def _part(self) -> Path:
        return self._folder / f"{self.camera}.part"

    def _record(self, minute: int) -> Path:
        return self._records / f"{self.camera}-{minute:08d}.json"

    def _load(self, minute: int) -> Finished | None:
        """A segment of an earlier start, if it is whole."""
        try:
            finished = Finished(**json.loads(self._record(minute).read_bytes()))
            with self.segment(finished).open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return finished if whole == finished.sha256 else None
