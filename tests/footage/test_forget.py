"""Forgetting on each kind of store: nothing of it is left, and its neighbours were not touched."""

import fcntl
import os
import secrets
from pathlib import Path

import pytest

from darkroom.adapters.blobs.folder import FolderBlobStore
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.announced import AnnouncedFootage
from darkroom.adapters.footage.arrivals import FORGET, ORDERS, forgets_bytes
from darkroom.adapters.footage.folder import NEW, FolderFootage
from darkroom.adapters.footage.placed import PlacedFootage
from darkroom.adapters.footage.sealed import SealedFootage
from darkroom.model.domain_config import DatasetConfig
from darkroom.model.forget import Forget
from darkroom.model.recording import Recording
from darkroom.node.arrivals import Arrivals
from darkroom.node.forget import Forgetting
from darkroom.node.journal import Journal
from darkroom.policy.forget import made_from
from tests.footage.faces import contents, make_face
from tests.node.village import Village, card_of


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path / "village")
    yield village
    village.store.close()


def order(since=60.0, until=120.0):
    return Forget(
        id=secrets.token_hex(16), dataset="street", camera="cam-1", since=since, until=until,
        words="not for a Pi",
    )  # fmt: skip


def forgetting(village, footage, elsewhere=None):
    return Forgetting(
        store=village.store,
        journal=Journal(
            store=village.store, clock=village.clock, domain="north", owner="olga",
            close=lambda record: None,
        ),
        sign=village.keyring.sign,
        footage=footage,
        clock=village.clock,
        domain="north",
        say=village.said.append,
        elsewhere=elsewhere,
    )  # fmt: skip


def made(village, tmp_path, footage):
    """A version of three minutes, and the bytes of the second."""
    manifest = make_face(tmp_path / "face", dataset="street", minutes=3)
    gone = (tmp_path / "face" / "segments" / f"{manifest.segments[1].sha256}.zip").read_bytes()
    footage.put(tmp_path / "face", manifest)
    village.store.register_dataset(card_of(manifest), manifest.version)
    return manifest, gone


def holding(folder, content):
    return [path for path, data in contents(folder).items() if content in data]


def test_of_sealed_footage_the_pieces_go_and_its_neighbours_stay_sealed_as_they_were(
    village, tmp_path
):
    footage = SealedFootage(
        blobs=FolderBlobStore(tmp_path / "bucket"), key=b"k" * 32, cache=tmp_path / "cache",
        cache_mib=16, clock=SystemClock(),
    )  # fmt: skip
    manifest, gone = made(village, tmp_path, footage)
    footage.materialise(manifest.version)
    torn = tmp_path / "cache" / "new-torn"  # of a process that was killed while it fetched
    torn.mkdir()
    (torn / "x").write_bytes(gone)
    before = contents(tmp_path / "bucket")
    assert holding(tmp_path / "cache", gone)

    worker = forgetting(village, footage)
    worker.order(order())
    worker.tend()

    assert worker.done()
    (new,) = footage.versions("street")
    assert made_from(footage.manifest(new)) == manifest.version
    assert [s.minute for s in footage.manifest(new).segments] == [0, 2]
    assert not holding(tmp_path / "cache", gone)
    after = contents(tmp_path / "bucket")
    kept = {name: data for name, data in before.items() if after.get(name) == data}
    assert len(before) - len(kept) == 2  # the pieces of one minute, and the manifest
    assert len(after) - len(kept) == 1
    face = footage.materialise(new)  # it opens
    assert not holding(face, gone)


