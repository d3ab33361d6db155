"""A dataset as a job reads it: one face on disk, one frame in memory at a time.

The same class serves mock and private. The layout of a face is in `model/dataset.py`. Hashes
are checked here: footage of another Pi was seen by nobody else before it is read.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from darkroom.errors import DataError, InputError, NoAnnotationsError, SpecError
from darkroom.model.dataset import Camera, Manifest, Segment


if TYPE_CHECKING:
    import zipfile

    import numpy as np
    from numpy.typing import NDArray

    from darkroom.model.detection import Annotations

MANIFEST = "manifest.json"
MAX_MANIFEST = 64 << 20
MAX_ANNOTATIONS = 64 << 20
MAX_PICTURE = 32 << 20
ANNOTATION_FIELDS = 7
_AGAIN = "ask the data owner to ingest the footage again"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One picture of one camera.

    Attributes:
        image: RGB, uint8, height x width x 3.
        camera: id of the camera.
        index: number of the frame within the camera, from 0.
        time: Unix seconds.
        minute: minutes since the start of the recording.
        split: `train` or `test`.
        annotations: what is true on the picture, or None when nobody has said.
    """

    image: "NDArray[np.uint8]"
    camera: str
    index: int
    time: float
    minute: int
    split: Literal["train", "test"]
    annotations: "Annotations | None"


class Dataset:
    """The frames of a dataset, for one job or one of its workers.

    Attributes:
        name: of the dataset.
        face: `mock` or `private`.
        classes: names of the annotated classes, by class id.
        cameras: the cameras of this worker.
        annotated: whether frames carry annotations.
    """

    def __init__(
        self,
        folder: Path | str,
        cameras: Sequence[str] | None = None,
        minutes: Sequence[Sequence[Any]] | None = None,
        version: str | None = None,
    ) -> None:
        """Open a face.

        Args:
            folder: with `manifest.json`, or the path of that file.
            cameras: ids of the cameras to show; None for all.
            minutes: `(camera, minute)` of the segments to show; None for all.
            version: that the face has to be; None for any.

        Raises:
            DataError: the face is damaged, or another version.
            InputError: a camera is not in the dataset.
        """
        path = Path(folder)
        self._folder = path.parent if path.name == MANIFEST else path
        manifest = read_manifest(self._folder / MANIFEST)
        if version not in (None, manifest.version):
            raise DataError("the dataset is not the version that was asked for", next_step=_AGAIN)
        self._whole: set[str] = set()
        known = {camera.id for camera in manifest.cameras}
        wanted = known if cameras is None else set(cameras)
        if wanted - known:
            raise InputError(
                f"the dataset has no camera {min(wanted - known)}",
                next_step=f"use one of {', '.join(sorted(known))}",
            )
        self.name: str = manifest.dataset
        self.face: Literal["private", "mock"] = manifest.face
        self.classes: tuple[str, ...] = manifest.classes
        self.cameras: list[Camera] = [c for c in manifest.cameras if c.id in wanted]
        self.annotated: bool = manifest.annotations != "none"
        shown = None if minutes is None else {(camera, minute) for camera, minute in minutes}
        self._segments = sorted(
            (
                s
                for s in manifest.segments
                if s.camera in wanted and (shown is None or (s.camera, s.minute) in shown)
            ),
            key=lambda s: (s.camera, s.first),
        )

    def frames(
        self,
        camera: str | None = None,
        split: Literal["train", "test"] | None = None,
        every: int = 1,
    ) -> Iterator[Frame]:
        """Frames in order, camera by camera, decoded one at a time.

        Args:
            camera: only this camera.
            split: only this split.
            every: only frames whose index is a multiple of this.

        Raises:
            InputError: no such camera or split, or `every` below 1.
            DataError: a file of the face is damaged.
        """
        for segment, wanted in self._selected(camera, split, every):
            yield from self._read(segment, wanted)

    def count(
        self,
        camera: str | None = None,
        split: Literal["train", "test"] | None = None,
        every: int = 1,
    ) -> int:
        """How many frames `frames` gives with the same arguments; reads no picture."""
        return sum(len(wanted) for _, wanted in self._selected(camera, split, every))

    def require_annotations(self) -> None:
        """For jobs that train or measure: nobody's boxes teach and prove nothing.

        Raises:
            NoAnnotationsError: the dataset has none.
        """
        if not self.annotated:
            raise NoAnnotationsError(
                f"the dataset {self.name} has no annotations: it cannot train a detector "
                "or measure one",
                next_step="ask the data owner to ingest labels (darkroom ingest --labels), "
                "or choose a dataset whose card says `annotations`",
            )

    def __len__(self) -> int:
        return self.count()

    def __repr__(self) -> str:
        return (
            f"<Dataset {self.name} ({self.face}): {len(self.cameras)} cameras, "
            f"{self.count()} frames>"
        )

    def _selected(
        self, camera: str | None, split: str | None, every: int
    ) -> list[tuple[Segment, range]]:
        ids = [c.id for c in self.cameras]
        if camera is not None and camera not in ids:
            raise InputError(
                f"this worker sees no camera {ascii(camera)[:80]}",
                next_step=f"use one of {', '.join(ids)}, or iterate over data.cameras",
            )
        if split not in (None, "train", "test"):
            raise InputError("split is None, 'train' or 'test'", next_step="correct the argument")
        if not isinstance(every, int) or every < 1:
            raise InputError("every is 1 or more", next_step="correct the argument")
        return [
            (s, range(-s.first % every, s.frames, every))
            for s in self._segments
            if camera in (None, s.camera) and split in (None, s.split)
        ]

    def _read(self, segment: Segment, wanted: range) -> Iterator[Frame]:
        import zipfile

        fps = next(c.fps for c in self.cameras if c.id == segment.camera)
        truth = self._annotations(segment)
        path = self._folder / "segments" / f"{segment.sha256}.zip"
        try:
            self._require_whole(path, segment.sha256)
            with zipfile.ZipFile(path) as archive:
                for position in wanted:
                    yield Frame(
                        image=_picture(archive, position),
                        camera=segment.camera,
                        index=segment.first + position,
                        time=segment.start + position / fps,
                        minute=segment.minute,
                        split=segment.split,
                        annotations=truth(position) if truth else None,
                    )
        except (OSError, ValueError, zipfile.BadZipFile, KeyError) as error:
            raise _damaged(segment) from error

    def _require_whole(self, path: Path, sha256: str) -> None:
        """A file is what its name says; looked at once."""
        if sha256 in self._whole:
            return
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise ValueError
        self._whole.add(sha256)

    def _annotations(self, segment: Segment) -> Any:  # noqa: ANN401 - a function or None
        if not segment.annotations:
            return None
        path = self._folder / "annotations" / f"{segment.annotations}.json"
        try:
            if path.stat().st_size > MAX_ANNOTATIONS:
                raise ValueError
            self._require_whole(path, segment.annotations)
            rows = json.loads(path.read_bytes())
            if not isinstance(rows, list) or len(rows) < segment.frames:
                raise ValueError
        except (OSError, ValueError) as error:
            raise _damaged(segment) from error

        def of_frame(position: int) -> "Annotations | None":
            try:
                row = rows[position]
                return None if row is None else _annotations(row)
            except (TypeError, ValueError, IndexError) as error:
                raise _damaged(segment) from error

        return of_frame


