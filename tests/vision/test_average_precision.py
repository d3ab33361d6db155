"""All-point average precision: exact values, and laws that hold for all input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import DataError
from darkroom.model.detection import Annotations, Detections
from darkroom.vision.average_precision import average_precision


A, B, C = [0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]
NOWHERE = [90, 90, 99, 99]


def said(*rows):
    """Detections of class 0 from (box, confidence) pairs."""
    return Detections(
        xyxy=np.array([box for box, _ in rows], dtype=float).reshape(-1, 4),
        confidence=[score for _, score in rows],
        class_id=np.zeros(len(rows), dtype=int),
    )


def true(*boxes, visibility=None):
    shown = np.ones(len(boxes)) if visibility is None else visibility
    return Annotations(
        xyxy=np.array(boxes, dtype=float).reshape(-1, 4),
        class_id=np.zeros(len(boxes), dtype=int),
        identity=np.full(len(boxes), -1),
        visibility=shown,
    )


@pytest.mark.parametrize(
    ("story", "found", "truth", "expected"),
    [
        ("all found", said((A, 0.9), (B, 0.8)), true(A, B), 1.0),
        ("nothing found", said(), true(A), 0.0),
        ("half found", said((A, 0.9)), true(A, B), 0.5),
        ("a false one last costs nothing", said((A, 0.9), (C, 0.1)), true(A), 1.0),
        ("a false one first halves it", said((C, 0.9), (A, 0.1)), true(A), 0.5),
        ("right, wrong, right", said((A, 0.9), (C, 0.8), (B, 0.7)), true(A, B), 5 / 6),
        ("wrong, right, right", said((C, 0.9), (A, 0.8), (B, 0.7)), true(A, B), 2 / 3),
        ("the second on one object is wrong", said((A, 0.9), (A, 0.8), (B, 0.7)), true(A, B), 5 / 6),
        ("equal scores enter together", said((C, 0.5), (A, 0.5)), true(A), 0.5),
    ],
)  # fmt: skip
def test_golden_values(story, found, truth, expected):
    result = average_precision([found], [truth], 1)

    assert expected == pytest.approx(result.mean, abs=1e-12)


def test_the_overlap_must_reach_the_threshold():
    half = said(([0, 0, 10, 5], 0.9))  # IoU 0.5 with A

    assert average_precision([half], [true(A)], 1).mean == 1.0
    assert average_precision([half], [true(A)], 1, threshold=0.51).mean == 0.0


def test_an_object_is_sought_in_its_own_picture():
    found = [said((A, 0.9)), said()]

    assert average_precision(found, [true(), true(A)], 1).mean == 0.0


def test_a_class_without_objects_has_no_ap_and_does_not_enter_the_mean():
    result = average_precision([said((A, 0.9))], [true(A)], 3)

    assert result.per_class[0] == 1.0
    assert math.isnan(result.per_class[1])
    assert result.mean == 1.0
    assert result.objects == (1, 0, 0)


def test_without_any_object_there_is_no_mean():
    assert math.isnan(average_precision([said((A, 0.9))], [true()], 1).mean)


def test_hardly_visible_objects_can_be_ignored():
    truth = true(A, B, visibility=[1.0, 0.1])

    missed = average_precision([said((A, 0.9))], [truth], 1, min_visibility=0.3)
    found = average_precision([said((B, 0.9), (A, 0.8))], [truth], 1, min_visibility=0.3)

    assert missed.mean == 1.0
    assert found.mean == 1.0  # neither right nor wrong
    assert missed.objects == (1,)


def test_pictures_and_truth_must_pair_up():
    with pytest.raises(DataError, match="1 pictures detected, 2 annotated"):
        average_precision([said()], [true(), true()], 1)


boxes = st.sampled_from([A, B, C, NOWHERE])
scenes = st.lists(
    st.tuples(
        st.lists(st.tuples(boxes, st.integers(0, 4).map(lambda n: n / 4)), max_size=5),
        st.lists(boxes, max_size=4, unique_by=tuple),
    ),
    min_size=1,
    max_size=5,
)


def measured(scene):
    found = [said(*rows) for rows, _ in scene]
    truth = [true(*rows) for _, rows in scene]
    return average_precision(found, truth, 1).mean


@given(scenes)
def test_it_is_a_share_or_undefined(scene):
    value = measured(scene)

    assert math.isnan(value) or 0.0 <= value <= 1.0


@given(scenes, st.randoms(use_true_random=False))
def test_the_order_of_pictures_changes_nothing(scene, chance):
    shuffled = list(scene)
    chance.shuffle(shuffled)

    np.testing.assert_equal(measured(shuffled), measured(scene))


@given(scenes)
def test_only_the_order_of_scores_counts(scene):
    squeezed = [([(box, s**2 / 2) for box, s in rows], truth) for rows, truth in scene]

    np.testing.assert_equal(measured(squeezed), measured(scene))


@given(scenes)
def test_a_wrong_box_never_helps(scene):
    spoilt = [([*rows, ([70, 0, 80, 10], 0.6)], truth) for rows, truth in scene]

    assert math.isnan(measured(scene)) or measured(spoilt) <= measured(scene)


@given(scenes)
def test_an_oracle_is_perfect(scene):
    perfect = [([(box, 0.9) for box in truth], truth) for _, truth in scene]

    assert measured(perfect) == 1.0 or not any(truth for _, truth in scene)
