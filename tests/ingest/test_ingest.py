"""Footage in, an immutable version out. Every decode here runs in the real sandbox."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from darkroom.errors import DataError, InputError, NoAnnotationsError, StateError
from darkroom.node import decoding, ingest
from darkroom.node.footage_source import footage_source, world_sources
from darkroom.node.ingest import IngestPlan
from darkroom.node.labels import read_labels
from darkroom.runtime.dataset import Dataset
from tests.ingest.clips import HEIGHT, WIDTH, number_on, picture, write_pictures, write_video


FPS = 0.5  # thirty frames a minute


def plan(source: Path, *, dataset: str = "yard", classes=("person",), labels=None, **more):
    one = footage_source(source, camera="cam-1", start=1_000.0, **more)
    return IngestPlan(
        dataset=dataset, sources=(one,), classes=classes, labels={"cam-1": labels} if labels else {}
    )


def numbers(face: Path) -> list[int]:
    return [number_on(cv2.cvtColor(f.image, cv2.COLOR_RGB2BGR)) for f in Dataset(face).frames()]


def versions(state: Path) -> list[str]:
    return sorted(p.name for p in (state / "footage").glob("*/*"))


def test_a_video_becomes_a_version_that_a_job_reads(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 70, fps=FPS)

    done = workshop.ingest(tmp_path).run(plan(clip))

    manifest = done.manifest
    face = workshop.ingest(tmp_path)._store.materialise(manifest.version)
    assert list(range(70)) == numbers(face)
    assert [(0, 0, 30), (1, 30, 30), (2, 60, 10)] == [
        (s.minute, s.first, s.frames) for s in manifest.segments
    ]
    assert [1000.0, 1060.0, 1120.0] == [s.start for s in manifest.segments]
    camera = manifest.cameras[0]
    assert (WIDTH, HEIGHT, FPS, 70, False) == (
        camera.width, camera.height, camera.fps, camera.frames, camera.masked,
    )  # fmt: skip
    assert {"train", "test"} == {s.split for s in manifest.segments}
    assert "none" == manifest.annotations
    assert () == done.warnings
    assert not list((tmp_path / "ingest").iterdir())  # nothing is left of the work


def test_the_same_footage_is_the_same_version_and_another_start_is_another(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 10)
    one, two = tmp_path / "one", tmp_path / "two"

    first = workshop.ingest(one).run(plan(clip)).manifest.version
    second = workshop.ingest(two).run(plan(clip)).manifest.version
    again = workshop.ingest(one).run(plan(clip)).manifest.version
    clip.write_bytes(write_video(tmp_path / "b.avi", 11).read_bytes())
    longer = workshop.ingest(one).run(plan(clip)).manifest.version

    assert first == second == again != longer
    assert 2 == len(versions(one))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of other users")
def test_a_recording_that_only_its_owner_may_read(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 4)
    clip.chmod(0o600)
    os.chown(clip, 12345, 12345)

    manifest = workshop.ingest(tmp_path / "state").run(plan(clip)).manifest

    assert 4 == manifest.cameras[0].frames
    assert (12345, 0o600, 1) == (
        clip.stat().st_uid, clip.stat().st_mode & 0o777, clip.stat().st_nlink,
    )  # fmt: skip


def test_footage_without_labels_cannot_train_or_measure(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 4)
    manifest = workshop.ingest(tmp_path).run(plan(clip)).manifest
    data = Dataset(workshop.ingest(tmp_path)._store.materialise(manifest.version))

    with pytest.raises(NoAnnotationsError, match="yard has no annotations"):
        data.require_annotations()


def test_a_folder_of_pictures_in_reading_order(workshop, tmp_path):
    folder = write_pictures(tmp_path / "shots", 12)
    (folder / "notes.txt").write_text("not a picture")

    done = workshop.ingest(tmp_path).run(plan(folder, fps=0.1))

    face = workshop.ingest(tmp_path)._store.materialise(done.manifest.version)
    assert list(range(12)) == numbers(face)
    assert [6, 6] == [s.frames for s in done.manifest.segments]


def test_a_synthetic_world_brings_its_own_annotations(workshop, tmp_path):
    recipe = {
        "seed": 5,
        "duration": 120,
        "cameras": [{"id": c, "width": 96, "height": 64, "fps": 0.1} for c in ("a", "b")],
    }
    sources = world_sources(recipe, cameras={"a": (0.1, 12), "b": (0.1, 12)}, start=0.0, masks={})
    two = IngestPlan(dataset="plaza", sources=sources, classes=("person", "vehicle"))

    manifest = workshop.ingest(tmp_path).run(two).manifest

    assert "synthetic" == manifest.annotations
    assert [("a", 0), ("a", 1), ("b", 0), ("b", 1)] == [
        (s.camera, s.minute) for s in manifest.segments
    ]
    data = Dataset(workshop.ingest(tmp_path)._store.materialise(manifest.version))
    assert all(frame.annotations is not None for frame in data.frames())


# --------------------------------------------------------------------------------- masks


def test_no_unmasked_pixel_lies_anywhere_on_disk(workshop, tmp_path, monkeypatch):
    source, state = tmp_path / "recorder", tmp_path / "state"
    for folder in (source, state):
        folder.mkdir()
    clip = write_video(source / "clip.avi", 70, fps=FPS)
    monkeypatch.setattr(decoding, "WINDOW_FRAMES", 40)
    square = [[8, 8], [88, 8], [88, 40], [8, 40]]  # all ten bars
    seen: list[np.ndarray] = []
    copies: list[Path] = []

    def look(_progress) -> None:
        """In mid-ingest: every file of the node's that holds a picture."""
        for path in (p for p in state.rglob("*") if p.is_file()):
            if path.stat().st_ino == clip.stat().st_ino:
                continue  # the recording itself under a second name: no copy of it
            data, begin = path.read_bytes(), 0
            if data[:4] == b"RIFF":
                copies.append(path)
            while (begin := data.find(b"\xff\xd8\xff", begin)) >= 0:
                image = cv2.imdecode(np.frombuffer(data[begin:], np.uint8), cv2.IMREAD_COLOR)
                if image is not None:
                    seen.append(image)
                begin += 3

    done = workshop.ingest(state).run(plan(clip, masks=(square,)), progress=look)
    look(None)

    assert not copies
    assert len(seen) > 100
    assert {0} == {number_on(image) for image in seen}
    assert max(int(image[11:37, 11:85].max()) for image in seen) <= 12
    assert done.manifest.cameras[0].masked
    assert {"cam-1": [square]} == done.manifest.masks


