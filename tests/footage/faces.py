"""Small faces for store tests: real segments with real JPEGs."""

import hashlib
import io
from pathlib import Path

import numpy as np

from darkroom.model.canonical import canonical
from darkroom.model.dataset import Camera, Manifest, Segment
from darkroom.model.segment import SegmentWriter
from darkroom.vision.picture import encode_rgb


def make_face(
    folder: Path, *, dataset: str = "plaza", seed: int = 1, minutes: int = 2, side: int = 64
) -> Manifest:
    rng = np.random.default_rng(seed)
    segments = []
    for name in ("segments", "annotations"):
        (folder / name).mkdir(parents=True)
    for minute in range(minutes):
        file = io.BytesIO()
        writer = SegmentWriter(file)
        for _ in range(3):
            writer.add(encode_rgb(rng.integers(0, 255, (side, side, 3), np.uint8)))
        writer.close()
        data, truth = file.getvalue(), canonical([[], None, [[0, -1, 1.0, 2.0, 9.5, 9.0, 1.0]]])
        names = [hashlib.sha256(each).hexdigest() for each in (data, truth)]
        (folder / "segments" / f"{names[0]}.zip").write_bytes(data)
        (folder / "annotations" / f"{names[1]}.json").write_bytes(truth)
        segments.append(
            Segment(
                camera="cam-1",
                minute=minute,
                first=3 * minute,
                frames=3,
                start=60.0 * minute,
                split="test" if minute % 2 else "train",
                sha256=names[0],
                size=len(data),
                annotations=names[1],
            )
        )
    manifest = Manifest(
        dataset=dataset,
        face="private",
        cameras=(Camera(id="cam-1", width=side, height=side, fps=0.05, frames=3 * minutes),),
        classes=("person",),
        annotations="owner",
        segments=tuple(segments),
        source="test",
    )
    (folder / "manifest.json").write_bytes(canonical(manifest.to_mapping()))
    return manifest


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
