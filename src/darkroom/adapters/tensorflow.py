"""Trains the centre-point detector with TensorFlow, and exports it to TFLite.

Weights travel as a plain mapping of names to arrays, so nothing but this module
knows Keras. There is no batch normalisation on purpose: the loss of one example
depends on no other example, which is what clipped (DP) and federated training need.
The same seed, data and machine give the same weights.
"""

from __future__ import annotations

import dataclasses
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from darkroom.errors import DataError, ModelRefusedError, NoAnnotationsError
from darkroom.model.detection import CLASSES, Annotations, Detections
from darkroom.vision.centre_point import (
    DEFAULT_GRID,
    Grid,
    decode,
    normalise,
    prepare,
)
from darkroom.vision.centre_target import encode


Weights = Mapping[str, NDArray[np.float32]]
Precision = Literal["float32", "float16", "int8"]
OnStep = Callable[[int, int, float], None]
"""Called after each step with the step (from 1), the number of steps, the loss."""

_HEAT_BIAS = -3.5
_HUBER = 0.1
BOX_WEIGHT = 3.0
_CLIP = 5.0
_CALIBRATION_PICTURES = 200


class _Layer(NamedTuple):
    name: str
    kernel: int
    inputs: int
    outputs: int
    stride: int


def _layers(classes: int) -> tuple[_Layer, ...]:
    """The network as a table; `fuse` reads `deep3` doubled beside `mid2`."""
    return (
        _Layer("stem", 6, 3, 24, 4),
        _Layer("low", 3, 24, 24, 1),
        _Layer("mid1", 3, 24, 40, 2),
        _Layer("mid2", 3, 40, 40, 1),
        _Layer("deep1", 3, 40, 56, 2),
        _Layer("deep2", 3, 56, 56, 1),
        _Layer("deep3", 3, 56, 56, 1),
        _Layer("fuse", 1, 96, 48, 1),
        _Layer("neck", 3, 48, 48, 1),
        _Layer("heat", 1, 48, classes, 1),
        _Layer("boxes", 1, 48, 4, 1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train.

    Attributes:
        steps: Number of batches.
        batch: Pictures per batch.
        peak: Largest learning rate, reached after `warm_up` steps; it then falls to
            0 along a cosine.
        warm_up: Steps until the peak.
        seed: Order of the pictures and augmentation.
        gain: Range of the random brightness factor.
        offset: Largest random brightness offset, in grey levels.
        cast: Largest random change of one colour channel, as a share.
        crop: Largest share of width and height that is cut off at random.

    Raises:
        DataError: A number is not positive.
    """

    steps: int
    batch: int = 32
    peak: float = 2.5e-3
    warm_up: int = 30
    seed: int = 0
    gain: tuple[float, float] = (0.7, 1.3)
    offset: float = 20.0
    cast: float = 0.15
    crop: float = 0.2

    def __post_init__(self) -> None:
        """Check that there is something to do."""
        if min(self.steps, self.batch, self.peak) <= 0:
            message = "a training plan needs steps, a batch and a learning rate"
            raise DataError(message, next_step="give positive numbers")

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, min(self.warm_up, self.steps // 4)))
        return self.peak * rise * 0.5 * (1.0 + math.cos(math.pi * step / self.steps))


def initial_weights(classes: int = len(CLASSES), *, seed: int) -> dict[str, NDArray[np.float32]]:
    """Weights to begin from: He normal (He et al., 2015), heads quiet.

    Args:
        classes: Number of classes.
        seed: The chance.

    Returns:
        `<layer>/kernel` [k, k, in, out] and `<layer>/bias` [out], float32.
    """
    rng = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {}
    for layer in _layers(classes):
        shape = (layer.kernel, layer.kernel, layer.inputs, layer.outputs)
        deviation = math.sqrt(2.0 / (layer.kernel**2 * layer.inputs))
        deviation *= {"heat": 0.1, "boxes": 0.0}.get(layer.name, 1.0)
        kernel = rng.normal(0.0, deviation, shape) if deviation else np.zeros(shape)
        weights[f"{layer.name}/kernel"] = kernel.astype(np.float32)
        bias = _HEAT_BIAS if layer.name == "heat" else 0.0
        weights[f"{layer.name}/bias"] = np.full(layer.outputs, bias, dtype=np.float32)
    return weights


def save_weights(weights: Weights, path: Path) -> None:
    """Write weights as `.npz` under their names."""
    with path.open("wb") as file:
        np.savez(file, **{name.replace("/", "."): w for name, w in weights.items()})


def load_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read weights that `save_weights` wrote; nothing in the file is executed.

    Raises:
        ModelRefusedError: The file is no set of weights of this detector.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            weights = {name.replace(".", "/"): file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        message = f"{path.name} is not a file of weights"
        raise ModelRefusedError(message, next_step="give an .npz of arrays") from error
    check_weights(weights)
    return weights


def check_weights(weights: Weights) -> int:
    """Check names, shapes and types of the weights.

    Returns:
        The number of classes that they were made for.

    Raises:
        ModelRefusedError: They do not fit this detector.
    """
    bias = weights.get("heat/bias")
    classes = len(bias) if bias is not None and bias.ndim == 1 else 0
    expected = {name: w.shape for name, w in initial_weights(classes, seed=0).items()}
    given = {name: w.shape for name, w in weights.items()}
    if classes == 0 or given != expected:
        wrong = sorted(set(given.items()) ^ set(expected.items()))[:4]
        message = f"the weights do not fit the detector; first differences: {wrong}"
        raise ModelRefusedError(message, next_step="take weights of this detector")
    for name, array in weights.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            message = f"the weights {name} are not finite float32 numbers"
            raise ModelRefusedError(message, next_step="train again or take others")
    return classes


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
    layers = {layer.name: layer for layer in _layers(check_weights(weights))}
    keras = tf.keras.layers

    def convolve(name: str, signal: tf.Tensor) -> tf.Tensor:
        layer = layers[name]
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
    for name in layers:
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


def per_example_loss(heat: tf.Tensor, boxes: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Focal loss of the heat map plus Huber loss of the boxes, per picture.

    Focal loss of Law and Deng ("CornerNet", ECCV 2018) with alpha 2, beta 4,
    divided by the number of centres; Huber loss (delta 0.1, slope 1) divided by the
    sum of the box weights.

    Args:
        heat: Logits [B, rows, columns, C].
        boxes: Box numbers [B, rows, columns, 4].
        target: heat, boxes and weight of `encode`, joined: [B, rows, columns, C+5].

    Returns:
        [B].
    """
    classes = heat.shape[-1]
    true_heat, true_boxes, weight = tf.split(target, [classes, 4, 1], axis=-1)
    share = tf.sigmoid(heat)
    centre = tf.cast(true_heat >= 1.0, tf.float32)
    missed = tf.square(1.0 - share) * tf.nn.softplus(-heat)
    raised = tf.pow(1.0 - true_heat, 4.0) * tf.square(share) * tf.nn.softplus(heat)
    focal = tf.reduce_sum(centre * missed + (1.0 - centre) * raised, axis=(1, 2, 3))
    focal /= tf.maximum(tf.reduce_sum(centre, axis=(1, 2, 3)), 1.0)
    error = tf.abs(boxes - true_boxes)
    huber = tf.where(error < _HUBER, tf.square(error) / (2.0 * _HUBER), error - _HUBER / 2.0)
    fit = tf.reduce_sum(weight * huber, axis=(1, 2, 3))
    fit /= tf.maximum(tf.reduce_sum(weight, axis=(1, 2, 3)), 1.0)
    return focal + BOX_WEIGHT * fit


def train(
    weights: Weights,
    images: Sequence[NDArray[np.uint8]],
    annotations: Sequence[Annotations],
    plan: Plan,
    *,
    grid: Grid = DEFAULT_GRID,
    on_step: OnStep | None = None,
) -> tuple[dict[str, NDArray[np.float32]], tuple[float, ...]]:
    """Train on annotated pictures with Adam (Kingma and Ba, 2015).

    Args:
        weights: Where to begin.
        images: RGB uint8 pictures of any sizes.
        annotations: One per picture.
        plan: How.
        grid: Input size.
        on_step: Told the progress.

    Returns:
        New weights, and the mean loss of each batch.

    Raises:
        DataError: There is no picture, or not one annotation per picture.
        NoAnnotationsError: No picture holds any annotation.
        ModelRefusedError: The weights do not fit.
    """
    classes = check_weights(weights)
    _check_material(images, annotations)
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(plan.seed)
    model = build_model(weights, grid)
    optimizer = tf.keras.optimizers.Adam(plan.peak)

    @tf.function  # type: ignore[untyped-decorator]
    def step(light: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            heat, boxes = model(light, training=True)
            loss = tf.reduce_mean(per_example_loss(heat, boxes, target))
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, _CLIP)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    rng = np.random.default_rng(plan.seed)
    history = []
    for number, rows in enumerate(_batches(rng, len(images), plan)):
        optimizer.learning_rate.assign(plan.rate(number))
        examples = [_example(rng, images[k], annotations[k], classes, plan, grid) for k in rows]
        light, target = (np.stack(part) for part in zip(*examples, strict=True))
        loss = step(light, target)
        history.append(float(loss))
        if on_step:
            on_step(number + 1, plan.steps, history[-1])
    return weights_of(model), tuple(history)


def fine_tune(
    weights: Weights,
    images: Sequence[NDArray[np.uint8]],
    annotations: Sequence[Annotations],
    *,
    steps: int = 120,
    batch: int = 16,
    seed: int = 0,
    grid: Grid = DEFAULT_GRID,
    on_step: OnStep | None = None,
) -> tuple[dict[str, NDArray[np.float32]], tuple[float, ...]]:
    """Adapt trained weights to other cameras; gentler than `train`.

    Args:
        weights: Where to begin.
        images: RGB uint8 pictures of any sizes.
        annotations: One per picture.
        steps: Number of batches.
        batch: Pictures per batch.
        seed: Order of the pictures and augmentation.
        grid: Input size of the weights.
        on_step: Told the progress.

    Returns:
        New weights, and the mean loss of each batch.

    Raises:
        DataError: There is no picture, or not one annotation per picture.
        NoAnnotationsError: No picture holds any annotation.
        ModelRefusedError: The weights do not fit.
    """
    plan = Plan(
        steps=steps, batch=batch, peak=1.5e-3, warm_up=10, seed=seed,
        gain=(0.85, 1.15), offset=6.0,
    )  # fmt: skip
    return train(weights, images, annotations, plan, grid=grid, on_step=on_step)


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
    for start in range(0, len(images), 32):
        part = images[start : start + 32]
        heat, boxes = call(np.stack([normalise(prepare(image, grid)) for image in part]))
        found += [
            decode(h, b, _size(image), threshold=threshold)
            for h, b, image in zip(heat.numpy(), boxes.numpy(), part, strict=True)
        ]
    return found


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
    return converter.convert()


def _check_material(
    images: Sequence[NDArray[np.uint8]], annotations: Sequence[Annotations]
) -> None:
    if not len(images) or len(images) != len(annotations):
        message = f"{len(images)} pictures, {len(annotations)} annotated"
        raise DataError(message, next_step="give one annotation entry per picture")
    if not any(len(truth) for truth in annotations):
        message = "no picture holds an annotation: there is nothing to learn"
        raise NoAnnotationsError(message, next_step="ingest the footage with labels")


def _example(
    rng: np.random.Generator,
    image: NDArray[np.uint8],
    truth: Annotations,
    classes: int,
    plan: Plan,
    grid: Grid,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One augmented picture, normalised, and its target (heat, boxes, weight joined)."""
    image, truth = _cropped(rng, image, truth, plan.crop)
    if rng.random() < 0.5:  # noqa: PLR2004 - half of them are mirrored
        image, truth = _mirrored(image, truth)
    light = prepare(image, grid).astype(np.float32)
    light *= rng.uniform(*plan.gain) * rng.uniform(1.0 - plan.cast, 1.0 + plan.cast, 3)
    light += rng.uniform(-plan.offset, plan.offset)
    target = encode(truth, _size(image), classes, grid)
    joined = np.concatenate([target.heat, target.boxes, target.weight[..., None]], axis=-1)
    return normalise(np.clip(light, 0.0, 255.0)), joined


def _size(image: NDArray[np.uint8]) -> tuple[int, int]:
    height, width = image.shape[:2]
    return width, height


def _mirrored(
    image: NDArray[np.uint8], truth: Annotations
) -> tuple[NDArray[np.uint8], Annotations]:
    width = image.shape[1]
    xyxy = truth.xyxy.copy()
    xyxy[:, [0, 2]] = width - xyxy[:, [2, 0]]
    return image[:, ::-1], dataclasses.replace(truth, xyxy=xyxy)


def _cropped(
    rng: np.random.Generator, image: NDArray[np.uint8], truth: Annotations, most: float
) -> tuple[NDArray[np.uint8], Annotations]:
    """A random part of the picture, and the objects of which at least half is left."""
    size = np.array(_size(image))
    part = np.maximum(1, np.rint(size * (1.0 - most * rng.random()))).astype(np.int64)
    corner = np.floor(rng.random(2) * (size - part + 1)).astype(np.int64)
    (x, y), (width, height) = corner, part
    shifted = truth.xyxy.reshape(-1, 2, 2) - corner
    inside = np.clip(shifted, 0, part)
    left = np.prod(inside[:, 1] - inside[:, 0], axis=1)
    whole = np.prod(shifted[:, 1] - shifted[:, 0], axis=1)
    kept = dataclasses.replace(truth, xyxy=inside.reshape(-1, 4)).select(left >= 0.5 * whole)
    return image[y : y + height, x : x + width], kept


def _batches(rng: np.random.Generator, pictures: int, plan: Plan) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch; every picture is seen before any is seen again."""
    waiting = np.zeros(0, dtype=np.int64)
    for _ in range(plan.steps):
        while len(waiting) < plan.batch:
            waiting = np.concatenate([waiting, rng.permutation(pictures)])
        rows, waiting = waiting[: plan.batch], waiting[plan.batch :]
        yield rows
