"""A dataset: one schema, two faces (mock and private), immutable versions.

The card is public and signed by the domain. The manifest stays at the domain; its digest
is the version. A face on disk is a folder:

    manifest.json
    segments/<sha256 hex>.zip        one camera-minute: stored JPEGs 000000.jpg, 000001.jpg …
    annotations/<sha256 hex>.json    per frame: [[class_id, identity, x1, y1, x2, y2, visibility], …]
"""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.canonical import digest
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256


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
        if min(self.width, self.height, self.frames) < 1 or self.fps <= 0:
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
        if not SHA256.fullmatch(self.version):
            raise SpecError("a version is sha256:<64 hex>", next_step="ingest it again")
        if not self.cameras:
            raise SpecError("a dataset has a camera", next_step="ingest a video first")

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
            fields["classes"] = tuple(str(c) for c in fields["classes"])
            return cls(**fields)
        except (TypeError, KeyError) as error:
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
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256) or not re.fullmatch(
            r"([0-9a-f]{64})?", self.annotations
        ):
            raise SpecError("a segment has no sha256", next_step="ingest it again")


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
            fields["classes"] = tuple(fields["classes"])
            fields["segments"] = tuple(Segment(**s) for s in fields["segments"])
            return cls(**fields)
        except (TypeError, KeyError) as error:
            raise SpecError(
                "a manifest has missing or unknown fields", next_step="ingest it again"
            ) from error

    @property
    def version(self) -> str:
        """`sha256:…` of the canonical manifest."""
        return digest(self.to_mapping())
