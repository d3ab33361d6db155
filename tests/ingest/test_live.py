"""Frames become pieces, and pieces become versions."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.live_ingest import LivePlace, recorded
from darkroom.errors import DataError, InputError, SpecError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.live_frame import LiveFrame
from darkroom.model.shard import cut
from darkroom.node.live_queue import LiveQueue
from darkroom.node.live_tape import Shelf, Tape
from darkroom.node.live_version import CLOSING, Versions
from darkroom.runtime.dataset import Dataset
from tests.ingest.clips import number_on, picture
from tests.ingest.live_frames import FPS, START, fill, frame, plan


ROOT = Path(__file__).parents[2]


# -------------------------------------------------------------------------------------- the queue


@given(st.lists(st.one_of(st.none(), st.integers(1, 40)), max_size=60))
def test_every_frame_is_taken_in_order_or_counted_and_a_loss_shows(steps):
    """None takes a frame; a number puts one of that many bytes."""
    queue, put, taken, dropped = LiveQueue(most_bytes=100, most_frames=6), 0, [], 0
    for step in [*steps, None]:
        if step is not None:
            dropped += queue.put(LiveFrame(time=put, picture=b"x" * step, width=1, height=1))
            put += 1
        elif (got := queue.take(0)) is not None:
            taken.append(got)
    queue.close()
    while (got := queue.take(0)) is not None:
        taken.append(got)

    assert len(taken) + dropped == put
    assert queue.ended
    times = [-1.0, *(each.time for each in taken)]
    for before, each in zip(times, taken, strict=False):
        assert each.time > before
        assert each.gap == (each.time - before > 1)


# --------------------------------------------------------------------------------------- the tape


def test_a_piece_ends_with_its_minute_and_at_every_gap(tmp_path):
    shelf = Shelf(tmp_path)
    fill(shelf, [*range(290, 310), *range(330, 340)])

    assert [(10, 290), (10, 300), (10, 330)] == [
        (p.frames, round((p.start - START) * FPS)) for p in shelf.pieces
    ]
    assert len({p.minute for p in shelf.pieces}) == 2


def test_a_frame_beside_its_place_begins_a_piece_and_jitter_does_not(tmp_path):
    shelf = Shelf(tmp_path)
    tape = Tape(shelf, "cam", FPS)
    for number in range(10):
        tape.add(frame(number, at=START + number / FPS + 0.1 * (number % 2)))
    tape.add(frame(10, at=START + 10 / FPS + 0.3))
    tape.add(frame(11, at=START + 11 / FPS + 0.3))
    tape.finish()

    assert [10, 2] == [piece.frames for piece in shelf.pieces]
    assert shelf.pieces[1].start == pytest.approx(START + 2.3)


def test_what_was_torn_is_dropped_and_what_was_finished_stays(tmp_path):
    shelf = Shelf(tmp_path)
    fill(shelf, range(10))
    (tmp_path / "cam.part").write_bytes(b"as the power went")
    (tmp_path / "finished" / "cam-0000000000000001.json").write_bytes(b'{"camera"')

    again = Shelf(tmp_path)

    assert [10] == [piece.frames for piece in again.pieces]
    assert [] == [*tmp_path.glob("*.part")]
    assert Tape(again, "cam", FPS).last == pytest.approx(START + 9 / FPS)


# ----------------------------------------------------------------------------------- the versions


def test_a_version_has_every_frame_at_its_true_time(tmp_path):
    shelf, store = Shelf(tmp_path / "work"), FolderFootage(tmp_path / "store")
    numbers = [*range(3, 40), *range(55, 60), *range(290, 320)]
    fill(shelf, numbers)
    versions = Versions(shelf, store)
    versions.resume(plan())

    (manifest,) = versions.close()
    data = Dataset(store.materialise(manifest.version), version=manifest.version)

    read = [(number_on(f.image), f.time, f.index) for f in data.frames()]
    assert numbers == [number for number, _, _ in read]
    for number, taken, index in read:
        assert taken == pytest.approx(START + number / FPS, abs=1e-6)
        assert index == number  # missing frames leave their numbers unused
    assert [] == shelf.pieces
    assert [] == [*(tmp_path / "work" / "segments").iterdir()]
    assert {"train", "test"} == {segment.split for segment in manifest.segments}


def test_shards_by_minute_see_a_minute_with_gaps_once(tmp_path):
    shelf, store = Shelf(tmp_path / "work"), FolderFootage(tmp_path / "store")
    numbers = [*range(20), *range(30, 50), *range(300, 310), *range(320, 325)]
    fill(shelf, numbers)
    versions = Versions(shelf, store)
    versions.resume(plan())
    (manifest,) = versions.close()
    face = store.materialise(manifest.version)

    seen = [
        frame.index
        for shard in cut(manifest, "minute", 8)
        for frame in Dataset(face, shard.cameras, shard.minutes).frames()
    ]

    assert sorted(seen) == numbers


def test_footage_that_is_not_what_its_manifest_says_is_not_shown(tmp_path):
    shelf, store = Shelf(tmp_path / "work"), FolderFootage(tmp_path / "store")
    fill(shelf, range(10))
    versions = Versions(shelf, store)
    versions.resume(plan())
    (manifest,) = versions.close()
    face = store.materialise(manifest.version)
    with pytest.raises(DataError, match="not the version"):
        Dataset(face, version="sha256:" + "0" * 64)

    (segment,) = (face / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.chmod(0o644)
    segment.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        next(Dataset(face, version=manifest.version).frames())


def test_stopped_in_the_middle_the_same_version_is_made_and_no_frame_is_in_two(tmp_path):
    class FullStore(FolderFootage):
        """A store whose disk is full."""

        def put(self, face, manifest):
            self.wanted = manifest.version
            raise OSError(28, "No space left on device")

    shelf = Shelf(tmp_path / "work")
    fill(shelf, range(10))
    full = FullStore(tmp_path / "store")
    versions = Versions(shelf, full)
    versions.resume(plan())
    with pytest.raises(OSError, match="No space"):
        versions.close()
    assert (tmp_path / "work" / CLOSING).exists()
    fill(shelf, range(10, 20))  # recorded meanwhile

    store = FolderFootage(tmp_path / "store")
    again = Versions(Shelf(tmp_path / "work"), store)
    (first,) = again.resume(plan())
    (second,) = again.close()

    assert full.wanted == first.version
    assert [10, 10] == [m.cameras[0].frames for m in (first, second)]
    assert [first.version, second.version] == store.versions("yard")


def test_footage_of_another_mask_rate_or_size_is_a_version_of_its_own(tmp_path):
    shelf, store = Shelf(tmp_path / "work"), FolderFootage(tmp_path / "store")
    versions = Versions(shelf, store)
    versions.resume(plan())
    fill(shelf, range(10))
    mask = [[[0, 0], [9, 0], [9, 9]]]

    (before,) = versions.resume(plan(masks={"cam": mask}))
    tape = fill(shelf, range(10, 20))
    tape.add(replace(frame(20), width=48))
    tape.finish()
    masked, smaller = versions.close()

    assert ({}, False) == (before.masks, before.cameras[0].masked)
    assert ({"cam": mask}, True) == (masked.masks, masked.cameras[0].masked)
    assert [96, 48] == [m.cameras[0].width for m in (masked, smaller)]


# ------------------------------------------------------------------------------ what is asked for


def domain(**more):
    given = {
        "domain": "lab", "title": "A lab", "environments": {"tflite": "litert"},
        "cameras": [{"id": "a", "url": "rtsp://a.local/x"}, {"id": "b", "folder": "/spool/b"}],
        "datasets": [{"name": "yard", "record": {}}],
    }  # fmt: skip
    return DomainConfig.from_mapping(given | more)


def test_a_dataset_of_two_pis_and_a_camera_that_nobody_knows_are_refused():
    ((dataset, cameras),) = recorded(domain(), ())
    assert ("yard", ["a", "b"]) == (dataset.name, [camera.id for camera in cameras])
    with pytest.raises(InputError, match="cameras on this Pi and on another"):
        recorded(domain(), ("a",))
    with pytest.raises(InputError, match="no camera 'c'"):
        recorded(domain(), ("c",))
    with pytest.raises(InputError, match="records nothing here"):
        recorded(domain(datasets=[{"name": "yard"}]), ())
    assert LivePlace().pi == "pi"


def test_a_camera_of_two_recorded_datasets_is_refused():
    with pytest.raises(SpecError, match="is recorded for yard and more") as caught:
        domain(datasets=[{"name": "yard", "record": {}}, {"name": "more", "record": {}}])
    assert ("datasets", 1, "cameras") == caught.value.where


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(SpecError) as caught:
        domain(cameras=[{"id": "a", "url": "rtsp://viewer:hunter2@a.local/x"}])
    assert "hunter2" not in str(caught.value)
    assert ("cameras", 0, "url") == caught.value.where


# ---------------------------------------------------------------------------- beside the node


def test_beside_a_node_what_was_recorded_is_offered_as_it_stops(tmp_path):
    """The command itself; pictures come from a folder, as another program would put them."""
    state, spool, lab = (tmp_path / name for name in ("state", "spool", "lab"))
    for folder in (state, spool, lab):
        folder.mkdir()
    SqliteNodeStore(state / "node.db").close()
    (lab / "domain.yaml").write_text(
        "domain: lab\ntitle: A lab\nenvironments: {tflite: litert}\n"
        f"cameras:\n  - {{id: hall, folder: {spool}, fps: 1}}\n"
        "datasets:\n  - {name: yard, record: {every_minutes: 5}}\n"
    )
    for number in range(6):
        cv2.imwrite(str(spool / f"{number}.png"), picture(number))
        when = START - 1000 * 86_400 + number
        os.utime(spool / f"{number}.png", (when, when))
    part = state / "live" / "yard" / "hall.part"
    process = subprocess.Popen(
        [sys.executable, "-c", "from darkroom.cli import main; main()", "ingest", "live",
         "--domain", str(lab), "--state", str(state)],
        stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not part.exists() or part.read_bytes().count(b"\xff\xd8\xff") < 6:
            assert process.poll() is None
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        process.terminate()
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()

    store = SqliteNodeStore(state / "node.db")
    card = store.datasets()["yard"]
    store.close()
    assert 6 == card.frames
    assert [card.version] == FolderFootage(state / "footage").versions("yard")
    assert f"yard: 6 frames of 1 cameras are version {card.version[:19]}" in said
    assert [] == [*spool.iterdir()]  # on disk, and gone from where they came
