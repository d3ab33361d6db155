"""What the operator of a domain sets up: cameras with their masks, datasets, environments.

`domains/<id>/domain.yaml` is the file form. Who may use what is the owner's policy.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from darkroom.errors import SpecError, UnknownNameError
from darkroom.model.camera_config import CameraConfig
from darkroom.model.identity import require_name
from darkroom.model.json_shape import (
    are_texts,
    as_fields,
    as_tuple,
    is_number,
    is_whole,
    require_line,
    require_schema,
    within,
)
from darkroom.model.recording import Recording


SCHEMA = 1  # of the form itself
MAX_WORKERS = 64
MAX_RETENTION = 36_500  # days
MAX_MODELS = 32
MODEL_NAME = re.compile(r"([a-z0-9][a-z0-9_.\-]{0,60}?)\.(?:tflite|npz)")
FOOTAGE = re.compile(r"folder|s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
Interpreter = Literal["litert", "tflite-runtime", ""]
INTERPRETERS: tuple[Interpreter, ...] = ("litert", "tflite-runtime", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """One dataset of a domain.

    Attributes:
        description: public.
        source: a world recipe (synthetic), or "" when footage is ingested from files.
        look: coarse public hints for the mock.
        classes: what is annotated; none named: person, vehicle.
        start: Unix seconds of the first frame of a synthetic source.
        cameras: those that its footage may come from; none named: any of the domain.
        retention_days: footage is erased when its last frame is that old; None: kept.
        record: how its cameras are recorded live; None: they are not.
    """

    name: str
    description: str = ""
    source: str = ""
    look: dict[str, str | int | float | bool] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    start: float = 0.0
    cameras: tuple[str, ...] = ()
    retention_days: int | None = None
    record: Recording | None = None

    def __post_init__(self) -> None:
        with within("name"):
            require_name(self.name, "dataset")
        for name in ("description", "source"):
            require_line(getattr(self, name), name)
        if not isinstance(self.look, dict) or not all(
            isinstance(k, str) and (isinstance(v, str | bool) or is_number(v))
            for k, v in self.look.items()
        ):
            raise SpecError(
                f"look of dataset {self.name} is not a mapping of texts and numbers",
                next_step="write it as look: {light: day}",
                where=("look",),
            )
        for name in ("classes", "cameras"):
            names = getattr(self, name)
            if not are_texts(names) or len(set(names)) != len(names):
                raise SpecError(
                    f"{name} of dataset {self.name} is not a list of different names",
                    next_step=f"write it as {name}: [a, b]",
                    where=(name,),
                )
        with within("cameras"):
            for camera in self.cameras:
                require_name(camera, "camera")
        with within("classes"):
            for label in self.classes:
                require_line(label or "\n", "a class")
        if not is_number(self.start) or self.start < 0:
            raise SpecError(
                f"start of dataset {self.name} is no time since 1970",
                next_step="write it as 2026-06-01T12:00:00Z",
                where=("start",),
            )
        if self.retention_days is not None and (
            not is_whole(self.retention_days, 1) or self.retention_days > MAX_RETENTION
        ):
            raise SpecError(
                f"retention_days of dataset {self.name} is not 1 to {MAX_RETENTION}",
                next_step="set it to whole days, or leave it out to keep footage",
                where=("retention_days",),
            )

    @classmethod
    def from_mapping(cls, value: object) -> "DatasetConfig":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given = _required(as_fields(value, cls, "a dataset"), "a dataset", "name")
        for name in ("classes", "cameras"):
            with within(name):
                given[name] = as_tuple(given.get(name, ()), name)
        if isinstance(given.get("start"), str):
            with within("start"):
                given["start"] = _seconds(given["start"])
        if given.get("record") is not None:
            with within("record"):
                given["record"] = Recording.from_mapping(given["record"])
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainConfig:
    """How one domain is set up.

    Attributes:
        domain: its name, and that of its folder.
        title: public, for people.
        schema: version of this form; a newer one is refused.
        workers: how many sandboxed workers run side by side.
        environments: name -> TFLite interpreter it offers ("" for none).
        footage: `folder`, or `s3://<bucket>`.
        cameras: with what is masked.
        models: file name -> path of models that PySyft jobs may name by their hash.
    """

    domain: str
    title: str
    environments: dict[str, Interpreter]
    schema: int = SCHEMA
    workers: int = 1
    footage: str = "folder"
    cameras: tuple[CameraConfig, ...] = ()
    datasets: tuple[DatasetConfig, ...] = ()
    models: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_schema(self.schema, SCHEMA, "domain.yaml")
        with within("domain"):
            require_name(self.domain, "domain")
        require_line(self.title, "title")
        if not is_whole(self.workers, 1) or self.workers > MAX_WORKERS:
            raise SpecError(
                f"workers is not a whole number from 1 to {MAX_WORKERS}",
                next_step="set workers",
                where=("workers",),
            )
        _require_environments(self.environments)
        _require_footage(self.footage)
        _require_models(self.models, [dataset.name for dataset in self.datasets])
        known = [camera.id for camera in self.cameras]
        _require_different("cameras", known)
        _require_different("datasets", [dataset.name for dataset in self.datasets])
        for index, dataset in enumerate(self.datasets):
            for camera in dataset.cameras:
                if camera not in known:
                    raise SpecError(
                        f"dataset {dataset.name} names the camera {camera}, which is not listed",
                        next_step=f"use cameras of: {', '.join(known) or 'none are listed'}",
                        where=("datasets", index, "cameras"),
                    )
        self._require_recordable()

    def _require_recordable(self) -> None:
        """A recorded dataset has live cameras, and each of them records one dataset."""
        taken: dict[str, str] = {}
        for index, dataset in enumerate(self.datasets):
            cameras = self.recorded(dataset)
            if dataset.record is not None and not cameras:
                raise SpecError(
                    f"dataset {dataset.name} is recorded from no camera",
                    next_step="give its cameras url, folder or device",
                    where=("datasets", index, "record"),
                )
            for camera in cameras:
                if taken.setdefault(camera.id, dataset.name) != dataset.name:
                    raise SpecError(
                        f"camera {camera.id} is recorded for {taken[camera.id]} and {dataset.name}",
                        next_step="name each camera in the cameras of one recorded dataset",
                        where=("datasets", index, "cameras"),
                    )

    def recorded(self, dataset: DatasetConfig) -> tuple[CameraConfig, ...]:
        """The cameras that are recorded live for a dataset."""
        if dataset.record is None:
            return ()
        return tuple(c for c in self.cameras_of(dataset).values() if c.source)

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

    def cameras_of(self, dataset: DatasetConfig) -> dict[str, CameraConfig]:
        """The cameras that a dataset's footage may come from; empty: of any name."""
        return {c.id: c for c in self.cameras if not dataset.cameras or c.id in dataset.cameras}

    @classmethod
    def from_mapping(cls, value: object) -> "DomainConfig":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        if isinstance(value, dict):  # of a newer form every key may be new
            require_schema(value.get("schema", SCHEMA), SCHEMA, "domain.yaml")
        given = as_fields(value, cls, "domain.yaml")
        _required(given, "domain.yaml", "domain", "title", "environments")
        nouns: tuple[tuple[str, Any], ...] = (
            ("cameras", CameraConfig),
            ("datasets", DatasetConfig),
        )
        for name, noun in nouns:
            read = []
            with within(name):
                for index, entry in enumerate(as_tuple(given.get(name, ()), name)):
                    with within(index):
                        read.append(noun.from_mapping(entry))
            given[name] = tuple(read)
        return cls(**given)


