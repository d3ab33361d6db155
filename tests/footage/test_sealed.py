"""The object store stands at the centre: what lies there tells nothing and proves itself."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from darkroom.adapters.footage import sealed
from darkroom.adapters.footage.sealed import SealedFootage, footage_key
from darkroom.errors import StateError, UnreachableError
from tests.conformance.s3_server import S3Server
from tests.footage.faces import contents, make_face


KEY = b"k" * 32


@dataclass
class HandClock:
    time: float = 1e9
    ticks: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@pytest.fixture
def bucket() -> str:
    return f"b-{os.urandom(6).hex()}"


@pytest.fixture
def make(s3_server, bucket, tmp_path):
    def made(*, key: bytes = KEY, cache: str = "cache", mib: int = 16, clock=None) -> SealedFootage:
        blobs = s3_server.store(bucket)
        return SealedFootage(
            blobs=blobs,
            key=key,
            cache=tmp_path / cache,
            cache_mib=mib,
            clock=clock or HandClock(),
        )

    return made


def objects(server: S3Server, bucket: str) -> dict[str, bytes]:
    return contents(server.root / bucket)


def test_the_bucket_holds_no_picture_no_manifest_and_no_hash(make, s3_server, bucket, tmp_path):
    manifest = make_face(tmp_path / "face")
    make().put(tmp_path / "face", manifest)

    stored = objects(s3_server, bucket)

    assert stored
    told = b"\n".join([name.encode() + b"\n" + data for name, data in stored.items()])
    for segment in manifest.segments:
        assert segment.sha256.encode() not in told
        assert segment.annotations.encode() not in told
    for marker in (b"\xff\xd8\xff", b"JFIF", b"PK\x03\x04", b"cam-1", b'"segments"', b"person"):
        assert marker not in told


def test_the_same_picture_is_sealed_differently_every_time(make, s3_server, bucket, tmp_path):
    manifest = make_face(tmp_path / "face")
    make().put(tmp_path / "face", manifest)
    before = objects(s3_server, bucket)
    for path in before:
        make()._blobs.delete(path)
    make(cache="other").put(tmp_path / "face", manifest)

    after = objects(s3_server, bucket)

    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_another_key_opens_nothing(make, tmp_path):
    manifest = make_face(tmp_path / "face")
    make().put(tmp_path / "face", manifest)

    with pytest.raises(StateError, match="another key"):
        make(key=b"x" * 32, cache="other").materialise(manifest.version)


@pytest.mark.parametrize(
    ("kind", "harm"),
    [
        *(
            (kind, harm)
            for kind in ("versions", "pieces")
            for harm in ("flip", "cut", "empty", "swap")
        ),
        ("pieces", "gone"),  # a version that is gone is an unknown version
    ],
)
def test_a_touched_object_is_noticed(make, s3_server, bucket, tmp_path, kind, harm):
    manifest = make_face(tmp_path / "face")
    other = make_face(tmp_path / "other", seed=2)
    store = make()
    store.put(tmp_path / "face", manifest)
    store.put(tmp_path / "other", other)
    mine = [p for p in objects(s3_server, bucket) if p.startswith(kind)]
    if kind == "versions":
        hexes = manifest.version.removeprefix("sha256:")
        mine = [p for p in mine if p.endswith(hexes)] + [p for p in mine if not p.endswith(hexes)]
    target = s3_server.root / bucket / mine[0]
    data = bytearray(target.read_bytes())
    match harm:
        case "flip":
            data[len(data) // 2] ^= 1
            target.write_bytes(data)
        case "cut":
            target.write_bytes(data[:-1])
        case "empty":
            target.write_bytes(b"")
        case "swap":
            target.write_bytes((s3_server.root / bucket / mine[-1]).read_bytes())
        case "gone":
            store._blobs.delete(mine[0])

    with pytest.raises(StateError):
        materialise_all(make(cache="fresh"), manifest.version, other.version)
    assert not list((tmp_path / "fresh").glob("new-*"))


def materialise_all(store: SealedFootage, *versions: str) -> None:
    for version in versions:
        store.materialise(version)


def test_an_upload_that_was_cut_off_goes_on(make, s3_server, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(sealed, "PIECE_BYTES", 4096)
    manifest = make_face(tmp_path / "face")
    store = make()
    put, seen = store._blobs.put, []

    def cut_off(key: str, data: bytes) -> None:
        if len(seen) == 3:
            raise UnreachableError("the line is cut", next_step="wait")
        seen.append(key)
        put(key, data)

    monkeypatch.setattr(store._blobs, "put", cut_off)
    with pytest.raises(UnreachableError):
        store.put(tmp_path / "face", manifest)
    assert [] == store.versions("plaza")
    first = objects(s3_server, bucket)

    make().put(tmp_path / "face", manifest)

    after = objects(s3_server, bucket)
    assert first.items() <= after.items()  # what was there was not sent again
    again = make(cache="other").materialise(manifest.version)
    assert contents(tmp_path / "face") == contents(again)


def test_the_cache_keeps_to_its_size_and_to_what_is_in_use(make, tmp_path):
    clock = HandClock()
    store = make(mib=1, clock=clock)
    manifests = []
    for seed in range(3):
        manifests.append(make_face(tmp_path / str(seed), seed=seed, side=260, minutes=1))
        store.put(tmp_path / str(seed), manifests[-1])
    sizes = [sum(s.size for s in m.segments) for m in manifests]
    assert sizes[0] + sizes[1] < 1 << 20 < sum(sizes)
    for manifest in manifests[:2]:
        store.materialise(manifest.version)
        clock.time += 1

    with pytest.raises(StateError, match="no room"):
        store.materialise(manifests[2].version)  # both others may be open in a job

    clock.time += sealed.IN_USE_SECONDS - 0.5
    store.materialise(manifests[2].version)
    there = {p.name for p in (tmp_path / "cache").iterdir()}
    assert {m.version.removeprefix("sha256:") for m in manifests[1:]} == there


def test_a_cached_face_needs_no_store(make, s3_server, bucket, tmp_path):
    manifest = make_face(tmp_path / "face")
    store = make()
    store.put(tmp_path / "face", manifest)
    store.materialise(manifest.version)
    for path in objects(s3_server, bucket):
        store._blobs.delete(path)

    assert contents(tmp_path / "face") == contents(store.materialise(manifest.version))


def test_the_key_is_made_once_and_is_the_nodes_alone(tmp_path):
    first = footage_key(tmp_path / "footage.key")

    assert first == footage_key(tmp_path / "footage.key")
    assert (tmp_path / "footage.key").stat().st_mode & 0o777 == 0o600
    assert len(first) == 32


@pytest.mark.parametrize("harm", ["short", "open"])
def test_a_key_that_is_damaged_or_open_is_refused(tmp_path: Path, harm: str):
    path = tmp_path / "footage.key"
    footage_key(path)
    if harm == "short":
        path.write_bytes(b"short")
    else:
        path.chmod(0o644)

    with pytest.raises(StateError):
        footage_key(path)


def test_an_erasure_that_was_stopped_goes_on(make, s3_server, bucket, tmp_path, monkeypatch):
    manifest = make_face(tmp_path / "face")
    store = make()
    store.put(tmp_path / "face", manifest)
    left = 2

    def dies(key):
        nonlocal left
        left -= 1
        if left < 0:
            raise UnreachableError("the object store is away", next_step="wait")
        delete(key)

    delete = store._blobs.delete
    with monkeypatch.context() as patch:
        patch.setattr(store._blobs, "delete", dies)
        with pytest.raises(UnreachableError):
            store.erase(manifest.version)
    assert objects(s3_server, bucket)

    make(cache="other").erase(manifest.version)

    assert {} == objects(s3_server, bucket)
