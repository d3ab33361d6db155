"""What every `FootageStore` does. Run on a folder, and on real S3 servers."""

import os
import shutil
from pathlib import Path

import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.announced import AnnouncedFootage
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.footage.placed import PlacedFootage
from darkroom.adapters.footage.sealed import SealedFootage
from darkroom.errors import StateError, UnknownNameError
from darkroom.model.dataset import Manifest
from darkroom.ports import FootageStore
from tests.conformance.s3_server import s3_server, versitygw  # noqa: F401 - fixtures
from tests.footage.faces import contents, make_face


class OnAnotherPi(PlacedFootage):
    """What a node sees of a version that another Pi's ingest takes in, and does for it."""

    def __init__(self, folder: Path) -> None:
        exchange, footage = folder / "exchange", folder / "footage"
        for each in (exchange, footage / "pi-b"):
            each.mkdir(parents=True)
        self.pi = AnnouncedFootage(footage / "pi-b", exchange, "pi-b", say=print)
        super().__init__(FolderFootage(folder / "own"), exchange=exchange, footage=footage)

    def put(self, face: Path, manifest: Manifest) -> None:
        self.pi.put(face, manifest)

    def materialise(self, version: str) -> Path:
        """Its hashes are checked where it is read; here by the Pi itself."""
        found = super().materialise(version)
        assert found == self.pi.materialise(version)
        return found

    def erase(self, version: str) -> None:
        super().erase(version)
        self.pi.carry_out()


@pytest.fixture(params=["folder", "placed", "on-another-pi", "s3_server", "versitygw"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FootageStore:
    if request.param == "folder":
        return FolderFootage(tmp_path / "footage")
    if request.param == "placed":
        own, exchange = FolderFootage(tmp_path / "own"), tmp_path / "exchange"
        return PlacedFootage(own, exchange=exchange, footage=Path("/footage"))
    if request.param == "on-another-pi":
        return OnAnotherPi(tmp_path / "domain")
    server = request.getfixturevalue(request.param)
    return SealedFootage(
        blobs=server.store(f"b-{abs(hash(str(tmp_path))):x}"),
        key=os.urandom(32),
        cache=tmp_path / "cache",
        cache_mib=16,
        clock=SystemClock(),
    )


def test_what_was_put_is_materialised_byte_for_byte(store, tmp_path):
    manifest = make_face(tmp_path / "face")

    store.put(tmp_path / "face", manifest)
    shutil.copytree(tmp_path / "face", tmp_path / "kept")
    shutil.rmtree(tmp_path / "face")  # the store does not lean on what it was given
    face = store.materialise(manifest.version)

    assert contents(tmp_path / "kept") == contents(face)
    assert manifest == store.manifest(manifest.version)


def test_the_same_version_twice_is_once(store, tmp_path):
    manifest = make_face(tmp_path / "face")

    for _ in range(2):
        store.put(tmp_path / "face", manifest)

    assert [manifest.version] == store.versions("plaza")


def test_versions_come_oldest_first_and_by_dataset(store, tmp_path):
    made = []
    for seed in (5, 3, 9):
        made.append(make_face(tmp_path / str(seed), seed=seed))
        store.put(tmp_path / str(seed), made[-1])
    other = make_face(tmp_path / "other", dataset="plaza-2")
    store.put(tmp_path / "other", other)

    assert [m.version for m in made] == store.versions("plaza")
    assert [other.version] == store.versions("plaza-2")
    assert [] == store.versions("nothing-here")


def test_an_unknown_version_is_said(store):
    for ask in (store.manifest, store.materialise):
        with pytest.raises(UnknownNameError):
            ask("sha256:" + "0" * 64)


def test_a_face_that_is_not_what_its_manifest_says_is_refused_and_leaves_nothing(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    segment = next((tmp_path / "face" / "segments").iterdir())
    segment.write_bytes(segment.read_bytes()[:-1] + b"x")

    with pytest.raises(StateError):
        store.put(tmp_path / "face", manifest)

    assert [] == store.versions("plaza")


def test_a_missing_file_is_refused_and_a_mended_face_goes_in(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    segment = next((tmp_path / "face" / "segments").iterdir())
    data = segment.read_bytes()
    segment.unlink()
    with pytest.raises(StateError):
        store.put(tmp_path / "face", manifest)

    segment.write_bytes(data)
    store.put(tmp_path / "face", manifest)

    assert store.materialise(manifest.version).is_dir()


def test_files_that_a_job_will_see_are_read_only(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    store.put(tmp_path / "face", manifest)

    face = store.materialise(manifest.version)

    assert {0o444} == {p.stat().st_mode & 0o777 for p in face.rglob("*/*") if p.is_file()}


def test_a_changed_local_copy_is_never_handed_to_a_job(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    store.put(tmp_path / "face", manifest)
    face = store.materialise(manifest.version)
    target = next((face / "segments").iterdir())
    target.chmod(0o644)
    changed = bytearray(target.read_bytes())
    changed[len(changed) // 2] ^= 1
    target.write_bytes(changed)

    try:  # refused, or fetched again: never the changed bytes
        face = store.materialise(manifest.version)
    except StateError:
        return
    assert changed != (face / "segments" / target.name).read_bytes()


def test_it_says_where_it_is(store):
    assert any(word in store.describe() for word in ("folder", "s3://"))


def test_an_erased_version_is_gone_for_good(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    store.put(tmp_path / "face", manifest)
    face = store.materialise(manifest.version)

    for _ in range(2):  # again: nothing happens
        store.erase(manifest.version)

    assert [] == store.versions("plaza")
    assert not face.exists()
    for ask in (store.manifest, store.materialise):
        with pytest.raises(UnknownNameError):
            ask(manifest.version)


def test_erasing_leaves_what_other_versions_share(store, tmp_path):
    """The longer version begins with the same minutes as the shorter one."""
    short = make_face(tmp_path / "short", minutes=2)
    long = make_face(tmp_path / "long", minutes=3)
    other = make_face(tmp_path / "other", dataset="yard", minutes=2)
    for name, manifest in (("short", short), ("long", long), ("other", other)):
        store.put(tmp_path / name, manifest)
    assert short.segments == long.segments[:2] == other.segments

    store.erase(short.version)

    assert [long.version] == store.versions("plaza")
    assert contents(tmp_path / "long") == contents(store.materialise(long.version))
    assert contents(tmp_path / "other") == contents(store.materialise(other.version))


def test_what_was_erased_may_come_back(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    store.put(tmp_path / "face", manifest)
    store.erase(manifest.version)

    store.put(tmp_path / "face", manifest)

    assert contents(tmp_path / "face") == contents(store.materialise(manifest.version))


def test_nothing_of_an_unknown_version_is_erased(store, tmp_path):
    manifest = make_face(tmp_path / "face")
    store.put(tmp_path / "face", manifest)

    store.erase("sha256:" + "0" * 64)

    assert [manifest.version] == store.versions("plaza")
