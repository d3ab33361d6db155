"""What `import syft` gives inside a job: the names of PySyft that a job has a use for.

The engine itself stays outside: it brings clients of networks that are not there. What is
here takes the same arguments, gives the same answers and raises the same kinds of errors as
`syft.utils` does on the machine of a data owner; `tests/runtime/test_syft_names.py` holds
the two against each other.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


__version__ = "0.10.0"  # the release that these names are those of
__path__: list[str] = []  # so that `import syft.sync` asks `Absent`, who says what is here
__all__ = [
    "load_dataset_code",
    "resolve_dataset_file_path",
    "resolve_dataset_files_path",
    "resolve_path",
]
DATASETS = "private/syft_datasets/v1"
ENGINE = frozenset(
    f"syft{part}"
    for part in (
        "", "_bg", "_client", "_crypto_python", "_datasets", "_flwr", "_job", "_migration",
        "_notebook_ui", "_perms", "_permissions", "_rds",
    )
)  # fmt: skip
_NOT_DATA = ("syft.pub.yaml", "private_metadata.yaml")


def resolve_dataset_file_path(*args: Any, **kwargs: Any) -> Path:  # noqa: ANN401 - as in syft
    """The first file of a dataset; arguments as of `resolve_dataset_files_path`."""
    return resolve_dataset_files_path(*args, **kwargs)[0]


def resolve_dataset_files_path(
    dataset_name: str,
    syftbox_folder: str | Path | None = None,
    owner_email: str | None = None,
    client: object = None,
) -> list[Path]:
    """The files of a dataset: its manifest, or the file of a model.

    Args:
        dataset_name: of the job's dataset or of one of its models.
        syftbox_folder: the job's own when left out.
        owner_email: the domain's address when left out.
        client: what a notebook passes to get the mock; a job needs none.

    Raises:
        FileNotFoundError: the job has no dataset of that name.
        ValueError: the job took its own environment away.
    """
    del client
    folder = _dataset(dataset_name, syftbox_folder, owner_email)
    return sorted(f for f in folder.iterdir() if f.is_file() and f.name not in _NOT_DATA)


def load_dataset_code(
    path: str,
    owner_email: str | None = None,
    syftbox_folder: str | Path | None = None,
    client: object = None,
    module_name: str | None = None,
) -> ModuleType:
    """A Python file of a dataset as a module: `load_dataset_code("helpers.boxes")`.

    Raises:
        FileNotFoundError: there is no such dataset or file.
        ValueError: the path names no file within a dataset.
    """
    del client
    dataset, *inner = path.split(".")
    if not inner:
        raise ValueError(
            f"Invalid path '{path}': expected '<dataset_name>.<code_path>', "
            "e.g. 'my_dataset.helpers' or 'my_dataset.utils.nested'."
        )
    file = _dataset(dataset, syftbox_folder, owner_email).joinpath(*inner).with_suffix(".py")
    if not file.exists():
        raise FileNotFoundError(f"Code file not found at {file} (resolved from '{path}').")
    name = module_name or inner[-1]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"Could not build import spec for {file}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def resolve_path(path: str | Path, syftbox_folder: str | Path | None = None) -> Path:
    """The path in the job's box that a `syft://…` address stands for.

    Raises:
        ValueError: it is no such address.
    """
    text = str(path)
    if isinstance(path, Path) and text.startswith("syft:/") and not text.startswith("syft://"):
        text = text.replace("syft:/", "syft://", 1)  # a Path keeps one slash of two
    if not text.startswith("syft://"):
        raise ValueError(f"Path must start with 'syft://', got: {text}")
    inner = text.removeprefix("syft://")
    return _box(syftbox_folder) / inner if inner else _box(syftbox_folder)


def _box(given: str | Path | None) -> Path:
    folder = given if given is not None else os.environ.get("SYFTBOX_FOLDER")
    if folder is None:
        raise ValueError(
            "SYFTBOX_FOLDER environment variable not set: the job has removed it. "
            "Keep it, or pass syftbox_folder."
        )
    return Path(folder)


def _dataset(name: str, syftbox_folder: str | Path | None, owner_email: str | None) -> Path:
    box = _box(syftbox_folder)
    owner = owner_email or os.environ.get("SYFTBOX_EMAIL")
    if owner is None:
        raise ValueError(
            "SYFTBOX_EMAIL environment variable not set: the job has removed it. "
            "Keep it, or pass owner_email."
        )
    folder = box / owner / DATASETS
    there = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    if name not in there:  # compared with what is there, never joined: no `..`
        raise FileNotFoundError(
            f"Dataset '{name}' not found in {owner}'s datasite.\n"
            f"This job has: {', '.join(there) or 'none of theirs'}. A job runs on one dataset, "
            'and has the models that it declares in darkroom.json ("models").'
        )
    return folder / name


def __getattr__(name: str) -> Any:  # noqa: ANN401 - nothing
    """Say what there is instead."""
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"syft.{name} is not there inside a job. There are {', '.join(__all__)} and __version__; "
        "everything else of PySyft is for the notebook that submits the job."
    )


class Absent:
    """Says so when a job imports another part of the engine, also where it is installed."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Refuse the engine's names, leave all others to the next in line.

        Raises:
            ModuleNotFoundError: for a part of the engine.
        """
        del path, target
        if name.partition(".")[0] in ENGINE:
            raise ModuleNotFoundError(
                f"{name} is not there inside a job, nor is any network it could use. "
                f"`import syft` gives {', '.join(__all__)}; leave the rest to the notebook.",
                name=name,
            )


def install() -> None:
    """Make this module what `import syft` finds in this process."""
    this = sys.modules[__name__]
    sys.modules["syft"] = sys.modules["syft.utils"] = this
    this.utils = this  # type: ignore[attr-defined]  # the two are one here
    sys.meta_path.insert(0, Absent)
