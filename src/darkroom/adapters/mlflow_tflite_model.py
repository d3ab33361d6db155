"""How MLflow loads a released TFLite model again. Copied beside the weights, so it stands
alone: no pickle, no Darkroom.

    model = mlflow.pyfunc.load_model(uri)
    model.predict(batch)   # name -> array

Run as a program it prints the model's inputs and outputs as JSON: the signature.
"""

import json
import sys
from typing import Any

import numpy as np


def open_interpreter(path: str) -> Any:  # noqa: ANN401  # of either library
    """An interpreter of whichever library is installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tflite_runtime.interpreter import Interpreter
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def describe(path: str) -> dict[str, list[dict[str, Any]]]:
    """Names, types and shapes of the inputs and outputs; the batch is -1."""
    interpreter = open_interpreter(path)

    def facts(details: dict[str, Any]) -> dict[str, Any]:
        shape = [int(n) for n in details["shape"]]
        return {
            "name": str(details["name"])[:200],
            "dtype": np.dtype(details["dtype"]).name,
            "shape": [-1, *shape[1:]] if shape else [-1],
        }

    return {
        "inputs": [facts(d) for d in interpreter.get_input_details()],
        "outputs": [facts(d) for d in interpreter.get_output_details()],
    }


def run(interpreter: Any, batch: np.ndarray) -> dict[str, np.ndarray]:  # noqa: ANN401
    """All outputs for a batch, one picture after the other, on one thread."""
    (entry,) = interpreter.get_input_details()
    outputs = interpreter.get_output_details()
    rows: dict[str, list[np.ndarray]] = {d["name"]: [] for d in outputs}
    for picture in np.asarray(batch):
        interpreter.set_tensor(entry["index"], picture[None].astype(entry["dtype"]))
        interpreter.invoke()
        for details in outputs:
            rows[details["name"]].append(interpreter.get_tensor(details["index"])[0])
    return {name: np.stack(values) for name, values in rows.items()}


if __name__ == "__main__":
    print(json.dumps(describe(sys.argv[1])))  # noqa: T201  # the answer
else:
    from mlflow.models import set_model
    from mlflow.pyfunc.model import PythonModel

    class ReleasedDetector(PythonModel):
        """A TFLite file behind MLflow's `predict`."""

        def load_context(self, context: Any) -> None:  # noqa: ANN401, D102  # MLflow's signature
            self.interpreter = open_interpreter(context.artifacts["weights"])

        # An array: the one hint that MLflow neither warns about nor takes for the signature.
        def predict(self, context, model_input: np.ndarray, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D102
            del context, params
            given: Any = model_input  # MLflow passes a dictionary for a named input
            batch = next(iter(given.values())) if isinstance(given, dict) else given
            return run(self.interpreter, batch)

    set_model(ReleasedDetector())
