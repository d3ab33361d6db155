"""YOLOX with its decoder as job code: a carried model that Darkroom does not know.

Shared by notebook 02, `make demo VIDEO=...` and `bench/detect.py`. The model file is not
part of this project; it is carried by whoever submits the job.

    job = as_job("yolox_nano.tflite")
    job.submit(dataset, **PARAMETERS)
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import darkroom


MODEL = "yolox.tflite"
PARAMETERS = {"score": 0.30, "iou": 0.45}
SIDE = 416
GREY = 114
STRIDES = (8, 16, 32)
OBJECTNESS = 4
EVERY = 20
MAX_ROWS = 100_000
# The 80 classes of COCO, in the order of the model's scores.
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat",
    "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack",
    "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball",
    "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket",
    "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair",
    "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse",
    "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)  # fmt: skip


def cells() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corner and stride of every output row."""
    corners, strides = [], []
    for stride in STRIDES:
        count = SIDE // stride
        y, x = np.mgrid[0:count, 0:count]
        corners.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((count * count, 1), stride))
    return (
        np.concatenate(corners).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )


def letterbox(image: NDArray[np.uint8], canvas: NDArray[np.float32]) -> float:
    """Scale an RGB picture into the upper left corner of a canvas, as BGR 0-255.

    Returns:
        The scale.
    """
    height, width = image.shape[:2]
    scale = min(SIDE / height, SIDE / width)
    w, h = int(width * scale), int(height * scale)
    small = cv2.resize(image, (w, h))
    canvas[0, :, :h, :w] = small[:, :, ::-1].transpose(2, 0, 1)
    canvas[0, :, h:] = GREY
    canvas[0, :, :, w:] = GREY
    return scale


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], iou: float) -> list[int]:
    """Greedy non-maximum suppression; the best first."""
    kept: list[int] = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for index in np.argsort(-scores):
        low = np.maximum(boxes[index, :2], boxes[kept, :2])
        high = np.minimum(boxes[index, 2:], boxes[kept, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        if not (shared / (areas[index] + areas[kept] - shared) > iou).any():
            kept.append(int(index))
    return kept


def decode(
    output: NDArray[np.float32],
    grid: tuple[NDArray[np.float32], NDArray[np.float32]],
    score: float,
    iou: float,
) -> list[tuple[int, float, NDArray[np.float32]]]:
    """Class, score and box on the canvas of everything that was found."""
    corners, strides = grid
    rows = np.flatnonzero(output[:, OBJECTNESS] > score)
    output, corners, strides = output[rows], corners[rows], strides[rows]
    centre = (output[:, :2] + corners) * strides
    half = np.exp(output[:, 2:4]) * strides / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    scores = output[:, OBJECTNESS : OBJECTNESS + 1] * output[:, OBJECTNESS + 1 :]
    found = []
    for kind in np.unique(np.nonzero(scores > score)[1]):
        own = np.flatnonzero(scores[:, kind] > score)
        kept = own[suppress(boxes[own], scores[own, kind], iou)]
        found += [(int(kind), float(scores[index, kind]), boxes[index]) for index in kept]
    return found


class Yolox:
    """The interpreter, loaded once."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.grid = cells()
        self.canvas = np.full((1, 3, SIDE, SIDE), GREY, np.float32)
        self.input = engine.get_input_details()[0]["index"]
        self.output = engine.get_output_details()[0]["index"]

    def find(
        self, image: NDArray[np.uint8], score: float, iou: float
    ) -> list[tuple[int, float, NDArray[np.float32]]]:
        """Class, score and box, in the picture's pixels."""
        scale = letterbox(image, self.canvas)
        self.engine.set_tensor(self.input, self.canvas)
        self.engine.invoke()
        found = decode(self.engine.get_tensor(self.output)[0], self.grid, score, iou)
        return [(kind, confidence, box / scale) for kind, confidence, box in found]


def detect(data: Any, params: Any) -> dict[str, Any]:
    """Count what the model sees on every frame."""
    from pathlib import Path

    from darkroom.adapters.litert import open_interpreter
    from darkroom.runtime.detector import offered

    cv2.setNumThreads(1)
    model = Path(darkroom.code_path(f"files/{MODEL}")).read_bytes()
    yolox = Yolox(open_interpreter(model, offered()))
    rows, frames, persons, every = [], 0, 0, 0
    for frame in data.frames():
        counts: dict[int, int] = {}
        for kind, _, _ in yolox.find(frame.image, params["score"], params["iou"]):
            counts[kind] = counts.get(kind, 0) + 1
        rows += [[frame.camera, frame.index, COCO[k], n] for k, n in sorted(counts.items())]
        frames += 1
        persons += counts.get(0, 0)
        every += counts.get(0, 0) if frame.index % EVERY == 0 else 0
    return {
        "counts": rows,
        "totals": {"frames": frames, "persons": persons, "every20_persons": every},
    }


def as_job(model: str | Path) -> Any:
    """The job, carrying a model file."""
    return darkroom.job(
        outputs={
            "counts": darkroom.Table(
                columns={"camera": "text", "frame": "int", "class": "text", "count": "int"},
                max_rows=MAX_ROWS,
            ),
            "totals": darkroom.Scalars(names=("frames", "persons", "every20_persons")),
        },
        files={MODEL: Path(model)},
        environment="tflite",
        split="camera",
        parameters={"score": "float", "iou": "float"},
        name="yolox",
    )(detect)


def report(result: Any, clip: Any) -> dict[str, Any]:
    """What `build/demo/report.json` says of a real clip."""
    counts, totals = result["counts"], result["totals"]
    frames = int(totals["frames"])
    by_class = counts.groupby("class")["count"].sum().sort_values(ascending=False)
    return {
        "domain": clip.domain,
        "frames": frames,
        "detections_per_frame": {name: n / frames for name, n in by_class.items()},
        "every20_person_sum": int(totals["every20_persons"]),
    }
