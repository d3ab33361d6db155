"""Near things hide far ones, and their light."""

import numpy as np

from darkroom.scene.canvas import OCCLUDER, Canvas


SQUARE = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]])


def blank():
    return Canvas(np.zeros((40, 60, 3), np.uint8))


def test_a_square_fills_its_pixels_and_is_owned():
    canvas = blank()
    canvas.begin(1)
    canvas.convex(SQUARE, (200, 10, 10))

    assert canvas.extent == (10.0, 10.0, 30.0, 30.0)
    assert (canvas.image[11:29, 11:29] == (200, 10, 10)).all()
    assert 400 <= canvas.held_by(1, canvas.extent) <= 441
    assert canvas.owner[5, 5] == 0


def test_what_is_painted_later_hides_what_was_there():
    canvas = blank()
    canvas.begin(1)
    canvas.convex(SQUARE, (200, 10, 10))
    own = canvas.held_by(1, (0, 0, 60, 40))
    canvas.begin(OCCLUDER)
    canvas.convex(SQUARE + [10.0, 0.0], (0, 0, 90))

    left = canvas.held_by(1, (0, 0, 60, 40))
    assert 0.4 < left / own < 0.6


def test_light_does_not_shine_through_what_is_nearer():
    canvas = blank()
    canvas.begin(1)
    canvas.convex(SQUARE, (10, 10, 10))
    canvas.shine(SQUARE, (255, 255, 255))
    assert canvas.glow()[20, 25].tolist() == [255, 255, 255]

    canvas.begin(2)
    canvas.convex(SQUARE + [10.0, 0.0], (10, 10, 10))

    assert canvas.glow()[20, 25].tolist() == [0, 0, 0]
    assert canvas.glow()[20, 15].tolist() == [255, 255, 255]


def test_shapes_beyond_the_picture_harm_nobody():
    canvas = blank()
    canvas.begin(1)
    canvas.convex(SQUARE + [1e7, -1e7], (9, 9, 9))

    assert canvas.held_by(1, canvas.extent) == 0
    assert not canvas.image.any()
