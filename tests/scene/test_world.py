"""Every frame is a pure function of recipe, camera and number."""

import hashlib

import numpy as np
import pytest

from darkroom.scene import CameraSpec, Look, World
from tests.scene.scene_recipes import small_recipe


@pytest.fixture(scope="module")
def world():
    return World(small_recipe())


def fingerprint(world, frames):
    digest = hashlib.sha256()
    for camera, index in frames:
        image, truth = world.frame(camera, index)
        digest.update(image.tobytes())
        digest.update(truth.xyxy.tobytes() + truth.visibility.tobytes())
    return digest.hexdigest()


def test_a_frame_has_the_promised_form(world):
    image, truth = world.frame("a", 3)

    assert image.shape == (128, 160, 3)
    assert image.dtype == np.uint8
    assert (truth.xyxy >= 0).all()
    assert (truth.xyxy <= (160, 128, 160, 128)).all()


def test_the_same_recipe_gives_the_same_bytes():
    frames = [(camera, index) for camera in "abc" for index in range(0, 120, 30)]

    assert fingerprint(World(small_recipe()), frames) == fingerprint(World(small_recipe()), frames)


def test_another_seed_gives_other_bytes():
    frames = [("a", 0)]

    assert fingerprint(World(small_recipe()), frames) != fingerprint(
        World(small_recipe(seed=12)), frames
    )


def test_frames_can_be_rendered_alone_and_in_any_order(world):
    alone = World(small_recipe()).frame("b", 77)

    for index in (5, 100, 77):
        again = world.frame("b", index)
    assert again[0].tobytes() != alone[0].tobytes() or index == 77
    image, truth = world.frame("b", 77)

    assert alone[0].tobytes() == image.tobytes()
    assert alone[1] == truth


def test_a_caller_who_paints_on_a_frame_spoils_no_other(world):
    image, _ = world.frame("a", 1)
    before = image.copy()
    image[:] = 0

    assert world.frame("a", 1)[0].tobytes() == before.tobytes()


def test_another_camera_moves_no_camera(world):
    fewer = World(small_recipe(cameras=small_recipe().cameras[:2]))

    assert fewer.frame("b", 9)[0].tobytes() == world.frame("b", 9)[0].tobytes()


def test_noise_differs_from_frame_to_frame_and_camera_to_camera():
    still = small_recipe(look=Look(noise=6.0, flicker=0.0))
    empty = World(small_recipe(look=still.look, traffic=type(still.traffic)(
        people_per_minute=0.0, vehicles_per_minute=0.0)))  # fmt: skip
    one, _ = empty.frame("a", 0)
    two, _ = empty.frame("a", 1)

    difference = two.astype(float) - one
    assert abs(difference.mean()) < 0.2
    assert 4.0 < difference.std() / np.sqrt(2.0) < 8.5


def test_the_light_changes_over_time():
    dim = small_recipe(look=Look(noise=0.0, flicker=0.3, flicker_hz=0.05))
    world = World(dim)

    means = [world.frame("a", index)[0].mean() for index in range(0, 40, 4)]
    assert max(means) > 1.2 * min(means)


def test_an_object_has_one_identity_on_all_cameras(world):
    seen = {}
    for camera in "abc":
        for index in range(0, 120, 6):
            _, truth = world.frame(camera, index)
            for identity, class_id in zip(truth.identity, truth.class_id, strict=True):
                seen.setdefault(int(identity), set()).add((camera, int(class_id)))

    known = {each.identity for each in world.trajectories()}
    assert set(seen) <= known
    assert sum(len({camera for camera, _ in where}) > 1 for where in seen.values()) > 5
    assert all(len({class_id for _, class_id in where}) == 1 for where in seen.values())


def test_whoever_is_annotated_is_there_and_where_the_box_says(world):
    paths = {each.identity: each for each in world.trajectories()}

    for index in range(0, 120, 10):
        _, truth = world.frame("c", index)
        second = world.second("c", index)
        for box, identity in zip(truth.xyxy, truth.identity, strict=True):
            path = paths[int(identity)]
            assert path.is_present(second)
            middle = np.array([*path.position(second), 0.8])
            pixels, _ = world.geometry("c").project(middle[None])
            inside = np.clip(pixels[0], 0, (160, 128))
            assert (inside >= box[:2] - 2).all()
            assert (inside <= box[2:] + 2).all()


def test_the_pixels_of_a_box_change_when_its_owner_has_gone():
    """The box is where the object is painted: an empty world differs inside it."""
    calm = Look(noise=0.0, flicker=0.0, shadow=0.0)
    full = World(small_recipe(look=calm))
    nobody = type(full.recipe.traffic)(people_per_minute=0.0, vehicles_per_minute=0.0)
    empty = World(small_recipe(look=calm, traffic=nobody))

    for index in (0, 40, 80):
        image, truth = full.frame("a", index)
        changed = (image != empty.frame("a", index)[0]).any(axis=2)
        outside = np.ones_like(changed)
        for x1, y1, x2, y2 in truth.xyxy:
            x, y = slice(int(x1), int(x2) + 1), slice(int(y1), int(y2) + 1)
            assert changed[y, x].mean() > 0.1
            outside[max(0, y.start - 2) : y.stop + 2, max(0, x.start - 2) : x.stop + 2] = False
        assert (changed & outside).mean() < 0.05  # the left out: tiny, hidden, cut off


def test_some_objects_are_partly_hidden_and_none_nearly_gone(world):
    shares = np.concatenate(
        [world.frame(c, i)[1].visibility for c in "abc" for i in range(0, 120, 6)]
    )

    assert shares.min() >= 0.25
    assert (shares < 0.8).any()
    assert (shares == 1.0).any()


def test_classes_that_were_not_asked_for_are_not_there():
    people_only = World(small_recipe(classes=("person",)))

    assert {each.kind for each in people_only.trajectories()} == {"person"}
    assert people_only.frame("a", 0)[1].class_id.tolist().count(1) == 0


def test_a_night_is_dark_and_its_lamps_are_not():
    day = World(small_recipe()).frame("a", 0)[0].mean()
    night = World(small_recipe(look=Look(light=0.12))).frame("a", 0)[0].mean()
    lit = World(small_recipe(look=Look(light=0.12, lamps=3))).frame("a", 0)[0].mean()

    assert night < 0.3 * day
    assert night < lit < 0.7 * day


def test_cameras_may_have_any_size_and_rate():
    cameras = (CameraSpec(id="wide", width=480, height=360, fps=10.0),)
    world = World(small_recipe(cameras=cameras, duration=2.05))

    assert world.frame_count("wide") == 20
    assert world.frame("wide", 19)[0].shape == (360, 480, 3)
    assert world.second("wide", 15) == 1.5


def test_a_camera_or_frame_that_is_not_there_is_named(world):
    with pytest.raises(KeyError, match="'z'"):
        world.frame("z", 0)
    with pytest.raises(IndexError, match="120 frames"):
        world.frame("a", 120)
    with pytest.raises(IndexError):
        world.frame("a", -1)
