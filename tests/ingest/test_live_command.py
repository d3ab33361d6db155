"""`darkroom ingest live`, as an operator runs it, on a real RTSP server that asks for a password.

One run for all: two cameras; the server dies and comes back; ingest dies and comes back; it
is stopped. Then what lies there is read.
"""

import itertools
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from darkroom.adapters.footage.arrivals import read_arrival
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.footage.placed import PlacedFootage
from tests.ingest.rtsp import (
    LIFE,
    MARK,
    MASK,
    PASSWORD,
    USER,
    number_on,
    pictures_in,
    rtsp_server,
    shows_mark,
)


ROOT = Path(__file__).parents[2]
STREAM_FPS, KEPT_FPS = 10, 5
DOMAIN = """
domain: lab
title: A lab
environments: {{tflite: litert}}
cameras:
  - {{id: door, url: "{door}", credentials: door-login, fps: 5, masks: [{mask}]}}
  - {{id: yard, url: "{yard}", credentials: door-login, fps: 5, masks: [{mask}]}}
datasets:
  - {{name: house, cameras: [door, yard], record: {{every_minutes: 60}}}}
"""


def until(what, condition, seconds=90.0):
    """Wait for something, and say what did not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        threading.Event().wait(0.05)
    return found


@dataclass
class Run:
    """What was seen of the run from outside while it went."""

    folder: Path
    log: str = ""
    metrics: str = ""
    arguments: list[str] = field(default_factory=list)
    environments: list[bytes] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)
    killed_pieces: set[str] = field(default_factory=set)
    scans: int = 0
    marks: list[str] = field(default_factory=list)
    seconds_to_stop: float = 0.0

    def frames(self, camera):
        """(number on the picture, Unix time) of every frame of the version, in order."""
        manifest = self.manifest
        fps = {c.id: c.fps for c in manifest.cameras}
        found = []
        for segment in sorted(manifest.segments, key=lambda s: s.first):
            if segment.camera != camera:
                continue
            with zipfile.ZipFile(self.face / "segments" / f"{segment.sha256}.zip") as archive:
                for position in range(segment.frames):
                    picture = cv2.imdecode(
                        np.frombuffer(archive.read(f"{position:06d}.jpg"), np.uint8),
                        cv2.IMREAD_COLOR,
                    )
                    found.append((number_on(picture), segment.start + position / fps[camera]))
        return found

    @property
    def arrival(self):
        (path,) = (self.folder / "exchange" / "arrivals" / "pi-a").iterdir()
        return read_arrival(path, "pi-a")

    @property
    def manifest(self):
        return self.arrival.manifest

    @property
    def face(self):
        return self.folder / "footage" / self.arrival.place


class Watch(threading.Thread):
    """Looks at every file that ingest can write, all the time, for what a mask hides."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_, self.over = run, threading.Event()

    def run(self):
        seen = {}
        while not self.over.wait(0.2):
            self.look(seen)
        self.look(seen)

    def look(self, seen):
        for place in ("footage", "exchange"):
            try:
                paths = [*(self.run_.folder / place).rglob("*")]
            except OSError:  # a folder that went meanwhile
                continue
            for path in paths:
                try:
                    facts = path.stat()
                    known = (facts.st_ino, facts.st_size)
                    if not path.is_file() or known in seen:
                        continue
                    with path.open("rb") as file:  # a growing file: only what is new
                        file.seek(max(0, seen.get(facts.st_ino, 0) - (1 << 17)))
                        data = file.read()
                except OSError:
                    continue
                seen[known], seen[facts.st_ino] = True, facts.st_size
                self.run_.scans += 1
                if bytes(MARK[4]) * 40 in data or any(map(shows_mark, pictures_in(data))):
                    self.run_.marks.append(path.name)


def command(folder):
    return [
        sys.executable, "-c", "from darkroom.cli import main; main()", "ingest", "live",
        "--domain", str(folder / "lab"), "--footage", str(folder / "footage"),
        "--exchange", str(folder / "exchange"), "--pi", "pi-a",
        "--credentials", str(folder / "secrets"), "--operations", "127.0.0.1:0",
    ]  # fmt: skip


def start(folder, log):
    return subprocess.Popen(
        command(folder), stdout=log, stderr=log, env={"PYTHONPATH": str(ROOT / "src")}
    )


def growing(folder, frames, other_than=()):
    """Whether both cameras have a piece of so many frames that is being written."""
    found = 0
    for part in (folder / "footage/live/house").glob("*.part"):
        try:
            number, data = part.stat().st_ino, part.read_bytes()
        except FileNotFoundError:  # finished meanwhile
            continue
        found += number not in other_than and data.count(b"\xff\xd8\xff") >= frames
    return found == 2


