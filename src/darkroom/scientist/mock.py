"""The mock face of a dataset, rendered here from its card alone.

Nothing travels but the card: the mock is a synthetic world whose seed is the card's hash.
It has the schema of the private face - cameras, picture sizes, rates, classes, splits,
segments - and none of its pixels. Everybody who holds the card gets the same bytes.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from darkroom.errors import SpecError
from darkroom.model.canonical import canonical, digest, digest_bytes
from darkroom.model.dataset import Camera, DatasetCard, Manifest, Segment
from darkroom.model.segment import (
    SECONDS,
    Row,
    SegmentWriter,
    annotation_rows,
    first_frame,
    splits,
)
from darkroom.scene.mock import mock_recipe
from darkroom.scene.recipe import DRAWN_AS
from darkroom.scene.world import World
from darkroom.vision.picture import encode_rgb


MOST_FRAMES = 60  # per camera
MINUTES = 2  # so that both splits have frames
FORMAT = 1  # another number when the same card gives other bytes


def mock_face(
    card: DatasetCard,
    cache_dir: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    frames_per_camera: int = MOST_FRAMES,
) -> Path:
    """The folder of the mock face; rendered once, then found again.

    Args:
        card: What the domain published.
        cache_dir: Where mocks are kept, one folder per card.
        progress: Called with frames done and frames in all.
        frames_per_camera: The most that are rendered. A mock records the first seconds of
            each of two minutes, so that both splits have frames.

    Raises:
        SpecError: The card's look or a camera's size cannot be rendered.
    """
    name = digest([FORMAT, frames_per_camera, card.to_mapping()])
    face = cache_dir / name.removeprefix("sha256:")
    if (face / "manifest.json").is_file():
        return face
    cache_dir.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=cache_dir, prefix="new-"))
    try:
        _render(card, staging, frames_per_camera, progress or (lambda _done, _all: None))
        staging.chmod(0o755)
        try:
            staging.rename(face)
        except OSError:  # another process was faster: the same bytes lie there
            if not (face / "manifest.json").is_file():
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return face


def _render(card: DatasetCard, face: Path, most: int, progress: Callable[[int, int], None]) -> None:
    seed = int(digest(card.to_mapping()).removeprefix("sha256:")[:15], 16)
    longest = MINUTES * SECONDS + most / min(camera.fps for camera in card.cameras)
    try:
        recipe = mock_recipe(card.cameras, card.look, card.classes, seed, duration=longest)
    except ValueError as error:
        raise SpecError(
            f"the card of {card.domain}/{card.name} cannot be rendered: {error}",
            next_step="ask its domain to publish it again",
        ) from error
    world = World(recipe)
    drawable = any(name in DRAWN_AS for name in card.classes)
    counts = {camera.id: _frames(camera, most) for camera in card.cameras}
    total, done = sum(sum(each) for each in counts.values()), 0
    split = splits([(c.id, minute) for c in card.cameras for minute in range(len(counts[c.id]))])
    segments, cameras = [], []
    for camera in card.cameras:
        first = 0
        for minute, count in enumerate(counts[camera.id]):
            begin = first_frame(minute, camera.fps)
            pictures, truth = [], []
            for index in range(begin, begin + count):
                picture, annotations = world.frame(camera.id, index)
                pictures.append(encode_rgb(picture))
                truth.append(annotation_rows(annotations) if drawable else [])
                done += 1
                progress(done, total)
            sha256, size = _store(face, pictures)
            segment = Segment(
                camera=camera.id,
                minute=minute,
                first=first,
                frames=count,
                start=card.start + begin / camera.fps,
                split=split[camera.id, minute],
                annotations=_annotate(face, truth) if card.annotations != "none" else "",
                sha256=sha256,
                size=size,
            )
            segments.append(segment)
            first += count
        cameras.append(replace(camera, frames=first, masked=False))
    manifest = Manifest(
        dataset=card.name,
        face="mock",
        cameras=tuple(cameras),
        classes=card.classes,
        annotations="synthetic" if card.annotations != "none" else "none",
        segments=tuple(segments),
        source=f"mock of {card.domain}/{card.name} {card.version}",
    )
    (face / "manifest.json").write_bytes(canonical(manifest.to_mapping()))


def _frames(camera: Camera, most: int) -> tuple[int, ...]:
    """Frames of each minute: of a camera that has fewer, no more than it has."""
    frames = max(MINUTES, min(most, camera.frames))
    full = first_frame(1, camera.fps)
    each = max(1, min(frames // MINUTES, full))
    return (each,) * MINUTES


def _store(face: Path, pictures: list[bytes]) -> tuple[str, int]:
    folder = face / "segments"
    folder.mkdir(exist_ok=True)
    part = folder / "part"
    with part.open("w+b") as target:
        writer = SegmentWriter(target)
        for picture in pictures:
            writer.add(picture)
        writer.close()
        target.seek(0)
        sha256 = hashlib.file_digest(target, "sha256").hexdigest()
    size = part.stat().st_size
    part.rename(folder / f"{sha256}.zip")
    return sha256, size


def _annotate(face: Path, truth: list[list[Row]]) -> str:
    folder = face / "annotations"
    folder.mkdir(exist_ok=True)
    data = canonical(truth)
    name = digest_bytes(data).removeprefix("sha256:")
    (folder / f"{name}.json").write_bytes(data)
    return name
