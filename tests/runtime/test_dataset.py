"""A job reads a face: lazily, in order, and with a clear error where it is damaged."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from darkroom.errors import DataError, InputError
from darkroom.runtime import Dataset
from tests.runtime.faces import FPS, HEIGHT, START, WIDTH, picture, write_face


@pytest.fixture
def face(tmp_path: Path) -> Path:
    return write_face(tmp_path / "face")


def test_what_a_dataset_says_about_itself(face: Path) -> None:
    data = Dataset(face)

    assert (data.name, data.face, data.annotated) == ("street", "mock", True)
    assert data.classes == ("person", "vehicle")
    assert [c.id for c in data.cameras] == ["gate", "yard"]
    assert (len(data), data.count("gate"), data.count(split="test", every=2)) == (16, 8, 4)


def test_a_dataset_opens_by_the_path_of_its_manifest(face: Path) -> None:
    assert len(Dataset(face / "manifest.json")) == len(Dataset(face))
    assert next(Dataset(str(face / "manifest.json")).frames()).camera == "gate"


def test_frames_come_in_order_with_their_facts(face: Path) -> None:
    frames = list(Dataset(face).frames("yard"))

    assert [f.index for f in frames] == list(range(8))
    assert [f.minute for f in frames] == [0] * 4 + [1] * 4
    assert [f.split for f in frames] == ["train"] * 4 + ["test"] * 4
    assert frames[5].time == START + 5 / FPS
    assert {f.camera for f in frames} == {"yard"}


def test_pictures_are_rgb(face: Path) -> None:
    for frame in Dataset(face).frames("yard"):
        assert (frame.image.shape, frame.image.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        close = np.abs(frame.image.astype(int) - picture(1, frame.index).astype(int))
        assert close.max() < 12  # JPEG


def test_every_counts_within_a_camera_across_segments(face: Path) -> None:
    frames = Dataset(face).frames(every=3)

    assert [(f.camera, f.index) for f in frames] == [
        (camera, index) for camera in ("gate", "yard") for index in (0, 3, 6)
    ]


def test_annotations_belong_to_their_frame(face: Path) -> None:
    first, second = list(Dataset(face).frames("gate"))[:2]

    assert len(first.annotations) == 0
    assert second.annotations.xyxy.tolist() == [[1, 2, 11, 12]]
    assert second.annotations.identity.tolist() == [7]


def test_a_face_without_annotations(tmp_path: Path) -> None:
    data = Dataset(write_face(tmp_path / "face", annotated=False))

    assert not data.annotated
    assert next(data.frames()).annotations is None


def test_a_worker_sees_its_cameras_only(face: Path) -> None:
    data = Dataset(face, cameras=["yard"])

    assert [c.id for c in data.cameras] == ["yard"]
    assert {f.camera for f in data.frames()} == {"yard"}
    with pytest.raises(InputError, match="sees no camera"):
        data.count("gate")


@pytest.mark.parametrize(
    "wrong", [{"camera": "attic"}, {"split": "dev"}, {"every": 0}, {"every": 1.5}]
)
def test_wrong_arguments_are_told(face: Path, wrong: dict) -> None:
    with pytest.raises(InputError):
        next(Dataset(face).frames(**wrong))


def test_one_segment_is_open_at_a_time(face: Path) -> None:
    frames = Dataset(face).frames()
    next(frames)
    for segment in (face / "segments").iterdir():  # what comes later is not read yet
        segment.unlink()

    with pytest.raises(DataError, match="cannot be read"):
        list(frames)


def _rewrite(face: Path, change: object) -> None:
    path = face / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)  # type: ignore[operator]
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"dataset": 1}'])
def test_a_damaged_manifest_is_told(face: Path, content: bytes) -> None:
    (face / "manifest.json").write_bytes(content)

    with pytest.raises(DataError, match="no manifest"):
        Dataset(face)


@pytest.mark.parametrize("what", ["bytes", "compressed", "no picture", "empty picture"])
def test_a_damaged_segment_is_told_without_its_content(face: Path, what: str) -> None:
    for path in (face / "segments").iterdir():
        path.chmod(0o600)
        if what == "bytes":
            path.write_bytes(b"secret" * 20)
            continue
        method = zipfile.ZIP_DEFLATED if what == "compressed" else zipfile.ZIP_STORED
        content = b"" if what == "empty picture" else b"secret" * 20
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("000000.jpg", content)

    with pytest.raises(DataError, match="minute 0 of camera gate") as caught:
        next(Dataset(face).frames())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("rows", ["{", "[]", "[[[1]], [], [], []]", '[["x"], [], [], []]'])
def test_damaged_annotations_are_told(face: Path, rows: str) -> None:
    for path in (face / "annotations").iterdir():
        path.write_text(rows)

    with pytest.raises(DataError):
        list(Dataset(face).frames())


def test_a_name_in_the_manifest_cannot_leave_the_face(face: Path) -> None:
    def change(manifest: dict) -> None:
        manifest["segments"][0]["sha256"] = "../../etc/passwd"

    _rewrite(face, change)
    with pytest.raises(DataError):
        Dataset(face)


def test_importing_the_runtime_imports_no_numpy() -> None:
    import subprocess

    code = "import sys; sys.path.append('src'); from darkroom.runtime.dataset import Dataset"
    seen = subprocess.run(
        [sys.executable, "-I", "-c", f"{code}; print('numpy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.strip() == "False"