def test_a_pi_cuts_its_own_footage_and_the_node_tells_who_has_results_of_it(village, tmp_path):
    for name in ("exchange", "pi-b"):
        (tmp_path / name).mkdir()
    pi = AnnouncedFootage(tmp_path / "pi-b", tmp_path / "exchange", "pi-b", say=print)
    placed = PlacedFootage(
        village.footage, exchange=tmp_path / "exchange", footage=Path("/footage")
    )
    manifest, gone = made(village, tmp_path, pi)
    kept = {s.sha256 for s in manifest.segments if s.minute != 1}

    worker = forgetting(village, placed, elsewhere=placed)
    worker.order(order())
    assert not worker.tend()
    assert not worker.done()  # it is away
    assert village.store.is_forgotten(manifest.version)

    told = tmp_path / "exchange" / ORDERS / "pi-b" / FORGET
    assert b"not for a Pi" not in told.read_bytes()
    assert [("street", manifest.version)] == pi.cut()
    assert [] == pi.cut()
    assert [] == pi.carry_out()
    (new,) = pi.versions("street")
    assert {s.sha256 for s in pi.manifest(new).segments} == kept
    assert not holding(tmp_path / "pi-b", gone)

    assert worker.tend()
    assert worker.done()
    assert village.store.forgotten()[manifest.version].replaced_by == new
    assert [new] == placed.versions("street")


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", ["materialise", "put", "erase"])
@pytest.mark.parametrize("after", [False, True])
def test_a_pi_that_is_killed_goes_on_at_its_next_start(tmp_path, monkeypatch, step, after):
    for name in ("exchange", "pi-b"):
        (tmp_path / name).mkdir()

    def start():
        return AnnouncedFootage(tmp_path / "pi-b", tmp_path / "exchange", "pi-b", say=print)

    manifest = make_face(tmp_path / "face", dataset="street", minutes=3)
    gone = (tmp_path / "face" / "segments" / f"{manifest.segments[1].sha256}.zip").read_bytes()
    start().put(tmp_path / "face", manifest)
    said = tmp_path / "exchange" / ORDERS / "pi-b" / FORGET
    said.parent.mkdir(parents=True)
    said.write_bytes(forgets_bytes([order()]))
    real = getattr(FolderFootage, step)

    def die(*args):
        if after:
            real(*args)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(FolderFootage, step, die)
        with pytest.raises(Killed):
            start().cut()
    pi = start()
    pi.carry_out()
    pi.cut()
    (new,) = pi.versions("street")
    assert made_from(pi.manifest(new)) == manifest.version
    assert not holding(tmp_path / "pi-b", gone)
    arrivals = contents(tmp_path / "exchange" / "arrivals")
    assert [f"pi-b/{new.removeprefix('sha256:')}.json"] == [*arrivals]


def test_what_arrives_with_such_frames_is_not_offered_and_its_rest_is(village, tmp_path):
    for name in ("exchange", "pi-b"):
        (tmp_path / name).mkdir()
    pi = AnnouncedFootage(tmp_path / "pi-b", tmp_path / "exchange", "pi-b", say=print)
    placed = PlacedFootage(
        village.footage, exchange=tmp_path / "exchange", footage=Path("/footage")
    )
    arrivals = Arrivals(
        domain="north", datasets=[DatasetConfig(name="street", record=Recording())],
        store=village.store,
        journal=Journal(
            store=village.store, clock=village.clock, domain="north", owner="olga",
            close=lambda record: None,
        ),
        footage=placed, offer=village.store.register_dataset, hold=placed.hold, say=print,
    )  # fmt: skip
    worker = forgetting(village, placed, elsewhere=placed)
    worker.order(order())
    pi.put(tmp_path / "face", make_face(tmp_path / "face", dataset="street", minutes=3))
    for _ in range(2):
        arrivals.look()
    assert "street" not in village.store.datasets()
    worker.tend()
    pi.cut()
    arrivals.look()
    worker.tend()
    assert [village.store.datasets()["street"].version] == pi.versions("street")
    assert worker.done()


HOSTILE = {
    "noise": b"\xff\x00",
    "a list": b"[]",
    "no list": b'{"forget": {}}',
    "no order": b'{"forget": [{}]}',
    "too many": b'{"forget": [' + b"1," * 5000 + b"1]}",
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_pi_believes_no_order_that_is_not_sound_and_keeps_the_last_one(tmp_path, how):
    for name in ("exchange", "pi-b"):
        (tmp_path / name).mkdir()
    pi = AnnouncedFootage(tmp_path / "pi-b", tmp_path / "exchange", "pi-b", say=print)
    said = tmp_path / "exchange" / ORDERS / "pi-b" / FORGET
    said.parent.mkdir(parents=True)
    said.write_bytes(HOSTILE[how])
    assert pi.forgets() == ()
    said.write_bytes(forgets_bytes([order()]))
    (known,) = pi.forgets()
    said.write_bytes(HOSTILE[how])
    assert pi.forgets() == (known,)


def test_what_a_killed_writer_left_goes_as_well_and_what_one_writes_now_does_not(tmp_path):
    store = FolderFootage(tmp_path / "footage")
    manifest = make_face(tmp_path / "face")
    store.put(tmp_path / "face", manifest)
    killed, writes = (tmp_path / "footage" / "plaza" / f"{NEW}{n}" for n in ("killed", "writes"))
    for folder in (killed, writes):
        folder.mkdir()
        os.link(next((tmp_path / "face" / "segments").iterdir()), folder / "segment.zip")
    handle = os.open(writes, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    store.erase(manifest.version)
    assert not killed.exists()
    assert (writes / "segment.zip").exists()
    os.close(handle)
    store.erase(manifest.version)
    assert not writes.exists()
