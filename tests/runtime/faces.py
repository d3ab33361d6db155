"""A face of a dataset, small, on disk."""

import json
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from darkroom.model.canonical import canonical
from darkroom.model.dataset import Camera, Manifest, Segment


WIDTH, HEIGHT, FPS = 32, 24, 2.0
START = 1_700_000_000.0


def picture(camera: int, index: int) -> np.ndarray:
    """A plain RGB picture whose colour tells which one it is."""
    colour = (40 * camera + 20, 10 * (index % 20), 200)
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def write_face(
    folder: Path,
    *,
    cameras: tuple[str, ...] = ("gate", "yard"),
    minutes: int = 2,
    frames: int = 4,
    annotated: bool = True,
) -> Path:
    """Write a face; minute 0 is for training, the others are held out."""
    segments = []
    for name in ("segments", "annotations"):
        (folder / name).mkdir(parents=True)
    for number, camera in enumerate(cameras):
        for minute in range(minutes):
            first = minute * frames
            pictures = [
                cv2.imencode(".jpg", picture(number, first + i)[:, :, ::-1])[1].tobytes()
                for i in range(frames)
            ]
            target = BytesIO()
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
                for position, jpeg in enumerate(pictures):
                    archive.writestr(f"{position:06d}.jpg", jpeg)
            content = target.getvalue()
            name = sha256(content).hexdigest()
            (folder / "segments" / f"{name}.zip").write_bytes(content)
            truth = ""
            if annotated:
                rows = json.dumps(
                    [[[0, 7, 1.0, 2.0, 11.0, 12.0, 1.0]] if i else [] for i in range(frames)]
                ).encode()
                truth = sha256(rows).hexdigest()
                (folder / "annotations" / f"{truth}.json").write_bytes(rows)
            segments.append(
                Segment(
                    camera=camera,
                    minute=minute,
                    first=first,
                    frames=frames,
                    start=START + first / FPS,
                    split="test" if minute else "train",
                    sha256=name,
                    size=len(content),
                    annotations=truth,
                )
            )
    manifest = Manifest(
        dataset="street",
        face="mock",
        cameras=tuple(
            Camera(id=c, width=WIDTH, height=HEIGHT, fps=FPS, frames=frames * minutes)
            for c in cameras
        ),
        classes=("person", "vehicle"),
        annotations="synthetic" if annotated else "none",
        segments=tuple(segments),
        source="test",
    )
    (folder / "manifest.json").write_bytes(canonical(manifest.to_mapping()))
    return folder
