"""A mock twin tells nothing but the card: no private frame, no near copy."""

import cv2
import numpy as np
import pytest

from darkroom.errors import SpecError
from darkroom.scene import CameraSpec, World, clip, mock_recipe
from darkroom.scene.mock import DEFAULT_DURATION
from tests.scene.scene_recipes import DOMAINS, domain_recipe, small_recipe


NEAR = 0.45
"""Below this distance, of sqrt(2) for unrelated pictures, two frames are copies."""

PUBLIC_LOOKS = {"north": {"light": "day"}, "east": {"light": "day"}, "south": {"light": "night"}}


def essence(image):
    """A frame without size, brightness, contrast and grain: 32 x 24 unit vector."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 24), interpolation=cv2.INTER_AREA).astype(float)
    small -= small.mean()
    return (small / max(np.linalg.norm(small), 1e-9)).ravel()


def distances(frames, others):
    return np.sqrt(np.maximum(0.0, 2.0 - 2.0 * frames @ others.T))


def mirrored(essences):
    return essences.reshape(-1, 24, 32)[:, :, ::-1].reshape(len(essences), -1)


@pytest.fixture(scope="module")
def private_frames():
    """A frame of every camera of every domain, every twelve seconds."""
    frames = []
    for domain in DOMAINS:
        world = World(domain_recipe(domain))
        for camera in world.cameras:
            frames += [world.frame(camera.id, i)[0] for i in range(0, 300, 15)]
    return frames


@pytest.fixture(scope="module")
def private_essences(private_frames):
    return np.array([essence(image) for image in private_frames])


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_no_mock_frame_is_a_private_frame_or_nearly_one(domain, private_essences):
    recipe = domain_recipe(domain)
    for seed in range(3):
        twin = World(mock_recipe(recipe.cameras, PUBLIC_LOOKS[domain], recipe.classes, seed))
        mock = np.array(
            [essence(twin.frame(c.id, i)[0]) for c in twin.cameras for i in (0, 25, 50)]
        )

        assert distances(mock, private_essences).min() > NEAR
        assert distances(mock, mirrored(private_essences)).min() > NEAR


COPIES = {
    "the frame itself": lambda image: image,
    "encoded as a poor JPEG": lambda image: cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR
    ),
    "shifted by a pixel": lambda image: np.roll(image, 1, axis=1),
    "made darker": lambda image: (image * 0.6).astype(np.uint8),
    "made brighter": lambda image: np.clip(image * 1.3 + 15.0, 0, 255).astype(np.uint8),
    "at half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5),
    "with noise": lambda image: np.clip(
        image + np.random.default_rng(0).normal(0, 12, image.shape), 0, 255
    ).astype(np.uint8),
    "mirrored": lambda image: image[:, ::-1].copy(),
}


@pytest.mark.slow
@pytest.mark.parametrize("copy", COPIES)
def test_a_planted_copy_would_be_caught(copy, private_frames, private_essences):
    planted = np.array([essence(COPIES[copy](image)) for image in private_frames[::4]])

    nearest = np.minimum(
        distances(planted, private_essences),
        distances(planted, mirrored(private_essences)),
    ).min(axis=1)
    assert nearest.max() < NEAR


def test_a_mock_has_the_cards_cameras_and_classes():
    cameras = (CameraSpec(id="hall", width=480, height=360, fps=10.0),)

    recipe = mock_recipe(cameras, {"light": "day", "busyness": "busy"}, ("person",), 1)

    assert recipe.cameras == cameras
    assert recipe.classes == ("person",)
    assert recipe.duration == DEFAULT_DURATION
    assert recipe.traffic.people_per_minute >= 14.0


def test_a_night_card_gives_a_night_mock():
    recipe = mock_recipe((CameraSpec(id="a"),), {"light": "night"}, (), 1)

    assert recipe.look.light < 0.25
    assert recipe.classes == ("person", "vehicle")


def test_a_mock_never_has_the_private_seed():
    recipe = small_recipe()

    twin = mock_recipe(recipe.cameras, {}, recipe.classes, recipe.seed)

    assert twin.seed != recipe.seed


def test_the_same_card_and_seed_give_the_same_mock():
    cameras = small_recipe().cameras

    assert mock_recipe(cameras, {}, (), 5) == mock_recipe(cameras, {}, (), 5)
    assert mock_recipe(cameras, {}, (), 5) != mock_recipe(cameras, {}, (), 6)


def test_two_sites_with_one_seed_get_two_mocks():
    one = mock_recipe((CameraSpec(id="a"),), {}, (), 5)
    other = mock_recipe((CameraSpec(id="b"),), {}, (), 5)

    assert one.seed != other.seed


@pytest.mark.parametrize("look", [{"light": "dusk"}, {"busyness": 3}, {"weather": "rain"}], ids=str)
def test_a_hint_that_the_world_does_not_know_is_refused(look):
    with pytest.raises(SpecError):
        mock_recipe((CameraSpec(id="a"),), look, (), 1)


def test_a_clip_is_the_first_seconds_of_a_camera():
    recipe = small_recipe()
    frames = list(clip(recipe, "a", 2.0))

    assert len(frames) == 4
    assert frames[3][0].tobytes() == World(recipe).frame("a", 3)[0].tobytes()
    assert len(list(clip(small_recipe(duration=3.0), "a", 60.0))) == 6
