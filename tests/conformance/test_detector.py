"""One detection adapter, two interpreters, one contract.

Every test runs on both, each interpreter in a process of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkroom.model.detection import CLASSES, Detections
from darkroom.scene import World
from darkroom.vision.average_precision import average_precision
from darkroom.vision.boxes import iou
from tests.scene.scene_recipes import domain_recipe


ROOT = Path(__file__).parents[2]
MODELS = ROOT / "data" / "models"
INT8 = MODELS / "detector.int8.tflite"
FLOAT = MODELS / "detector.float.tflite"
INTERPRETERS = ("litert", "tflite-runtime")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def frames():
    """Frames of the two day domains, one every eleven seconds, with the truth."""
    frames = []
    for domain in ("north", "east"):
        world = World(domain_recipe(domain))
        frames += [
            world.frame(camera.id, index) for camera in world.cameras for index in range(5, 300, 14)
        ]
    return frames


@pytest.fixture(scope="module")
def pictures(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "pictures.npz"
    np.savez(path, images=np.stack([image for image, _ in frames]))
    return path


@pytest.fixture(scope="module")
def run(pictures):
    """`run(interpreter, model)`: what that process said; each pair runs once."""
    known = {}

    def once(interpreter, model, threshold=0.05):
        key = (interpreter, model, threshold)
        if key not in known:
            known[key] = in_own_process(interpreter, model, pictures, threshold)
        return known[key]

    return once


def in_own_process(interpreter, model, pictures, threshold=0.05):
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "detector_worker.py"),
         interpreter, str(model), str(pictures), str(threshold)],
        capture_output=True, text=True, timeout=100, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def detections(said):
    return [
        Detections(
            xyxy=np.array(each["xyxy"]).reshape(-1, 4),
            confidence=each["confidence"],
            class_id=np.array(each["class_id"], dtype=int),
        )
        for each in said["found"]
    ]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("model", [INT8, FLOAT], ids=["int8", "float"])
def test_it_finds_what_is_there(interpreter, model, run, frames):
    said = run(interpreter, model)

    result = average_precision(detections(said), [truth for _, truth in frames], len(CLASSES))
    assert said["classes"] == len(CLASSES)
    assert result.mean >= 0.70
    assert result.per_class[0] >= 0.45


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_boxes_lie_in_the_picture_sorted_and_apart(interpreter, run):
    for found in detections(run(interpreter, INT8)):
        assert (found.xyxy >= 0).all()
        assert (found.xyxy <= (320, 256, 320, 256)).all()
        assert (np.diff(found.confidence) <= 0).all()
        assert (found.confidence >= 0.05).all()
        same = found.class_id[:, None] == found.class_id[None]
        overlap = iou(found.xyxy, found.xyxy)
        assert (overlap[same & ~np.eye(len(found), dtype=bool)] <= 0.5 + 1e-6).all()


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_higher_threshold_keeps_the_better_ones(interpreter, run):
    low, high = run(interpreter, INT8), run(interpreter, INT8, 0.5)

    for all_of_them, best in zip(detections(low), detections(high), strict=True):
        assert best == all_of_them.above(0.5)


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_no_interpreter_brings_tensorflow_along(interpreter, run):
    assert run(interpreter, INT8)["modules"] == []


def test_both_interpreters_agree(run, frames):
    truth = [truth for _, truth in frames]
    scores = [
        average_precision(detections(run(name, INT8)), truth, len(CLASSES)).mean
        for name in INTERPRETERS
    ]

    assert abs(scores[0] - scores[1]) < 0.01


def test_eight_bits_lose_next_to_nothing(run, frames):
    truth = [truth for _, truth in frames]
    scores = [
        average_precision(detections(run("litert", model)), truth, len(CLASSES)).mean
        for model in (INT8, FLOAT)
    ]

    assert scores[0] > scores[1] - 0.02


REFUSED = {
    "no model at all": b"this is no TFLite file",
    "an empty file": b"",
    "the head of a model": INT8.read_bytes()[:5000] if INT8.exists() else b"",
    "a model without its last part": INT8.read_bytes()[:-4000] if INT8.exists() else b"",
    "a name and nothing behind it": b"\x10\x00\x00\x00TFL3" + bytes(40),
}


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("fault", REFUSED)
def test_what_the_interpreter_refuses_is_refused_clearly(interpreter, fault, pictures, tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(REFUSED[fault])

    said = in_own_process(interpreter, model, pictures)

    assert said["error"] == "model-refused"
    assert said["next"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_model_of_another_kind_is_refused_with_a_way_out(interpreter, pictures):
    real = Path(os.environ.get("DARKROOM_REAL", ROOT.parent / "shared" / "real"))
    models = sorted(real.glob("yolox_nano/*.tflite"))
    if not models:
        pytest.skip(f"no real model under {real}; set DARKROOM_REAL")

    said = in_own_process(interpreter, models[0], pictures)

    assert said["error"] == "model-refused"
    assert "open_interpreter" in said["next"]


@pytest.mark.parametrize("interpreter", ["tf", ""])
def test_an_unknown_interpreter_is_named(interpreter, pictures):
    said = in_own_process(interpreter, INT8, pictures)

    assert said["error"] == "data"
    assert "litert" in said["next"]


def test_the_shipped_model_is_small():
    assert INT8.stat().st_size <= 200 * 1024


def test_the_labels_are_the_classes():
    assert (MODELS / "labels.txt").read_text().split() == list(CLASSES)
