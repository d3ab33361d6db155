"""The only reader of the environment and of `domains/*`.

Everything else takes these values as arguments.
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from darkroom.errors import SpecError, UnknownNameError
from darkroom.model.identity import require_name
from darkroom.model.site_policy import SitePolicy


MAX_WORKERS = 64
REPOSITORY = Path(__file__).resolve().parents[2]


# ------------------------------------------------------------------------- the environment


def scientist_home() -> Path:
    """Where a scientist's keys, pins and results lie (`DARKROOM_HOME`)."""
    return Path(os.environ.get("DARKROOM_HOME", "~/.darkroom")).expanduser()


def tracking_uri() -> str:
    """MLflow's address (`MLFLOW_TRACKING_URI`), or "" when runs are not logged."""
    return os.environ.get("MLFLOW_TRACKING_URI", "")


def notebook_environment(home: Path | None) -> dict[str, str]:
    """The environment for a notebook that runs headlessly: ours, with that home."""
    return {**os.environ, "DARKROOM_HOME": str(home or scientist_home())}


def real_material() -> Path | None:
    """The folder with real footage for verification (`DARKROOM_REAL`), if it is there."""
    folder = Path(os.environ.get("DARKROOM_REAL", REPOSITORY.parent / "shared" / "real"))
    return folder if folder.is_dir() else None


def s3_keys() -> tuple[str, str]:
    """Access key and secret of the object store, from `DARKROOM_S3_ACCESS_KEY` and
    `DARKROOM_S3_SECRET_KEY`.

    Raises:
        SpecError: when one of them is missing; there are no default keys.
    """
    names = ("DARKROOM_S3_ACCESS_KEY", "DARKROOM_S3_SECRET_KEY")
    values = tuple(os.environ.get(name, "") for name in names)
    if not all(values):
        raise SpecError(
            f"the object store needs {' and '.join(names)}",
            next_step="set both, or use a folder instead of s3://",
        )
    return values  # type: ignore[return-value]  # two names, two values


def s3_endpoint() -> str:
    """Address of the object store (`DARKROOM_S3_ENDPOINT`), for instance
    `http://127.0.0.1:9000`.

    Raises:
        SpecError: when it is not set.
    """
    endpoint = os.environ.get("DARKROOM_S3_ENDPOINT", "")
    if not endpoint:
        raise SpecError(
            "an s3:// address needs DARKROOM_S3_ENDPOINT",
            next_step="set it, or use a folder instead of s3://",
        )
    return endpoint


# ---------------------------------------------------------------------------- domains/<id>


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """One dataset of `domain.yaml`.

    Attributes:
        source: a world recipe (synthetic), or "" when footage is ingested from files.
        look: coarse public hints for the mock.
        masks: camera id -> polygons of `[x, y]` pixels that are burnt out.
        start: Unix seconds of the first frame of a synthetic source.
    """

    name: str
    description: str = ""
    source: str = ""
    look: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    masks: dict[str, list[list[list[int]]]] = field(default_factory=dict)
    start: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainConfig:
    """`domains/<id>/domain.yaml`.

    Attributes:
        workers: how many sandboxed workers run side by side.
        environments: name -> TFLite interpreter it offers ("" for none).
        footage: `folder`, or `s3://<bucket>`.
    """

    domain: str
    title: str
    workers: int = 1
    environments: dict[str, Literal["litert", "tflite-runtime", ""]]
    footage: str = "folder"
    datasets: tuple[DatasetConfig, ...] = ()

    def dataset(self, name: str) -> DatasetConfig:
        """The dataset of that name.

        Raises:
            UnknownNameError: listing the names there are.
        """
        for dataset in self.datasets:
            if dataset.name == name:
                return dataset
        known = ", ".join(d.name for d in self.datasets) or "none"
        raise UnknownNameError(
            f"domain {self.domain} configures no dataset {ascii(name)[:80]}",
            next_step=f"use one of: {known}, or add it to domain.yaml",
        )


class _StrictLoader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys in silence; an owner must not sign that."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are all different."""
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file, safely loaded.

    Raises:
        SpecError: not there, not YAML (with the line), or not a mapping.
    """
    try:
        value = _StrictLoader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise SpecError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise SpecError(f"{path}{where}: {problem}", next_step="mend that line") from error
    if not isinstance(value, dict):
        raise SpecError(f"{path} is not a mapping", next_step="start with key: value")
    return value


def _start(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError("start is a time such as 2026-06-01T12:00:00Z")


def domain_config(folder: Path) -> DomainConfig:
    """Read `domain.yaml` in a domain's folder.

    Raises:
        SpecError: naming the file and what is wrong in it.
    """
    path = folder / "domain.yaml"
    fields = read_yaml(path)
    try:
        datasets = []
        for listed in fields.get("datasets", ()):
            entry = dict(listed)
            if "start" in entry:
                entry["start"] = _start(entry["start"])
            if "classes" in entry:
                entry["classes"] = tuple(str(c) for c in entry["classes"])
            require_name(entry["name"], "dataset")
            datasets.append(DatasetConfig(**entry))
        fields["datasets"] = tuple(datasets)
        config = DomainConfig(**fields)
        require_name(config.domain, "domain")
        if not 1 <= config.workers <= MAX_WORKERS:
            raise TypeError(f"workers is a number from 1 to {MAX_WORKERS}")
        if not config.environments:
            raise TypeError("environments is empty")
    except (TypeError, KeyError, AttributeError) as error:
        raise SpecError(
            f"{path}: {error}", next_step="compare it with domains/north/domain.yaml"
        ) from error
    if config.domain != folder.resolve().name:
        raise SpecError(
            f"{path} names domain {config.domain} in the folder {folder.name}",
            next_step="give folder and domain the same name",
        )
    return config


def policy_proposal(path: Path) -> SitePolicy:
    """Read a `policy.yaml`: a proposal, in force only once the owner signed it.

    Raises:
        SpecError: naming the file and the field.
    """
    fields = read_yaml(path)
    try:
        return SitePolicy.from_mapping(fields)
    except SpecError as error:
        raise SpecError(f"{path}: {error.message}", next_step=error.next_step) from error
