"""The decode worker by itself: what it makes of good, odd and hostile material."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from darkroom.runtime import decode as worker
from darkroom.runtime.decode import REFUSALS, main
from tests.ingest.clips import HEIGHT, WIDTH, number_on, write_pictures, write_video


def ask(source: Path, out: Path, **changes) -> dict:
    request = {
        "kind": "video",
        "camera": "cam-1",
        "file": "clip.avi",
        "first": 0,
        "count": 600,
        "fps": 0,
        "masks": [],
        "size": None,
        "sequential": False,
        **changes,
    }
    out.mkdir(exist_ok=True)
    main(request, source, out)
    return json.loads((out / "result.json").read_text())


def pictures(out: Path, result: dict) -> list[np.ndarray]:
    data, begin, found = (out / "pictures").read_bytes(), 0, []
    for size in result["sizes"]:
        found.append(cv2.imdecode(np.frombuffer(data[begin : begin + size], np.uint8), 1))
        begin += size
    assert begin == len(data)
    return found


@pytest.mark.parametrize("codec", ["MJPG", "mp4v", "XVID"])
def test_every_frame_of_a_video_in_order(tmp_path, codec):
    write_video(tmp_path / "clip.avi", 40, codec=codec)

    result = ask(tmp_path, tmp_path / "out")

    assert list(range(40)) == [number_on(p) for p in pictures(tmp_path / "out", result)]
    assert {"width": WIDTH, "height": HEIGHT, "fps": 5.0, "declared": 40, "ended": True} == {
        key: result[key] for key in ("width", "height", "fps", "declared", "ended")
    }
    data = (tmp_path / "out" / "pictures").read_bytes()
    assert hashlib.sha256(data).hexdigest() == result["sha256"]


@pytest.mark.parametrize("codec", ["MJPG", "mp4v"])
@pytest.mark.parametrize("sequential", [False, True])
def test_windows_meet_without_a_gap(tmp_path, codec, sequential):
    write_video(tmp_path / "clip.avi", 50, codec=codec)
    whole = ask(tmp_path, tmp_path / "whole")

    ours = ask(tmp_path, tmp_path / "out", first=23, count=20, sequential=sequential)

    shown = pictures(tmp_path / "out", ours)
    assert list(range(23, 43)) == [number_on(p) for p in shown]
    assert not ours["ended"]
    begin = sum(whole["sizes"][:22])
    before = (tmp_path / "whole" / "pictures").read_bytes()[begin:][: whole["sizes"][22]]
    assert hashlib.sha256(before).hexdigest() == ours["overlap"]


def test_a_window_behind_the_end_is_empty(tmp_path):
    write_video(tmp_path / "clip.avi", 20)

    result = ask(tmp_path, tmp_path / "out", first=20)

    assert ([], True) == (result["sizes"], result["ended"])


def test_a_window_ends_where_its_bytes_would_be_too_many(tmp_path, monkeypatch):
    write_video(tmp_path / "clip.avi", 20)
    monkeypatch.setattr(worker, "MOST_BYTES", 20_000)

    result = ask(tmp_path, tmp_path / "out")

    assert 0 < len(result["sizes"]) < 20
    assert not result["ended"]


def test_masks_are_black_in_every_picture_and_nothing_else_is(tmp_path):
    write_video(tmp_path / "clip.avi", 5)

    square = [[8, 8], [40, 8], [40, 40], [8, 40]]
    result = ask(tmp_path, tmp_path / "out", masks=[square])

    for image in pictures(tmp_path / "out", result):
        assert image[10:39, 10:39].max() <= 12  # black, and what JPEG makes of its edge
        assert image[8:40, 50:].max() > 60
        assert image[45:, :].min() > 5


def test_masks_hold_for_the_frame_before_the_window_too(tmp_path):
    write_video(tmp_path / "clip.avi", 30)
    everything = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]

    one = ask(tmp_path, tmp_path / "a", first=10, count=5, masks=[everything])
    other = ask(tmp_path, tmp_path / "b", first=20, count=5, masks=[everything])

    assert one["overlap"] == other["overlap"]
    assert one["sha256"] == other["sha256"]


def test_pictures_of_a_folder_keep_the_order_that_was_asked(tmp_path):
    write_pictures(tmp_path / "shots", 12)
    names = [f"frame-{n}.png" for n in (3, 1, 11)]

    result = ask(
        tmp_path / "shots", tmp_path / "out", kind="pictures", pictures=names, fps=1.0, declared=3
    )

    assert [3, 1, 11] == [number_on(p) for p in pictures(tmp_path / "out", result)]


def bmp_of(width: int, height: int) -> bytes:
    """A header that promises many pixels, and little behind it."""
    ok, data = cv2.imencode(".bmp", np.zeros((8, 8, 3), np.uint8))
    assert ok
    head = bytearray(data.tobytes())
    head[18:22], head[22:26] = width.to_bytes(4, "little"), height.to_bytes(4, "little")
    return bytes(head)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text", b"this is not a picture at all, it only says so", "not-footage"),
        ("empty", b"", "not-footage"),
        ("half a png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not-footage"),
        ("bomb", bmp_of(60_000, 60_000), "not-footage"),
    ],
)
def test_a_picture_that_is_none_is_refused_with_its_number(tmp_path, name, content, reason):
    folder = write_pictures(tmp_path / "shots", 3)
    (folder / "frame-1.png").write_bytes(content)

    result = ask(
        folder,
        tmp_path / "out",
        kind="pictures",
        pictures=[f"frame-{n}.png" for n in range(3)],
        fps=1.0,
        declared=3,
    )

    assert {"refused": reason, "at": 1} == result


def test_pictures_of_two_sizes_are_refused(tmp_path):
    folder = write_pictures(tmp_path / "shots", 3)
    cv2.imwrite(str(folder / "frame-2.png"), np.zeros((10, 10, 3), np.uint8))

    result = ask(
        folder,
        tmp_path / "out",
        kind="pictures",
        pictures=[f"frame-{n}.png" for n in range(3)],
        fps=1.0,
        declared=3,
    )

    assert {"refused": "size-differs", "at": 2} == result


SECRET = "the owner's other file"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF\xff\xff\xff\xffAVI LIST",
        b"\x00\x00\x00\x20ftypisom" + b"\xff" * 200,
        b"ffconcat version 1.0\nfile 'secret.avi'\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.avi\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    ],
    ids=["empty", "avi head", "mp4 head", "concat list", "playlist", "web playlist", "sdp"],
)
def test_what_is_no_video_is_refused_and_leads_nowhere(tmp_path, content):
    write_video(tmp_path / "secret.avi", 5)
    (tmp_path / "clip.avi").write_bytes(content)

    result = ask(tmp_path, tmp_path / "out")

    assert result.get("refused") in REFUSALS or not result["sizes"]


def test_a_video_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    write_video(tmp_path / "clip.avi", 3)
    monkeypatch.setattr(worker, "MOST_PIXELS", 1000)

    assert "too-large" == ask(tmp_path, tmp_path / "out")["refused"]


def test_the_truth_of_a_world_comes_with_its_pictures(tmp_path):
    recipe = {"seed": 3, "duration": 4, "cameras": [{"id": "cam-1", "width": 96, "height": 64}]}

    result = ask(tmp_path, tmp_path / "out", kind="world", recipe=recipe, first=2)

    truth = json.loads((tmp_path / "out" / "truth.json").read_text())
    assert len(truth) == len(result["sizes"]) == 6
    assert all(len(row) == 7 for rows in truth for row in rows)
    assert (WIDTH, HEIGHT) == (result["width"], result["height"])
