"""A released TFLite file as a logged model; no pickle: its code is a file, its weights too."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkroom.errors import ModelRefusedError


DESCRIBE_SECONDS = 120
MODEL_CODE = Path(__file__).parents[1] / "mlflow_tflite_model.py"


def save(place: Path, model: Mapping[str, Any], *, run_id: str, model_id: str) -> None:
    """Write a model as MLflow keeps it.

    Raises:
        ModelRefusedError: it is no TFLite file, or the interpreter does not accept it.
    """
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    with tempfile.TemporaryDirectory(prefix="darkroom-weights-") as folder:
        weights = Path(folder) / f"model.{model['format']}"
        weights.write_bytes(model["data"])
        if model["format"] != "tflite":
            raise ModelRefusedError(
                f"a model of format {model['format']} cannot be logged as a model",
                next_step="release a TFLite file; others are kept as files of the run",
            )
        signature = _signature(weights)
        save_model(
            str(place),
            python_model=str(MODEL_CODE),
            artifacts={"weights": str(weights)},
            signature=signature,
            mlflow_model=Model(run_id=run_id, model_id=model_id),
            pip_requirements=["ai-edge-litert", "numpy<2"],
            metadata={"digest": model["digest"], "domain": model["domain"]},
        )


def _signature(weights: Path) -> Any:  # noqa: ANN401  # mlflow.models.ModelSignature
    """From the file itself, read in a process of its own: the file is a stranger's."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    try:
        done = subprocess.run(
            [sys.executable, "-I", str(MODEL_CODE), str(weights)],
            capture_output=True,
            timeout=DESCRIBE_SECONDS,
            check=True,
            env={},
        )
        facts = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise ModelRefusedError(
            "the interpreter does not accept the released model",
            next_step="export it again inside the job and try it there",
        ) from error
    schemas = [
        Schema([TensorSpec(np.dtype(t["dtype"]), tuple(t["shape"]), t["name"]) for t in tensors])
        for tensors in (facts["inputs"], facts["outputs"])
    ]
    return ModelSignature(inputs=schemas[0], outputs=schemas[1])
