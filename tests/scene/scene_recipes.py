"""Small worlds, and the private worlds of the three domains."""

from pathlib import Path

import pytest
import yaml

from darkroom.scene import CameraSpec, Traffic, World, WorldRecipe


WORLDS = Path(__file__).parents[2] / "data" / "worlds"
DOMAINS = ("north", "east", "south")


def small_recipe(**changes):
    """Three small cameras over a busy minute."""
    values = {
        "seed": 11,
        "duration": 60.0,
        "cameras": tuple(CameraSpec(id=name, width=160, height=128, fps=2.0) for name in "abc"),
        "traffic": Traffic(people_per_minute=14.0, vehicles_per_minute=10.0),
    }
    return WorldRecipe(**(values | changes))


def domain_recipe(name):
    """The recipe of a domain's private world."""
    return WorldRecipe.from_mapping(yaml.safe_load((WORLDS / f"{name}.yaml").read_text()))


@pytest.fixture(scope="session")
def small_world():
    return World(small_recipe())


@pytest.fixture(scope="session")
def private_worlds():
    return {name: World(domain_recipe(name)) for name in DOMAINS}
