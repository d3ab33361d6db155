"""A dataset whose pixels are a secret, and the hostile job's way to read them.

Each frame is a grid of light and dark squares that survives JPEG: one bit a square. What a
channel carries is counted in bits of this secret; a job on mock never sees it.
"""

import random
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.model.canonical import digest_bytes
from darkroom.model.dataset import Camera, Manifest, Segment


SQUARE = 4
WIDTH, HEIGHT = 640, 480
FRAME_BYTES = (WIDTH // SQUARE) * (HEIGHT // SQUARE) // 8
CAMERAS, FRAMES = 4, 8
SEED = 20
SECRET = random.Random(SEED).randbytes(CAMERAS * FRAMES * FRAME_BYTES)

# In the job: the secret of the cameras that this worker sees, 2,400 bytes a frame; where
# there is none, as on mock, nothing of it.
READ = f"""
import numpy as np
def read(data, frames=1, first=0):
    taken = []
    for camera in data.cameras:
        for frame in data.frames(camera=camera.id):
            if len(taken) == first + frames:
                break
            taken.append(frame.image)
    squares = [image[{SQUARE // 2}::{SQUARE}, {SQUARE // 2}::{SQUARE}, 0] > 127 for image in taken]
    found = b"".join(np.packbits(s.reshape(-1)).tobytes() for s in squares[first:])
    return found.ljust(frames * {FRAME_BYTES}, b"\\0")
"""


def fill(store: FolderFootage, folder: Path, name: str = "vault") -> Manifest:
    """Put the secret footage into a store."""
    face = folder / name
    (face / "segments").mkdir(parents=True)
    cameras, segments = [], []
    for number in range(CAMERAS):
        camera = f"cam{number}"
        draft = face / "draft.zip"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            for index in range(FRAMES):
                part = (number * FRAMES + index) * FRAME_BYTES
                jpeg = _frame(SECRET[part : part + FRAME_BYTES])
                archive.writestr(f"{index:06d}.jpg", jpeg)
        sha256 = digest_bytes(draft.read_bytes()).removeprefix("sha256:")
        size = draft.stat().st_size
        draft.rename(face / "segments" / f"{sha256}.zip")
        cameras.append(Camera(id=camera, width=WIDTH, height=HEIGHT, fps=1.0, frames=FRAMES))
        segments.append(
            Segment(
                camera=camera, minute=0, first=0, frames=FRAMES, start=0.0,
                split="test", sha256=sha256, size=size,
            )
        )  # fmt: skip
    manifest = Manifest(
        dataset=name, face="private", cameras=tuple(cameras), classes=("person",),
        annotations="none", segments=tuple(segments), source="test",
    )  # fmt: skip
    store.put(face, manifest)
    shutil.rmtree(face)
    return manifest


def _frame(data: bytes) -> bytes:
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(HEIGHT // SQUARE, -1)
    grey = np.where(bits, 230, 25).astype(np.uint8).repeat(SQUARE, 0).repeat(SQUARE, 1)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
