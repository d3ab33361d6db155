"""Old versions make room for new ones, and a full disk is survived."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.node.live_camera import LiveCamera
from darkroom.node.live_tape import Shelf, Tape
from darkroom.node.live_version import Versions
from darkroom.node.rotation import Rotation
from darkroom.policy import retention
from darkroom.policy.retention import GIB, LEAST_FREE, Kept, Room, to_erase
from tests.ingest.live_frames import FPS, START, fill, frame, plan


KEPT = st.builds(
    Kept,
    key=st.uuids().map(str),
    last=st.floats(0, 1e9),
    size=st.integers(1, 10 * GIB),
    held=st.booleans(),
)


@given(
    st.lists(KEPT, max_size=12), st.integers(0, 20 * GIB),
    st.none() | st.integers(0, 20 * GIB),
)  # fmt: skip
def test_the_oldest_goes_first_and_what_jobs_need_only_before_the_disk_is_full(kept, free, keep):
    room = Room(free=free, size=100 * GIB)
    gone = to_erase(kept, room=room, keep=keep)
    freed = sum(each.size for each in gone)

    loose = sorted((k for k in kept if not k.held), key=lambda k: (k.last, k.key))
    assert [k for k in gone if not k.held] == loose[: sum(not k.held for k in gone)]
    if any(k.held for k in gone):
        assert set(loose) <= set(gone)
        assert free + sum(k.size for k in loose) < LEAST_FREE
    enough = free + freed >= room.watermark
    small = keep is None or sum(k.size for k in kept) - freed <= keep
    assert (enough and small) or set(loose) <= set(gone)
    if gone and not gone[-1].held:  # not one more than needed
        less = freed - gone[-1].size
        assert free + less < room.watermark or (
            keep is not None and sum(k.size for k in kept) - less > keep
        )


class Register:
    """Notes what it is told."""

    def __init__(self):
        self.needed, self.lost = frozenset(), []

    def offer(self, manifest):
        pass

    def gone(self, dataset, version):
        self.lost.append(version)

    def forgets(self):
        return ()

    def held(self):
        return self.needed

    def tend(self):
        pass


def made_versions(tmp_path, count):
    shelf, store = Shelf(tmp_path / "work"), FolderFootage(tmp_path / "store")
    versions = Versions(shelf, store)
    versions.resume(plan())
    made = []
    for number in range(count):
        fill(shelf, range(number * 300, number * 300 + 30))
        made += versions.close()
    return shelf, store, [manifest.version for manifest in made]


def rotation(tmp_path, shelf, store, room, *, keep=None, register=None, say=print):
    return Rotation(
        place=tmp_path, shelves={"yard": shelf}, keep_gib={"yard": keep} if keep else {},
        store=store, register=register or Register(), room=room, say=say,
    )  # fmt: skip


def test_a_dataset_keeps_to_its_size_and_never_loses_its_newest_version(tmp_path):
    shelf, store, made = made_versions(tmp_path, 4)
    one = sum(s.size for s in store.manifest(made[0]).segments)
    register = Register()
    register.needed = frozenset([made[0]])  # a job was approved for it

    def room():
        return Room(free=99 * GIB, size=100 * GIB)

    rotation(tmp_path, shelf, store, room, keep=2.5 * one / GIB, register=register).make_room()
    assert [made[0], made[3]] == store.versions("yard")
    assert [made[1], made[2]] == register.lost

    rotation(tmp_path, shelf, store, room, keep=1e-9).make_room()
    assert [made[3]] == store.versions("yard")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_loses_old_footage_and_never_the_ledgers_room(tmp_path, monkeypatch):
    """On a real small disk, with a ledger beside the footage; somebody else fills it up."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mounted(disk, "12m"):
        pytest.skip("this machine does not let root mount")
    try:
        monkeypatch.setattr(retention, "LEAST_FREE", 2 << 20)
        ledger = SqliteNodeStore(disk / "node.db")
        shelf, store, made = made_versions(disk, 5)
        said = []

        def room():
            facts = os.statvfs(disk)
            return Room(free=facts.f_bavail * facts.f_frsize, size=12 << 20)

        turn = rotation(disk, shelf, store, room, say=said.append)
        turn.make_room()
        assert made == store.versions("yard")

        (disk / "of-somebody-else").write_bytes(b"x" * (room().free - (3 << 20)))
        turn.make_room()  # below the watermark: the oldest goes
        left = store.versions("yard")
        assert made[-1] in left
        assert len(left) < 5
        assert made[-len(left) :] == left

        (disk / "more").write_bytes(b"x" * (room().free - (1 << 20)))
        turn.make_room()  # nothing is left to go
        assert not turn.has_room
        assert f"the disk of {disk} is full" in said[-1]
        assert "free space" in said[-1]
        with ledger.transaction():
            ledger.add_event(1.0, "still-writes", "", {"text": "x" * 100_000})
        ledger.close()

        (disk / "of-somebody-else").unlink()
        turn.make_room()
        assert turn.has_room
        assert "again" in said[-1]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_frames_that_find_no_room_are_lost_counted_and_said(tmp_path):
    if not mounted(tmp_path, "40k"):
        pytest.skip("this machine does not let root mount")

    class Source:
        """Forty frames, and an end."""

        def frames(self):
            for number in range(40):
                yield frame(number)
            live.stop()

        def interrupt(self):
            pass

        def recorded(self, until):
            pass

    said = []
    try:
        shelf = Shelf(tmp_path)
        live = LiveCamera(
            "cam", Source(), Tape(shelf, "cam", FPS), clock=Fixed(), chance=lambda: 0.5,
            has_room=lambda: True, say=said.append,
        )  # fmt: skip
        live.start()
        assert live.join(10)
        counts, there = live.counts(), sum(piece.frames for piece in shelf.pieces)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)

    assert 40 == counts.kept + counts.dropped
    assert there == counts.kept
    assert counts.dropped > 0
    assert "cannot be written (No space left on device)" in said[0]


def mounted(place, size):
    """Whether a small disk could be made there."""
    options = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(place)]
    return subprocess.run(options, check=False).returncode == 0


class Fixed:
    def now(self):
        return START

    def monotonic(self):
        return 0.0
