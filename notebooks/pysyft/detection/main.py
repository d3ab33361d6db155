"""Count people and vehicles by camera and hour, and measure the detector on held-out frames."""

import json
from pathlib import Path

import numpy as np
import syft as sy

from darkroom import Dataset, Detector
from darkroom.vision.average_precision import average_precision


job = json.loads(Path("darkroom.json").read_text())
params = json.loads(Path("params.json").read_text())

data = Dataset(sy.resolve_dataset_file_path(job["dataset"]))
detector = Detector(sy.resolve_dataset_file_path("detector"))

counts, found, truth = {}, [], []
for frame in data.frames(every=params["every"]):
    seen = detector.detect(frame.image, threshold=0.05)
    sure = seen.class_id[seen.confidence >= params["threshold"]]
    row = counts.setdefault((frame.camera, int(frame.time // 3600) % 24), [0, 0, 0])
    row[0] += 1
    row[1] += int(np.count_nonzero(sure == 0))
    row[2] += int(np.count_nonzero(sure == 1))
    if frame.split == "test" and frame.annotations is not None:
        found.append(seen)
        truth.append(frame.annotations)

quality = average_precision(found, truth, classes=len(data.classes))
person, vehicle = (float(np.nan_to_num(value)) for value in quality.per_class)

columns = ("camera", "hour", "frames", "person", "vehicle")
rows = [dict(zip(columns, (*key, *row), strict=True)) for key, row in counts.items()]
Path("outputs/counts.json").write_text(json.dumps(rows))
Path("outputs/quality.json").write_text(
    json.dumps(
        {
            "ap50": float(np.nan_to_num(quality.mean)),
            "ap50_person": person,
            "ap50_vehicle": vehicle,
            "held_out_frames": len(found),
        }
    )
)
