"""`darkroom ingest`, put together: sources, sandbox, footage store, the node's database."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import privileges
from darkroom.bootstrap.footage import open_footage
from darkroom.bootstrap.node import open_store
from darkroom.config import REPOSITORY, read_yaml
from darkroom.errors import InputError, SpecError, StateError
from darkroom.model.camera_config import CameraConfig
from darkroom.model.dataset import DatasetCard
from darkroom.model.domain_config import DatasetConfig, DomainConfig
from darkroom.node.dataset_card import card_of
from darkroom.node.footage_source import (
    RECIPES,
    FootageSource,
    Polygon,
    footage_source,
    world_sources,
)
from darkroom.node.forget import bar_new
from darkroom.node.ingest import Ingest, Ingested, IngestPlan, IngestProgress
from darkroom.node.labels import LabelFormat, Labels, read_labels
from darkroom.node.retention import LAST_FRAME
from darkroom.policy.forget import without
from darkroom.policy.retention import last_frame
from darkroom.ports import FootageStore, Runtime, Sandbox
from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World


CLASSES = ("person", "vehicle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asked to be ingested as one dataset version.

    Attributes:
        sources: paths; of a world recipe there is one, else one for each camera.
        labels: files or folders, one for each source, or none.
        masks: camera -> polygons, beside those of its camera in `domain.yaml`.
        start: Unix seconds of the first frame; None: `domain.yaml`, else the file's time.
    """

    dataset: DatasetConfig
    sources: tuple[Path, ...]
    cameras: tuple[str, ...] = ()
    labels: tuple[Path, ...] = ()
    labels_format: LabelFormat = "coco"
    masks: Mapping[str, Sequence[Polygon]] = field(default_factory=dict)
    start: float | None = None
    fps: float = 0.0


def plan_of(request: Request, domain: DomainConfig) -> IngestPlan:
    """Look at the sources and the labels; nothing is decoded.

    Raises:
        InputError: sources, cameras and labels do not fit together.
        DataError: a source or the labels cannot be read.
    """
    dataset = request.dataset
    masks = {camera: tuple(polygons) for camera, polygons in request.masks.items()}
    classes = dataset.classes or CLASSES
    start = request.start if request.start is not None else dataset.start or None
    world = [path for path in request.sources if path.suffix.lower() in RECIPES]
    if world:
        if len(request.sources) > 1 or request.cameras or request.labels:
            raise InputError(
                "a world recipe names its own cameras and knows its own labels",
                next_step="give the recipe alone",
            )
        sources = _world(world[0], masks, start or 0.0, domain.cameras_of(dataset))
        return IngestPlan(dataset=dataset.name, sources=sources, classes=classes)
    _require_pairs(request)
    known = domain.cameras_of(dataset)
    _require_cameras(request.cameras, known)
    sources = tuple(
        footage_source(
            path,
            camera=camera,
            fps=request.fps,
            start=start,
            masks=(*_burnt(known, camera), *masks.pop(camera, ())),
        )
        for path, camera in zip(request.sources, request.cameras, strict=True)
    )
    if unknown := sorted(set(masks) - set(request.cameras)):
        raise InputError(
            f"there are masks for {', '.join(unknown)}, and no footage",
            next_step=f"the cameras of this ingest are {', '.join(request.cameras)}",
        )
    return IngestPlan(
        dataset=dataset.name,
        sources=sources,
        classes=classes,
        labels=_labels(request, sources, classes),
    )


def _require_pairs(request: Request) -> None:
    if len(request.cameras) != len(request.sources):
        raise InputError(
            f"{len(request.sources)} sources and {len(request.cameras)} cameras",
            next_step="give one --camera for every SOURCE, in the same order",
        )
    if request.labels and len(request.labels) != len(request.sources):
        raise InputError(
            f"{len(request.sources)} sources and {len(request.labels)} labels",
            next_step="give one --labels for every SOURCE, in the same order, or none",
        )


def _require_cameras(cameras: Iterable[str], known: Mapping[str, CameraConfig]) -> None:
    """A misspelt camera would be stored without its masks."""
    for camera in cameras:
        if known and camera not in known:
            raise InputError(
                f"domain.yaml gives this dataset no camera {ascii(camera)[:80]}",
                next_step=f"use one of: {', '.join(known)}, or add it with its masks",
            )


def _burnt(known: Mapping[str, CameraConfig], camera: str) -> tuple[Polygon, ...]:
    masks = known[camera].masks if camera in known else ()
    return tuple([[*point] for point in polygon] for polygon in masks)


