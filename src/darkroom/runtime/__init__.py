"""What submitted code sees. Inside the sandbox this is all there is of Darkroom.

    def job(data, params):
        for frame in data.frames(every=10):
            ...
        return {"counts": rows}

Nothing is imported before it is used: a job that needs no pictures starts without numpy.
"""

import importlib
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from darkroom.runtime.dataset import Dataset as Dataset
    from darkroom.runtime.dataset import Frame as Frame
    from darkroom.runtime.detector import Detector as Detector
    from darkroom.runtime.places import code_path as code_path

_WHERE = {
    "Dataset": "darkroom.runtime.dataset",
    "Frame": "darkroom.runtime.dataset",
    "Detector": "darkroom.runtime.detector",
    "code_path": "darkroom.runtime.places",
}
__all__ = ["Dataset", "Detector", "Frame", "code_path"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    """Load a public name when it is first used."""
    if name not in _WHERE:
        raise AttributeError(f"module 'darkroom.runtime' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