def _damaged(segment: Segment) -> DataError:
    return DataError(
        f"minute {segment.minute} of camera {segment.camera} cannot be read",
        next_step=_AGAIN,
    )


def read_manifest(path: Path) -> Manifest:
    """The manifest of a face.

    Raises:
        DataError: it is damaged.
    """
    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise ValueError
        return Manifest.from_mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, SpecError) as error:
        raise DataError("the dataset has no manifest that can be read", next_step=_AGAIN) from error


def _picture(archive: "zipfile.ZipFile", position: int) -> "NDArray[np.uint8]":
    import zipfile

    import cv2
    import numpy as np

    info = archive.getinfo(f"{position:06d}.jpg")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > MAX_PICTURE:
        raise zipfile.BadZipFile("a picture is compressed or too large")
    data = np.frombuffer(archive.read(info), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise zipfile.BadZipFile("a picture cannot be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _annotations(rows: list[list[float]]) -> "Annotations":
    import numpy as np

    from darkroom.model.detection import Annotations

    table = np.asarray(rows, dtype=np.float32).reshape(len(rows), ANNOTATION_FIELDS)
    return Annotations(
        xyxy=table[:, 2:6],
        class_id=table[:, 0].astype(np.int32),
        identity=table[:, 1].astype(np.int32),
        visibility=table[:, 6],
    )
