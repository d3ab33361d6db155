from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.dataset import Camera, Manifest, Segment
from darkroom.policy.retention import is_past, last_frame


DAY = 86_400


def segment(camera, start, frames):
    return Segment(
        camera=camera, minute=0, first=0, frames=frames, start=start, split="train",
        sha256="0" * 64, size=1,
    )  # fmt: skip


CAMERAS = tuple(
    Camera(id=name, width=8, height=8, fps=fps, frames=9) for name, fps in (("a", 1.0), ("b", 0.5))
)
MANIFEST = Manifest(
    dataset="plaza", face="private", cameras=CAMERAS, classes=(), annotations="none",
    segments=(segment("a", 100.0, 60), segment("b", 90.0, 60), segment("a", 0.0, 60)), source="",
)  # fmt: skip


def test_the_last_frame_is_that_of_the_camera_that_ended_last():
    assert 90.0 + 120.0 == last_frame(MANIFEST)
    assert 0.0 == last_frame(replace(MANIFEST, segments=()))


@pytest.mark.parametrize(("now", "past"), [(DAY - 1, False), (DAY, True), (DAY + 1, True)])
def test_footage_is_past_its_retention_after_so_many_days(now, past):
    assert past == is_past(0.0, days=1, now=now)


@given(st.floats(0, 4e9), st.integers(1, 36_500), st.floats(0, 4e9), st.floats(0, 1e9))
def test_what_is_past_stays_past(last, days, now, later):
    assert not is_past(last, days=days, now=now) or is_past(last, days=days, now=now + later)
