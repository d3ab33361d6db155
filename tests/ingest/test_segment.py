"""The segment file, the clock of minutes, and the split by camera and minute."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.detection import Annotations
from darkroom.model.segment import (
    SegmentWriter,
    annotation_rows,
    first_frame,
    minute_of,
    splits,
)


RATES = st.floats(0.02, 240, allow_nan=False) | st.sampled_from([1.25, 29.97, 30000 / 1001, 0.1])


def segment(pictures: list[bytes]) -> bytes:
    file = io.BytesIO()
    writer = SegmentWriter(file)
    for each in pictures:
        writer.add(each)
    writer.close()
    return file.getvalue()


@given(RATES, st.integers(0, 100_000))
def test_every_frame_lies_in_exactly_one_minute(fps, index):
    minute = minute_of(index, fps)

    assert first_frame(minute, fps) <= index < first_frame(minute + 1, fps)


def test_a_minute_at_ten_frames_a_second():
    assert [0, 600, 1200] == [first_frame(m, 10.0) for m in range(3)]
    assert [0, 75, 150] == [first_frame(m, 1.25) for m in range(3)]
    assert [0, 1799, 3597] == [first_frame(m, 29.97) for m in range(3)]


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=6))
def test_the_same_pictures_are_the_same_bytes_and_each_is_read_alone(pictures):
    data = segment(pictures)

    assert segment(pictures) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert [f"{n:06d}.jpg" for n in range(len(pictures))] == archive.namelist()
        assert all(m.compress_type == zipfile.ZIP_STORED for m in archive.infolist())
        assert pictures == [archive.read(name) for name in archive.namelist()]


MINUTES = st.sets(st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 30)))


@given(MINUTES)
def test_no_camera_minute_is_in_both_splits_and_none_is_lost(minutes):
    given = splits(sorted(minutes))

    assert minutes == set(given)
    assert set(given.values()) <= {"train", "test"}


@given(MINUTES.filter(lambda m: len(m) > 1))
def test_two_camera_minutes_are_enough_for_both_splits(minutes):
    assert {"train", "test"} == set(splits(sorted(minutes)).values())


@given(MINUTES, st.randoms())
def test_the_split_does_not_depend_on_the_order_of_arrival(minutes, random):
    listed = sorted(minutes)
    shuffled = list(listed)
    random.shuffle(shuffled)

    assert splits(listed) == splits(shuffled)


def test_about_a_quarter_is_held_out():
    given = splits([(camera, minute) for camera in "abc" for minute in range(40)])

    assert 30 == sum(split == "test" for split in given.values())


def test_rows_of_a_frame():
    annotations = Annotations(
        xyxy=[[1, 2, 3.14159, 4]], class_id=[1], identity=[7], visibility=[0.333]
    )

    assert [[1, 7, 1.0, 2.0, 3.14, 4.0, 0.33]] == annotation_rows(annotations)
    assert [] == annotation_rows(Annotations.empty())


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one(count):
    assert count == len(splits([("a", 0)][:count]))
    assert np.iterable(segment([]))
