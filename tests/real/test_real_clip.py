"""The real clip and a real detector, through ingest, sandbox and job code.

Skipped where DARKROOM_REAL is not: nothing of it is part of this project.
"""

import cv2
import numpy as np
import pytest

from bench import detect
from bench.jobs.yolox_job import PARAMETERS, Yolox
from darkroom.adapters.litert import open_interpreter
from darkroom.config import real_material
from darkroom.runtime.dataset import Dataset


pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        real_material() is None, reason="DARKROOM_REAL names no folder with the real clip"
    ),
]


@pytest.fixture(scope="module")
def bench():
    with detect.prepared() as prepared:
        yield prepared


def test_the_clip_is_ingested_whole(bench):
    camera = bench.manifest.cameras[0]

    assert (795, 480, 360, 10.0) == (camera.frames, camera.width, camera.height, camera.fps)
    assert [(0, 600), (1, 195)] == [(s.minute, s.frames) for s in bench.manifest.segments]
    assert {"train", "test"} == {s.split for s in bench.manifest.segments}


def test_stored_pictures_are_those_of_the_clip(bench):
    """The README's means (110.71, 110.52) are OpenCV 5's; the one locked here decodes the
    clip 1.3 grey levels lighter, and storing it changes nothing more."""
    capture = cv2.VideoCapture(str(detect.material()[0]))
    decoded = {}
    for index in range(401):
        ok, picture = capture.read()
        assert ok
        decoded[index] = picture.mean()

    stored = {f.index: f.image.mean() for f in Dataset(bench.face).frames(every=400)}

    assert [0, 400] == list(stored)
    for index, stated in ((0, 110.71), (400, 110.52)):
        assert stored[index] == pytest.approx(decoded[index], abs=0.1)
        assert stored[index] == pytest.approx(stated, abs=2)


def test_boxes_and_scores_on_frame_0_show_that_the_channels_are_in_order(bench):
    yolox = Yolox(open_interpreter(bench.model.read_bytes()))
    frame = next(Dataset(bench.face).frames())

    found = [f for f in yolox.find(frame.image, **PARAMETERS) if f[0] == 0]

    best = max(found, key=lambda each: each[1])
    scale = 416 / 480
    assert best[1] == pytest.approx(0.858, abs=0.03)  # of a JPEG of the frame
    assert np.abs(best[2] * scale - [348.5, 130.1, 370.3, 175.0]).max() < 2.5


def test_yolox_in_the_sandbox_counts_the_persons_that_the_readme_states(bench):
    outcome, outputs = bench.job()

    totals = outputs["totals"]
    rows = outputs["counts"]["rows"]
    assert 795 == totals["frames"]
    assert totals["every20_persons"] == pytest.approx(279, abs=4)
    persons = sum(row[3] for row in rows if row[2] == "person" and row[1] % 20 == 0)
    assert persons == totals["every20_persons"]
    assert outcome.max_rss_mib < 300


def test_the_clip_itself_is_what_the_readme_says():
    clip, _ = detect.material()
    capture = cv2.VideoCapture(str(clip))

    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 795
    assert capture.get(cv2.CAP_PROP_FPS) == 10.0
