import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.segment import FASTEST, SLOWEST, first_frame, minute_of


@given(st.integers(0, 10**9), st.floats(SLOWEST, FASTEST))
def test_a_frame_lies_in_one_minute(index, fps):
    minute = minute_of(index, fps)
    assert first_frame(minute, fps) <= index < first_frame(minute + 1, fps)


@pytest.mark.parametrize(
    ("index", "fps", "minute"),
    [(442_224_980_400, 158.3, 46_559_799), (17_675_401_452, 8.3, 35_492_774)],
    ids=["rounded up", "rounded down"],
)
def test_no_rounding_of_a_long_recording_moves_a_frame(index, fps, minute):
    assert minute_of(index, fps) == minute
    assert first_frame(minute, fps) <= index < first_frame(minute + 1, fps)
