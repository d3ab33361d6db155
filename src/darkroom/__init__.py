"""Darkroom: develop models on camera footage that nobody else ever sees.

    import darkroom as dr
    session = dr.connect()

Importing the package imports nothing else: the same package runs on a Pi, inside the
sandbox and in a notebook, and none of them has what the others need. Each public name is
loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from darkroom import pysyft as pysyft
    from darkroom.bootstrap.audit_desk import open_audit as open_audit
    from darkroom.bootstrap.owner import open_desk as open_desk
    from darkroom.bootstrap.owner import open_policy as open_policy
    from darkroom.bootstrap.scientist import connect as connect
    from darkroom.display import pictures as pictures
    from darkroom.display import plots as plots
    from darkroom.model import output as outputs  # noqa: F401  # the public alias
    from darkroom.model.job import Limits as Limits
    from darkroom.model.output import Histogram as Histogram
    from darkroom.model.output import Model as Model
    from darkroom.model.output import Scalars as Scalars
    from darkroom.model.output import Table as Table
    from darkroom.runtime import Dataset as Dataset
    from darkroom.runtime import Detector as Detector
    from darkroom.runtime import Frame as Frame
    from darkroom.runtime import code_path as code_path
    from darkroom.scientist.job import job as job

# public name -> (module, attribute); "" is the module itself
_EXPORTS: dict[str, tuple[str, str]] = {
    # at the notebook
    "connect": ("darkroom.bootstrap.scientist", "connect"),
    "job": ("darkroom.scientist.job", "job"),
    "open_desk": ("darkroom.bootstrap.owner", "open_desk"),
    "open_policy": ("darkroom.bootstrap.owner", "open_policy"),
    "open_audit": ("darkroom.bootstrap.audit_desk", "open_audit"),
    "pictures": ("darkroom.display.pictures", ""),
    "plots": ("darkroom.display.plots", ""),
    "pysyft": ("darkroom.pysyft", ""),
    "errors": ("darkroom.errors", ""),
    # what a job declares
    "outputs": ("darkroom.model.output", ""),
    "Table": ("darkroom.model.output", "Table"),
    "Scalars": ("darkroom.model.output", "Scalars"),
    "Histogram": ("darkroom.model.output", "Histogram"),
    "Model": ("darkroom.model.output", "Model"),
    "Limits": ("darkroom.model.job", "Limits"),
    # what a job uses where it runs
    "Dataset": ("darkroom.runtime", "Dataset"),
    "Frame": ("darkroom.runtime", "Frame"),
    "Detector": ("darkroom.runtime", "Detector"),
    "code_path": ("darkroom.runtime", "code_path"),
}

__all__ = list(_EXPORTS)  # the table above is the one list of names


def __getattr__(name: str) -> Any:  # noqa: ANN401  # any public object
    """Load a public name when it is first used."""
    if name not in _EXPORTS:
        raise AttributeError(f"module 'darkroom' has no attribute {name!r}")
    module_name, attribute = _EXPORTS[name]
    module = importlib.import_module(module_name)
    value = getattr(module, attribute) if attribute else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion in notebooks."""
    return sorted({*__all__, "__version__"})


__version__ = "0.1.0"
