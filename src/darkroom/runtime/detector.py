"""The detector of a job, on the interpreter that the node offers."""

from pathlib import Path
from typing import cast, get_args

from darkroom.adapters import litert
from darkroom.errors import InputError
from darkroom.runtime.places import current


_KNOWN = get_args(litert.InterpreterName)


class Detector(litert.Detector):
    """A centre-point detector from a file that the job carries.

    Args:
        model: path of a TFLite file, for instance `code_path("files/x.tflite")`, or its
            bytes.
        interpreter: `litert` or `tflite-runtime`; left out, what the node offers.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        interpreter: litert.InterpreterName | None = None,
    ) -> None:
        data = model if isinstance(model, bytes) else _read(Path(model))
        super().__init__(data, interpreter or offered())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the model file {path.name} cannot be read",
            next_step="pass code_path('files/…') of a file that the job carries",
        ) from error


def offered() -> litert.InterpreterName:
    """The interpreter of this environment, from the request; `litert` without one."""
    try:
        name = current().read_request().get("interpreter")
    except InputError:  # a notebook, not a job
        name = None
    return cast("litert.InterpreterName", name) if name in _KNOWN else "litert"
