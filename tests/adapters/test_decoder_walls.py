"""What code inside a decoder could do without its system-call filter, and cannot do with it.

The filter alone, as on a kernel without Landlock (Raspberry Pi OS).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.video import process
from darkroom.adapters.video.spool import Spool
from darkroom.adapters.video.stream import Stream
from darkroom.adapters.video.wall_time import WallTime
from darkroom.errors import IsolationError
from darkroom.model.camera_config import CameraConfig
from tests.ingest.clips import picture, write_video
from tests.ingest.rtsp import rtsp_server


ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()

# Run as the decoder would be taken over: argv is the folder, "on" or "off", and what it opens.
TAKEN_OVER = """
import ctypes, json, os, resource, signal, sys, threading
from darkroom.adapters.video import decoder_walls
from darkroom.walls import landlock

place, walls, kind = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
file = os.open(place + "/old", os.O_RDWR)
parent, here = os.getppid(), place + "/"


def call(name, *values):
    if getattr(libc, name)(*values) < 0:
        raise OSError(ctypes.get_errno(), name)


def fork():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


steps = {
    "symlink": lambda: os.symlink("/elsewhere", here + "tasks"),
    "link": lambda: os.link(here + "old", here + "same"),
    "rename": lambda: os.rename(here + "old", here + "new"),
    "replace at": lambda: call("renameat2", -100, here.encode() + b"new", -100,
                               here.encode() + b"old", 0),
    "mkdir": lambda: os.mkdir(here + "folder"),
    "rmdir": lambda: os.rmdir(here + "empty"),
    "mknod": lambda: os.mkfifo(here + "pipe"),
    "truncate": lambda: os.truncate(here + "old", 0),
    "chmod": lambda: os.chmod(here + "old", 0o777),
    "fchmod": lambda: os.fchmod(file, 0o777),
    "chown": lambda: os.chown(here + "old", os.geteuid(), -1),
    "fchown": lambda: os.fchown(file, os.geteuid(), -1),
    "utime": lambda: os.utime(here + "old"),
    "setxattr": lambda: os.setxattr(here + "old", "user.a", b"x"),
    "removexattr": lambda: os.removexattr(here + "old", "user.a"),
    "unlink": lambda: os.unlink(here + "gone"),
    "kill": lambda: os.kill(parent, 0),
    "signal by descriptor": lambda: signal.pidfd_send_signal(os.pidfd_open(parent), 0),
    "limits of another": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
    "fork": fork,
    "open": lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)),
}
os.close(os.open("/etc/passwd", os.O_RDONLY))
if walls == "on":
    landlock.only_write_below = lambda folders: False  # as where the kernel has none
    decoder_walls._be_nobody = lambda: None  # the filter alone: root's rights stay
    made = decoder_walls.DecoderWalls(connects=kind == "stream", opens=kind == "clip")
    made.before_reading()
said = {}
for name, step in steps.items():
    try:
        step()
        said[name] = "done"
    except OSError as error:
        said[name] = os.strerror(error.errno)
thread = threading.Thread(target=said.update, args=[{"thread": "done"}])
thread.start()
thread.join()
os.kill(os.getpid(), 0)
resource.getrlimit(resource.RLIMIT_NOFILE)
print(json.dumps(said), flush=True)
os.abort()
"""


def taken_over(folder, walls, kind):
    """What each step came to, and how the process ended."""
    (folder / "old").write_bytes(b"x")
    (folder / "gone").write_bytes(b"x")
    (folder / "empty").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", TAKEN_OVER, str(folder), walls, kind],
        capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "src")}, timeout=120,
    )  # fmt: skip
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout), -ended.returncode


def test_without_the_filter_all_of_it_works(tmp_path):
    """The control: what is refused below is refused by the filter."""
    said, _ = taken_over(tmp_path, "off", "stream")
    for name in ("setxattr", "removexattr"):  # not on every file system
        if said[name] == os.strerror(95):
            del said[name]
    assert {"done"} == {*said.values()}, said


@pytest.mark.parametrize("kind", ["stream", "clip", "pictures"])
def test_with_the_filter_each_is_refused_and_nothing_changed(tmp_path, kind):
    said, sign = taken_over(tmp_path, "on", kind)

    assert said.pop("thread") == "done"
    if kind == "clip":
        assert said.pop("open") == "done"  # until it is open
    assert {"Operation not permitted"} == {*said.values()}, said
    assert {"old", "gone", "empty"} == {path.name for path in tmp_path.iterdir()}
    assert b"x" == (tmp_path / "old").read_bytes()
    assert sign == 6  # abort() ends it, by a signal to itself


def a_stream(server):
    return Stream(CameraConfig(id="cam", url=server.url("a")), time=WallTime(CLOCK))


def a_spool(folder, say=print):
    camera = CameraConfig(id="cam", folder=str(folder), fps=5.0)
    return Spool(camera, clock=CLOCK, newest=0.0, say=say, settled=0.0)


def test_with_the_filter_streams_recordings_and_pictures_are_decoded(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    write_video(folder / "a.avi", 3, fps=5.0)
    os.utime(folder / "a.avi", (1e9, 1e9))
    cv2.imwrite(str(folder / "b.png"), picture(7))
    with rtsp_server(tmp_path, {"a": {"fps": 10}}) as server:
        stream = a_stream(server)
        assert next(stream.frames()).picture
        stream.interrupt()
    source = a_spool(folder)
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == 4:
            source.interrupt()
    assert all(frame.picture for frame in frames)


BROKEN = {
    "no libseccomp": "sys.modules['pyseccomp'] = None",
    "no filter in the kernel": (
        "from darkroom.walls import confine\n"
        "def refuse(program): raise OSError(22, 'Invalid argument')\n"
        "confine.refuse_calls = refuse"
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_machine_that_cannot_filter_decodes_nothing_and_says_so(tmp_path, monkeypatch, how):
    """The decoder itself, on such a machine. What waits in a spool stays and is not blamed."""
    begin, main = process._BEGIN.rsplit("main()", 1)[0], "main()"
    monkeypatch.setattr(process, "_BEGIN", f"{begin}\n{BROKEN[how]}\n{main}")
    said = []
    for number, name in enumerate(("a.avi", "a.png")):
        folder = tmp_path / str(number)
        folder.mkdir()
        if name == "a.avi":
            write_video(folder / name, 3, fps=5.0)
        else:
            cv2.imwrite(str(folder / name), picture(7))
        source = a_spool(folder, said.append)
        with pytest.raises(IsolationError, match="cannot be confined"):
            next(source.frames())
        assert [folder / name] == [*folder.iterdir()]
    with rtsp_server(tmp_path, {"a": {"fps": 10}}) as server:
        stream = a_stream(server)
        with pytest.raises(IsolationError, match="cannot be confined"):
            next(stream.frames())
    assert [] == said
