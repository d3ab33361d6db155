"""Footage in, an immutable dataset version out; stopped anywhere, it goes on from there.

The work folder's name is the hash of what decides the pixels: sources, rates and masks.
Labels and splits are applied at the end, so mended labels need no second decoding.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.errors import DataError, InputError, SpecError, StateError
from darkroom.model.canonical import canonical, digest, digest_bytes
from darkroom.model.dataset import AnnotationSource, Camera, Manifest, Segment
from darkroom.model.identity import require_name
from darkroom.model.segment import first_frame, splits
from darkroom.node.camera_work import CameraWork, Facts, Finished, Truth, write_file
from darkroom.node.decoding import NO_ROOM, Decoder, Window
from darkroom.node.footage_source import FootageSource
from darkroom.node.labels import Labels
from darkroom.node.masking import unmasked
from darkroom.ports import FootageStore, Runtime, Sandbox


SPARE_BYTES = 192 << 20  # a window twice, and something for the rest of the node


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPlan:
    """What is to become one dataset version.

    Attributes:
        sources: one per camera.
        classes: the dataset's class names, in the order of their ids.
        labels: camera -> the boxes that the owner brought.
    """

    dataset: str
    sources: tuple[FootageSource, ...]
    classes: tuple[str, ...]
    labels: Mapping[str, Labels] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.dataset, "dataset")
        cameras = [source.camera for source in self.sources]
        if not cameras or len(set(cameras)) < len(cameras):
            raise SpecError(
                "an ingest needs sources, each of a camera of its own",
                next_step="give one --camera for every SOURCE, no name twice",
            )

    @property
    def work_name(self) -> str:
        """The same for the same pixels."""
        pixels = [[s.title, s.fps, s.start, [*s.masks]] for s in self.sources]
        return f"{self.dataset}-{digest(pixels)[7:23]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """Where an ingest stands.

    Attributes:
        frames: decoded so far, of this camera.
        expected: how many the camera has, 0 when nobody knows yet.
        resumed: of `frames`, those from an earlier start.
    """

    camera: str
    frames: int
    expected: int
    resumed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """A finished ingest.

    Attributes:
        warnings: what the owner should know, in plain words.
    """

    manifest: Manifest
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    """One camera, decoded to its end."""

    source: FootageSource
    work: CameraWork

    @property
    def segments(self) -> list[Finished]:
        return self.work.finished

    @property
    def declared(self) -> int:
        return self.segments[0].declared

    @property
    def camera(self) -> Camera:
        first = self.segments[0]
        return Camera(
            id=self.source.camera,
            width=first.width,
            height=first.height,
            fps=first.fps,
            frames=self.work.frames,
            masked=bool(self.source.masks),
        )


class Ingest:
    """Decodes in the sandbox, stores the result, keeps what is finished."""

    def __init__(
        self, *, sandbox: Sandbox, runtime: Runtime, store: FootageStore, state: Path
    ) -> None:
        self._sandbox = sandbox
        self._runtime = runtime
        self._store = store
        self._state = state

    def run(
        self,
        plan: IngestPlan,
        *,
        progress: Callable[[IngestProgress], None] = lambda _: None,
    ) -> Ingested:
        """Make the version. The same plan again gives the same version.

        Raises:
            DataError: footage or labels cannot be used.
            StateError: no room; what is finished is kept for the next start.
            InputError: another process does the same ingest.
        """
        folder = self._state / "ingest" / plan.work_name
        with _working(folder):
            recordings = [
                self._record(source, folder, plan.labels.get(source.camera), progress)
                for source in plan.sources
            ]
            face = folder / "face"
            manifest = _assemble(face, recordings, plan)
            self._store.put(face, manifest)
            shutil.rmtree(folder)
        return Ingested(manifest=manifest, warnings=tuple(_warnings(recordings)))

    def _record(
        self,
        source: FootageSource,
        folder: Path,
        labels: Labels | None,
        progress: Callable[[IngestProgress], None],
    ) -> _Recording:
        """Decode a camera to its end, from where an earlier start stopped."""
        decoder = Decoder(sandbox=self._sandbox, runtime=self._runtime, source=source, work=folder)
        work = CameraWork(folder, source.camera)
        resumed = work.frames

        def tell() -> None:
            progress(
                IngestProgress(
                    camera=source.camera,
                    frames=work.frames,
                    expected=source.frames or (work.facts.declared if work.facts else 0),
                    resumed=resumed,
                )
            )

        tell()
        ended = bool(source.frames) and work.frames >= source.frames
        try:
            while not ended:
                self._require_room(folder)
                with _next_window(decoder, source, work) as window:
                    if labels and window.sizes and work.frames == resumed:
                        labels.rows(window.width, window.height)  # wrong ones fail early
                    _take_in(window, work)
                    ended = window.ended or not window.sizes or work.frames == source.frames
                    if ended:
                        work.finish()
                tell()
        finally:
            work.abandon()
        if not work.frames:
            raise DataError(
                f"{source.camera}: not one frame could be decoded",
                next_step="copy the recording again; nothing was registered",
            )
        return _Recording(source=source, work=work)

    @staticmethod
    def _require_room(folder: Path) -> None:
        if shutil.disk_usage(folder).free < SPARE_BYTES:
            raise StateError(
                f"less than {SPARE_BYTES >> 20} MiB are free for footage",
                next_step=NO_ROOM,
            )


# ------------------------------------------------------------------------- window by window


@contextmanager
def _next_window(decoder: Decoder, source: FootageSource, work: CameraWork) -> Iterator[Window]:
    """The window after what is there.

    The picture before it, decoded twice, is the same only if the decoder wound to the
    right place. Where a recording cannot be wound, the decoder is made to walk.
    """
    known = work.facts
    size = (known.width, known.height) if known else None
    for sequential in (False, True):
        with decoder.decode(work.frames, size=size, sequential=sequential) as window:
            same = known is None or known.fps == window.fps
            if source.kind == "video" and (window.overlap or window.sizes):
                same = same and window.overlap == work.last
            if same:
                yield window
                return
        if source.kind != "video":
            break
    raise DataError(
        f"{source.camera}: frame {work.frames} does not decode the same way twice",
        next_step="convert the recording: ffmpeg -i SOURCE -c:v libx264 OUT.mp4",
    )


def _take_in(window: Window, work: CameraWork) -> None:
    facts = Facts(
        width=window.width,
        height=window.height,
        fps=window.fps,
        declared=window.declared,
    )
    for position, picture in enumerate(window.pictures()):
        work.add(picture, window.truth[position] if window.truth else None, facts)


@contextmanager
def _working(folder: Path) -> Iterator[None]:
    """The folder exists, is private, and is ours alone; a full disk is said as such."""
    lock = folder.with_suffix(".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.parent.chmod(0o700)
        with lock.open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    "the same footage is being ingested by another process",
                    next_step="wait for it to end",
                ) from error
            yield
            lock.unlink()  # done: the next ingest makes its own
    except OSError as error:
        raise StateError(
            f"ingest stopped: {error.strerror or type(error).__name__}", next_step=NO_ROOM
        ) from error


def drop_unfinished(work: Path, dataset: str) -> int:
    """Erase what ingests that were stopped have left; how many there were.

    One that runs now is left alone.

    Args:
        work: as an `Ingest` has it as its `state`.
        dataset: of this one; "" of all.
    """
    dropped = 0
    for folder in sorted((work / "ingest").glob(f"{dataset or '*'}-*")):
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(InputError), _working(folder):
                shutil.rmtree(folder)
                dropped += 1
    return dropped


# ----------------------------------------------------------------------------- the version


def _assemble(face: Path, recordings: Sequence[_Recording], plan: IngestPlan) -> Manifest:
    """The face folder, and its manifest."""
    shutil.rmtree(face, ignore_errors=True)
    for name in ("segments", "annotations"):
        (face / name).mkdir(parents=True)
    split = splits([(r.source.camera, s.minute) for r in recordings for s in r.segments])
    known: set[AnnotationSource] = set()
    segments = []
    for recording in recordings:
        source, camera = recording.source, recording.camera
        truth = _truth(recording, plan.labels.get(source.camera))
        if truth:
            known.add("synthetic" if source.kind == "world" else "owner")
        for finished in recording.segments:
            target = face / "segments" / f"{finished.sha256}.zip"
            if not target.exists():
                os.link(recording.work.segment(finished), target)
            first = first_frame(finished.minute, camera.fps)
            segments.append(
                Segment(
                    camera=source.camera,
                    minute=finished.minute,
                    first=first,
                    frames=finished.frames,
                    start=source.start + first / camera.fps,
                    split=split[source.camera, finished.minute],
                    sha256=finished.sha256,
                    size=finished.size,
                    annotations=_annotate(face, truth.get(finished.minute)),
                )
            )
    manifest = Manifest(
        dataset=plan.dataset,
        face="private",
        cameras=tuple(recording.camera for recording in recordings),
        classes=plan.classes,
        annotations=min(known, default="none"),
        segments=tuple(segments),
        source="; ".join(recording.source.title for recording in recordings),
        masks={r.source.camera: [*r.source.masks] for r in recordings if r.source.masks},
    )
    write_file(face / "manifest.json", canonical(manifest.to_mapping()))
    return manifest


def _truth(recording: _Recording, labels: Labels | None) -> dict[int, Truth]:
    """Minute -> what is true on its frames; empty where nobody knows."""
    source, camera = recording.source, recording.camera
    truth: dict[int, Truth] = {}
    if source.kind == "world":
        truth = {segment.minute: [*segment.truth] for segment in recording.segments}
    elif labels is not None:
        labels.require_within(camera.frames)
        rows_of = labels.rows(camera.width, camera.height)
        for segment in recording.segments:
            first = first_frame(segment.minute, camera.fps)
            indices = range(first, first + segment.frames)
            truth[segment.minute] = [rows_of.get(index) for index in indices]
    return {
        minute: [None if r is None else unmasked(r, source.masks) for r in frames]
        for minute, frames in truth.items()
    }


def _annotate(face: Path, truth: Truth | None) -> str:
    """Write a segment's annotations; their hash, or "" where there are none."""
    if truth is None:
        return ""
    data = canonical(truth)
    name = digest_bytes(data).removeprefix("sha256:")
    path = face / "annotations" / f"{name}.json"
    if not path.exists():
        write_file(path, data)
    return name


def _warnings(recordings: Sequence[_Recording]) -> Iterator[str]:
    for recording in recordings:
        lost = recording.declared - recording.work.frames
        # Containers that guess their length from duration and rate are a frame or two off.
        if lost > max(2, recording.declared // 1000):
            yield (
                f"{recording.source.camera}: the recording declares "
                f"{recording.declared} frames, {recording.work.frames} could be decoded; "
                "it is truncated or damaged, and what decodes was kept"
            )
