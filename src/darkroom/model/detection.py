"""Boxes on one picture: what a detector said, and what is true.

Both nouns are frozen views over numpy arrays. A box is `x1, y1, x2, y2` in
pixels, the origin at the upper left corner of the picture. Nothing here reads a
file or draws a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkroom.errors import DataError


CLASSES: tuple[str, ...] = ("person", "vehicle")
"""The classes of the synthetic world; other data may bring other lists."""

_MEND = "correct or drop the offending boxes"
UNKNOWN_IDENTITY = -1
"""The identity of an object that nobody has followed."""


def _column(name: str, values: ArrayLike, rows: int, dtype: type) -> NDArray:
    array: NDArray = np.array(values, dtype=dtype)
    if array.shape != (rows,):
        message = f"{name} must have shape ({rows},), it has {array.shape}"
        raise DataError(message, next_step=_MEND)
    array.setflags(write=False)
    return array


def _whole_column(name: str, values: ArrayLike, rows: int) -> NDArray[np.int32]:
    given = np.asarray(values)
    if given.size and not np.issubdtype(given.dtype, np.integer):
        message = f"{name} must hold whole numbers, it holds {given.dtype}"
        raise DataError(message, next_step=_MEND)
    return _column(name, values, rows, np.int32)


def _boxes(values: ArrayLike) -> NDArray[np.float32]:
    array = np.array(values, dtype=np.float32)
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:  # noqa: PLR2004 - four edges
        message = f"xyxy must have shape (N, 4), it has {array.shape}"
        raise DataError(message, next_step=_MEND)
    if not np.isfinite(array).all():
        message = "xyxy must be finite"
        raise DataError(message, next_step=_MEND)
    if (array[:, 2:] < array[:, :2]).any():
        message = "xyxy must have x1 <= x2 and y1 <= y2"
        raise DataError(message, next_step=_MEND)
    array.setflags(write=False)
    return array


def _share(name: str, values: ArrayLike, rows: int) -> NDArray[np.float32]:
    array = _column(name, values, rows, np.float32)
    if not ((array >= 0.0) & (array <= 1.0)).all():
        message = f"{name} must lie in 0..1"
        raise DataError(message, next_step=_MEND)
    return array


def _class_ids(values: ArrayLike, rows: int) -> NDArray[np.int32]:
    array = _whole_column("class_id", values, rows)
    if (array < 0).any():
        message = "class_id must not be negative"
        raise DataError(message, next_step=_MEND)
    return array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:  # noqa: PLW1641 - arrays have no cheap hash, and nobody needs one
    """What a detector found on one picture; rows in no promised order.

    Attributes:
        xyxy: Boxes in pixels, float32 [N, 4].
        confidence: Scores in 0..1, float32 [N].
        class_id: Index into the detector's class list, int32 [N].

    Raises:
        DataError: Shapes differ, a box is inverted or not finite, a score lies
            outside 0..1, a class is negative.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Copy, check and freeze the arrays."""
        xyxy = _boxes(self.xyxy)
        rows = len(xyxy)
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "confidence", _share("confidence", self.confidence, rows))
        object.__setattr__(self, "class_id", _class_ids(self.class_id, rows))

    @classmethod
    def empty(cls) -> Self:
        """A picture on which nothing was found."""
        return cls(
            xyxy=np.zeros((0, 4), np.float32),
            confidence=np.zeros(0, np.float32),
            class_id=np.zeros(0, np.int32),
        )

    def __len__(self) -> int:
        """The number of boxes."""
        return len(self.xyxy)

    def __eq__(self, other: object) -> bool:
        """Same boxes, scores and classes, bit by bit and in the same order."""
        if not isinstance(other, Detections):
            return NotImplemented
        return (
            np.array_equal(self.xyxy, other.xyxy)
            and np.array_equal(self.confidence, other.confidence)
            and np.array_equal(self.class_id, other.class_id)
        )

    def select(self, rows: Sequence[int] | NDArray) -> Self:
        """The rows picked by a mask or by indices, in that order."""
        return type(self)(
            xyxy=self.xyxy[rows],
            confidence=self.confidence[rows],
            class_id=self.class_id[rows],
        )

    def above(self, confidence: float) -> Self:
        """The rows whose confidence is at least `confidence`."""
        return self.select(self.confidence >= confidence)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Annotations:  # noqa: PLW1641 - arrays have no cheap hash, and nobody needs one
    """What is true on one picture.

    Attributes:
        xyxy: Boxes in pixels, float32 [N, 4]: the full extent inside the picture,
            also where something stands in front.
        class_id: Index into the dataset's class list, int32 [N].
        identity: The same object has the same number on every camera of one
            world; -1 where unknown. int32 [N].
        visibility: Share of the object's own pixels that nothing hides, 0..1,
            float32 [N]. Being cut off by the picture's edge does not count.

    Raises:
        DataError: Shapes differ, a box is inverted or not finite, a class is
            negative, an identity below -1 or given twice, a visibility outside
            0..1.
    """

    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int32]
    identity: NDArray[np.int32]
    visibility: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Copy, check and freeze the arrays."""
        xyxy = _boxes(self.xyxy)
        rows = len(xyxy)
        identity = _whole_column("identity", self.identity, rows)
        if (identity < UNKNOWN_IDENTITY).any():
            message = "identity must be -1 (unknown) or a number from 0"
            raise DataError(message, next_step=_MEND)
        known = identity[identity != UNKNOWN_IDENTITY]
        if len(np.unique(known)) != len(known):
            message = "one identity cannot be in one picture twice"
            raise DataError(message, next_step=_MEND)
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "class_id", _class_ids(self.class_id, rows))
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "visibility", _share("visibility", self.visibility, rows))

    @classmethod
    def empty(cls) -> Self:
        """A picture with nobody on it."""
        return cls.of(xyxy=np.zeros((0, 4)), class_id=[])

    @classmethod
    def of(cls, *, xyxy: ArrayLike, class_id: ArrayLike) -> Self:
        """Boxes from a source that knows neither identity nor visibility."""
        ids = np.asarray(class_id)
        return cls(
            xyxy=_boxes(xyxy),
            class_id=ids,
            identity=np.full(len(ids), UNKNOWN_IDENTITY, np.int32),
            visibility=np.ones(len(ids), np.float32),
        )

    def __len__(self) -> int:
        """The number of boxes."""
        return len(self.xyxy)

    def __eq__(self, other: object) -> bool:
        """Same boxes, classes, identities and visibilities, bit by bit."""
        if not isinstance(other, Annotations):
            return NotImplemented
        return (
            np.array_equal(self.xyxy, other.xyxy)
            and np.array_equal(self.class_id, other.class_id)
            and np.array_equal(self.identity, other.identity)
            and np.array_equal(self.visibility, other.visibility)
        )

    def select(self, rows: Sequence[int] | NDArray) -> Self:
        """The rows picked by a mask or by indices, in that order."""
        return type(self)(
            xyxy=self.xyxy[rows],
            class_id=self.class_id[rows],
            identity=self.identity[rows],
            visibility=self.visibility[rows],
        )
