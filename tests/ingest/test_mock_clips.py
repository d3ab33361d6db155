"""`data/mock`: what lies there is what its recipe makes of the domains' public cards."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from darkroom.config import REPOSITORY


FOLDER = REPOSITORY / "data" / "mock"
DOMAINS = ("north", "east", "south")


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("make_mock_clips", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frames(path: Path) -> list[np.ndarray]:
    capture, found = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        found.append(read[1])
    return found


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_domain_has_a_tiny_clip(domain):
    path = FOLDER / f"{domain}.mp4"

    assert path.stat().st_size < 300_000
    assert [(256, 320, 3)] * 40 == [f.shape for f in frames(path)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_clip_is_the_mock_of_its_card(domain, recipe):
    card = recipe.public_card(domain)
    assert json.loads((FOLDER / f"{domain}.json").read_text()) == json.loads(
        json.dumps(card.to_mapping())
    )
    world = recipe.mock_world(card)

    shown = frames(FOLDER / f"{domain}.mp4")

    for index in (0, 39):
        rendered = world.frame(card.cameras[0].id, index)[0][:, :, ::-1]
        assert np.abs(shown[index].astype(int) - rendered).mean() < 8


def test_nothing_else_lies_there():
    kept = {f"{d}.{suffix}" for d in DOMAINS for suffix in ("mp4", "json")} | {"make.py"}

    assert kept == {p.name for p in FOLDER.iterdir() if p.name != "__pycache__"}
