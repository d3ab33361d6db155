"""An RTSP stream, or a V4L2 device, as a `LiveSource`."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from darkroom.adapters.video.credentials import read_credentials
from darkroom.adapters.video.process import Decoder
from darkroom.adapters.video.wall_time import WallTime
from darkroom.adapters.video.wire import Kind, Message, Reason
from darkroom.errors import DarkroomError, DataError, UnreachableError
from darkroom.model.camera_config import CameraConfig
from darkroom.model.live_frame import LiveFrame


RTSP_PORT = 554
ANSWER_SECONDS = 5.0
SILENCE = 30.0  # seconds; the decoder gives up on a silent stream before that


class Stream:
    """The `LiveSource` of a camera with a `url` or a `device`."""

    def __init__(
        self, camera: CameraConfig, *, time: WallTime, credentials: Path | None = None
    ) -> None:
        """Prepare; nothing is opened before `frames`.

        Args:
            camera: with what is masked.
            time: of day.
            credentials: the file with `name:password`, if the stream asks for one. It is read
                at every connection: a changed password needs no restart.
        """
        self._camera = camera
        self._time = time
        self._credentials = credentials
        self._decoder: Decoder | None = None
        self._interrupted = False
        self._probing = False

    def frames(self) -> Iterator[LiveFrame]:
        """See `LiveSource.frames`."""
        camera = self._camera
        source = self._address() if camera.url else camera.device
        decoder = self._decoder = Decoder(camera.id)
        if self._interrupted:
            return
        try:
            decoder.start(
                "stream" if camera.url else "device",
                source,
                fps=camera.fps,
                masks=masks_of(camera),
                probing=self._probing,
            )
            gap, missed = True, 0
            for message, picture in decoder.messages(silence=SILENCE + 2 / camera.fps):
                missed += message.number if message.kind != Kind.END else 0
                if message.kind == Kind.FRAME:
                    yield LiveFrame(
                        time=self._time.at(message.time),
                        picture=picture,
                        width=message.width,
                        height=message.height,
                        gap=gap or missed > 0,
                        missed=missed,
                    )
                    gap, missed = False, 0
                elif message.kind == Kind.END:
                    self._say_end(message)
        finally:
            decoder.close()

    def interrupt(self) -> None:
        """See `LiveSource.interrupt`."""
        self._interrupted = True
        if self._decoder is not None:
            self._decoder.end()

    def recorded(self, until: float) -> None:
        """See `LiveSource.recorded`. A stream cannot be asked again."""

    def _address(self) -> str:
        """The address with the password in it; it goes to the decoder and nowhere else.

        Names are looked up here, and whether anybody answers is tried here: no byte of an
        answer is read, and what is wrong can be said.
        """
        parts = urlsplit(self._camera.url)
        host, port = parts.hostname or "", parts.port or RTSP_PORT
        try:
            with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
                found = connection.getpeername()[0]
        except OSError as error:
            raise UnreachableError(
                f"camera {self._camera.id} does not answer: {_why(error)}",
                next_step="look whether it is on, and at its url in domain.yaml",
            ) from None
        login = f"{read_credentials(self._credentials)}@" if self._credentials else ""
        found = f"[{found}]" if ":" in found else found
        query = f"?{parts.query}" if parts.query else ""
        return f"rtsp://{login}{found}:{port}{parts.path}{query}"

    def _say_end(self, message: Message) -> None:
        self._probing = self._probing or message.number == Reason.NO_SIZE
        raise end_of(self._camera, Reason(message.number))


def masks_of(camera: CameraConfig) -> Sequence[Any]:
    """The masks of a camera, as a decoder is told them."""
    return [[[*point] for point in polygon] for polygon in camera.masks]


def end_of(camera: CameraConfig, reason: Reason) -> DarkroomError:
    """Why a source gives no more frames, in words."""
    match reason:
        case Reason.NOT_OPENED if camera.url:
            return UnreachableError(
                f"camera {camera.id} answers and gives no stream",
                next_step="check the path of its url, and its credentials",
            )
        case Reason.NOT_OPENED if camera.device:
            return UnreachableError(
                f"the device of camera {camera.id} cannot be opened",
                next_step="check that it is there, that we may read it, and that nobody else does",
            )
        case Reason.BEHIND:
            return DataError(
                f"this machine is too slow for camera {camera.id}: it fell seconds behind",
                next_step="use the camera's sub-stream, or a smaller picture or rate in the camera",
            )
        case Reason.TOO_LARGE:
            return DataError(
                f"camera {camera.id} has pictures of more than 16 million pixels",
                next_step="use its sub-stream, or set a smaller picture in the camera",
            )
        case Reason.NO_SIZE:
            return UnreachableError(
                f"camera {camera.id} does not say the size of its pictures",
                next_step="nothing to do: it is asked again and watched for longer",
            )
        case Reason.BROKEN | Reason.NOT_OPENED:
            return DataError(
                f"camera {camera.id} sends what cannot be decoded",
                next_step="set it to H.264, H.265 or MJPEG",
            )
        case _:
            return UnreachableError(
                f"camera {camera.id} ended its stream",
                next_step="nothing to do: it is asked for again",
            )


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came back within {ANSWER_SECONDS:.0f} s"
    if isinstance(error, socket.gaierror):
        return "its name is not known here"
    with contextlib.suppress(TypeError):
        return str(error.strerror or "connection failed").lower()
    return "connection failed"
