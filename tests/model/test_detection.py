"""Boxes are frozen values that cannot be wrong."""

import dataclasses

import numpy as np
import pytest

from darkroom.errors import DataError
from darkroom.model.detection import UNKNOWN_IDENTITY, Annotations, Detections


BOX = [[1.0, 2.0, 3.0, 4.0]]


def test_detections_keep_their_arrays_in_the_promised_types():
    found = Detections(xyxy=BOX, confidence=[0.5], class_id=[1])

    assert found.xyxy.dtype == np.float32
    assert found.confidence.dtype == np.float32
    assert found.class_id.dtype == np.int32
    assert len(found) == 1


def test_a_caller_cannot_change_them_afterwards():
    boxes = np.array(BOX)
    found = Detections(xyxy=boxes, confidence=[0.5], class_id=[0])

    boxes[:] = 0.0

    assert found.xyxy.tolist() == BOX
    with pytest.raises(ValueError, match="read-only"):
        found.xyxy[0, 0] = 7.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.xyxy = boxes


@pytest.mark.parametrize(
    ("fault", "values"),
    [
        ("an inverted box", {"xyxy": [[3.0, 2.0, 1.0, 4.0]]}),
        ("a box with three edges", {"xyxy": [[1.0, 2.0, 3.0]]}),
        ("a box at infinity", {"xyxy": [[1.0, 2.0, np.inf, 4.0]]}),
        ("two scores for one box", {"confidence": [0.5, 0.5]}),
        ("a score above one", {"confidence": [1.5]}),
        ("a score that is no number", {"confidence": [np.nan]}),
        ("a negative class", {"class_id": [-1]}),
        ("half a class", {"class_id": [0.5]}),
    ],
)
def test_wrong_detections_are_refused(fault, values):
    legal = {"xyxy": BOX, "confidence": [0.5], "class_id": [0]}

    with pytest.raises(DataError):
        Detections(**(legal | values))


def test_empty_detections_have_the_shape_of_boxes():
    assert Detections.empty().xyxy.shape == (0, 4)
    assert len(Detections.empty()) == 0


def test_rows_are_picked_by_mask_by_index_and_by_confidence():
    found = Detections(xyxy=BOX * 3, confidence=[0.1, 0.9, 0.5], class_id=[0, 1, 2])

    assert found.select([2, 1]).class_id.tolist() == [2, 1]
    assert found.select(found.class_id == 0).class_id.tolist() == [0]
    assert found.above(0.5).class_id.tolist() == [1, 2]


def test_equality_is_of_values():
    one = Detections(xyxy=BOX, confidence=[0.5], class_id=[0])

    assert one == Detections(xyxy=BOX, confidence=[0.5], class_id=[0])
    assert one != Detections(xyxy=BOX, confidence=[0.5], class_id=[1])
    assert one != "a string"


def annotated(**values):
    legal = {"xyxy": BOX, "class_id": [0], "identity": [7], "visibility": [0.5]}
    return Annotations(**(legal | values))


def test_annotations_without_identities_say_so():
    truth = Annotations.of(xyxy=BOX, class_id=[0])

    assert truth.identity.tolist() == [UNKNOWN_IDENTITY]
    assert truth.visibility.tolist() == [1.0]
    assert len(Annotations.empty()) == 0


@pytest.mark.parametrize(
    ("fault", "values"),
    [
        ("an identity below -1", {"identity": [-2]}),
        ("no identity", {"identity": []}),
        ("a visibility above one", {"visibility": [1.01]}),
        ("a negative visibility", {"visibility": [-0.01]}),
        ("a negative class", {"class_id": [-1]}),
    ],
)
def test_wrong_annotations_are_refused(fault, values):
    with pytest.raises(DataError):
        annotated(**values)


def test_nobody_is_in_one_picture_twice():
    with pytest.raises(DataError, match="twice"):
        Annotations(xyxy=BOX * 2, class_id=[0, 0], identity=[7, 7], visibility=[1.0, 1.0])


def test_many_unknown_objects_are_fine():
    assert len(Annotations.of(xyxy=BOX * 5, class_id=[0] * 5)) == 5


def test_annotations_compare_and_pick_by_value():
    assert annotated() == annotated()
    assert annotated() != annotated(visibility=[0.6])
    assert annotated() != 3
    assert annotated().select([0]) == annotated()
