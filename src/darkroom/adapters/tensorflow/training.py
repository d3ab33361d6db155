"""Training: weights and annotated pictures in, better weights out.

The same seed, material and machine give the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from darkroom.adapters.tensorflow.loss import per_example_loss
from darkroom.adapters.tensorflow.network import build_model, weights_of
from darkroom.adapters.tensorflow.weights import Weights, check_weights
from darkroom.errors import DataError, NoAnnotationsError
from darkroom.model.detection import Annotations
from darkroom.vision.centre_point import DEFAULT_GRID, Grid, prepare
from darkroom.vision.centre_target import encode
from darkroom.vision.variety import Variety, vary


OnStep = Callable[[int, int, float], None]
"""Called after each step with the step (from 1), the number of steps, the loss."""

_CLIP = 5.0
_Item = TypeVar("_Item")


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
        variety: How the pictures are varied at random.

    Raises:
        DataError: A number is not positive.
    """

    steps: int
    batch: int = 32
    peak: float = 2.5e-3
    warm_up: int = 30
    seed: int = 0
    variety: Variety = field(default_factory=Variety)

    def __post_init__(self) -> None:
        """Check that there is something to do."""
        if min(self.steps, self.batch, self.peak) <= 0:
            message = "a training plan needs steps, a batch and a learning rate"
            raise DataError(message, next_step="give positive numbers")

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, min(self.warm_up, self.steps // 4)))
        return self.peak * rise * 0.5 * (1.0 + math.cos(math.pi * step / self.steps))


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
    _check(images, annotations)
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(plan.seed)
    model = build_model(weights, grid)
    optimizer = tf.keras.optimizers.Adam(plan.peak)

    @tf.function  # type: ignore[untyped-decorator]
    def step(pixels: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            heat, boxes = model(tf.cast(pixels, tf.float32) / 127.5 - 1.0, training=True)
            loss = tf.reduce_mean(per_example_loss(heat, boxes, target))
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, _CLIP)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    history = []
    batches = _batches(images, annotations, plan, classes, grid)
    for number, batch in enumerate(_one_ahead(batches)):
        optimizer.learning_rate.assign(plan.rate(number))
        history.append(float(step(*batch)))
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
        steps=steps,
        batch=batch,
        peak=1.5e-3,
        warm_up=10,
        seed=seed,
        variety=Variety(gain=(0.85, 1.15), offset=6.0, cast=0.05, crop=0.1),
    )
    return train(weights, images, annotations, plan, grid=grid, on_step=on_step)


def _check(images: Sequence[NDArray[np.uint8]], annotations: Sequence[Annotations]) -> None:
    if not len(images) or len(images) != len(annotations):
        message = f"{len(images)} pictures, {len(annotations)} annotated"
        raise DataError(message, next_step="give one annotation entry per picture")
    if not any(len(truth) for truth in annotations):
        message = "no picture holds an annotation: there is nothing to learn"
        raise NoAnnotationsError(message, next_step="ingest the footage with labels")


def _batches(
    images: Sequence[NDArray[np.uint8]],
    annotations: Sequence[Annotations],
    plan: Plan,
    classes: int,
    grid: Grid,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Varied pictures and their targets, batch by batch."""
    rng = np.random.default_rng(plan.seed)
    for rows in _order(rng, len(images), plan):
        pixels, targets = [], []
        for row in rows:
            image, truth = vary(rng, images[row], annotations[row], plan.variety)
            target = encode(truth, (image.shape[1], image.shape[0]), classes, grid)
            pixels.append(prepare(image, grid))
            targets.append(
                np.concatenate([target.heat, target.boxes, target.weight[..., None]], axis=-1)
            )
        yield np.stack(pixels), np.stack(targets)


def _order(rng: np.random.Generator, pictures: int, plan: Plan) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch; every picture is seen before any is seen again."""
    waiting = np.zeros(0, dtype=np.int64)
    for _ in range(plan.steps):
        while len(waiting) < plan.batch:
            waiting = np.concatenate([waiting, rng.permutation(pictures)])
        rows, waiting = waiting[: plan.batch], waiting[plan.batch :]
        yield rows


def _one_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items; the next one is made in a thread while one is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item
