"""A real RTSP server on loopback for tests, and what is read off its pictures."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World


SERVER = Path(__file__).with_name("rtsp_server.py")
PYTHON = "/usr/bin/python3"  # the system's: the bindings of GStreamer live there
NEEDED = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
for name in ("appsrc", "videoconvert", "x264enc", "rtph264pay"):
    assert Gst.ElementFactory.find(name), name
"""
APT = (
    "apt install --no-install-recommends gir1.2-gst-rtsp-server-1.0 python3-gi "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
)
WIDTH, HEIGHT, BITS = 640, 480, 24
LIFE = 100_000  # frames that a server does not get to in a test
MARK = (500, 400, 60, 60, (0, 0, 255))  # x, y, width, height, BGR: what a mask is to hide
MASK = [[490, 390], [569, 390], [569, 469], [490, 469]]
USER, PASSWORD = "viewer", "pa55:w/rd-that-nobody-sees"


def require_server() -> None:
    """Skip, with the reason, where there is no RTSP server."""
    try:
        run = subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, timeout=60)
    except OSError:
        run = None
    if run is None or run.returncode:
        pytest.skip(f"no RTSP server on this machine: {APT}")


def background(folder: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """One picture of the synthetic world, raw."""
    path = folder / f"background-{width}x{height}.bgr"
    if not path.exists():
        recipe = WorldRecipe.from_mapping(
            {"seed": 5, "duration": 4, "cameras": [
                {"id": "a", "width": width, "height": height, "fps": 1}]}
        )  # fmt: skip
        picture, _ = World(recipe).frame("a", 0)
        path.write_bytes(np.ascontiguousarray(picture[:, :, ::-1]).tobytes())
    return path


class RtspServer:
    """The server process. Killed and started again it keeps its port, and counts from `LIFE` on,
    from twice `LIFE` on, and so forth.
    """

    def __init__(
        self, folder: Path, streams: dict[str, dict[str, Any]], *, password: str = ""
    ) -> None:
        require_server()
        self._folder = Path(tempfile.mkdtemp(prefix="rtsp-", dir=folder))
        for stream in streams.values():
            stream.setdefault("width", WIDTH)
            stream.setdefault("height", HEIGHT)
            stream.setdefault("codec", "h264")
            place = background(folder, stream["width"], stream["height"])
            stream["background"] = str(place)
        self._settings: dict[str, Any] = {
            "streams": streams,
            "user": USER,
            "password": password,
            "port": 0,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for stream in self._settings["streams"].values():
            stream["from"] = stream.get("from", -LIFE) + LIFE
        path = self._folder / "settings.json"
        path.write_text(json.dumps(self._settings))
        self._process = subprocess.Popen(
            [PYTHON, str(SERVER), str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip().isdigit(), "the RTSP server did not start"
        self._settings["port"] = int(line)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def url(self, name: str) -> str:
        return f"rtsp://127.0.0.1:{self._settings['port']}/{name}"


@contextmanager
def rtsp_server(
    folder: Path, streams: dict[str, dict[str, Any]], **more: Any
) -> Iterator[RtspServer]:
    server = RtspServer(folder, streams, **more)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def number_on(picture: NDArray[np.uint8]) -> int:
    """The frame counter that the server drew."""
    bar = picture.shape[1] // (BITS + 2)
    rows = picture[4 : picture.shape[0] // 8 - 4]
    return sum(
        (rows[:, bar * (bit + 1) + 4 : bar * (bit + 2) - 4].mean() > 125) << bit
        for bit in range(BITS)
    )


def shows_mark(picture: NDArray[np.uint8]) -> bool:
    """Whether what the mask is to hide can be seen."""
    x, y, width, height, _ = MARK
    if picture.shape[0] < y + height or picture.shape[1] < x + width:
        return False
    blue, green, red = picture[y + 8 : y + height - 8, x + 8 : x + width - 8].mean(axis=(0, 1))
    return bool(red > 120 and green < 100 and blue < 100)


def pictures_in(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """Every JPEG that begins anywhere in some bytes."""
    for part in data.split(b"\xff\xd8\xff")[1:]:
        picture = cv2.imdecode(np.frombuffer(b"\xff\xd8\xff" + part, np.uint8), cv2.IMREAD_COLOR)
        if picture is not None:
            yield picture  # type: ignore[misc]  # OpenCV gives bytes
