"""Streams, spools and decoders, with real processes and a real RTSP server."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.video import stream as streams
from darkroom.adapters.video import wire
from darkroom.adapters.video.spool import Spool
from darkroom.adapters.video.stream import Stream
from darkroom.adapters.video.stream_time import Sampler, StreamTime
from darkroom.adapters.video.wall_time import WallTime
from darkroom.errors import DataError, StateError, UnreachableError
from darkroom.model.camera_config import CameraConfig
from darkroom.node.live_camera import LiveCamera
from darkroom.node.live_queue import LiveQueue
from darkroom.node.live_tape import Shelf, Tape
from tests.ingest.clips import number_on as clip_number
from tests.ingest.clips import picture, write_video
from tests.ingest.rtsp import MARK, number_on, pictures_in, rtsp_server, shows_mark


CLOCK = SystemClock()


def decoded(frame):
    return cv2.imdecode(np.frombuffer(frame.picture, np.uint8), cv2.IMREAD_COLOR)


def until(what, condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        threading.Event().wait(0.02)


def decoder():
    """The one decoder that runs now."""
    (found,) = [c for c in psutil.Process().children() if "video.decoder" in " ".join(c.cmdline())]
    return found


# --------------------------------------------------------------------------------- the arithmetic


@settings(max_examples=20)
@given(
    rate=st.sampled_from([5.0, 9.97, 10.0, 15.0, 25.0, 30.0]),
    kept=st.sampled_from([0.5, 1.0, 5.0]),
    late=st.lists(st.floats(0, 0.4), min_size=120, max_size=120),
)
def test_the_rate_is_kept_whatever_the_network_does(rate, kept, late):
    """Frames that come late by chance: the same ones are kept, and each in its order."""
    clock, sampler = StreamTime(), Sampler(kept)
    times = []
    for number, delay in enumerate(late):
        taken = clock.time_of(number / rate, 100.0 + number / rate + delay)
        if sampler.keeps(number / rate):
            times.append(taken)
            assert number / rate - 0.01 <= taken - 100.0 <= number / rate + 0.41 + number * 1e-3

    assert times == sorted(set(times))
    seconds = (len(late) - 1) / rate
    assert len(times) == pytest.approx(1 + seconds * kept, abs=1)


def test_a_camera_whose_clock_is_slow_is_followed():
    clock = StreamTime()
    worst = 0.0
    for number in range(5 * 3600):  # an hour at 5 frames a second, 100 millionths slow
        arrival = number / 5 * (1 + 1e-4)
        worst = max(worst, abs(clock.time_of(number / 5, arrival) - arrival))

    assert worst < 0.05


def test_a_decoder_that_gets_slower_and_slower_is_seen():
    """The drift that is followed is a clock's, not a machine's."""
    clock = StreamTime()
    for number in range(1200):
        clock.time_of(number / 10, number / 10 * 1.1)

    assert clock.lag > 10


@given(st.binary(min_size=wire.HEAD.size, max_size=wire.HEAD.size))
def test_a_head_of_noise_is_refused_or_within_bounds(data):
    try:
        message = wire.read_head(data)
    except wire.BrokenMessageError:
        return
    assert message.size <= wire.MOST_PICTURE
    assert max(message.width, message.height) <= 65535


class SetClock:
    """A clock that is set by hand."""

    def __init__(self):
        self.wall, self.steady = 1000.0, 50.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.steady


def test_time_of_day_follows_a_clock_forwards_and_never_back():
    clock = SetClock()
    time_ = WallTime(clock)
    assert 1000.0 == time_.at(50.0)

    clock.wall += 86_400  # told the time at last
    assert 87_400.0 == time_.at(50.0)

    clock.wall -= 3600
    assert 87_401.0 == time_.at(51.0)
    assert 90_000.0 == WallTime(clock, not_before=90_000.0).at(50.0)


# -------------------------------------------------------------------------------- what goes wrong


def camera(**more):
    return CameraConfig(id="cam", **more)


def test_a_camera_that_is_not_there_is_said():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stream = Stream(camera(url=f"rtsp://127.0.0.1:{port}/x"), time=WallTime(CLOCK))

    with pytest.raises(UnreachableError, match="cam does not answer: connection refused"):
        next(stream.frames())


def test_missing_credentials_are_said_with_their_file_and_never_with_what_is_in_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/x"
        for content in (None, "only-a-secret-word", "a:b\nc", ":x"):
            if content is not None:
                (tmp_path / "door").write_text(content)
            stream = Stream(camera(url=url), time=WallTime(CLOCK), credentials=tmp_path / "door")
            with pytest.raises(StateError) as caught:
                next(stream.frames())
            assert "door" in str(caught.value)
            assert "secret-word" not in str(caught.value)


def test_a_peer_that_speaks_no_rtsp_is_refused(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            for _ in range(3):  # the look whether it is there, and FFmpeg
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                peer.sendall(os.urandom(5000))
                peer.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        stream = Stream(
            camera(url=f"rtsp://127.0.0.1:{server.getsockname()[1]}/x"), time=WallTime(CLOCK)
        )
        with pytest.raises(UnreachableError, match="gives no stream"):
            next(stream.frames())


# ------------------------------------------------------------------------------------ the decoder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    streams = {"a": {"fps": 10, "mark": MARK}, "b": {"fps": 10, "codec": "mjpeg", "mark": MARK}}
    with rtsp_server(tmp_path_factory.mktemp("rtsp"), streams) as running:
        yield running


def test_a_decoder_can_do_nothing_but_decode(server):
    """Another user, no new right, no system call that opens, connects or starts."""
    stream = Stream(camera(url=server.url("b")), time=WallTime(CLOCK))
    for frame in stream.frames():
        assert not frame.missed
        child = decoder()
        status = Path(f"/proc/{child.pid}/status").read_text()
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        arguments, environment = child.cmdline(), Path(f"/proc/{child.pid}/environ").read_bytes()
        break
    stream.interrupt()

    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapEff:\t0000000000000000" in status
    assert os.geteuid() or "Uid:\t65534" in status
    assert any(line.split()[:5] == ["Max", "file", "size", "0", "0"] for line in limits.split("\n"))
    assert "127.0.0.1" not in " ".join(arguments)
    assert b"127.0.0.1" not in environment


@pytest.mark.parametrize(
    ("sign", "said"), [(signal.SIGKILL, "crashed"), (signal.SIGSTOP, "said nothing")]
)
def test_a_decoder_that_crashes_or_hangs_is_said_and_ended(server, monkeypatch, sign, said):
    monkeypatch.setattr(streams, "SILENCE", 1.0)
    stream = Stream(camera(url=server.url("b")), time=WallTime(CLOCK))
    frames = stream.frames()
    next(frames)
    child = decoder()
    child.send_signal(sign)

    with pytest.raises(DataError, match=said):
        list(frames)

    assert not child.is_running()


def test_it_wakes_at_once_when_it_is_told_to_end(server):
    stream = Stream(camera(url=server.url("b"), fps=1 / 60), time=WallTime(CLOCK))
    first, ended = threading.Event(), threading.Event()

    def listen():
        for _ in stream.frames():  # one now, the next in a minute
            first.set()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    assert first.wait(90)
    stream.interrupt()
    assert ended.wait(3)


class SlowTape(Tape):
    """A tape on a disk that takes its time over each frame."""

    def add(self, frame):
        self.pause.wait(0.4)
        return super().add(frame)


def test_what_a_slow_disk_loses_is_counted_to_the_frame(server, tmp_path):
    """Every number between the first and the last kept one was kept, or is counted as dropped."""
    shelf = Shelf(tmp_path / "work")
    tape = SlowTape(shelf, "cam", 10.0)
    tape.pause = threading.Event()
    said = []
    live = LiveCamera(
        "cam",
        Stream(camera(url=server.url("b"), fps=10.0), time=WallTime(CLOCK)),
        tape,
        clock=CLOCK,
        chance=lambda: 0.5,
        has_room=lambda: True,
        say=said.append,
        queue=LiveQueue(most_frames=8),
    )
    live.start()
    until("a loss", lambda: live.counts().dropped >= 12)
    tape.pause.set()  # the disk is fast again
    kept = tape.last
    until("frames after it", lambda: tape.last > kept + 1.5)
    live.stop()
    assert live.join(10)

    numbers, zeros = [], []
    for piece in shelf.pieces:
        found = [number_on(each) for each in pictures_in(shelf.file(piece).read_bytes())]
        numbers += found
        zeros.append(piece.start - found[0] / 10)
    counts = live.counts()
    assert max(zeros) - min(zeros) < 0.5  # no loss moved what came after it
    assert numbers == sorted(set(numbers))
    assert counts.kept == len(numbers)
    assert numbers[-1] - numbers[0] + 1 - len(numbers) == counts.dropped
    assert len(shelf.pieces) >= 3  # each loss begins a new piece
    assert any("frames were dropped: this machine is too slow" in text for text in said)


# -------------------------------------------------------------------------------------- the spool


def spool(folder, **more):
    said = []
    made = Spool(
        camera(folder=str(folder), fps=5.0, **more),
        clock=CLOCK, newest=0.0, say=said.append, settled=0.0,
    )  # fmt: skip
    return made, said


def taken(source, count):
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == count:
            source.interrupt()
    return frames


def test_clips_and_pictures_are_taken_in_order_masked_and_removed_once_recorded(tmp_path):
    now = time.time()
    write_video(tmp_path / "one.avi", 10, fps=5.0)
    os.utime(tmp_path / "one.avi", (now - 20, now - 20))
    cv2.imwrite(str(tmp_path / "two.png"), picture(77))
    os.utime(tmp_path / "two.png", (now - 10, now - 10))
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    os.utime(tmp_path / "list.m3u8", (now - 15, now - 15))
    source, said = spool(tmp_path, masks=(((0, 50), (95, 50), (95, 63), (0, 63)),))

    frames = taken(source, 11)

    assert [*range(10), 77] == [clip_number(decoded(frame)) for frame in frames]
    assert all(decoded(frame)[54:62].max() < 30 for frame in frames)
    assert [f.time for f in frames[:10]] == pytest.approx(
        [now - 22 + n / 5 for n in range(10)], abs=0.3
    )
    assert frames[10].time == pytest.approx(now - 10, abs=0.01)
    assert any("list.m3u8" in text and "neither" in text for text in said)

    source.recorded(frames[9].time)
    assert {"two.png", "list.m3u8"} == {path.name for path in tmp_path.iterdir()}
    source.recorded(frames[10].time)
    assert {"list.m3u8"} == {path.name for path in tmp_path.iterdir()}


def test_what_cannot_be_decoded_stays_and_is_named(tmp_path):
    now = time.time()
    for at, (name, data) in enumerate(
        [("a.jpg", b"\xff\xd8\xff" + os.urandom(900)), ("b.avi", b"RIFF" + os.urandom(900))]
    ):
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, (now - 30 + at, now - 30 + at))
    cv2.imwrite(str(tmp_path / "c.png"), picture(3))
    source, said = spool(tmp_path)

    (frame,) = taken(source, 1)
    source.recorded(frame.time)

    assert 3 == clip_number(decoded(frame))
    assert {"a.jpg", "b.avi"} == {path.name for path in tmp_path.iterdir()}
    assert all(any(name in text for text in said) for name in ("a.jpg", "b.avi"))


def test_a_link_in_a_spool_leads_nowhere(tmp_path):
    (tmp_path / "spool").mkdir()
    cv2.imwrite(str(tmp_path / "secret.png"), picture(9))
    (tmp_path / "spool" / "a.png").symlink_to(tmp_path / "secret.png")
    cv2.imwrite(str(tmp_path / "spool" / "b.png"), picture(4))
    source, _ = spool(tmp_path / "spool")

    (frame,) = taken(source, 1)

    assert 4 == clip_number(decoded(frame))


@pytest.mark.skipif(not list(Path("/dev").glob("video*")), reason="no V4L2 device here")
def test_a_device_gives_frames():
    device = min(Path("/dev").glob("video*"))
    stream = Stream(camera(device=str(device)), time=WallTime(CLOCK))
    frame = next(stream.frames())
    stream.interrupt()
    assert decoded(frame).shape[1] == frame.width


def test_a_device_that_is_not_there_is_said():
    stream = Stream(camera(device="/dev/video77"), time=WallTime(CLOCK))
    with pytest.raises(UnreachableError, match="device of camera cam cannot be opened"):
        next(stream.frames())


def test_what_masks_are_to_hide_is_really_there(server):
    """The control of the tests that look for it."""
    stream = Stream(camera(url=server.url("b")), time=WallTime(CLOCK))
    frame = next(stream.frames())
    stream.interrupt()
    assert shows_mark(decoded(frame))