def test_an_object_under_the_mask_leaves_no_box(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 3)
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "f_1.txt").write_text("0 0.2 0.3 0.1 0.2\n0 0.8 0.8 0.1 0.2\n")
    labels = read_labels(tmp_path / "yolo", "yolo", classes=("person",))
    left = [[0, 0], [48, 0], [48, 64], [0, 64]]

    manifest = workshop.ingest(tmp_path).run(plan(clip, labels=labels, masks=(left,))).manifest

    data = Dataset(workshop.ingest(tmp_path)._store.materialise(manifest.version))
    boxes = [f.annotations.xyxy.tolist() for f in data.frames() if f.annotations is not None]
    assert 1 == len(boxes)
    assert 1 == len(boxes[0])
    assert boxes[0][0][0] > 48


# -------------------------------------------------------------------------------- labels


def test_labels_become_annotations_and_unlabelled_frames_have_none(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 5)
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "f_1.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "yolo" / "f_3.txt").write_text("")
    labels = read_labels(tmp_path / "yolo", "yolo", classes=("person",))

    manifest = workshop.ingest(tmp_path).run(plan(clip, labels=labels)).manifest

    data = Dataset(workshop.ingest(tmp_path)._store.materialise(manifest.version))
    data.require_annotations()
    found = [None if f.annotations is None else len(f.annotations) for f in data.frames()]
    assert [None, 1, None, 0, None] == found
    assert "owner" == manifest.annotations


def test_mended_labels_need_no_second_decoding(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 70, fps=FPS)
    (tmp_path / "yolo").mkdir()
    label = tmp_path / "yolo" / "f_70.txt"
    label.write_text("0 0.5 0.5 0.5 0.5\n")
    work = workshop.ingest(tmp_path)
    with pytest.raises(DataError, match="frame 70, but the footage has 70"):
        work.run(plan(clip, labels=read_labels(label.parent, "yolo", classes=("person",))))
    label.rename(label.with_name("f_69.txt"))
    told = []

    work.run(
        plan(clip, labels=read_labels(label.parent, "yolo", classes=("person",))),
        progress=told.append,
    )

    assert 70 == told[0].resumed


# ---------------------------------------------------------------------- stopped anywhere


KILLED = """
import os, signal, sys
from pathlib import Path
from darkroom.node import decoding
from tests.ingest.conftest import ROOT, Workshop
from tests.ingest.test_ingest import plan
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime

clip, state, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
decoding.WINDOW_FRAMES = 40
runtime = describe_runtime("decode", Path(sys.executable), ROOT / "requirements" / "node.txt")
sandbox = ProcessSandbox(runtimes=[runtime], roots=[clip.parent], slots=1)

def kill(now):
    if now.frames >= after:
        os.kill(os.getpid(), signal.SIGKILL)

Workshop(sandbox, runtime).ingest(state).run(plan(clip), progress=kill)
"""


