"""The numbers of a model: each content once, in the order of first use."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.runtime.tflite.bounds import require


ALIGN = 16  # as the schema asks
_SHAPES = 2  # in which all numbers together may be seen

# Text, variants and the smallest floats are not among them.
NUMPY: dict[str, str] = {
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "FLOAT64": "<f8",
    "COMPLEX64": "<c8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "BOOL": "<u1",
    "RESOURCE": "<u1",  # of a variable; it has no numbers in the file
}


class Constants:
    """Reads buffers when a tensor refers to them.

    Args:
        schema: the generated module.
        model: the root table.
        most: bytes of all numbers together.
    """

    def __init__(self, schema: Any, model: Any, most: int) -> None:
        self._schema = schema
        self._model = model
        self._left = most
        self._left_to_see = _SHAPES * most
        self._places: dict[int, int] = {}  # buffer of the file -> place + 1
        self._contents: dict[bytes, int] = {}  # numbers -> place + 1
        self._seen: set[tuple[int, str, tuple[int, ...]]] = set()
        self.arrays: list[NDArray[Any]] = []

    def place(self, buffer: int, kind: str, shape: list[int]) -> int:
        """The new buffer of a tensor; 0 for a tensor that is computed.

        Raises:
            RefusedModelError: the numbers are not there, or not those of such a tensor.
        """
        inside = 0 <= buffer < self._model.BuffersLength()
        require(inside, "refers to numbers that are not there")
        table = self._model.Buffers(buffer)
        # 0 and 1 are what converters write where the file itself holds the numbers
        inside = max(table.Offset(), table.Size()) <= 1
        require(inside, "keeps its numbers outside the file")
        size = table.DataLength()
        dtype = np.dtype(NUMPY[kind])
        count = int(np.prod(shape, dtype=np.int64))
        if table.DataIsNone() or (count and not size):  # old converters: an empty vector
            return 0
        require(kind != "RESOURCE", "has numbers in a resource")
        filled = size == count * dtype.itemsize
        require(filled, "has numbers that do not fill their tensor")
        if buffer not in self._places:
            self._left -= size
            require(self._left >= 0, "uses the same bytes twice")
            content = table.DataAsNumpy().tobytes() if size else b""
            known = self._contents.setdefault(content, len(self._contents) + 1)
            self._places[buffer] = known
        place = self._places[buffer]
        seen = (place, kind, tuple(shape))
        if seen not in self._seen:
            self._seen.add(seen)
            self._left_to_see -= size
            require(self._left_to_see >= 0, "shows the same numbers in many shapes")
            array = np.frombuffer(table.DataAsNumpy() if size else b"", dtype, count)
            self._check(array, kind)
            self.arrays.append(array.reshape(shape))
        return place

    def _check(self, array: NDArray[Any], kind: str) -> None:
        if kind == "BOOL":
            require(not array.size or array.max() <= 1, "has a truth value that is none")
        elif array.dtype.kind in "fc":
            require(not np.isnan(array).any(), "has NaN in a constant")

    def written(self) -> list[Any]:
        """The buffers of the new file; the first is empty, by custom."""
        return [self._schema.BufferT(), *(_Aligned(self._schema, c) for c in self._contents)]


class _Aligned:
    """A buffer whose numbers begin where processors read them fast."""

    def __init__(self, schema: Any, content: bytes) -> None:
        self._schema = schema
        self._content = content

    def Pack(self, builder: Any) -> int:  # noqa: N802 - as the schema's own classes
        """Write it."""
        size = len(self._content)
        builder.StartVector(1, size, ALIGN)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self._content
        data = builder.EndVector()
        self._schema.BufferStart(builder)
        self._schema.BufferAddData(builder, data)
        return int(self._schema.BufferEnd(builder))
