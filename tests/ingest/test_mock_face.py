"""The mock face: the private schema, everybody's bytes, and no private frame."""

import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from darkroom.config import REPOSITORY, domain_config
from darkroom.model.canonical import canonical
from darkroom.model.dataset import Camera, DatasetCard
from darkroom.model.segment import SegmentWriter
from darkroom.runtime.dataset import Dataset, read_manifest
from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World
from darkroom.scientist.mock import mock_face
from darkroom.vision.picture import encode_rgb
from tests.footage.faces import contents


DOMAINS = ("north", "east", "south")
NEAR = 0.45  # of sqrt(2) between unrelated pictures; tests/scene/test_mock.py shows the span


def card(**changes) -> DatasetCard:
    cameras = tuple(
        Camera(id=name, width=160, height=128, fps=2.0, frames=480) for name in ("a", "b")
    )
    values = {
        "domain": "north",
        "name": "plaza",
        "version": "sha256:" + "1" * 64,
        "description": "",
        "cameras": cameras,
        "classes": ("person", "vehicle"),
        "annotations": "synthetic",
        "split_frames": {"train": 720, "test": 240},
        "start": 3600,
        "look": {"light": "day"},
    }
    return DatasetCard(**(values | changes))


@pytest.fixture(scope="module")
def face(tmp_path_factory) -> Path:
    return mock_face(card(), tmp_path_factory.mktemp("mocks"))


def test_a_mock_has_the_cards_schema(face):
    data = Dataset(face)

    assert ("plaza", "mock", ("person", "vehicle")) == (data.name, data.face, data.classes)
    assert ["a", "b"] == [c.id for c in data.cameras]
    assert all((c.width, c.height, c.fps, c.frames) == (160, 128, 2.0, 60) for c in data.cameras)
    for frame in data.frames(every=29):
        assert (128, 160, 3) == frame.image.shape
        assert frame.annotations is not None


def test_a_mock_has_both_splits_and_two_minutes_on_every_camera(face):
    data = Dataset(face)

    for camera in "ab":
        assert {0, 1} == {f.minute for f in data.frames(camera=camera)}
    assert data.count(split="train")
    assert data.count(split="test")
    times = [f.time for f in data.frames(camera="a")]
    assert times == sorted(times)
    assert (3600.0, 3660.0) == (times[0], times[30])
    assert list(range(60)) == [f.index for f in data.frames(camera="a")]


def test_everybody_with_the_card_gets_the_same_bytes(face, tmp_path):
    again = mock_face(card(), tmp_path)

    assert face.name == again.name
    assert contents(face) == contents(again)


def test_a_mock_is_rendered_once(face):
    told = []

    assert face == mock_face(card(), face.parent, lambda done, of: told.append((done, of)))
    assert [] == told


def test_rendering_tells_how_far_it_is(tmp_path):
    told = []

    mock_face(card(), tmp_path, lambda done, of: told.append((done, of)), frames_per_camera=4)

    assert [(n, 8) for n in range(1, 9)] == told


def test_another_version_has_another_mock(face, tmp_path):
    other = mock_face(card(version="sha256:" + "2" * 64), tmp_path, frames_per_camera=4)

    assert not {p.name for p in (face / "segments").iterdir()} & {
        p.name for p in (other / "segments").iterdir()
    }


def test_a_dataset_without_annotations_has_a_mock_without(tmp_path):
    data = Dataset(mock_face(card(annotations="none"), tmp_path, frames_per_camera=4))

    assert not data.annotated
    assert {None} == {f.annotations for f in data.frames()}


def test_classes_that_the_world_cannot_draw_are_never_boxed(tmp_path):
    data = Dataset(mock_face(card(classes=("giraffe",)), tmp_path, frames_per_camera=4))

    assert ("giraffe",) == data.classes
    assert {0} == {len(f.annotations) for f in data.frames()}


@pytest.mark.parametrize(
    "cameras",
    [
        (Camera(id="slow", width=64, height=48, fps=1 / 60, frames=5),),
        (Camera(id="one", width=64, height=48, fps=10.0, frames=1),),
        (
            Camera(id="slow", width=64, height=48, fps=0.1, frames=50),
            Camera(id="fast", width=96, height=48, fps=60.0, frames=5000),
        ),
    ],
    ids=["one frame a minute", "one frame", "two rates"],
)
def test_odd_cameras_have_a_mock_too(tmp_path, cameras):
    data = Dataset(mock_face(card(cameras=cameras), tmp_path))

    assert data.count(split="train")
    assert data.count(split="test")
    for camera in data.cameras:
        assert camera.frames == data.count(camera=camera.id) <= 60


