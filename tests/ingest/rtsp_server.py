"""A real RTSP server (GStreamer's), run by the system's Python: `rtsp_server.py SETTINGS`.

Each stream shows a background under a frame counter of 24 bars, and, where asked for, a mark
in a corner. With a password, it asks for one. Prints its port when it listens.

Not imported by tests: it needs Debian's `python3-gi` and gst-rtsp-server, which live outside
the project's environment.
"""

import json
import sys
from pathlib import Path

import gi


gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


BITS = 24


def draw(background, width, height, number, mark):
    """A BGR picture with its number on it, as bars that survive any codec."""
    picture = bytearray(background)
    bar = width // (BITS + 2)
    dark, light = bytes([20, 20, 20]) * bar, bytes([230, 230, 230]) * bar
    row = bytearray(dark)
    for bit in range(BITS):
        row += light if number >> bit & 1 else dark
    row += dark
    for y in range(height // 8):
        at = y * width * 3
        picture[at : at + len(row)] = row
    if mark:
        x, y, w, h, colour = mark
        line = bytes(colour) * w
        for each in range(y, y + h):
            at = (each * width + x) * 3
            picture[at : at + len(line)] = line
    return bytes(picture)


class Factory(GstRtspServer.RTSPMediaFactory):
    """One stream at its own rate, its frames numbered on from a first number."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.set_shared(True)
        self.background = Path(stream["background"]).read_bytes()

    def do_create_element(self, url):
        s = self.stream
        caps = (
            f"video/x-raw,format=BGR,width={s['width']},height={s['height']},framerate={s['fps']}/1"
        )
        encoders = {
            "h264": (
                "x264enc speed-preset=ultrafast tune=zerolatency bitrate=1500 "
                f"key-int-max={max(1, s['fps'])} ! video/x-h264,profile=baseline ! rtph264pay config-interval=1 pt=96"
            ),
            "mjpeg": "video/x-raw,format=I420 ! jpegenc quality=85 ! rtpjpegpay pt=26",
        }
        return Gst.parse_launch(
            f"( appsrc name=source is-live=true block=true format=time caps={caps} "
            f"! videoconvert ! {encoders[s['codec']]} name=pay0 )"
        )

    def do_configure(self, media):
        self.number = getattr(self, "number", self.stream["from"])
        self.first = self.number
        source = media.get_element().get_child_by_name("source")
        source.connect("need-data", self.feed)

    def feed(self, source, _length):
        s = self.stream
        data = draw(self.background, s["width"], s["height"], self.number, s.get("mark"))
        buffer = Gst.Buffer.new_wrapped(data)
        duration = Gst.SECOND // s["fps"]
        buffer.pts = buffer.dts = (self.number - self.first) * duration
        buffer.duration = duration
        self.number += 1
        source.emit("push-buffer", buffer)


def main():
    settings = json.loads(Path(sys.argv[1]).read_bytes())
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(settings.get("port", 0)))
    if settings.get("password"):
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "camera")
        auth.add_digest(settings["user"], settings["password"], token)
        auth.set_supported_methods(2)  # digest
        server.set_auth(auth)
    for name, stream in settings["streams"].items():
        factory = Factory(stream)
        if settings.get("password"):
            factory.add_role_from_structure(
                Gst.Structure.new_from_string(
                    "camera, media.factory.access=(boolean)true, "
                    "media.factory.construct=(boolean)true"
                )
            )
        server.get_mount_points().add_factory(f"/{name}", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
