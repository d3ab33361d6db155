"""The private worlds of the three domains are what the demo needs."""

import numpy as np
import pytest

from darkroom.scene import World
from tests.scene.scene_recipes import DOMAINS, domain_recipe


@pytest.fixture(scope="module")
def worlds():
    return {name: World(domain_recipe(name)) for name in DOMAINS}


def shown(world):
    return [world.frame(c.id, i) for c in world.cameras for i in (20, 150, 280)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_cameras_and_minutes_enough_to_split(domain):
    recipe = domain_recipe(domain)

    assert len(recipe.cameras) == 3
    assert recipe.duration >= 180.0
    frames = sum(int(recipe.duration * camera.fps) for camera in recipe.cameras)
    assert 700 <= frames <= 1000


def test_no_two_domains_look_alike(worlds):
    colours = {
        name: np.mean([image.mean(axis=(0, 1)) for image, _ in shown(world)], axis=0)
        for name, world in worlds.items()
    }

    assert colours["south"].mean() < 0.4 * colours["north"].mean()
    warmth = {name: colour[0] / colour[2] for name, colour in colours.items()}
    assert warmth["east"] > 1.05 * warmth["north"]


def test_each_domain_has_people_and_vehicles(worlds):
    for world in worlds.values():
        classes = np.concatenate([truth.class_id for _, truth in shown(world)])
        assert (classes == 0).sum() > 5
        assert (classes == 1).sum() > 5


def test_domains_share_no_seed():
    seeds = [domain_recipe(name).seed for name in DOMAINS]

    assert len(set(seeds)) == len(seeds)
