"""Detects on a TFLite interpreter: ai-edge-litert or tflite-runtime, one thread.

The two interpreters are one adapter, for they have one interface. Never load
tflite-runtime into a process that has loaded TensorFlow: it then misreads every
model. It also needs numpy 1.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from darkroom.errors import DataError, ModelRefusedError
from darkroom.model.detection import Detections
from darkroom.vision.centre_point import STRIDE, Grid, decode, normalise, prepare


InterpreterName = Literal["litert", "tflite-runtime"]
_INSTALL = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
_BOX_NUMBERS = 4
_BUFFERS_FIELD = 4
_MOST_BUFFERS = 100_000


class _Port(NamedTuple):
    """One input or output of a model."""

    tensor: int
    shape: tuple[int, ...]
    dtype: type
    scale: float
    zero_point: int


def open_interpreter(model: bytes, interpreter: InterpreterName = "litert") -> Any:  # noqa: ANN401 - two foreign types
    """An interpreter with the model loaded and its memory allocated, one thread.

    Args:
        model: The bytes of a TFLite file.
        interpreter: Which runtime.

    Returns:
        The runtime's own `Interpreter`, for models whose outputs this module does
        not know.

    Raises:
        DataError: There is no such runtime here.
        ModelRefusedError: The runtime does not accept the bytes.
    """
    runtime = _runtime(interpreter)
    try:
        _check_extent(model)
        with _quiet():
            opened = runtime(model_content=model, num_threads=1)
            opened.allocate_tensors()
    except Exception as error:  # the runtimes raise ValueError, RuntimeError, SystemError
        message = f"{interpreter} refuses the model ({len(model)} bytes): {_reason(error)}"
        step = "export it to TFLite with built-in operations only, and try it on mock"
        raise ModelRefusedError(message, next_step=step) from error
    return opened


@contextmanager
def _quiet() -> Iterator[None]:
    """The runtimes tell every notebook which delegate they made, from C, on descriptor 2."""
    told = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(told, 2)
        os.close(told)
        os.close(nowhere)


class Detector:
    """A centre-point detector, loaded once and used for many pictures.

    Attributes:
        interpreter: Which runtime it runs on.
        grid: The model's input size.
        classes: How many classes it tells apart.
    """

    def __init__(self, model: bytes, interpreter: InterpreterName = "litert") -> None:
        """Load a model.

        Args:
            model: The bytes of a TFLite file with one input [1, H, W, 3] and two
                outputs: heat [1, H/8, W/8, classes] and boxes [1, H/8, W/8, 4],
                float32 or int8.
            interpreter: Which runtime.

        Raises:
            DataError: There is no such runtime here.
            ModelRefusedError: The runtime does not accept the bytes, or the model
                is no centre-point detector.
        """
        self._engine = open_interpreter(model, interpreter)
        self.interpreter = interpreter
        inputs = [_port(each) for each in self._engine.get_input_details()]
        # tf.keras exports outputs in order, under names that end in :0 and :1
        details = sorted(self._engine.get_output_details(), key=lambda each: each["name"])
        outputs = [_port(each) for each in details]
        if not _is_centre_point(inputs, outputs):
            message = (
                "the model is no centre-point detector: inputs "
                f"{[p.shape for p in inputs]}, outputs {[p.shape for p in outputs]}"
            )
            step = "carry the model's own decoder with the job and call open_interpreter"
            raise ModelRefusedError(message, next_step=step)
        self._input = inputs[0]
        self._heat, self._boxes = outputs
        _, height, width, _ = self._input.shape
        self.grid = Grid(width=width, height=height)
        self.classes = self._heat.shape[3]

    def detect(self, image: NDArray[np.uint8], threshold: float = 0.3) -> Detections:
        """Find objects on one picture.

        Args:
            image: RGB uint8 [H, W, 3] of any size.
            threshold: Lowest confidence.

        Returns:
            Boxes in the picture's own pixels, best first.

        Raises:
            DataError: The picture is no RGB uint8 picture.
        """
        values = normalise(prepare(image, self.grid))[None]
        self._engine.set_tensor(self._input.tensor, _quantised(values, self._input))
        self._engine.invoke()
        height, width = image.shape[:2]
        return decode(
            self._read(self._heat)[0],
            self._read(self._boxes)[0],
            (width, height),
            threshold=threshold,
        )

    def _read(self, port: _Port) -> NDArray[np.float32]:
        values = self._engine.get_tensor(port.tensor)
        if port.scale == 0.0:
            return values
        return np.float32(port.scale) * (values.astype(np.float32) - port.zero_point)


def _check_extent(model: bytes) -> None:
    """Refuse a file that is no TFLite file or was cut short: tflite-runtime would crash.

    A TFLite file is a FlatBuffer whose root table lists, as field 4, the buffers that hold
    the weights; each must end inside the file. This is no full verification: a model from
    a stranger is opened only in the sandbox.

    Raises:
        ValueError: The bytes are no whole TFLite file.
    """
    try:
        if model[4:8] != b"TFL3":
            message = "it does not begin like a TFLite file"
            raise ValueError(message)
        (root,) = struct.unpack_from("<I", model, 0)
        buffers = _followed(model, root, _BUFFERS_FIELD)
        (count,) = struct.unpack_from("<I", model, buffers)
        ends = [0]
        for k in range(min(count, _MOST_BUFFERS)):
            place = buffers + 4 + 4 * k
            (offset,) = struct.unpack_from("<I", model, place)
            data = _followed(model, place + offset, 0)
            if data:
                ends.append(data + 4 + struct.unpack_from("<I", model, data)[0])
    except struct.error as error:
        message = "it was cut short"
        raise ValueError(message) from error
    if not buffers or max(ends) > len(model):
        message = "it was cut short"
        raise ValueError(message)


def _followed(model: bytes, table: int, field: int) -> int:
    """Where a table's field points to; 0 where the table does not have it."""
    (back,) = struct.unpack_from("<i", model, table)
    vtable = table - back
    if vtable < 0:
        message = "it was cut short"
        raise ValueError(message)
    (size,) = struct.unpack_from("<H", model, vtable)
    if size < 4 + 2 * field + 2:
        return 0
    (offset,) = struct.unpack_from("<H", model, vtable + 4 + 2 * field)
    if not offset:
        return 0
    return table + offset + int(struct.unpack_from("<I", model, table + offset)[0])


