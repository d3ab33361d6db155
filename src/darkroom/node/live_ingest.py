"""Live ingest: cameras are recorded, minutes become versions, old versions make room."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from darkroom.errors import DarkroomError
from darkroom.model.dataset import Manifest
from darkroom.node.live_camera import CameraCounts, LiveCamera
from darkroom.node.live_register import LiveRegister
from darkroom.node.live_version import LivePlan, Versions
from darkroom.node.rotation import Rotation
from darkroom.policy.retention import Room
from darkroom.ports import Clock


TURN = 1.0  # seconds between two looks at what is due
LOOK_EVERY = 5.0  # seconds between two looks at the disk and at what the node asks for
FAREWELL = 20.0  # seconds that cameras get to finish


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSnapshot:
    """What live ingest does; no name of a person, a place or a file is in it.

    Attributes:
        cameras: each camera's counts.
        versions: made since the start.
        rotated: versions erased since the start to make room.
        free, size: bytes of the disk that footage is written to.
        full: whether frames are lost for want of room.
    """

    cameras: tuple[CameraCounts, ...]
    versions: int
    rotated: int
    free: int
    size: int
    full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDataset:
    """One dataset that is recorded.

    Attributes:
        every: seconds between two versions.
    """

    plan: LivePlan
    versions: Versions
    every: float


class LiveIngest:
    """All cameras of a Pi."""

    def __init__(
        self,
        *,
        cameras: Sequence[LiveCamera],
        datasets: Sequence[LiveDataset],
        rotation: Rotation,
        register: LiveRegister,
        room: Callable[[], Room],
        clock: Clock,
        say: Callable[[str], None],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Put together.

        Args:
            beat: called at every turn of the loop.
        """
        self._cameras = cameras
        self._datasets = datasets
        self._rotation = rotation
        self._register = register
        self._room = room
        self._clock = clock
        self._say = say
        self._beat = beat
        self._stopping = threading.Event()
        self._unsaid: list[Manifest] = []
        self._made = 0
        self._said: Mapping[str, str] = {}

    def prepare(self) -> None:
        """Finish what an earlier start left. Before the first frame.

        Raises:
            StateError: the disk is full.
        """
        self._register.tend()
        self._rotation.make_room()
        for dataset in self._datasets:
            self._announce(dataset.versions.resume(dataset.plan))
        self._forget()

    def serve(self) -> None:
        """Record until `stop`, then make a last version of what is there."""
        for camera in self._cameras:
            camera.start()
        now = self._clock.monotonic()
        due = {d.plan.dataset: now + d.every for d in self._datasets}
        look = now
        while not self._stopping.wait(TURN):
            self._beat()
            now = self._clock.monotonic()
            if now >= look:
                look = now + LOOK_EVERY
                self._guarded("room", self._look)
            for dataset in self._datasets:
                name = dataset.plan.dataset
                if now >= due[name] and self._guarded(name, partial(self._close, dataset)):
                    due[name] = now + dataset.every
        for camera in self._cameras:
            camera.stop()
        for camera in self._cameras:
            if not camera.join(FAREWELL):
                self._say(f"camera {camera.counts().camera} did not end in time")
        for dataset in self._datasets:
            self._guarded(dataset.plan.dataset, partial(self._close, dataset))

    def stop(self) -> None:
        """End; from a signal handler or another thread."""
        self._stopping.set()

    def snapshot(self) -> LiveSnapshot:
        """How it stands now; from any thread."""
        room = self._room()
        return LiveSnapshot(
            cameras=tuple(camera.counts() for camera in self._cameras),
            versions=self._made,
            rotated=self._rotation.erased,
            free=room.free,
            size=room.size,
            full=not self._rotation.has_room,
        )

    def why_dead(self) -> str:
        """Why this process should be started anew; "" while it works."""
        if self._stopping.is_set():
            return ""
        dead = [camera.counts().camera for camera in self._cameras if not camera.alive]
        return f"camera {dead[0]} has no thread any more" if dead else ""

    def why_not_ready(self) -> str:
        """Why nothing is recorded; "" while something is."""
        if not self._rotation.has_room:
            return "the disk is full: no footage is recorded"
        if not any(camera.counts().up for camera in self._cameras):
            return "no camera gives frames"
        return ""

    def _look(self) -> None:
        self._register.tend()
        self._forget()
        self._rotation.make_room()
        self._announce([])

    def _forget(self) -> None:
        forgets = self._register.forgets()
        for dataset in self._datasets:
            if gone := dataset.versions.forget(forgets):
                self._say(f"{gone} minutes of {dataset.plan.dataset} were erased, to forget them")

    def _close(self, dataset: LiveDataset) -> None:
        self._forget()
        self._announce(dataset.versions.close())

    def _announce(self, made: list[Manifest]) -> None:
        """Offer what was made; what cannot be said now is said at the next look."""
        self._unsaid += made
        while self._unsaid:
            manifest = self._unsaid[0]
            self._register.offer(manifest)
            self._unsaid.pop(0)
            self._made += 1
            frames = sum(camera.frames for camera in manifest.cameras)
            self._say(
                f"{manifest.dataset}: {frames} frames of {len(manifest.cameras)} cameras are "
                f"version {manifest.version[:19]}"
            )

    def _guarded(self, what: str, work: Callable[[], None]) -> bool:
        """Do something that may fail; say why once, and go on recording."""
        try:
            work()
            text = ""
        except DarkroomError as error:
            text = f"{error.message} (next: {error.next_step})"
        except OSError as error:
            text = f"{what}: {error.strerror or type(error).__name__}"
        if text and self._said.get(what) != text:
            self._say(text)
        self._said = {**self._said, what: text}
        return not text
