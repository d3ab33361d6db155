"""Runs one interpreter in a process of its own and prints what it did as JSON.

tflite-runtime cannot live in a process that has loaded TensorFlow, and a test
session may have. Arguments: interpreter, path of the model, path of an .npz with
`images` uint8 [N, H, W, 3], confidence threshold.
"""

import json
import sys
from pathlib import Path

import numpy as np

from darkroom.adapters.litert import Detector
from darkroom.errors import DarkroomError


def main() -> None:
    interpreter, model, pictures, threshold = sys.argv[1:]
    try:
        detector = Detector(Path(model).read_bytes(), interpreter)
        found = [
            detector.detect(image, float(threshold))
            for image in np.load(pictures, allow_pickle=False)["images"]
        ]
    except DarkroomError as error:
        refusal = {"error": error.code, "message": error.message, "next": error.next_step}
        print(json.dumps(refusal))
        return
    print(
        json.dumps(
            {
                "grid": [detector.grid.width, detector.grid.height],
                "classes": detector.classes,
                "modules": [name for name in sys.modules if name == "tensorflow"],
                "found": [
                    {
                        "xyxy": each.xyxy.tolist(),
                        "confidence": each.confidence.tolist(),
                        "class_id": each.class_id.tolist(),
                    }
                    for each in found
                ],
            }
        )
    )


if __name__ == "__main__":
    main()
