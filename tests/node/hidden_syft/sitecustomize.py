"""Hides PySyft from every process that starts with this folder on its path.

Only `darkroom.adapters.pysyft`, and what it imports, finds a module whose name begins with
`syft`. At its end each process writes down, in a file under its id, what it had loaded and who
was refused.
"""

import atexit
import json
import os
import sys
from pathlib import Path
from typing import TextIO


ADAPTER = "darkroom.adapters.pysyft."
IMPORTLIB = ("importlib", "_frozen_importlib")
refused: list[str] = []


class Curtain:
    """Asked first for every module that is not loaded yet."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if not name.startswith("syft"):
            return
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__", "").startswith(IMPORTLIB):
            frame = frame.f_back
        importer = frame.f_globals.get("__name__", "") if frame else ""
        if not importer.startswith((ADAPTER, "syft")):
            refused.append(f"{importer}: {name}")
            raise ModuleNotFoundError(f"{name} is hidden from {importer}", name=name)


def tell(file: TextIO, process: int) -> None:
    if os.getpid() == process:  # not a fork of it
        json.dump({"argv": sys.argv, "modules": sorted(sys.modules), "refused": refused}, file)
        file.close()


sys.meta_path.insert(0, Curtain())  # type: ignore[arg-type]  # a finder needs no more
if "LOADED_MODULES" in os.environ:
    # Opened now: a node gives up the right to write there.
    file = Path(os.environ["LOADED_MODULES"], f"{os.getpid()}.json").open("w")  # noqa: SIM115 - until the end
    atexit.register(tell, file, os.getpid())
