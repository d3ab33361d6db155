"""T6, T22: footage that does harm to whoever decodes it, or leads to other footage."""

import json
import pickle
import socket
import struct
from pathlib import Path

import cv2
import pytest

from darkroom.ports import SandboxTask
from darkroom.runtime import decode as worker
from tests.attack.canaries import picture, search
from tests.ingest.test_decode import ask, pictures
from tests.sandbox.workshop import Workshop, limits


# ------------------------------------------------------------------------- lists for ffmpeg


def film(path: Path, frames: int = 3) -> Path:
    """A recording of somebody else: the canary picture."""
    image = picture()[:, :, ::-1].copy()
    size = (image.shape[1], image.shape[0])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, size)
    for _ in range(frames):
        writer.write(image)
    writer.release()
    return path


LISTS = {
    "concat": "ffconcat version 1.0\nfile 'secret.avi'\n",
    "concat, absolute": "ffconcat version 1.0\nfile '{folder}/secret.avi'\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.avi\n#EXT-X-ENDLIST\n",
    "HLS, protocols": "#EXTM3U\n#EXTINF:1,\nconcat:{folder}/secret.avi|/etc/passwd\n#EXT-X-ENDLIST\n",
    "HLS, network": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/x.ts\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
    "DASH": '<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
}


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as sink:
        sink.setblocking(False)
        yield sink


def read(folder: Path, name: str, listener: socket.socket) -> bytes:
    """What the decoder makes of a list that leads to another recording."""
    film(folder / "secret.avi")
    port = listener.getsockname()[1]
    text = LISTS[name].replace("{folder}", str(folder)).replace("{port}", str(port))
    (folder / "clip.avi").write_text(text)
    result = ask(folder, folder / "out")
    if result.get("refused"):
        return b""
    return b"".join(image.tobytes() for image in pictures(folder / "out", result))


@pytest.mark.attack("T6", "T22", control="off")
def test_a_decoder_that_follows_lists_opens_another_recording(tmp_path, monkeypatch, listener):
    monkeypatch.setattr(worker, "is_recording", lambda head: True)

    assert search(read(tmp_path, "concat", listener))


@pytest.mark.attack("T6", "T22", "T3", control="on")
@pytest.mark.parametrize("name", LISTS)
def test_no_list_leads_to_another_recording_or_address(tmp_path, listener, name):
    assert read(tmp_path, name, listener) == b""
    with pytest.raises(BlockingIOError):
        listener.accept()


# -------------------------------------------------------------------------- broken recordings


def avi_of(width: int, height: int) -> bytes:
    """The head of a recording that claims pictures of that size."""
    main = struct.pack("<14I", 200_000, 0, 0, 0x10, 3, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack("<10I4H", 0, 0, 0, 1, 5, 0, 3, 0, 0, 0, 0, 0, 1, 1)
    form = struct.pack("<IIIHH4sIiiII", 40, width, height, 1, 24, b"MJPG", 0, 0, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data

    streams = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + streams)
    return b"RIFF" + struct.pack("<I", 1 << 20) + b"AVI " + header + chunk(b"LIST", b"movi")


BROKEN = {
    "huge pictures": avi_of(60_000, 60_000),
    "negative pictures": avi_of(0xFFFFFFFF & -64, 48),
    "no pictures": avi_of(0, 0),
    "head only": b"RIFF\xff\xff\xff\xffAVI LIST",
    "mp4 of noise": b"\x00\x00\x00\x20ftypisom" + b"\xff" * 300,
    "matroska of noise": b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 4,
    "zip": b"PK\x03\x04" + bytes(200),
    "pickle": pickle.dumps([1, 2, 3]),
    "script": b"#!/bin/sh\ntouch /tmp/owned\n",
}


@pytest.mark.attack("T6", "T5", control="on")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_is_refused_or_empty_and_harms_nobody(workshop: Workshop, name):
    """In the real sandbox, with little room: a decoder that allocates what a head claims
    would be ended by its limit, and is not."""
    source = workshop.folder("source")
    (source / "clip.avi").write_bytes(BROKEN[name])
    request = {
        "kind": "video", "camera": "c", "file": "clip.avi", "first": 0, "count": 10, "fps": 5,
        "masks": [], "size": None, "sequential": False,
    }  # fmt: skip
    out = workshop.folder("out")
    task = SandboxTask(
        task_id="d", program="decode", runtime=workshop.runtime, request=request,
        limits=limits(memory_mib=512), out=out, dataset=source,
    )  # fmt: skip

    outcome = workshop.sandbox().run(task)

    assert outcome.status == "done", (outcome, outcome.log)
    result = json.loads((out / "result.json").read_bytes())
    assert result.get("refused") in worker.REFUSALS or not result["sizes"]


@pytest.mark.attack("T6", control="on")
@pytest.mark.parametrize("cut", [1, 100, 500, -1])
def test_a_truncated_recording_gives_what_is_whole(tmp_path, cut):
    whole = film(tmp_path / "whole.avi").read_bytes()
    (tmp_path / "clip.avi").write_bytes(whole[:cut])

    result = ask(tmp_path, tmp_path / "out")

    assert result.get("refused") in worker.REFUSALS or len(result["sizes"]) <= 3
