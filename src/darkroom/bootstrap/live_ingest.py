"""`darkroom ingest live`, put together: cameras, decoders apart, a footage store, who hears of it."""

import contextlib
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.announced import AnnouncedFootage
from darkroom.adapters.video.spool import Spool
from darkroom.adapters.video.stream import Stream
from darkroom.adapters.video.wall_time import WallTime
from darkroom.bootstrap.live_metrics import count
from darkroom.bootstrap.live_registers import AnnouncedRegister, NodeRegister
from darkroom.bootstrap.operations import OperationsSettings, operating, stop_politely
from darkroom.errors import InputError, StateError
from darkroom.model.camera_config import CameraConfig
from darkroom.model.domain_config import DatasetConfig, DomainConfig
from darkroom.model.metrics.ingest import INGEST
from darkroom.node.live_camera import LiveCamera
from darkroom.node.live_ingest import LiveDataset, LiveIngest
from darkroom.node.live_register import LiveRegister
from darkroom.node.live_source import LiveSource
from darkroom.node.live_tape import Shelf, Tape
from darkroom.node.live_version import LivePlan, Versions
from darkroom.node.rotation import Rotation
from darkroom.policy.retention import Room
from darkroom.ports import Clock, FootageStore


CLASSES = ("person", "vehicle")
WORK = "live"  # what is recorded and no version yet
LONGEST_TURN = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlace:
    """Where footage goes and who hears of it: beside the node, or on a Pi of its own.

    Attributes:
        state: the node's state folder.
        footage, exchange: this Pi's volume, and the one that it shares with the node.
        pi: this Pi's name.
        cameras: those of this Pi; () for all.
        credentials: the folder with names and passwords of cameras.
    """

    state: Path | None = None
    footage: Path | None = None
    exchange: Path | None = None
    pi: str = "pi"
    cameras: tuple[str, ...] = ()
    credentials: Path | None = None


def recorded(
    domain: DomainConfig, only: Sequence[str]
) -> list[tuple[DatasetConfig, tuple[CameraConfig, ...]]]:
    """The datasets that are recorded here, with their cameras.

    Raises:
        InputError: there is none, a camera is unknown, or a dataset has cameras elsewhere, too.
    """
    known = {camera.id for camera in domain.cameras}
    if unknown := sorted(set(only) - known):
        raise InputError(
            f"domain.yaml has no camera {ascii(unknown[0])[:80]}",
            next_step=f"use one of: {', '.join(sorted(known)) or 'none are listed'}",
        )
    found = []
    for dataset in domain.datasets:
        cameras = domain.recorded(dataset)
        here = [camera for camera in cameras if not only or camera.id in only]
        if here and len(here) < len(cameras):
            raise InputError(
                f"dataset {dataset.name} has cameras on this Pi and on another one",
                next_step="make a dataset for each Pi: a version of footage lies on one of them",
            )
        if here:
            found.append((dataset, cameras))
    if not found:
        raise InputError(
            f"domain {domain.domain} records nothing here",
            next_step="give a camera url, folder or device, and its dataset `record: {}`",
        )
    return found


def record(
    domain: DomainConfig,
    place: LivePlace,
    *,
    say: Callable[[str], None],
    operations: OperationsSettings,
    on_ready: Callable[[LiveIngest], None] = lambda _: None,
) -> None:
    """Record until SIGTERM or SIGINT.

    Raises:
        InputError: nothing is to be recorded, or places do not fit together.
        StateError: a place is not there, is full, or another process records there.
    """
    stop_politely()
    clock = SystemClock()
    root = _root(place)
    with contextlib.ExitStack() as closing:
        operator = closing.enter_context(
            operating(operations, metrics=INGEST, folder=root, say=say, longest_turn=LONGEST_TURN)
        )
        closing.enter_context(_alone(root))
        store, register = _outside(domain, place, operator.say, closing)
        live = assemble(
            domain,
            place,
            root=root,
            store=store,
            register=register,
            clock=clock,
            say=operator.say,
            beat=operator.pulse.beat,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: live.stop())
        operator.meter.on_read(lambda: count(live.snapshot(), operator.meter, clock.now()))
        operator.alive_when(live.why_dead)
        operator.ready_when(live.why_not_ready)
        operator.say(f"{domain.domain}: footage in {store.describe()}")
        live.prepare()
        operator.begin()
        on_ready(live)
        live.serve()


