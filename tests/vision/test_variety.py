"""A changed picture keeps its annotations true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.detection import Annotations
from darkroom.vision.variety import Variety, vary


NONE = Variety(gain=(1.0, 1.0), offset=0.0, cast=0.0, crop=0.0, mirror=0.0)
TRUTH = Annotations(
    xyxy=[[10, 20, 30, 60], [50, 5, 79, 30]],
    class_id=[0, 1],
    identity=[4, 9],
    visibility=[1.0, 0.4],
)


def painted():
    """Two boxes of one colour each on black: what is annotated can be seen."""
    image = np.zeros((64, 80, 3), np.uint8)
    image[20:60, 10:30] = (200, 0, 0)
    image[5:30, 50:79] = (0, 0, 200)
    return image


def test_no_variety_changes_nothing():
    image, truth = vary(np.random.default_rng(0), painted(), TRUTH, NONE)

    assert np.array_equal(image, painted())
    assert truth == TRUTH


def test_the_mirror_moves_boxes_with_their_objects():
    mirror = Variety(gain=(1.0, 1.0), offset=0.0, cast=0.0, crop=0.0, mirror=1.0)

    image, truth = vary(np.random.default_rng(0), painted(), TRUTH, mirror)

    assert truth.xyxy.tolist() == [[50, 20, 70, 60], [1, 5, 30, 30]]
    assert truth.identity.tolist() == [4, 9]
    assert image[20:60, 50:70, 0].min() == 200


@given(st.integers(0, 2**32 - 1))
def test_after_any_crop_boxes_fit_what_is_left_of_their_objects(seed):
    crop = Variety(gain=(1.0, 1.0), offset=0.0, cast=0.0, crop=0.6, mirror=0.5)

    image, truth = vary(np.random.default_rng(seed), painted(), TRUTH, crop)

    for box, class_id in zip(truth.xyxy.astype(int), truth.class_id, strict=True):
        x1, y1, x2, y2 = box
        channel = image[..., 0 if class_id == 0 else 2]
        assert (channel[y1:y2, x1:x2] == 200).all()
        assert (channel == 200).sum() == (x2 - x1) * (y2 - y1)


def test_an_object_of_which_less_than_half_is_left_is_let_go():
    crop = Variety(gain=(1.0, 1.0), offset=0.0, cast=0.0, crop=0.9, mirror=0.0)

    kept = [len(vary(np.random.default_rng(s), painted(), TRUTH, crop)[1]) for s in range(40)]
    assert min(kept) == 0
    assert max(kept) == 2


def test_light_is_changed_within_its_range_and_stays_in_eight_bits():
    bright = Variety(gain=(2.0, 2.0), offset=0.0, cast=0.0, crop=0.0, mirror=0.0)

    image, _ = vary(np.random.default_rng(0), painted(), TRUTH, bright)

    assert image.dtype == np.uint8
    assert image.max() == 255


@pytest.mark.parametrize("seed", range(3))
def test_the_same_chance_gives_the_same_picture(seed):
    one, two = (vary(np.random.default_rng(seed), painted(), TRUTH, Variety()) for _ in range(2))

    assert np.array_equal(one[0], two[0])
    assert one[1] == two[1]
