"""What the detector's answer costs, picture by picture."""

from __future__ import annotations

import tensorflow as tf

from darkroom.vision.centre_point import REFERENCE_HEIGHT, REFERENCE_WIDTH, STRIDE


IOU_WEIGHT = 3.0
HUBER_WEIGHT = 1.0
"""Far more AP at IoU 0.5 is lost by loose boxes than by missed peaks."""
_HUBER = 0.1
_LONGEST_LOG = 4.0


def per_example_loss(heat: tf.Tensor, boxes: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Focal loss of the heat map, and two losses of the boxes, per picture.

    Focal loss of Law and Deng ("CornerNet", ECCV 2018) with alpha 2 and beta 4, divided by
    the number of centres. Boxes: `1 - IoU` (Yu et al., "UnitBox", 2016) and the Huber loss
    of the four numbers (delta 0.1, slope 1), each averaged with the box weights.

    Args:
        heat: Logits [B, rows, columns, C].
        boxes: Box numbers [B, rows, columns, 4].
        target: heat, boxes and weight of `encode`, joined: [B, rows, columns, C+5].

    Returns:
        [B].
    """
    classes = heat.shape[-1]
    true_heat, true_boxes, weight = tf.split(target, [classes, 4, 1], axis=-1)
    weight = weight[..., 0]
    misfit = IOU_WEIGHT * (1.0 - _iou(boxes, true_boxes)) + HUBER_WEIGHT * tf.reduce_sum(
        _huber(boxes - true_boxes), axis=-1
    )
    fit = tf.reduce_sum(weight * misfit, axis=(1, 2))
    fit /= tf.maximum(tf.reduce_sum(weight, axis=(1, 2)), 1.0)
    return _focal(heat, true_heat) + fit


def _focal(heat: tf.Tensor, true_heat: tf.Tensor) -> tf.Tensor:
    share = tf.sigmoid(heat)
    centre = tf.cast(true_heat >= 1.0, tf.float32)
    missed = tf.square(1.0 - share) * tf.nn.softplus(-heat)
    raised = tf.pow(1.0 - true_heat, 4.0) * tf.square(share) * tf.nn.softplus(heat)
    focal = tf.reduce_sum(centre * missed + (1.0 - centre) * raised, axis=(1, 2, 3))
    return focal / tf.maximum(tf.reduce_sum(centre, axis=(1, 2, 3)), 1.0)


def _huber(error: tf.Tensor) -> tf.Tensor:
    size = tf.abs(error)
    return tf.where(size < _HUBER, tf.square(size) / (2.0 * _HUBER), size - _HUBER / 2.0)


def _iou(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """IoU of the boxes of each cell, [B, rows, columns]."""
    (low, high), (other_low, other_high) = _edges(one), _edges(other)
    shared = tf.maximum(tf.minimum(high, other_high) - tf.maximum(low, other_low), 0.0)
    both = tf.reduce_prod(shared, axis=-1)
    areas = tf.reduce_prod(high - low, axis=-1) + tf.reduce_prod(other_high - other_low, axis=-1)
    return both / (areas - both)


def _edges(code: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Lower and upper corner relative to the middle of the cell, in input pixels."""
    centre = code[..., :2] * float(STRIDE)
    sides = tf.exp(tf.clip_by_value(code[..., 2:], -_LONGEST_LOG, _LONGEST_LOG))
    half = 0.5 * sides * tf.constant([REFERENCE_WIDTH, REFERENCE_HEIGHT])
    return centre - half, centre + half
