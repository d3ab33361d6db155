"""A dataset: one schema, two faces (mock and private), immutable versions.

The card is public and signed by the domain. The manifest stays at the domain; its digest
is the version. A face on disk is a folder:

    manifest.json
    segments/<sha256 hex>.zip        one camera-minute: stored JPEGs 000000.jpg, 000001.jpg …
    annotations/<sha256 hex>.json    per frame: [[class_id, identity, x1, y1, x2, y2, visibility], …]
"""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from darkroom.errors import SpecError
from darkroom.model.canonical import digest
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256
from darkroom.model.json_shape import are_texts, is_number, is_whole


AnnotationSource = Literal["none", "owner", "synthetic", "model"]
Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Public facts of one camera in a dataset.

    Attributes:
        id: name of the camera within the domain.
        width, height: pixels.
        fps: frames per second.
        frames: how many frames the version holds.
        masked: whether regions were burnt out before the first write.
    """

    id: str
    width: int
    height: int
    fps: float
    frames: int
    masked: bool = False

    def __post_init__(self) -> None:
        require_name(self.id, "camera")
        if (
            not all(is_whole(n, 1) for n in (self.width, self.height, self.frames))
            or not is_number(self.fps)
            or self.fps <= 0
            or not isinstance(self.masked, bool)
        ):
            raise SpecError(
                f"camera {self.id} has no pixels, frames or rate",
                next_step="ingest it again",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """What everybody may know about a dataset version; the mock is made from this alone.

    Attributes:
        look: coarse public hints for the mock, for instance `{"light": "night"}`.
        start: Unix seconds of the first frame, rounded down to the hour.
        split_frames: frames per split, `{"train": …, "test": …}`.
    """

    domain: str
    name: str
    version: str
    description: str
    cameras: tuple[Camera, ...]
    classes: tuple[str, ...]
    annotations: AnnotationSource
    split_frames: dict[str, int]
    start: int
    look: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.domain, "domain")
        require_name(self.name, "dataset")
        if not isinstance(self.version, str) or not SHA256.fullmatch(self.version):
            raise SpecError("a version is sha256:<64 hex>", next_step="ingest it again")
        if not self.cameras:
            raise SpecError("a dataset has a camera", next_step="ingest a video first")
        if (
            not isinstance(self.description, str)
            or not are_texts(self.classes)
            or self.annotations not in get_args(AnnotationSource)
            or not isinstance(self.split_frames, dict)
            or not self.split_frames.keys() <= set(get_args(Split))
            or not all(is_whole(n) for n in self.split_frames.values())
            or not is_number(self.start)
            or not isinstance(self.look, dict)
        ):
            raise SpecError(
                f"the card of {self.name} has a field of the wrong type",
                next_step="ask the domain to publish it again",
            )

    @property
    def frames(self) -> int:
        """Frames of all cameras."""
        return sum(c.frames for c in self.cameras)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form that the domain signs."""
        return {
            **asdict(self),
            "cameras": [asdict(c) for c in self.cameras],
            "classes": list(self.classes),
        }

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "DatasetCard":
        """Read the JSON form of untrusted origin.

        Raises:
            SpecError: when it is not what `to_mapping` writes.
        """
        try:
            fields = dict(value)
            fields["cameras"] = tuple(Camera(**c) for c in fields["cameras"])
            fields["classes"] = _tuple(fields["classes"])
            return cls(**fields)
        except (TypeError, KeyError, ValueError) as error:
            raise SpecError(
                "a dataset card has missing or unknown fields",
                next_step="ask the domain to publish it again",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One camera-minute of frames.

    Attributes:
        minute: minutes since the start of the recording.
        first: index of its first frame within the camera.
        start: Unix seconds of its first frame.
        sha256: hex hash of the zip file, its name in `segments/`.
        annotations: hex hash of the annotation file, or "".
    """

    camera: str
    minute: int
    first: int
    frames: int
    start: float
    split: Split
    sha256: str
    size: int
    annotations: str = ""

    def __post_init__(self) -> None:
        require_name(self.camera, "camera")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256) or not re.fullmatch(
            r"([0-9a-f]{64})?", self.annotations
        ):
            raise SpecError("a segment has no sha256", next_step="ingest it again")
        numbers = (self.minute, self.first, self.size)
        if (
            not all(is_whole(n) for n in numbers)
            or not is_whole(self.frames, 1)
            or not is_number(self.start)
            or self.split not in get_args(Split)
        ):
            raise SpecError("a segment has a field of the wrong type", next_step="ingest it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One face of one dataset version. Its digest is the version of the private face."""

    dataset: str
    face: Literal["private", "mock"]
    cameras: tuple[Camera, ...]
    classes: tuple[str, ...]
    annotations: AnnotationSource
    segments: tuple[Segment, ...]
    source: str
    masks: dict[str, list[list[list[int]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.dataset, "dataset")
        if (
            self.face not in ("private", "mock")
            or not are_texts(self.classes)
            or self.annotations not in get_args(AnnotationSource)
            or not isinstance(self.source, str)
            or not isinstance(self.masks, dict)
        ):
            raise SpecError("a manifest has a field of the wrong type", next_step="ingest it again")

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form: `manifest.json`."""
        return {
            **asdict(self),
            "cameras": [asdict(c) for c in self.cameras],
            "classes": list(self.classes),
            "segments": [asdict(s) for s in self.segments],
        }

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "Manifest":
        """Read the JSON form.

        Raises:
            SpecError: when it is not what `to_mapping` writes.
        """
        try:
            fields = dict(value)
            fields["cameras"] = tuple(Camera(**c) for c in fields["cameras"])
            fields["classes"] = _tuple(fields["classes"])
            fields["segments"] = tuple(Segment(**s) for s in fields["segments"])
            return cls(**fields)
        except (TypeError, KeyError, ValueError) as error:
            raise SpecError(
                "a manifest has missing or unknown fields", next_step="ingest it again"
            ) from error

    @property
    def version(self) -> str:
        """`sha256:…` of the canonical manifest."""
        return digest(self.to_mapping())


def _tuple(value: Any) -> tuple[Any, ...]:
    """A list, as a tuple. A text is no list of its letters."""
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(value)