def assemble(
    domain: DomainConfig,
    place: LivePlace,
    *,
    root: Path,
    store: FootageStore,
    register: LiveRegister,
    clock: Clock,
    say: Callable[[str], None],
    beat: Callable[[], None] = lambda: None,
) -> LiveIngest:
    """Connect cameras, tapes and versions. Starts nothing."""
    shelves: dict[str, Shelf] = {}
    datasets, cameras = [], list[LiveCamera]()

    def room() -> Room:
        usage = shutil.disk_usage(root)
        return Room(free=usage.free, size=usage.total)

    chosen = recorded(domain, place.cameras)
    for dataset, own in chosen:
        shelf = shelves[dataset.name] = Shelf(root / WORK / dataset.name)
        assert dataset.record is not None
        datasets.append(
            LiveDataset(
                plan=_plan(dataset, own),
                versions=Versions(shelf, store),
                every=dataset.record.every_minutes * 60.0,
            )
        )
    rotation = Rotation(
        place=root,
        shelves=shelves,
        keep_gib={d.name: d.record.keep_gib for d, _ in chosen if d.record and d.record.keep_gib},
        store=store,
        register=register,
        room=room,
        say=say,
    )
    for dataset, own in chosen:
        for camera in own:
            newest = _newest(store, dataset.name, camera)
            tape = Tape(shelves[dataset.name], camera.id, camera.fps, newest=newest)
            cameras.append(
                LiveCamera(
                    camera.id,
                    _source(camera, place, clock, tape.last, say),
                    tape,
                    clock=clock,
                    chance=random.random,
                    has_room=lambda: rotation.has_room,
                    say=say,
                )
            )
    return LiveIngest(
        cameras=cameras,
        datasets=datasets,
        rotation=rotation,
        register=register,
        room=room,
        clock=clock,
        say=say,
        beat=beat,
    )


def _newest(store: FootageStore, dataset: str, camera: CameraConfig) -> float:
    """Unix seconds of a camera's last frame in the newest version: no frame comes twice."""
    versions = store.versions(dataset)
    if not versions:
        return 0.0
    manifest = store.manifest(versions[-1])
    fps = {each.id: each.fps for each in manifest.cameras}
    return max(
        (
            segment.start + (segment.frames - 1) / fps[segment.camera]
            for segment in manifest.segments
            if segment.camera == camera.id
        ),
        default=0.0,
    )


def _plan(dataset: DatasetConfig, cameras: Sequence[CameraConfig]) -> LivePlan:
    return LivePlan(
        dataset=dataset.name,
        classes=dataset.classes or CLASSES,
        rates={camera.id: float(camera.fps) for camera in cameras},
        kinds={camera.id: camera.source for camera in cameras},
        masks={
            camera.id: [[[*point] for point in polygon] for polygon in camera.masks]
            for camera in cameras
        },
    )


def _source(
    camera: CameraConfig,
    place: LivePlace,
    clock: Clock,
    newest: float,
    say: Callable[[str], None],
) -> LiveSource:
    if camera.folder:
        return Spool(camera, clock=clock, newest=newest, say=say)
    credentials = None
    if camera.credentials:
        if place.credentials is None:
            raise InputError(
                f"camera {camera.id} needs the credentials {camera.credentials}",
                next_step="give --credentials, the folder that holds them",
            )
        credentials = place.credentials / camera.credentials
    return Stream(camera, time=WallTime(clock, not_before=newest), credentials=credentials)


# --------------------------------------------------------------------------------- the outside


def _root(place: LivePlace) -> Path:
    beside = place.state is not None
    apart = place.footage is not None and place.exchange is not None
    if beside == apart or (beside and (place.footage or place.exchange)):
        raise InputError(
            "where does the footage go?",
            next_step="give --state, or both --footage and --exchange",
        )
    root = place.state or place.footage
    assert root is not None
    for folder in filter(None, (root, place.exchange)):
        if not folder.is_dir():
            raise StateError(
                f"there is no folder {folder}",
                next_step="run `darkroom node init`" if beside else "mount the volume there",
            )
    return root.resolve()


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Never two that record into one place."""
    import fcntl

    (root / WORK).mkdir(exist_ok=True)
    handle = os.open(root / WORK / "lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StateError(
            f"another process records into {root}", next_step="stop it first"
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def _outside(
    domain: DomainConfig,
    place: LivePlace,
    say: Callable[[str], None],
    closing: contextlib.ExitStack,
) -> tuple[FootageStore, LiveRegister]:
    if place.state is not None:
        from darkroom.bootstrap.footage import open_footage

        register = NodeRegister(place.state.resolve(), domain)
        closing.callback(register.close)
        return open_footage(place.state.resolve(), domain), register
    assert place.footage is not None
    assert place.exchange is not None
    store = AnnouncedFootage(place.footage.resolve(), place.exchange.resolve(), place.pi, say=say)
    return store, AnnouncedRegister(store, say)