def _world(
    path: Path,
    drawn: dict[str, tuple[Polygon, ...]],
    start: float,
    known: Mapping[str, CameraConfig],
) -> tuple[FootageSource, ...]:
    mapping = read_yaml(path)
    try:
        recipe = WorldRecipe.from_mapping(mapping)
    except ValueError as error:
        raise SpecError(
            f"{path.name}: {error}", next_step="compare it with data/worlds/north.yaml"
        ) from error
    world = World(recipe)
    cameras = {c.id: (c.fps, world.frame_count(c.id)) for c in world.cameras}
    _require_cameras(cameras, known)
    if unknown := sorted(set(drawn) - set(cameras)):
        raise InputError(
            f"there are masks for {', '.join(unknown)}, and no such camera",
            next_step=f"the cameras of this world are {', '.join(cameras)}",
        )
    masks = {camera: (*_burnt(known, camera), *drawn.get(camera, ())) for camera in cameras}
    return world_sources(recipe.to_mapping(), cameras=cameras, start=start, masks=masks)


def _labels(
    request: Request, sources: Sequence[FootageSource], classes: Sequence[str]
) -> dict[str, Labels]:
    return {
        source.camera: read_labels(
            path, request.labels_format, classes=classes, pictures=source.pictures
        )
        for source, path in zip(sources, request.labels, strict=False)
    }


def decode_runtime() -> Runtime:
    """The interpreter that decodes: this one, which has OpenCV as every node has."""
    lock = REPOSITORY / "requirements" / "node.txt"
    return describe_runtime("decode", Path(sys.executable), lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Where footage is decoded, and where the version goes.

    Attributes:
        work: below it unfinished work is kept.
    """

    sandbox: Sandbox
    runtime: Runtime
    store: FootageStore
    work: Path


def ingest(
    request: Request,
    *,
    domain: DomainConfig,
    state: Path,
    progress: Callable[[IngestProgress], None],
    sandbox: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Ingested, DatasetCard]:
    """Ingest and register: afterwards the node offers the new version.

    Args:
        request: what becomes a version.
        domain: whose.
        state: the node's folder.
        progress: told of every window.
        sandbox: a sandbox.yaml: pods of this cluster decode, and not this machine.
        say: tells the operator.

    Raises:
        IsolationError: this machine, or the cluster, cannot contain the decoder.
    """
    if not state.is_dir():
        raise StateError(
            f"there is no node's state at {state}", next_step="run `darkroom node init`"
        )
    state = state.resolve()
    plan = plan_of(request, domain)
    try:
        with contextlib.ExitStack() as closing:
            if sandbox is None:
                house = _on_this_machine(plan, domain, state, closing)
            else:
                from darkroom.bootstrap.ingest_in_pods import house_in_pods

                house = house_in_pods(
                    plan, sandbox, domain=domain, state=state, closing=closing, say=say
                )
            worker = Ingest(
                sandbox=house.sandbox, runtime=house.runtime, store=house.store, state=house.work
            )
            done = worker.run(plan, progress=progress)
        nouns = open_store(state)
        try:
            done, card = _registered(nouns, done, request, domain)
        finally:
            nouns.close()
    finally:
        if os.geteuid() == 0:  # what root made in a node's folder is the node's
            privileges.hand_over(state, state.stat().st_uid)
    return done, card


def _registered(
    nouns: SqliteNodeStore, done: Ingested, request: Request, domain: DomainConfig
) -> tuple[Ingested, DatasetCard]:
    """Offer the version; of one with frames to forget, the node offers what is left."""
    shown = without(done.manifest, nouns.forgets())
    barred = bar_new(nouns, done.manifest)
    if shown is None:
        raise InputError(
            "all of this footage is to be forgotten: it is erased again, and nothing is offered",
            next_step="ingest other footage; an order of `darkroom forget` stands for good",
        )
    card = card_of(
        shown,
        domain=domain.domain,
        description=request.dataset.description,
        look=request.dataset.look,
    )
    if barred:
        warning = "it has footage to forget: the node erases that, and offers what is left"
        return replace(done, warnings=(*done.warnings, warning)), card
    nouns.set_fact(LAST_FRAME.format(done.manifest.version), last_frame(done.manifest))
    nouns.register_dataset(card, done.manifest.version)
    return done, card


def _on_this_machine(
    plan: IngestPlan, domain: DomainConfig, state: Path, closing: contextlib.ExitStack
) -> House:
    runtime = decode_runtime()
    folders = {
        source.path if source.path.is_dir() else source.path.parent
        for source in plan.sources
        if source.path is not None
    }
    sandbox = ProcessSandbox(runtimes=[runtime], roots=(state, *sorted(folders)), slots=1)
    return House(
        sandbox=closing.enter_context(sandbox),
        runtime=runtime,
        store=open_footage(state, domain),
        work=state,
    )
