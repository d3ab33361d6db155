"""Non-maximum suppression: of boxes that mean the same thing, keep the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom.model.detection import Detections
from darkroom.vision.boxes import iou


def nms(
    xyxy: NDArray[np.floating], confidence: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.int64]:
    """Greedy suppression among boxes of one class.

    Args:
        xyxy: Boxes [N, 4].
        confidence: Scores [N].
        threshold: A box goes when its IoU with a better kept one is above this.

    Returns:
        Rows that stay, best first; among equal scores the earlier row wins.
    """
    order = np.argsort(-np.asarray(confidence), kind="stable")
    overlap = iou(xyxy, xyxy)
    alive = np.ones(len(order), dtype=bool)
    kept = []
    for row in order:
        if alive[row]:
            kept.append(row)
            alive &= overlap[row] <= threshold
            alive[row] = False
    return np.array(kept, dtype=np.int64)


def suppress(detections: Detections, threshold: float = 0.5) -> Detections:
    """Greedy suppression within each class; the result is sorted, best first.

    Args:
        detections: Boxes of any classes.
        threshold: As in `nms`.
    """
    kept = []
    for class_id in np.unique(detections.class_id):
        rows = np.flatnonzero(detections.class_id == class_id)
        kept.append(rows[nms(detections.xyxy[rows], detections.confidence[rows], threshold)])
    rows = np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64)
    order = np.argsort(-detections.confidence[rows], kind="stable")
    return detections.select(rows[order])
