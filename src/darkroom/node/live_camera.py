"""One live camera: a thread takes its frames, another one writes them.

A source that ends or fails is opened anew after a pause that doubles, up to half a minute. A
disk that is too slow loses the oldest frames; a disk that is full loses all until there is
room. Both are counted and said.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from darkroom.errors import DarkroomError
from darkroom.node.live_queue import LiveQueue
from darkroom.node.live_source import LiveSource
from darkroom.node.live_tape import Piece, Tape
from darkroom.ports import Clock


FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LASTED = 10.0  # seconds of frames after which a source counts as well again
IDLE = 10.0  # seconds without a frame after which a piece is finished
SAY_EVERY = 60.0  # seconds between two words about frames that are being lost


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraCounts:
    """What one camera did since the start.

    Attributes:
        up: whether frames come.
        kept: frames of finished pieces.
        dropped: frames lost because decoder, processor or disk was too slow, or had no room.
        reconnects: how often its source was opened again.
        behind: seconds between taking and writing the newest frame.
        last: Unix seconds of the newest frame that was written; 0.0 before the first one.
    """

    camera: str
    up: bool = False
    kept: int = 0
    dropped: int = 0
    reconnects: int = 0
    pieces: int = 0
    bytes: int = 0
    behind: float = 0.0
    last: float = 0.0


class LiveCamera:
    """Takes and writes one camera's frames until it is stopped."""

    def __init__(
        self,
        camera: str,
        source: LiveSource,
        tape: Tape,
        *,
        clock: Clock,
        chance: Callable[[], float],
        has_room: Callable[[], bool],
        say: Callable[[str], None],
        queue: LiveQueue | None = None,
    ) -> None:
        """Put together.

        Args:
            camera: its name.
            source: of frames.
            tape: where they go.
            clock: time.
            chance: a number from 0 to 1; cameras that were lost together come back apart.
            has_room: whether footage may be written now.
            say: tells the operator.
            queue: between the two threads.
        """
        self._camera = camera
        self._source = source
        self._tape = tape
        self._clock = clock
        self._chance = chance
        self._has_room = has_room
        self._say = say
        self._queue = queue or LiveQueue()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._counts = CameraCounts(camera=camera, last=tape.last)
        self._said = ""
        self._told_loss: float | None = None
        self._lost_since = 0
        self._threads = [
            threading.Thread(target=self._take, name=f"take-{camera}", daemon=True),
            threading.Thread(target=self._write, name=f"write-{camera}", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End at once; what was taken is written and finished."""
        self._stopping.set()
        self._source.interrupt()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def alive(self) -> bool:
        """Whether both threads work."""
        return all(thread.is_alive() for thread in self._threads)

    def counts(self) -> CameraCounts:
        """How it stands now."""
        with self._lock:
            return self._counts

    # -------------------------------------------------------------------------------- taking

    def _take(self) -> None:
        pause = 0.0
        try:
            while not self._stopping.is_set():
                began = self._clock.monotonic()
                self._take_until_it_ends()
                self._count(up=False)
                if self._stopping.is_set():
                    return
                if self._clock.monotonic() - began >= LASTED + pause:
                    pause = 0.0
                pause = min(LONGEST_PAUSE, pause * 2) or FIRST_PAUSE
                self._stopping.wait(pause * (0.5 + self._chance() / 2))
                self._count(reconnects=1)
        finally:
            self._queue.close()

    def _take_until_it_ends(self) -> None:
        try:
            for frame in self._source.frames():
                if not self.counts().up:
                    self._count(up=True)
                    self._mention("")
                lost = self._queue.put(frame)
                if lost or frame.missed:
                    self._lose(lost + frame.missed, "this machine is too slow for it")
                if self._stopping.is_set():
                    return
        except DarkroomError as error:
            self._mention(f"{error.message} (next: {error.next_step})")
        except Exception as error:  # noqa: BLE001 - whatever a source does, the camera comes back
            self._mention(f"camera {self._camera}: {type(error).__name__}; it is opened anew")

    # ------------------------------------------------------------------------------- writing

    def _write(self) -> None:
        idle_since = self._clock.monotonic()
        while not self._queue.ended:
            frame = self._queue.take(1.0)
            try:
                if frame is not None:
                    idle_since = self._clock.monotonic()
                    if frame.time <= self._tape.last:
                        self._lose(1, "its frames go back in time")
                    elif self._has_room():
                        self._finished(self._tape.add(frame))
                        behind = max(0.0, self._clock.now() - frame.time)
                        self._count(last=frame.time, behind=behind)
                    else:
                        self._finished(self._tape.finish())
                        self._lose(1, "the disk is full")
                elif self._clock.monotonic() - idle_since >= IDLE:
                    self._finished(self._tape.finish())
            except OSError as error:
                self._undo(error, beside=frame is not None)
        try:
            self._finished(self._tape.finish())
        except OSError as error:
            self._undo(error, beside=False)

    def _undo(self, error: OSError, *, beside: bool) -> None:
        """The piece that was being written is lost, and the frame that was to come into it.

        Those before it are on disk.
        """
        lost = self._tape.abandon() + beside
        self._lose(lost, f"it cannot be written ({error.strerror or type(error).__name__})")

    def _finished(self, piece: Piece | None) -> None:
        if piece is not None:
            self._count(kept=piece.frames, pieces=1, bytes=piece.size)
            self._source.recorded(piece.end)

    # ------------------------------------------------------------------------------- telling

    def _lose(self, frames: int, why: str) -> None:
        self._count(dropped=frames)
        with self._lock:
            self._lost_since += frames
            now = self._clock.monotonic()
            if self._told_loss is not None and now - self._told_loss < SAY_EVERY:
                return
            self._told_loss, lost, self._lost_since = now, self._lost_since, 0
        self._say(f"camera {self._camera}: {lost} frames were dropped: {why}")

    def _mention(self, text: str) -> None:
        """Say what is wrong once, and once that it is over."""
        if self._stopping.is_set() or text == self._said:
            return
        self._said = text
        self._say(text or f"camera {self._camera}: frames come")

    def _count(
        self,
        *,
        up: bool | None = None,
        kept: int = 0,
        dropped: int = 0,
        reconnects: int = 0,
        pieces: int = 0,
        bytes: int = 0,  # noqa: A002 - the name of the field
        behind: float | None = None,
        last: float | None = None,
    ) -> None:
        with self._lock:
            was = self._counts
            self._counts = CameraCounts(
                camera=was.camera,
                up=was.up if up is None else up,
                kept=was.kept + kept,
                dropped=was.dropped + dropped,
                reconnects=was.reconnects + reconnects,
                pieces=was.pieces + pieces,
                bytes=was.bytes + bytes,
                behind=was.behind if behind is None else behind,
                last=was.last if last is None else last,
            )
