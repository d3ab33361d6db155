"""Suppression keeps the best of what overlaps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.detection import Detections
from darkroom.vision.boxes import area, iou
from darkroom.vision.nms import nms, suppress


edges = st.tuples(*[st.integers(0, 40)] * 4).map(
    lambda e: [min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3])]
)
pictures = st.lists(st.tuples(edges, st.integers(0, 10), st.integers(0, 2)), max_size=12).map(
    lambda rows: Detections(
        xyxy=np.array([row[0] for row in rows], dtype=float).reshape(-1, 4),
        confidence=np.array([row[1] / 10 for row in rows]),
        class_id=np.array([row[2] for row in rows], dtype=int),
    )
)


def test_iou_of_known_boxes():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]])

    expected = [
        [1.0, 1 / 3, 0.0, 0.0],
        [1 / 3, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],  # an empty box overlaps nothing, not even itself
    ]
    np.testing.assert_allclose(iou(boxes, boxes), expected)
    assert area(boxes).tolist() == [100, 100, 100, 0]


def test_iou_with_nothing_is_empty():
    assert iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)


@given(pictures, pictures)
def test_iou_is_symmetric_and_a_share(one, other):
    overlap = iou(one.xyxy, other.xyxy)

    np.testing.assert_array_equal(overlap, iou(other.xyxy, one.xyxy).T)
    assert ((overlap >= 0.0) & (overlap <= 1.0)).all()


def test_the_better_of_two_overlapping_boxes_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]])

    assert nms(boxes, np.array([0.3, 0.9, 0.5])).tolist() == [1, 2]


def test_exactly_the_threshold_is_not_too_much():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])  # IoU 0.5

    assert nms(boxes, np.array([0.9, 0.8]), threshold=0.5).tolist() == [0, 1]
    assert nms(boxes, np.array([0.9, 0.8]), threshold=0.49).tolist() == [0]


def test_a_suppressed_box_suppresses_nobody():
    chain = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])

    assert nms(chain, np.array([0.9, 0.8, 0.7]), threshold=0.4).tolist() == [0, 2]


def test_classes_do_not_suppress_each_other():
    found = Detections(
        xyxy=[[0, 0, 10, 10], [0, 0, 10, 10]], confidence=[0.9, 0.8], class_id=[0, 1]
    )

    assert suppress(found) == found


@given(pictures)
def test_suppressing_twice_changes_nothing_more(found):
    once = suppress(found)

    assert suppress(once) == once


@given(pictures)
def test_what_stays_is_sorted_and_does_not_overlap(found):
    kept = suppress(found, threshold=0.5)

    assert (np.diff(kept.confidence) <= 0.0).all()
    overlap = iou(kept.xyxy, kept.xyxy)
    same = kept.class_id[:, None] == kept.class_id[None]
    assert (overlap[same & ~np.eye(len(kept), dtype=bool)] <= 0.5).all()


@given(pictures)
def test_whoever_goes_overlaps_somebody_better_who_stays(found):
    kept = suppress(found)

    for row in range(len(found)):
        mine = found.select([row])
        rivals = kept.select(
            (kept.class_id == mine.class_id[0]) & (kept.confidence >= mine.confidence[0])
        )
        stays = any(kept.select([k]) == mine for k in range(len(kept)))
        assert stays or (iou(mine.xyxy, rivals.xyxy) > 0.5).any()
