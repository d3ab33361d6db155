"""The detection job of notebook 02 without its measuring: people and vehicles per camera."""

from pathlib import Path
from typing import Any

import darkroom


def count(data: Any, params: Any) -> dict[str, Any]:
    """Count what the shipped detector sees, frame by frame."""
    import cv2

    cv2.setNumThreads(1)  # one shard, one core: shards side by side are the parallelism
    detector = darkroom.Detector(darkroom.code_path("files/detector.tflite"))
    rows = []
    for camera in data.cameras:
        people = vehicles = frames = 0
        for frame in data.frames(camera=camera.id):
            seen = detector.detect(frame.image, threshold=params["threshold"])
            people += int((seen.class_id == 0).sum())
            vehicles += int((seen.class_id == 1).sum())
            frames += 1
        rows.append((camera.id, frames, people, vehicles))
    return {"counts": rows}


def as_job(model: str | Path) -> Any:
    """The job, carrying the detector."""
    return darkroom.job(
        outputs={
            "counts": darkroom.Table(
                columns={"camera": "text", "frames": "int", "person": "int", "vehicle": "int"},
                max_rows=64,
            )
        },
        files={"detector.tflite": Path(model)},
        environment="tflite",
        split="camera",
        parameters={"threshold": "float"},
        name="count",
    )(count)
