"""The detector's weights: plain arrays with names, in a file that runs nothing."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.errors import ModelRefusedError
from darkroom.model.detection import CLASSES


Weights = Mapping[str, NDArray[np.float32]]
"""`<layer>/kernel` [k, k, in, out] and `<layer>/bias` [out], float32."""

_HEAT_BIAS = -3.5


class Layer(NamedTuple):
    """A convolution; `kernel` and `stride` hold for both axes."""

    name: str
    kernel: int
    inputs: int
    outputs: int
    stride: int


def layers(classes: int) -> tuple[Layer, ...]:
    """The network as a table: 3x3 convolutions, each followed by ReLU6 but the last two.

    `deep3`, up-sampled to twice its size, joins `mid2` before `fuse`.

    Args:
        classes: Number of classes, one heat map each.
    """
    return (
        Layer("stem", 6, 3, 24, 4),
        Layer("low", 3, 24, 24, 1),
        Layer("mid1", 3, 24, 40, 2),
        Layer("mid2", 3, 40, 40, 1),
        Layer("deep1", 3, 40, 56, 2),
        Layer("deep2", 3, 56, 56, 1),
        Layer("deep3", 3, 56, 56, 1),
        Layer("fuse", 1, 96, 48, 1),
        Layer("neck", 3, 48, 48, 1),
        Layer("heat", 1, 48, classes, 1),
        Layer("boxes", 1, 48, 4, 1),
    )


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
    for layer in layers(classes):
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
