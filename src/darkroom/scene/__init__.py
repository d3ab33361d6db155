"""PRETEND: a seeded world of cameras with ground truth; pure, no files, no clock."""

from darkroom.scene.mock import clip, mock_recipe
from darkroom.scene.recipe import CameraSpec, Look, Traffic, WorldRecipe
from darkroom.scene.trajectory import Trajectory
from darkroom.scene.world import World


__all__ = [
    "CameraSpec",
    "Look",
    "Traffic",
    "Trajectory",
    "World",
    "WorldRecipe",
    "clip",
    "mock_recipe",
]
