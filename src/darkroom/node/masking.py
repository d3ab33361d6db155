"""What a mask hides from annotations: an object that nobody can see has no box."""

from collections.abc import Sequence

from darkroom.model.segment import Row
from darkroom.node.footage_source import Polygon


GRID = 8
MOST_HIDDEN = 0.5


def _covers(polygon: Polygon, x: float, y: float) -> bool:
    """Whether a point lies in a polygon, by the even-odd rule."""
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def hidden_share(row: Row, masks: Sequence[Polygon]) -> float:
    """Which part of a box lies under masks, on a grid of points."""
    _, _, x1, y1, x2, y2, _ = row
    steps = [(step + 0.5) / GRID for step in range(GRID)]
    covered = sum(
        any(_covers(mask, x1 + u * (x2 - x1), y1 + v * (y2 - y1)) for mask in masks)
        for u in steps
        for v in steps
    )
    return covered / GRID**2


def unmasked(rows: list[Row], masks: Sequence[Polygon]) -> list[Row]:
    """The rows of a frame whose objects are not mostly under a mask."""
    if not masks:
        return rows
    return [row for row in rows if hidden_share(row, masks) < MOST_HIDDEN]
