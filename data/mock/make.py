"""Make the tiny mock clips to look at: one a domain, from its public card alone.

    .venv/bin/python data/mock/make.py

Writes `<domain>.json`, the card, and `<domain>.mp4`, the first seconds of the mock of its
first camera. A card's `version` is zeros here: the clip belongs to no ingested version.
"""

import json
from pathlib import Path

import cv2

from darkroom.config import REPOSITORY, domain_config, read_yaml
from darkroom.model.canonical import digest
from darkroom.model.dataset import Camera, DatasetCard
from darkroom.scene.mock import mock_recipe
from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World


HERE = Path(__file__).parent
DOMAINS = ("north", "east", "south")
FRAMES = 40
SHOWN_FPS = 5.0  # faster than recorded, so that something happens


def public_card(domain: str) -> DatasetCard:
    """What the domain's first dataset tells everybody, before it was ever ingested."""
    dataset = domain_config(REPOSITORY / "domains" / domain).datasets[0]
    private = World(WorldRecipe.from_mapping(read_yaml(REPOSITORY / dataset.source)))
    cameras = tuple(
        Camera(id=c.id, width=c.width, height=c.height, fps=c.fps, frames=private.frame_count(c.id))
        for c in private.cameras
    )
    return DatasetCard(
        domain=domain,
        name=dataset.name,
        version=f"sha256:{'0' * 64}",
        description=dataset.description,
        cameras=cameras,
        classes=dataset.classes,
        annotations="synthetic",
        split_frames={"train": sum(c.frames for c in cameras), "test": 0},
        start=int(dataset.start // 3600) * 3600,
        look=dataset.look,
    )


def mock_world(card: DatasetCard) -> World:
    """The world of a card's mock: the card decides everything."""
    seed = int(digest(card.to_mapping()).removeprefix("sha256:")[:15], 16)
    duration = FRAMES / min(c.fps for c in card.cameras)
    return World(mock_recipe(card.cameras, card.look, card.classes, seed, duration=duration))


def main() -> None:
    for domain in DOMAINS:
        card = public_card(domain)
        (HERE / f"{domain}.json").write_text(json.dumps(card.to_mapping(), indent=1) + "\n")
        camera = card.cameras[0]
        world = mock_world(card)
        path = HERE / f"{domain}.mp4"
        clip = cv2.VideoWriter(
            str(path),
            cv2.VideoWriter.fourcc(*"mp4v"),
            SHOWN_FPS,
            (camera.width, camera.height),
        )
        for index in range(FRAMES):
            picture = world.frame(camera.id, index)[0]
            # Sensor noise is most of a night clip's bytes, and nothing to look at.
            quiet = cv2.medianBlur(picture, 3)
            clip.write(cv2.cvtColor(quiet, cv2.COLOR_RGB2BGR))
        clip.release()
        print(f"{path.name}: {FRAMES} frames of {camera.id}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
