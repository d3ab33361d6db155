"""A pinhole camera sees what lies on its rays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from darkroom.scene.camera import Camera


CAMERA = Camera.looking_at(
    size=(320, 256), focal=280.0,
    position=np.array([0.0, -8.0, 4.0]), target=np.array([1.0, 2.0, 0.5]),
)  # fmt: skip


def test_what_it_looks_at_is_in_the_middle():
    pixels, depth = CAMERA.project(np.array([[1.0, 2.0, 0.5]]))

    np.testing.assert_allclose(pixels, [[160.0, 128.0]], atol=1e-9)
    np.testing.assert_allclose(depth, np.sqrt(1 + 100 + 12.25))


def test_up_is_up_and_right_is_right():
    spots = np.array([[1.0, 2.0, 1.5], [2.0, 2.0, 0.5]])

    pixels, _ = CAMERA.project(spots)

    assert pixels[0, 1] < 128.0
    assert pixels[1, 0] > 160.0


def test_it_does_not_roll():
    pixels, _ = CAMERA.project(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 2.0]]))

    np.testing.assert_allclose(pixels[:, 0], 160.0, atol=1e-9)


@given(st.integers(0, 319), st.integers(0, 255), st.floats(0.01, 0.2))
def test_a_pixels_ray_projects_back_into_the_pixel(x, y, distance):
    ray = CAMERA.rays(1)[y, x]

    pixels, _ = CAMERA.project((CAMERA.position + distance * ray)[None])

    np.testing.assert_allclose(pixels[0], (x + 0.5, y + 0.5), atol=1e-6)


def test_what_is_behind_has_a_negative_depth():
    _, depth = CAMERA.project(np.array([[0.0, -20.0, 4.0]]))

    assert depth[0] < 0.0