def _runtime(name: InterpreterName) -> Any:  # noqa: ANN401 - two foreign types
    if name not in get_args(InterpreterName):
        message = f"there is no interpreter {name!r}"
        raise DataError(message, next_step=f"choose one of {get_args(InterpreterName)}")
    try:
        # each is an extra of its own, and a process may load only one of them
        if name == "litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        message = f"the interpreter {name} is not installed"
        step = f"install {_INSTALL[name]} (Python 3.11 has a wheel)"
        raise DataError(message, next_step=step) from error
    return Interpreter


def _reason(error: Exception) -> str:
    """The first line of what the runtime said, which can be long."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _port(details: dict[str, Any]) -> _Port:
    scale, zero_point = details["quantization"]
    return _Port(
        tensor=details["index"],
        shape=tuple(int(side) for side in details["shape"]),
        dtype=details["dtype"],
        scale=float(scale),
        zero_point=int(zero_point),
    )


def _is_centre_point(inputs: list[_Port], outputs: list[_Port]) -> bool:
    if len(inputs) != 1 or len(outputs) != 2:  # noqa: PLR2004 - heat and boxes
        return False
    ports = inputs + outputs
    if any(len(port.shape) != 4 or port.shape[0] != 1 for port in ports):  # noqa: PLR2004
        return False
    if any(port.dtype not in {np.float32, np.int8} for port in ports):
        return False
    _, height, width, channels = inputs[0].shape
    cells = (height // STRIDE, width // STRIDE)
    whole = height % (2 * STRIDE) == 0 and width % (2 * STRIDE) == 0
    grids = [port.shape[1:3] for port in outputs]
    return (
        whole
        and channels == 3  # noqa: PLR2004 - RGB
        and grids == [cells, cells]
        and outputs[1].shape[3] == _BOX_NUMBERS
    )


def _quantised(values: NDArray[np.float32], port: _Port) -> NDArray:
    if port.scale == 0.0:
        return values
    limits: np.iinfo = np.iinfo(port.dtype)
    steps = np.rint(values / np.float32(port.scale)) + port.zero_point
    return np.clip(steps, limits.min, limits.max).astype(port.dtype)
