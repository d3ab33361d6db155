"""Trains the centre-point detector with TensorFlow, and exports it to TFLite.

Weights travel as a plain mapping of names to arrays, so nothing outside knows Keras.
There is no batch normalisation on purpose: the loss of one picture depends on no other
picture, which is what clipped (DP) and federated training need.
"""

from darkroom.adapters.tensorflow import lean  # first: it imports TensorFlow
from darkroom.adapters.tensorflow.export import Precision, export_tflite
from darkroom.adapters.tensorflow.loss import per_example_loss
from darkroom.adapters.tensorflow.network import build_model, predict, weights_of
from darkroom.adapters.tensorflow.training import OnStep, Plan, fine_tune, train
from darkroom.adapters.tensorflow.weights import (
    Weights,
    check_weights,
    initial_weights,
    load_weights,
    save_weights,
)


__all__ = [
    "OnStep",
    "Plan",
    "Precision",
    "Weights",
    "build_model",
    "check_weights",
    "export_tflite",
    "fine_tune",
    "initial_weights",
    "lean",
    "load_weights",
    "per_example_loss",
    "predict",
    "save_weights",
    "train",
    "weights_of",
]
