"""Export to TFLite."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from darkroom.adapters.tensorflow.network import build_model
from darkroom.adapters.tensorflow.weights import Weights
from darkroom.errors import DataError
from darkroom.vision.centre_point import DEFAULT_GRID, Grid, normalise, prepare


Precision = Literal["float32", "float16", "int8"]

_CALIBRATION_PICTURES = 200


def export_tflite(
    weights: Weights,
    precision: Precision,
    calibration: Sequence[NDArray[np.uint8]] = (),
    *,
    grid: Grid = DEFAULT_GRID,
) -> bytes:
    """Convert weights to a TFLite file for one picture at a time.

    Args:
        weights: The detector's.
        precision: "int8" quantises everything, inputs and outputs too.
        calibration: Pictures that show the usual range of values; int8 only.
        grid: Input size of the weights.

    Returns:
        The file's bytes; outputs are heat and boxes, each with its own scale.

    Raises:
        DataError: int8 without calibration pictures.
    """
    if precision == "int8" and not len(calibration):
        message = "an int8 export needs pictures to calibrate its scales"
        raise DataError(message, next_step="pass some training pictures")
    converter = tf.lite.TFLiteConverter.from_keras_model(build_model(weights, grid, batch=1))
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        stride = max(1, len(calibration) // _CALIBRATION_PICTURES)
        chosen = calibration[::stride][:_CALIBRATION_PICTURES]

        def usual() -> Iterator[list[NDArray[np.float32]]]:
            for image in chosen:
                yield [normalise(prepare(image, grid))[None]]

        converter.representative_dataset = usual
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        # the scales of the inputs come from the pictures, not from given statistics
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return converter.convert()
