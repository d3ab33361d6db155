"""Programs of the Kubernetes world that tests use where they are there.

They take minutes to build, so they lie in a cache outside the repository:
`tests/kubernetes/build_tools.sh` makes them. What is not there is skipped, with the reason.
"""

import os
import shutil
from pathlib import Path

import pytest


# Who has no home (`env -i` as a user without an entry) has none of the tools either.
HOME = os.environ.get("HOME") or "/nonexistent"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or f"{HOME}/.cache")
TOOLS = CACHE / "darkroom" / "kubernetes" / "bin"


def find(name: str) -> Path | None:
    """The program, or None where it is not there."""
    built = TOOLS / name
    if os.access(built, os.X_OK):
        return built
    found = shutil.which(name)
    return Path(found) if found else None


def tool(name: str) -> Path:
    """The program; skips the test that asks where it is not there."""
    found = find(name)
    if found is None:
        pytest.skip(f"no {name} on this machine; tests/kubernetes/build_tools.sh {name} builds it")
    return found
