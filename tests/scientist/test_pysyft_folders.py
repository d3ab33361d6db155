"""The job folders of notebook 04, on a mock: the scripts, and what they declare."""

import json
from pathlib import Path
from typing import Any

import pytest

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import SubmittedFolder
from darkroom.adapters.pysyft.translation import code_tree
from darkroom.bootstrap.mock_shop import LocalMockRunner
from darkroom.config import REPOSITORY
from darkroom.model.dataset import Camera, DatasetCard
from darkroom.model.job import Environment, Limits
from darkroom.model.output import output_from_mapping
from darkroom.scientist.mock import mock_face
from darkroom.scientist.mock_run import MockOutcome, MockTask


FOLDERS = REPOSITORY / "notebooks" / "pysyft"
HELD_OUT = 16  # a third of 48 mock frames, as on the card
SHIPPED = {
    "detector.tflite": REPOSITORY / "data" / "models" / "detector.int8.tflite",
    "weights.npz": REPOSITORY / "data" / "models" / "detector.weights.npz",
}


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cameras = tuple(
        Camera(id=name, width=320, height=256, fps=1.25, frames=300)
        for name in ("fountain", "arcade", "steps")
    )
    card = DatasetCard(
        domain="north", name="plaza", version="sha256:" + "1" * 64, description="a square",
        cameras=cameras, classes=("person", "vehicle"), annotations="synthetic",
        split_frames={"train": 600, "test": 300}, start=0, look={"light": "day"},
    )  # fmt: skip
    return mock_face(card, tmp_path_factory.mktemp("mocks"), frames_per_camera=16)


def on_mock(folder: Path, face: Path, runs: Path) -> MockOutcome:
    """Run a folder as it stands there, on the dataset `plaza`."""
    code = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    job = json.loads(code["darkroom.json"]) | {"dataset": "plaza"}
    code["darkroom.json"] = json.dumps(job)
    outputs = {name: output_from_mapping(value) for name, value in job["outputs"].items()}
    declaration = Declaration(
        dataset="plaza",
        dataset_version="sha256:" + "1" * 64,
        environment=Environment(name=job["environment"], lock_hash="sha256:" + "2" * 64),
        outputs=outputs,
        models=dict.fromkeys(job["models"], "sha256:" + "3" * 64),
        project=job["project"],
        limits=Limits(**job.get("limits", {})),
    )
    submitted = SubmittedFolder(
        job_name="a job", entrypoint="main.py", code=code, launcher="", dependencies=()
    )
    files = code_tree(submitted, declaration, datasite="north@darkroom")
    files |= {f"models/{name}": SHIPPED[name].read_bytes() for name in job["models"]}
    return LocalMockRunner(runs)(
        MockTask(
            files=files, entrypoint="pysyft_job:main", merge="", split="",
            parameters={"pysyft_job": "a job"}, outputs=outputs, limits=declaration.limits,
            environment=declaration.environment.name, face=face,
        )
    )  # fmt: skip


def values(outcome: MockOutcome, name: str) -> Any:
    assert outcome.outputs is not None, outcome.log
    return json.loads(outcome.outputs[name])


def test_the_folder_of_the_detection(face: Path, tmp_path: Path) -> None:
    outcome = on_mock(FOLDERS / "detection", face, tmp_path)

    assert outcome.status == "done", outcome.log + outcome.problem
    rows = values(outcome, "counts")["rows"]
    assert {row[0] for row in rows} == {"fountain", "arcade", "steps"}
    assert sum(row[2] for row in rows) == 48
    quality = values(outcome, "quality")
    assert 0 < quality["ap50"] <= 1
    assert quality["held_out_frames"] == HELD_OUT


@pytest.mark.slow  # starts TensorFlow
def test_the_folder_of_the_training(face: Path, tmp_path: Path) -> None:
    outcome = on_mock(FOLDERS / "training", face, tmp_path)

    assert outcome.status == "done", outcome.log + outcome.problem
    assert [row[0] for row in values(outcome, "loss")["rows"]] == [1, 2]
    quality = values(outcome, "quality")
    assert quality["before"] > 0
    assert quality["held_out_frames"] == HELD_OUT
    assert outcome.outputs is not None
    assert outcome.outputs["detector"][4:8] == b"TFL3"


@pytest.mark.parametrize("name", ["detection", "training"])
def test_a_folder_is_text_and_says_what_it_needs(name: str) -> None:
    folder = FOLDERS / name
    job = json.loads((folder / "darkroom.json").read_text())

    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        "darkroom.json", "main.py", "params.json",
    ]  # fmt: skip
    script = (folder / "main.py").read_text()
    assert "import syft as sy" in script
    assert all(
        f'resolve_dataset_file_path("{model.partition(".")[0]}")' in script
        for model in job["models"]
    )