@pytest.mark.parametrize("after", [40, 80])
def test_killed_in_mid_ingest_it_goes_on_at_the_last_finished_minute(
    workshop, tmp_path, monkeypatch, after
):
    clip = write_video(tmp_path / "clip.avi", 100, fps=FPS)
    monkeypatch.setattr(decoding, "WINDOW_FRAMES", 40)
    undisturbed = workshop.ingest(tmp_path / "other").run(plan(clip)).manifest
    state = tmp_path / "state"
    code = subprocess.run(
        [sys.executable, "-c", KILLED, str(clip), str(state), str(after)],
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "src:."},
        check=False,
    ).returncode
    assert -signal.SIGKILL == code
    assert [] == versions(state)  # nothing half-registered
    told = []

    manifest = workshop.ingest(state).run(plan(clip), progress=told.append).manifest

    assert undisturbed == manifest
    assert undisturbed.version == manifest.version
    assert after // 30 * 30 == told[0].resumed


def test_a_damaged_piece_of_finished_work_is_done_again(workshop, tmp_path, monkeypatch):
    clip = write_video(tmp_path / "clip.avi", 70, fps=FPS)
    work = workshop.ingest(tmp_path)

    class StopError(Exception):
        pass

    def stop(now) -> None:
        if now.frames:
            raise StopError

    with pytest.raises(StopError):
        work.run(plan(clip), progress=stop)
    segment = next((tmp_path / "ingest").glob("*/segments/*.zip"))
    segment.chmod(0o644)
    segment.write_bytes(segment.read_bytes()[:-20])

    manifest = work.run(plan(clip)).manifest

    face = work._store.materialise(manifest.version)
    assert list(range(70)) == numbers(face)


def test_two_processes_do_not_do_the_same_ingest(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 10)
    work = workshop.ingest(tmp_path)

    def second(_now) -> None:
        with pytest.raises(InputError, match="another process"):
            workshop.ingest(tmp_path).run(plan(clip))

    work.run(plan(clip), progress=second)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_stops_it_clearly_and_more_room_lets_it_go_on(workshop, tmp_path, monkeypatch):
    clip = write_video(tmp_path / "clip.avi", 130, fps=FPS)
    monkeypatch.setattr(decoding, "WINDOW_FRAMES", 30)
    monkeypatch.setattr(ingest, "SPARE_BYTES", 0)
    undisturbed = workshop.ingest(tmp_path / "other").run(plan(clip)).manifest
    small = tmp_path / "small"
    small.mkdir()
    options = "size=160k,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    try:
        with pytest.raises(StateError) as caught:
            workshop.ingest(small).run(plan(clip))
        assert "free some space" in caught.value.next_step
        assert [] == versions(small)
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        told = []
        manifest = workshop.ingest(small).run(plan(clip), progress=told.append).manifest
        assert undisturbed.version == manifest.version
        assert told[0].resumed > 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_too_little_room_is_said_before_anything_is_decoded(workshop, tmp_path, monkeypatch):
    clip = write_video(tmp_path / "clip.avi", 10)
    monkeypatch.setattr(ingest, "SPARE_BYTES", 1 << 60)

    with pytest.raises(StateError, match="are free for footage"):
        workshop.ingest(tmp_path).run(plan(clip))


# ----------------------------------------------------------------------- broken, hostile


def test_a_truncated_video_keeps_what_decodes_and_says_how_much(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 100)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 6 // 10])

    done = workshop.ingest(tmp_path).run(plan(clip))

    kept = done.manifest.cameras[0].frames
    assert 30 < kept < 90
    assert f"declares 100 frames, {kept} could be decoded" in done.warnings[0]
    face = workshop.ingest(tmp_path)._store.materialise(done.manifest.version)
    assert list(range(kept - 1)) == numbers(face)[:-1]  # the last may be half a picture


def no_frames(path: Path) -> None:
    write_video(path, 100)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"movi") + 4])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: p.write_bytes(os.urandom(5000)), "is not a video or picture"),
        (lambda p: p.write_text("#EXTM3U\nclip.avi\n"), "is not a video or picture"),
        (no_frames, "not one frame could be decoded|is not a video or picture"),
    ],
    ids=["empty", "noise", "playlist", "header without frames"],
)
def test_what_cannot_be_used_is_refused_and_the_node_lives(workshop, tmp_path, make, said):
    make(tmp_path / "clip.avi")

    with pytest.raises(DataError, match=said) as caught:
        workshop.ingest(tmp_path).run(plan(tmp_path / "clip.avi"))

    assert caught.value.next_step
    assert [] == versions(tmp_path)


