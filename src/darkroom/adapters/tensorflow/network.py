"""The network: a centre-point detector in Keras, without batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from darkroom.adapters.tensorflow.weights import Weights, check_weights, layers
from darkroom.model.detection import Detections
from darkroom.vision.centre_point import DEFAULT_GRID, Grid, decode, normalise, prepare


_AT_ONCE = 32


def build_model(
    weights: Weights, grid: Grid = DEFAULT_GRID, batch: int | None = None
) -> tf.keras.Model:
    """The network with these weights.

    Args:
        weights: As from `initial_weights`.
        grid: Input size.
        batch: Fixed number of pictures, or None for any.

    Returns:
        float32 [B, height, width, 3] in -1..1 -> heat logits [B, rows, columns,
        classes], box numbers [B, rows, columns, 4].

    Raises:
        ModelRefusedError: The weights do not fit.
    """
    table = {layer.name: layer for layer in layers(check_weights(weights))}
    keras = tf.keras.layers

    def convolve(name: str, signal: tf.Tensor) -> tf.Tensor:
        layer = table[name]
        linear = name in {"heat", "boxes"}
        return keras.Conv2D(
            layer.outputs,
            layer.kernel,
            strides=layer.stride,
            padding="same",
            activation=None if linear else tf.nn.relu6,
            name=name,
        )(signal)

    picture = keras.Input((grid.height, grid.width, 3), batch_size=batch, name="picture")
    signal = picture
    for name in ("stem", "low", "mid1", "mid2"):
        signal = convolve(name, signal)
    skip = signal
    for name in ("deep1", "deep2", "deep3"):
        signal = convolve(name, signal)
    signal = keras.UpSampling2D(2, interpolation="nearest")(signal)
    signal = keras.Concatenate()([signal, skip])
    signal = convolve("neck", convolve("fuse", signal))
    model = tf.keras.Model(picture, [convolve("heat", signal), convolve("boxes", signal)])
    for name in table:
        model.get_layer(name).set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])
    return model


def weights_of(model: tf.keras.Model) -> dict[str, NDArray[np.float32]]:
    """The weights of a model that `build_model` made."""
    weights = {}
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            weights[f"{layer.name}/kernel"] = kernel
            weights[f"{layer.name}/bias"] = bias
    return weights


def predict(
    weights: Weights,
    images: Sequence[NDArray[np.uint8]],
    *,
    threshold: float = 0.05,
    grid: Grid = DEFAULT_GRID,
) -> list[Detections]:
    """Detect with the float network, for instance to measure AP while training.

    Args:
        weights: The detector's.
        images: RGB uint8 pictures of any sizes.
        threshold: Lowest confidence.
        grid: Input size of the weights.

    Returns:
        One entry per picture, in its own pixels.
    """
    model = build_model(weights, grid)
    call = tf.function(model)
    found = []
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE]
        heat, boxes = call(np.stack([normalise(prepare(image, grid)) for image in part]))
        found += [
            decode(h, b, (image.shape[1], image.shape[0]), threshold=threshold)
            for h, b, image in zip(heat.numpy(), boxes.numpy(), part, strict=True)
        ]
    return found