def _required(given: dict[str, Any], what: str, *names: str) -> dict[str, Any]:
    for name in names:
        if name not in given:
            raise SpecError(f"{what} has no {name}", next_step=f"add {name}")
    return given


def _require_different(what: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SpecError(
                f"{what} lists {name} twice",
                next_step="join the two into one",
                where=(what, index),
            )


def _require_environments(value: object) -> None:
    if not isinstance(value, dict) or not value:
        raise SpecError(
            "environments is not a mapping, or empty",
            next_step="write it as environments: {tflite: litert}",
            where=("environments",),
        )
    for name, interpreter in value.items():
        with within("environments", name):
            require_name(name, "environment")
            if not isinstance(interpreter, str) or interpreter not in INTERPRETERS:
                raise SpecError(
                    f"environment {name} has an unknown interpreter",
                    next_step='use one of: litert, tflite-runtime, "" (none)',
                )


def _require_models(value: object, datasets: list[str]) -> None:
    if not isinstance(value, dict) or len(value) > MAX_MODELS:
        raise SpecError(
            f"models is not a mapping of up to {MAX_MODELS} files",
            next_step="write it as models: {detector.tflite: data/models/detector.int8.tflite}",
            where=("models",),
        )
    taken = set(datasets)
    for name, path in value.items():
        with within("models", name):
            known = MODEL_NAME.fullmatch(name) if isinstance(name, str) else None
            if known is None:
                raise SpecError(
                    f"model {ascii(name)[:60]} is no file name that ends in .tflite or .npz",
                    next_step="name it like detector.tflite",
                )
            require_line(path, "the path of a model")
            if known[1] in taken:
                raise SpecError(
                    f"model {name} and a dataset, or another model, have the same name",
                    next_step="rename one of them: PySyft knows all as datasets, without ending",
                )
            taken.add(known[1])


def _require_footage(value: object) -> None:
    if not isinstance(value, str) or not FOOTAGE.fullmatch(value):
        raise SpecError(
            "footage is neither 'folder' nor 's3://<bucket>'",
            next_step="write footage: folder",
            where=("footage",),
        )


def _seconds(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise SpecError(
            f"start {ascii(text)[:40]} is no time", next_step="write it as 2026-06-01T12:00:00Z"
        ) from error
