"""`darkroom ingest` as an operator types it, from the command line to the node's database."""

import json
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.bootstrap.node import open_store
from darkroom.cli.ingest import ingest
from darkroom.errors import DarkroomError, InputError, SpecError, StateError, UnknownNameError
from darkroom.runtime.dataset import Dataset
from tests.ingest.clips import write_pictures, write_video


WORLD = {
    "seed": 1,
    "duration": 60,
    "cameras": [{"id": "a", "width": 96, "height": 64, "fps": 0.1}],
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A domain of two datasets, and a node's state."""
    domain = tmp_path / "yard"
    domain.mkdir()
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(WORLD))
    (domain / "domain.yaml").write_text(
        yaml.safe_dump(
            {
                "domain": "yard",
                "title": "A yard",
                "environments": {"tflite": "litert"},
                "cameras": [
                    {"id": "cam-2", "masks": [[[0, 0], [9, 0], [9, 9]]]},
                    {"id": "cam-1"},
                    {"id": "c"},
                    *({"id": camera["id"]} for camera in WORLD["cameras"]),
                ],
                "datasets": [
                    {
                        "name": "gate",
                        "description": "The gate.",
                        "look": {"light": "day"},
                        "classes": ["person"],
                        "cameras": ["cam-1", "cam-2", "c"],
                    },
                    {
                        "name": "made-up",
                        "source": str(tmp_path / "world.yaml"),
                        "start": "2026-06-01T12:00:00Z",
                    },
                ],
            }
        )
    )
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path


def run(site: Path, *words: object):
    arguments = [*map(str, words), "--domain", str(site / "yard"), "--state", str(site / "state")]
    result = CliRunner().invoke(ingest, arguments, catch_exceptions=True)
    if isinstance(result.exception, DarkroomError):
        raise result.exception
    return result


def dataset(site: Path, version: str) -> Dataset:
    return Dataset(FolderFootage(site / "state" / "footage").materialise(version))


def test_a_video_with_labels_and_a_mask_is_offered_by_the_node(site):
    clip = write_video(site / "clip.avi", 12)
    (site / "yolo").mkdir()
    (site / "yolo" / "f_3.txt").write_text("0 0.5 0.5 0.4 0.4\n")

    result = run(
        site, clip, "--dataset", "gate", "--camera", "cam-2",
        "--labels", site / "yolo", "--labels-format", "yolo", "--mask", "cam-2:80,0 88,0 88,8",
        "--start", "2026-06-01T12:34:56Z",
    )  # fmt: skip

    assert 0 == result.exit_code, result.output
    card = open_store(site / "state").datasets()["gate"]
    assert ("yard", "The gate.", {"light": "day"}, ("person",)) == (
        card.domain, card.description, card.look, card.classes,
    )  # fmt: skip
    assert ("owner", True, 12) == (card.annotations, card.cameras[0].masked, card.frames)
    assert 1780315200 == card.start  # twelve o'clock
    frames = list(dataset(site, card.version).frames())
    assert 12 == len(frames)
    assert 1780317296.0 == frames[0].time
    assert result.output.rstrip().endswith(card.version)


def test_several_cameras_become_one_version(site):
    write_video(site / "one.avi", 4)
    write_pictures(site / "two", 3)

    result = run(
        site, site / "one.avi", site / "two", "--dataset", "gate",
        "--camera", "cam-1", "--camera", "cam-2",
    )  # fmt: skip

    assert 0 == result.exit_code, result.output
    card = open_store(site / "state").datasets()["gate"]
    assert [("cam-1", 4, False), ("cam-2", 3, True)] == [
        (c.id, c.frames, c.masked) for c in card.cameras
    ]
    assert {"train", "test"} == {f.split for f in dataset(site, card.version).frames()}


def test_all_makes_what_domain_yaml_has_sources_for(site):
    result = run(site, "--all")

    assert 0 == result.exit_code, result.output
    offered = open_store(site / "state").datasets()
    assert ["made-up"] == list(offered)
    assert "synthetic" == offered["made-up"].annotations
    assert 1780315200 == offered["made-up"].start


def test_what_ingest_leaves_is_the_nodes_alone(site):
    run(site, write_video(site / "clip.avi", 3), "--dataset", "gate", "--camera", "cam-2")

    owner = (site / "state").stat().st_uid
    for path in (site / "state").rglob("*"):
        assert owner == path.stat().st_uid
    for folder in ("footage", "ingest"):
        assert 0o700 == stat.S_IMODE((site / "state" / folder).stat().st_mode)


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["--dataset", "nothing", "clip.avi", "--camera", "c"], UnknownNameError, "gate, made-up"),
        (["--dataset", "gate"], InputError, "no source for gate"),
        (["clip.avi", "--camera", "c"], InputError, "which dataset"),
        (["clip.avi", "--dataset", "gate", "--all"], InputError, "which dataset"),
        (["clip.avi", "--dataset", "gate"], InputError, "1 sources and 0 cameras"),
        (
            ["clip.avi", "clip.avi", "--dataset", "gate", "--camera", "cam-2", "--camera", "cam-2"],
            SpecError,
            "a camera of its own",
        ),
        (["clip.avi", "--dataset", "gate", "--camera", "Cam 1"], InputError, "no camera 'Cam 1'"),
        (
            ["clip.avi", "--dataset", "gate", "--camera", "c", "--mask", "c:1,2 3"],
            InputError,
            "is not a mask",
        ),
        (
            ["clip.avi", "--dataset", "gate", "--camera", "c", "--mask", "c:1,2 3,4"],
            SpecError,
            "3 or more points",
        ),
        (
            ["clip.avi", "--dataset", "gate", "--camera", "cam-2", "--mask", "d:0,0 9,0 9,9"],
            InputError,
            "there are masks for d",
        ),
        (
            ["clip.avi", "--dataset", "gate", "--camera", "cam-2", "--start", "noon"],
            InputError,
            "is not a time",
        ),
        (
            ["clip.avi", "--dataset", "gate", "--camera", "cam-2", "--fps", "-3"],
            SpecError,
            "frames a second",
        ),
        (["world.yaml", "--dataset", "made-up", "--camera", "c"], InputError, "names its own"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_next_step(site, words, kind, said):
    write_video(site / "clip.avi", 3)
    words = [site / w if w in ("clip.avi", "world.yaml") else w for w in words]

    with pytest.raises(kind, match=said) as caught:
        run(site, *words)

    assert caught.value.next_step
    assert not (site / "state" / "footage").exists() or not list(
        (site / "state" / "footage").iterdir()
    )


def test_a_misspelt_camera_stops_the_ingest(site):
    """Else the camera would be stored unmasked, and nobody would notice."""
    clip = write_video(site / "clip.avi", 3)

    with pytest.raises(InputError, match="no camera 'cam-02'"):
        run(site, clip, "--dataset", "gate", "--camera", "cam-02")

    assert not (site / "state" / "ingest").exists()


def test_a_wrong_label_is_said_before_anything_is_decoded(site):
    write_video(site / "clip.avi", 3)
    (site / "coco.json").write_text(json.dumps({"images": [], "annotations": []}))

    with pytest.raises(DarkroomError, match=r"coco\.json: has no list of categories"):
        run(
            site, site / "clip.avi", "--dataset", "gate", "--camera", "cam-2",
            "--labels", site / "coco.json",
        )  # fmt: skip

    assert not list((site / "state").glob("ingest/*/finished/*"))


def test_without_a_nodes_state_nothing_is_made(site):
    (site / "state").rmdir()

    with pytest.raises(StateError, match="no node's state"):
        run(site, "--all")
