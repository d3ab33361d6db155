"""Pictures become input, targets become boxes again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import DataError
from darkroom.model.detection import Annotations
from darkroom.vision.boxes import iou
from darkroom.vision.centre_point import Grid, decode, normalise, prepare
from darkroom.vision.centre_target import encode


GRID = Grid(width=192, height=160)
SIZE = (320, 256)


def logits(heat):
    """The output of a detector that is sure of the target."""
    share = np.clip(heat, 0.001, 0.999)
    return np.log(share / (1.0 - share))


def truth(*rows):
    """Annotations from (x1, y1, x2, y2, class) rows."""
    table = np.array(rows, dtype=float).reshape(-1, 5)
    return Annotations.of(xyxy=table[:, :4], class_id=table[:, 4].astype(int))


def test_the_grid_follows_from_the_input():
    assert (GRID.columns, GRID.rows) == (24, 20)


@pytest.mark.parametrize("side", [0, 8, 100, -16])
def test_an_input_size_must_suit_the_network(side):
    with pytest.raises(DataError, match="multiple of 16"):
        Grid(width=side, height=160)


def test_any_picture_is_brought_to_the_input_size():
    picture = np.full((360, 480, 3), 51, dtype=np.uint8)

    ready = prepare(picture, GRID)

    assert ready.shape == (160, 192, 3)
    assert normalise(ready).dtype == np.float32
    np.testing.assert_allclose(normalise(ready), -0.6, atol=1e-6)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))],
    ids=["grey", "with alpha", "float"],
)
def test_what_is_no_rgb_picture_is_refused(picture):
    with pytest.raises(DataError, match="uint8"):
        prepare(picture, GRID)


def test_a_centre_is_one_and_its_surroundings_fade():
    target = encode(truth((100, 80, 140, 180, 1)), SIZE, 2, GRID)

    row, column = np.unravel_index(target.heat[:, :, 1].argmax(), (20, 24))
    assert (column, row) == (9, 10)  # 120 / 320 * 24, 130 / 256 * 20
    assert target.heat[row, column, 1] == 1.0
    assert 0.0 < target.heat[row + 1, column, 1] < 0.98
    assert not target.heat[:, :, 0].any()
    assert target.weight[row, column] == 1.0


def test_neighbours_learn_the_box_with_less_weight():
    target = encode(truth((60, 60, 160, 200, 0)), SIZE, 1, GRID)

    assert sorted(np.unique(target.weight).tolist()) == pytest.approx([0.0, 0.3, 1.0])
    assert int((target.weight > 0).sum()) == 9


def test_the_nearer_object_wins_a_cell_that_two_want():
    target = encode(truth((100, 100, 120, 150, 0), (90, 60, 130, 189, 0)), SIZE, 1, GRID)
    row, column = np.argwhere(target.weight == 1.0)[0]

    assert np.exp(target.boxes[row, column, 3]) * 32 == pytest.approx(129 * 160 / 256)


def test_a_class_that_the_detector_does_not_know_is_left_out():
    target = encode(truth((10, 10, 60, 60, 5)), SIZE, 2, GRID)

    assert not target.heat.any()
    assert not target.weight.any()


def test_an_empty_picture_has_empty_targets_and_no_boxes():
    target = encode(Annotations.empty(), SIZE, 2, GRID)

    assert not target.heat.any()
    assert len(decode(logits(target.heat), target.boxes, SIZE)) == 0


@given(
    st.integers(0, 270), st.integers(0, 190), st.integers(6, 200), st.integers(10, 200),
    st.integers(0, 1),
)  # fmt: skip
def test_what_is_encoded_is_decoded_again(x, y, width, height, class_id):
    box = (x, y, min(320, x + width), min(256, y + height), class_id)

    target = encode(truth(box), SIZE, 2, GRID)
    found = decode(logits(target.heat), target.boxes, SIZE, threshold=0.99)

    assert found.class_id.tolist() == [class_id]
    np.testing.assert_allclose(found.xyxy[0], box[:4], atol=0.01)


def test_objects_apart_are_all_found_best_first():
    target = encode(
        truth((10, 10, 40, 90, 0), (150, 100, 250, 160, 1), (280, 20, 300, 80, 0)),
        SIZE, 2, GRID,
    )  # fmt: skip
    heat = target.heat * 0.9
    heat[target.heat < 1.0] *= 0.5

    found = decode(logits(heat), target.boxes, SIZE, threshold=0.5)

    assert sorted(found.class_id.tolist()) == [0, 0, 1]
    assert (np.diff(found.confidence) <= 0).all()


def test_a_plateau_is_one_peak():
    heat = np.full((20, 24, 1), -9.0)
    heat[5:7, 5:7] = 2.0

    assert len(decode(heat, np.zeros((20, 24, 4)), SIZE)) == 1


def test_no_more_boxes_than_asked():
    heat = np.full((20, 24, 1), -9.0)
    heat[::4, ::4] = 2.0

    assert len(decode(heat, np.zeros((20, 24, 4)), SIZE, most=7)) == 7


@given(st.integers(0, 2**32 - 1))
def test_whatever_the_network_says_boxes_stay_inside_the_picture(seed):
    rng = np.random.default_rng(seed)
    heat = rng.normal(0, 3, (20, 24, 2))
    boxes = rng.normal(0, 50, (20, 24, 4))

    found = decode(heat, boxes, SIZE, threshold=0.05)

    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= (320, 256, 320, 256)).all()
    overlap = iou(found.xyxy, found.xyxy)
    same = found.class_id[:, None] == found.class_id[None]
    assert (overlap[same & ~np.eye(len(found), dtype=bool)] <= 0.5 + 1e-6).all()
