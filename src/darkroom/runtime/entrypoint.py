"""Find and call the submitted function."""

import importlib
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from darkroom.errors import InputError


def load(point: str, code: Path) -> Callable[..., Any]:
    """The function that `module:function` names within the submitted files.

    Raises:
        InputError: there is no such module or function. What the module itself raises
            while it is imported is not caught.
    """
    module_name, _, name = point.partition(":")
    sys.path.insert(0, str(code))
    sys.dont_write_bytecode = True
    known = (code / f"{module_name}.py").is_file()
    if not known and not (code / module_name).is_dir():
        raise InputError(
            f"the job carries no module {module_name}",
            next_step=f"add {module_name}.py to the files of the job",
        )
    function = getattr(importlib.import_module(module_name), name, None)
    if not callable(function):
        raise InputError(
            f"the module {module_name} has no function {name}",
            next_step="correct the entrypoint",
        )
    # `@darkroom.job` may wrap the function; the plain one is what runs here.
    return getattr(function, "__wrapped__", function)


def seed(value: object) -> None:
    """Make chance repeatable for the generators that are loaded; others seed themselves."""
    if not isinstance(value, int):
        return
    random.seed(value)
    if "numpy" in sys.modules:
        generator = sys.modules["numpy"].random
        generator.seed(value % (1 << 32))
