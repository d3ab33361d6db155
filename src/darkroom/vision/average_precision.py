"""Average precision: how well scores separate true boxes from false ones.

All-point interpolation (Everingham et al., "The PASCAL Visual Object Classes
Challenge: A Retrospective", IJCV 2015): the area below the precision-recall curve
after each precision is raised to the best precision at that recall or beyond.
COCO's 101-point variant differs in the third decimal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.errors import DataError
from darkroom.model.detection import Annotations, Detections
from darkroom.vision.boxes import iou


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """The result for one set of pictures.

    Attributes:
        per_class: AP in 0..1 in the order of the class list; NaN where the truth
            holds no object of that class.
        objects: How many objects of each class count.
        iou: The overlap that makes a hit.
    """

    per_class: tuple[float, ...]
    objects: tuple[int, ...]
    iou: float

    @property
    def mean(self) -> float:
        """Mean over the classes that occur; NaN where none does."""
        found = [value for value in self.per_class if not math.isnan(value)]
        return sum(found) / len(found) if found else math.nan


def average_precision(
    detections: Sequence[Detections],
    annotations: Sequence[Annotations],
    classes: int,
    *,
    threshold: float = 0.5,
    min_visibility: float = 0.0,
) -> AveragePrecision:
    """All-point AP per class.

    In each picture a detection, best first, takes the free object of its class with
    the largest IoU of at least `threshold`. An object whose visibility is below
    `min_visibility` is *ignored*: to miss it costs nothing, and a detection that
    hits nothing but ignored objects counts neither as right nor as wrong. Equal
    scores, frequent with int8 models, enter the curve together, so the order of
    pictures changes nothing.

    Args:
        detections: One per picture.
        annotations: The truth, one per picture in the same order.
        classes: Number of classes; rows of other classes are left out.
        threshold: The overlap that makes a hit.
        min_visibility: Objects below are ignored; 0 ignores none.

    Returns:
        AP per class.

    Raises:
        DataError: The two sequences differ in length.
    """
    if len(detections) != len(annotations):
        message = f"{len(detections)} pictures detected, {len(annotations)} annotated"
        raise DataError(message, next_step="give one entry per picture on both sides")
    values, counts = [], []
    for class_id in range(classes):
        scores: list[NDArray[np.float32]] = []
        hits: list[NDArray[np.bool_]] = []
        objects = 0
        for found, truth in zip(detections, annotations, strict=True):
            mine = found.select(found.class_id == class_id)
            true = truth.select(truth.class_id == class_id)
            ignored = true.visibility < min_visibility
            objects += int(np.count_nonzero(~ignored))
            mine = mine.select(np.argsort(-mine.confidence, kind="stable"))
            hit, counts_at_all = _match(mine, true, ignored, threshold)
            scores.append(mine.confidence[counts_at_all])
            hits.append(hit[counts_at_all])
        counts.append(objects)
        values.append(_area(scores, hits, objects))
    return AveragePrecision(per_class=tuple(values), objects=tuple(counts), iou=threshold)


def _match(
    found: Detections, truth: Annotations, ignored: NDArray[np.bool_], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which detections (sorted) hit, and which count at all."""
    overlap = iou(found.xyxy, truth.xyxy)
    free = ~ignored
    hit = np.zeros(len(found), dtype=bool)
    counts = np.ones(len(found), dtype=bool)
    for row in range(len(found)):
        candidates = np.where(free, overlap[row], 0.0)
        best = int(np.argmax(candidates)) if len(truth) else -1
        if best >= 0 and candidates[best] >= threshold:
            free[best] = False
            hit[row] = True
        else:
            counts[row] = not (overlap[row, ignored] >= threshold).any()
    return hit, counts


def _area(scores: list[NDArray[np.float32]], hits: list[NDArray[np.bool_]], objects: int) -> float:
    """Area below the interpolated precision-recall curve."""
    if objects == 0:
        return math.nan
    score = np.concatenate(scores)
    if len(score) == 0:
        return 0.0
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(np.concatenate(hits)[order])
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0.0, True))
    recall = right[ends] / objects
    precision = right[ends] / (ends + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))
