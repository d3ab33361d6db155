"""What the detector's answer costs, picture by picture."""

from __future__ import annotations

import tensorflow as tf


BOX_WEIGHT = 3.0
"""The boxes' part of the loss; AP at IoU 0.5 is lost by boxes sooner than by peaks."""
_HUBER = 0.1


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
