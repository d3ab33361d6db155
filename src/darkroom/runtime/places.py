"""Where the parts of a task lie: below `/` in the sandbox, below a folder on mock.

The same programs serve both, so that what works on mock works at the domain.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.errors import InputError
from darkroom.model.job import require_path


MAX_REQUEST = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders of one task."""

    root: Path = Path("/")

    @property
    def request(self) -> Path:
        """What is asked, as JSON."""
        return self.root / "job" / "request.json"

    @property
    def code(self) -> Path:
        """The submitted files, read-only."""
        return self.root / "job" / "code"

    @property
    def data(self) -> Path:
        """The face of the dataset, read-only."""
        return self.root / "data"

    @property
    def parts(self) -> Path:
        """What earlier programs left, read-only."""
        return self.root / "parts"

    @property
    def tmp(self) -> Path:
        """Small, gone afterwards; the current folder of a job."""
        return self.root / "tmp"

    @property
    def out(self) -> Path:
        """What survives."""
        return self.root / "out"

    def read_request(self) -> dict[str, Any]:
        """The request.

        Raises:
            InputError: there is none, or it is not a JSON object.
        """
        try:
            with self.request.open("rb") as file:
                value = json.loads(file.read(MAX_REQUEST))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.request} is missing or is not JSON",
                next_step="start programs through the sandbox or `run_task_locally`",
            ) from error
        if not isinstance(value, dict):
            raise InputError(
                f"{self.request} is not a JSON object",
                next_step="start programs through the sandbox or `run_task_locally`",
            )
        return value


_current = [Places()]


def use(places: Places) -> None:
    """Make these the places of this process."""
    _current[0] = places


def current() -> Places:
    """The places of this process."""
    return _current[0]


def code_path(name: str) -> str:
    """The path of a file that the job carries.

    Args:
        name: as declared, for instance `files/detector.tflite`.

    Raises:
        InputError: the job carries no such file.
    """
    path = current().code / require_path(name)
    if not path.is_file():
        raise InputError(
            f"the job carries no file {name}",
            next_step="add it to the files of the job",
        )
    return str(path)