def test_a_render_that_was_killed_leaves_nothing_that_counts(face, tmp_path):
    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mock_face(card(), tmp_path, stop)

    assert [] == list(tmp_path.iterdir())
    assert contents(face) == contents(mock_face(card(), tmp_path))


# -------------------------------------------------------- no private frame, no near copy


def essence(image: np.ndarray) -> np.ndarray:
    """A picture without size, brightness, contrast and grain: 32 x 24 as a unit vector."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 24), interpolation=cv2.INTER_AREA).astype(float)
    small -= small.mean()
    return (small / max(np.linalg.norm(small), 1e-9)).ravel()


def nearest(face: Path, private: np.ndarray) -> float:
    """Distance between the closest pair of a mock frame and a private frame, or its mirror."""
    mock = np.array([essence(frame.image) for frame in Dataset(face).frames()])
    both = np.concatenate([private, private.reshape(-1, 24, 32)[:, :, ::-1].reshape(-1, 768)])
    return float(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * mock @ both.T)).min())


def domain_card(domain: str) -> tuple[DatasetCard, WorldRecipe]:
    config = domain_config(REPOSITORY / "domains" / domain).datasets[0]
    recipe = WorldRecipe.from_mapping(yaml.safe_load((REPOSITORY / config.source).read_text()))
    world = World(recipe)
    cameras = tuple(
        Camera(id=c.id, width=c.width, height=c.height, fps=c.fps, frames=world.frame_count(c.id))
        for c in world.cameras
    )
    counts = {"train": sum(c.frames for c in cameras), "test": 0}
    return (
        card(
            domain=domain,
            name=config.name,
            cameras=cameras,
            classes=config.classes,
            split_frames=counts,
            start=int(config.start),
            look=config.look,
        ),
        recipe,
    )


@pytest.fixture(scope="module")
def private() -> dict[str, list[np.ndarray]]:
    frames = {}
    for domain in DOMAINS:
        world = World(domain_card(domain)[1])
        frames[domain] = [
            world.frame(c.id, index)[0] for c in world.cameras for index in range(0, 300, 25)
        ]
    return frames


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_no_private_frame_of_any_domain_or_near_copy_is_in_the_mock(domain, private, tmp_path):
    face = mock_face(domain_card(domain)[0], tmp_path, frames_per_camera=12)
    everything = np.array([essence(image) for images in private.values() for image in images])

    assert nearest(face, everything) > NEAR


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_one_planted_frame_would_be_found(domain, private, tmp_path):
    face = mock_face(domain_card(domain)[0], tmp_path / "m", frames_per_camera=12)
    planted = tmp_path / "planted"
    shutil.copytree(face, planted)
    darker = (private[domain][7][:, ::-1] * 0.7).astype(np.uint8)  # mirrored, darker, re-encoded
    plant(planted, darker)

    found = nearest(planted, np.array([essence(image) for image in private[domain]]))

    assert found < NEAR


def plant(face: Path, image: np.ndarray) -> None:
    """Put a picture in the place of the third of some segment, as whoever makes the face could."""
    pictures = [f.image for f in Dataset(face).frames()][:6]
    old = Dataset(face)._segments[0]
    content = io.BytesIO()
    writer = SegmentWriter(content)
    for number, each in enumerate(pictures):
        writer.add(encode_rgb(image if number == 2 else each))
    writer.close()
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    (face / "segments" / f"{sha256}.zip").write_bytes(content.getvalue())
    manifest = read_manifest(face / "manifest.json")
    segments = tuple(
        replace(s, sha256=sha256, size=len(content.getvalue())) if s == old else s
        for s in manifest.segments
    )
    planted = replace(manifest, segments=segments)
    (face / "manifest.json").write_bytes(canonical(planted.to_mapping()))


def test_the_mock_depends_on_the_card_and_on_nothing_else(face, tmp_path):
    """Same card from a domain with other footage: the same mock, so it tells nothing."""
    plain = replace(card(), look=dict(card().look))

    assert contents(face) == contents(mock_face(plain, tmp_path))
