"""Footage for ingest tests: every frame tells its number, whatever a codec does to it."""

from pathlib import Path

import cv2
import numpy as np


WIDTH, HEIGHT = 96, 64
BITS = 10


def picture(number: int) -> np.ndarray:
    """Ten tall bars, light for 1 and dark for 0, over a quiet gradient."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    image[:, :, 0] = np.linspace(20, 90, WIDTH)
    for bit in range(BITS):
        value = 230 if number >> bit & 1 else 20
        image[8:40, 8 + bit * 8 : 14 + bit * 8] = value
    return image


def number_on(image: np.ndarray) -> int:
    return sum(
        (image[14:34, 9 + bit * 8 : 13 + bit * 8].mean() > 125) << bit for bit in range(BITS)
    )


def write_video(path: Path, frames: int, *, fps: float = 5.0, codec: str = "MJPG") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (WIDTH, HEIGHT))
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    return path


def write_pictures(folder: Path, frames: int, *, suffix: str = ".png") -> Path:
    folder.mkdir()
    for number in range(frames):
        cv2.imwrite(str(folder / f"frame-{number}{suffix}"), picture(number))
    return folder
