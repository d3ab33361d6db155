"""A decoder process seen from outside: started, told, heard within bounds, ended."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from darkroom.adapters.video import wire
from darkroom.adapters.video.wire import BrokenMessageError, Message
from darkroom.errors import DataError, IsolationError, StateError


SOURCE = Path(__file__).resolve().parents[3]
_BEGIN = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from darkroom.adapters.video.decoder import main; main()"
)
TCP = "rtsp_transport;tcp|allowed_media_types;video"
NO_PROBING = "analyzeduration;1000|fpsprobesize;0"  # else seconds of frames pile up
# What OpenCV and the C library read of the environment; there is nothing else in it.
ENVIRONMENT = {
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(wire.MOST_PIXELS),  # before it allocates
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # FFmpeg prints addresses with the passwords in them
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
START_SECONDS = 60.0  # until the first word: a cold Pi loads OpenCV for seconds


class Decoder:
    """One decoder process. Used as a context; when it ends, so does the process."""

    def __init__(self, camera: str) -> None:
        """Prepare; nothing is started before `start`."""
        self._camera = camera
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False

    def start(
        self,
        kind: str,
        source: str,
        *,
        fps: float,
        masks: Sequence[Any],
        descriptors: tuple[int, ...] = (),
        probing: bool = False,
    ) -> None:
        """Start it and tell it what to do.

        Args:
            kind: `stream`, `device`, `clip` or `pictures`.
            source: what that kind is opened by.
            fps: frames per second that are kept, at most.
            masks: polygons.
            descriptors: open files that it inherits.
            probing: whether a stream is watched for a while before its first frame.

        Raises:
            StateError: no process could be started.
        """
        order = json.dumps({"kind": kind, "source": source, "fps": fps, "masks": masks}).encode()
        with self._lock:
            if self._ended:
                return
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-B", "-X", "utf8", "-c", _BEGIN, str(SOURCE)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**ENVIRONMENT, _OPTIONS: TCP if probing else f"{TCP}|{NO_PROBING}"},
                    cwd="/",
                    start_new_session=True,
                    pass_fds=descriptors,
                )
            except OSError as error:
                raise StateError(
                    f"no decoder for camera {self._camera} can be started: {error.strerror}",
                    next_step="look for memory and the number of processes",
                ) from error
        self.hand_in(order)

    def hand_in(self, data: bytes) -> None:
        """Put a block on its standard input; that it has ended is heard from `messages`."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(len(data).to_bytes(4, "big") + data)
                self._process.stdin.flush()

    def messages(self, *, silence: float) -> Iterator[tuple[Message, bytes]]:
        """What it says, with its pictures; ends when it does.

        Args:
            silence: seconds without a word after which it counts as hung.

        Raises:
            DataError: it crashed, hung, or said something impossible.
            IsolationError: this machine cannot confine it; it read nothing.
        """
        wait = START_SECONDS
        while True:
            head = self._read(wire.HEAD.size, wait)
            if not head:
                if self._ended:
                    return
                raise self._failed("crashed")
            try:
                message = wire.read_head(head)
            except BrokenMessageError:
                raise self._failed("said something impossible") from None
            if message.kind == wire.Kind.END and message.number == wire.Reason.NO_WALLS:
                raise IsolationError(
                    f"camera {self._camera} is not read: its decoder cannot be confined here",
                    next_step="install libseccomp2, and use a kernel with CONFIG_SECCOMP_FILTER",
                )
            yield message, self._read(message.size, silence)
            if message.kind == wire.Kind.END:
                return
            wait = silence

    def end(self) -> None:
        """Kill it. From any thread, more than once."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is None:
            return
        process.kill()
        process.wait()

    def close(self) -> None:
        """Kill it and give its pipes back; from the thread that listens."""
        self.end()
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()

    def _read(self, size: int, seconds: float) -> bytes:
        """Exactly so many bytes; b"" where it ended before the first one of a message."""
        assert self._process is not None or self._ended
        if self._process is None or self._process.stdout is None:
            return b""
        pipe = self._process.stdout.fileno()
        deadline = time.monotonic() + seconds
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise self._failed(f"said nothing for {seconds:.0f} s")
            piece = os.read(pipe, min(1 << 16, size - len(data)))
            if not piece:
                if data and not self._ended:
                    raise self._failed("crashed")
                return b""
            data += piece
        return bytes(data)

    def _failed(self, what: str) -> DataError:
        return DataError(
            f"the decoder of camera {self._camera} {what}",
            next_step="it is started again; if it goes on, restart the camera or lower its size",
        )
