"""Fine-tune the detector on the training split; measure it before and after on held-out frames."""

import json
from pathlib import Path

import numpy as np
import syft as sy

from darkroom import Dataset, Detector
from darkroom.adapters import tensorflow as trainer
from darkroom.vision.average_precision import average_precision


job = json.loads(Path("darkroom.json").read_text())
params = json.loads(Path("params.json").read_text())
data = Dataset(sy.resolve_dataset_file_path(job["dataset"]))
data.require_annotations()
if data.face == "mock":  # two steps show that the code works
    params |= {"steps": 2, "every": 6}


def measured(detector: Detector) -> tuple[float, float, int]:
    """AP50 of all classes and of people on the held-out frames, and how many these are."""
    found, truth = [], []
    for frame in data.frames(split="test"):
        if frame.annotations is not None:
            found.append(detector.detect(frame.image, threshold=0.05))
            truth.append(frame.annotations)
    quality = average_precision(found, truth, classes=len(data.classes))
    mean, person = (float(np.nan_to_num(ap)) for ap in (quality.mean, quality.per_class[0]))
    return mean, person, len(found)


frames = [
    frame
    for frame in data.frames(split="train", every=params["every"])
    if frame.annotations is not None
]
images = [frame.image for frame in frames]
weights, loss = trainer.fine_tune(
    trainer.load_weights(sy.resolve_dataset_file_path("weights")),
    images,
    [frame.annotations for frame in frames],
    steps=params["steps"],
    batch=params["batch"],
    seed=params["seed"],
)
adapted = trainer.export_tflite(weights, "int8", images)

before, before_person, held_out = measured(Detector(sy.resolve_dataset_file_path("detector")))
after, after_person, _ = measured(Detector(adapted))

Path("outputs/detector.tflite").write_bytes(adapted)
Path("outputs/loss.json").write_text(
    json.dumps([{"step": step, "loss": float(value)} for step, value in enumerate(loss, 1)])
)
Path("outputs/quality.json").write_text(
    json.dumps(
        {
            "before": before,
            "before_person": before_person,
            "after": after,
            "after_person": after_person,
            "train_frames": len(images),
            "held_out_frames": held_out,
        }
    )
)