def pieces(folder, camera):
    return {p.name for p in (folder / "footage/live/house/finished").glob(f"{camera}-*.json")}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    for name in ("lab", "footage", "exchange", "secrets"):
        (folder / name).mkdir()
    (folder / "secrets" / "door-login").write_text(f"{USER}:{PASSWORD}\n")
    found = Run(folder)
    stream = {"fps": STREAM_FPS, "mark": MARK}
    with rtsp_server(folder, {"door": {**stream}, "yard": {**stream}}, password=PASSWORD) as server:
        (folder / "lab" / "domain.yaml").write_text(
            DOMAIN.format(door=server.url("door"), yard=server.url("yard"), mask=MASK)
        )
        watch = Watch(found)
        watch.start()
        with (folder / "log").open("w") as log:
            process = start(folder, log)
            try:
                until("both cameras", lambda: growing(folder, 20))
                me = psutil.Process(process.pid)
                everybody = [me, *me.children(recursive=True)]
                found.arguments = [" ".join(p.cmdline()) for p in everybody]
                for each in everybody:
                    found.environments.append(Path(f"/proc/{each.pid}/environ").read_bytes())
                port = next(c.laddr.port for c in me.net_connections("tcp") if c.status == "LISTEN")
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    found.metrics = answer.read().decode()
                server.kill()
                until(
                    "word of it",
                    lambda: (folder / "log").read_text().count("ended its stream") == 2,
                )
                server.start()
                until("both again", lambda: (folder / "log").read_text().count("frames come") == 2)
                until("their pieces", lambda: all(pieces(folder, c) for c in ("door", "yard")))
                until("more frames", lambda: growing(folder, 5))
                found.orphans = me.children(recursive=True)
                process.kill()
                process.wait()
                found.killed_pieces = pieces(folder, "door") | pieces(folder, "yard")
                torn = {p.stat().st_ino for p in (folder / "footage/live/house").glob("*.part")}
                process = start(folder, log)
                until("both anew", lambda: growing(folder, 5, torn))
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
                found.seconds_to_stop = time.monotonic() - began
            finally:
                process.kill()
                process.wait()
                watch.over.set()
                watch.join()
        found.log = (folder / "log").read_text()
    return found


@pytest.mark.parametrize("camera", ["door", "yard"])
def test_the_rate_is_kept_and_no_frame_comes_twice(run, camera):
    numbers = [number for number, _ in run.frames(camera)]

    assert numbers == sorted(set(numbers))
    first = [number for number in numbers if number < LIFE]
    assert len(first) >= 15
    kept = (len(first) - 1) / ((first[-1] - first[0]) / STREAM_FPS)
    assert kept == pytest.approx(KEPT_FPS, rel=0.02)


@pytest.mark.parametrize("camera", ["door", "yard"])
def test_frames_have_the_time_at_which_they_were_taken(run, camera):
    """Within a segment two frames lie as far apart as their numbers say, and so on for ever."""
    frames = run.frames(camera)
    assert {0, 1} == {number // LIFE for number, _ in frames}
    for (number, time_), (following, after) in itertools.pairwise(frames):
        if following - number == STREAM_FPS / KEPT_FPS:
            assert after - time_ == pytest.approx(1 / KEPT_FPS, abs=0.3)
        else:
            assert after - time_ > 1 / KEPT_FPS


def test_the_segments_know_where_frames_are_missing(run):
    door = sorted((s for s in run.manifest.segments if s.camera == "door"), key=lambda s: s.first)
    jumps = [
        (after.first - before.first - before.frames, after.start - before.start)
        for before, after in itertools.pairwise(door)
    ]

    assert len(door) >= 2  # before the server died, and after ingest had
    for missing, seconds in jumps:
        assert missing >= 0
        assert seconds > 0
    assert sum(missing for missing, _ in jumps) >= 5


def test_kill_9_loses_no_finished_piece(run):
    """What was finished as ingest was killed is in the version; the decoders did not outlive it."""
    starts = {f"{s.camera}-{round(s.start * 1e6):016d}.json" for s in run.manifest.segments}
    assert run.killed_pieces
    assert run.killed_pieces <= starts
    psutil.wait_procs(run.orphans, timeout=10)
    assert [] == [p for p in run.orphans if p.is_running() and p.status() != "zombie"]


def test_what_a_mask_hides_was_never_in_a_file(run):
    assert run.scans > 20
    assert [] == run.marks
    assert all(camera.masked for camera in run.manifest.cameras)
    assert run.manifest.masks == {"door": [MASK], "yard": [MASK]}


def test_the_watch_would_have_seen_it(tmp_path):
    """The control: an unmasked picture, in the middle of a file."""
    picture = np.full((480, 640, 3), 90, np.uint8)
    x, y, width, height, colour = MARK
    picture[y : y + height, x : x + width] = colour
    found = Run(tmp_path)
    (tmp_path / "footage").mkdir()
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    (tmp_path / "footage" / "x").write_bytes(b"zip" + jpeg + b"more")
    Watch(found).look({})
    assert ["x"] == found.marks


def test_the_password_is_nowhere(run):
    secrets = [PASSWORD, "pa55%3Aw%2Frd-that-nobody-sees", "that-nobody-sees"]
    for secret in secrets:
        assert secret not in run.log
        assert secret not in run.metrics
        assert not any(secret in line for line in run.arguments)
        assert not any(secret.encode() in each for each in run.environments)
    assert len(run.arguments) == 3  # ingest, and a decoder for each camera


def test_it_says_what_it_lost_and_that_it_is_back(run):
    for camera in ("door", "yard"):
        assert f"camera {camera} ended its stream" in run.log
        assert f"camera {camera}: frames come" in run.log
    assert re.search(r'darkroom_ingest_cameras\{state="up"\} 2', run.metrics)
    assert "door" not in run.metrics


def test_it_ends_at_once_when_it_is_told_to(run):
    assert run.seconds_to_stop < 10


def test_a_node_elsewhere_finds_the_version(run, tmp_path):
    """The volume that they share tells it which, and where a job will find it."""
    node = PlacedFootage(
        FolderFootage(tmp_path / "own"),
        exchange=run.folder / "exchange",
        footage=Path("/footage"),
    )
    version = run.arrival.version

    assert [version] == node.versions("house")
    assert Path("/footage/pi-a") / run.arrival.place == node.materialise(version)
    assert run.manifest == node.manifest(version)
    assert run.face.is_dir()
    assert json.loads((run.face / "manifest.json").read_bytes()) == run.manifest.to_mapping()
    assert not list((run.folder / "footage/live/house/segments").iterdir())  # once, not twice
    assert not list((run.folder / "footage/live/house/finished").iterdir())
