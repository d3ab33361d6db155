"""Measures the shipped detector on the three private worlds, on one interpreter.

    .venv/bin/python data/models/measure.py --interpreter litert
    .venv/bin/python data/models/measure.py --interpreter tflite-runtime

Every third frame of every camera, as a node stores it (JPEG); one JSON line. The detector
has seen none of these worlds. Run each interpreter in a process of its own: that is why TensorFlow is not here.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from darkroom.adapters.litert import Detector
from darkroom.model.detection import CLASSES, Annotations
from darkroom.scene import World, WorldRecipe
from darkroom.vision.average_precision import average_precision
from darkroom.vision.picture import encode_rgb


DATA = Path(__file__).parents[1]
EVERY = 3


def stored(image: NDArray[np.uint8], truth: Annotations) -> tuple[NDArray[np.uint8], Annotations]:
    """A frame after its way through the node's store."""
    coded = np.frombuffer(encode_rgb(image), dtype=np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(np.uint8), truth


def main() -> None:
    """Print AP50 per domain, and what a detection costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interpreter", default="litert")
    parser.add_argument("--model", type=Path, default=DATA / "models" / "detector.int8.tflite")
    options = parser.parse_args()

    detector = Detector(options.model.read_bytes(), options.interpreter)
    report: dict[str, object] = {"interpreter": options.interpreter, "model": options.model.name}
    for domain in ("north", "east", "south"):
        recipe = yaml.safe_load((DATA / "worlds" / f"{domain}.yaml").read_text())
        world = World(WorldRecipe.from_mapping(recipe))
        frames = [
            stored(*world.frame(camera.id, index))
            for camera in world.cameras
            for index in range(0, world.frame_count(camera.id), EVERY)
        ]
        began = time.process_time()
        found = [detector.detect(image, threshold=0.05) for image, _ in frames]
        spent = time.process_time() - began
        result = average_precision(found, [truth for _, truth in frames], len(CLASSES))
        report[domain] = {
            "frames": len(frames),
            "ap50": round(result.mean, 3),
            **{f"ap50_{n}": round(v, 3) for n, v in zip(CLASSES, result.per_class, strict=True)},
            "cpu_ms_per_frame": round(1000 * spent / len(frames), 2),
        }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