def test_an_unusable_picture_is_named(workshop, tmp_path):
    folder = write_pictures(tmp_path / "shots", 3)
    (folder / "frame-1.png").write_bytes(b"not a picture at all")

    with pytest.raises(DataError, match=r"shots/frame-1\.png"):
        workshop.ingest(tmp_path).run(plan(folder))


def test_a_picture_that_eats_the_memory_of_its_decoder_is_refused(workshop, tmp_path):
    folder = write_pictures(tmp_path / "shots", 3)
    # A chunk of 1.8 GiB is announced, and OpenCV's PNG reader makes room for it.
    (folder / "frame-1.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")

    with pytest.raises(DataError):
        workshop.ingest(tmp_path).run(plan(folder))

    assert [] == versions(tmp_path)


class Liar:
    """A worker that was taken over: whatever the decoder left, it hands back something else."""

    def __init__(self, real, harm) -> None:
        self._real = real
        self._harm = harm

    def run(self, task, *, cancelled=lambda: False):
        outcome = self._real.run(task, cancelled=cancelled)
        result = json.loads((task.out / "result.json").read_text())
        self._harm(task.out, result)
        if not (task.out / "result.json").is_symlink():
            (task.out / "result.json").write_text(json.dumps(result))
        return outcome


def longer(out: Path, _result: dict) -> None:
    with (out / "pictures").open("ab") as file:
        file.write(b"more")


def linked(out: Path, _result: dict) -> None:
    (out / "pictures").unlink()
    (out / "pictures").symlink_to("/etc/passwd")


def fifo(out: Path, _result: dict) -> None:
    (out / "pictures").unlink()
    os.mkfifo(out / "pictures")


@pytest.mark.parametrize(
    "harm",
    [
        longer,
        linked,
        fifo,
        lambda _o, r: r.update(sha256="0" * 64),
        lambda _o, r: r["sizes"].append(1 << 40),
        lambda _o, r: r.update(sizes=[-1] * len(r["sizes"])),
        lambda _o, r: r.update(sizes=[sum(r["sizes"])] + [0] * (len(r["sizes"]) - 1)),
        lambda _o, r: r.update(sizes=[1e300]),
        lambda _o, r: r.update(width=0),
        lambda _o, r: r.update(fps=1e-320),
        lambda _o, r: r.update(fps="5"),
        lambda _o, r: r.update(declared=-1),
        lambda _o, r: r.update(text="see the owner's other camera"),
        lambda _o, r: (r.clear(), r.update(refused="../../etc/passwd \x1b[31m", at=0)),
        lambda _o, r: r.clear(),
    ],
)
def test_a_worker_that_was_taken_over_gets_nothing_past_the_node(
    workshop, tmp_path, monkeypatch, harm
):
    clip = write_video(tmp_path / "clip.avi", 5)
    work = workshop.ingest(tmp_path)
    monkeypatch.setattr(work, "_sandbox", Liar(workshop.sandbox, harm))

    with pytest.raises(DataError, match="handed back broken") as caught:
        work.run(plan(clip))

    assert "passwd" not in str(caught.value)
    assert [] == versions(tmp_path)


def test_a_recording_that_cannot_be_wound_is_walked_through(workshop, tmp_path, monkeypatch):
    clip = write_video(tmp_path / "clip.avi", 70, fps=FPS)
    monkeypatch.setattr(decoding, "WINDOW_FRAMES", 40)

    class BadWinding(Liar):
        def __init__(self, real) -> None:
            super().__init__(real, self._lose)
            self.asked = []

        def run(self, task, **more):
            self.asked.append(task.request["sequential"])
            return super().run(task, **more)

        def _lose(self, _out, result) -> None:
            if not self.asked[-1] and result["overlap"]:
                result["overlap"] = "0" * 64

    work = workshop.ingest(tmp_path)
    bad = BadWinding(workshop.sandbox)
    monkeypatch.setattr(work, "_sandbox", bad)

    manifest = work.run(plan(clip)).manifest

    assert [False, False, True] == bad.asked
    assert list(range(70)) == numbers(work._store.materialise(manifest.version))


def test_segments_are_whole_zip_files_written_by_the_node(workshop, tmp_path):
    clip = write_video(tmp_path / "clip.avi", 10)

    manifest = workshop.ingest(tmp_path).run(plan(clip)).manifest

    face = workshop.ingest(tmp_path)._store.materialise(manifest.version)
    for path in (face / "segments").iterdir():
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
    shutil.rmtree(face)
    assert picture(3).shape == (HEIGHT, WIDTH, 3)
