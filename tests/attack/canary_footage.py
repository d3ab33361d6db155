"""Private footage of which every frame is the canary picture."""

import zipfile
from hashlib import sha256
from pathlib import Path

import cv2

from darkroom.model.canonical import canonical
from darkroom.model.dataset import Camera, Manifest, Segment
from tests.attack.canaries import HEIGHT, WIDTH, picture


def canary_face(folder: Path, dataset: str = "plaza", frames: int = 4) -> Manifest:
    """A private face whose every frame is the canary picture."""
    (folder / "segments").mkdir(parents=True)
    jpeg = cv2.imencode(".jpg", picture()[:, :, ::-1])[1].tobytes()
    draft = folder / "draft.zip"
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        for index in range(frames):
            archive.writestr(f"{index:06d}.jpg", jpeg)
    name = sha256(draft.read_bytes()).hexdigest()
    size = draft.stat().st_size
    draft.rename(folder / "segments" / f"{name}.zip")
    manifest = Manifest(
        dataset=dataset, face="private",
        cameras=(Camera(id="cam0", width=WIDTH, height=HEIGHT, fps=1.0, frames=frames),),
        classes=("person",), annotations="none",
        segments=(
            Segment(camera="cam0", minute=0, first=0, frames=frames, start=0.0, split="test",
                    sha256=name, size=size),
        ),
        source="test",
    )  # fmt: skip
    (folder / "manifest.json").write_bytes(canonical(manifest.to_mapping()))
    return manifest
