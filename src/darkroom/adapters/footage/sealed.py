"""A `FootageStore` in any blob store, above all S3: sealed before it leaves the node.

The object store may stand at the centre, so it sees ciphertext only: AES-256-GCM with a
random nonce for every object and the object's key as associated data, so that no object
can stand for another one. Files are cut into pieces, so that a node seals and opens with
little memory and a broken upload goes on where it stopped.

    versions/<dataset>/<number>-<version hex>    the manifest
    pieces/<keyed hash>/<number>                 a part of a segment or annotation file
"""

import contextlib
import hashlib
import hmac
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from darkroom.adapters.footage.face_files import (
    INGEST_AGAIN,
    MAKE_ROOM,
    MANIFEST,
    MOST_MANIFEST_BYTES,
    FaceFile,
    face_files,
    place,
    read_manifest,
    require_hash,
    versions_in,
)
from darkroom.errors import StateError, UnknownNameError
from darkroom.model.canonical import canonical
from darkroom.model.dataset import Manifest
from darkroom.model.identity import require_name
from darkroom.ports import BlobStore, Clock


PIECE_BYTES = 8 << 20
NONCE_BYTES = 12
KEY_BYTES = 32
IN_USE_SECONDS = 3600.0  # longer than a job runs: nothing younger is evicted


def footage_key(path: Path) -> bytes:
    """The node's key for footage, made (mode 0600) where there is none yet.

    Raises:
        StateError: the file is not a key, or others may read it.
    """
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
    key = path.read_bytes()
    if len(key) != KEY_BYTES or path.stat().st_mode & 0o077:
        raise StateError(
            f"{path.name} is not a key of {KEY_BYTES} bytes that only the node may read",
            next_step="restore it from the node's backup, with mode 0600",
        )
    return key


class _Seal:
    """Names, seals and opens objects under one key."""

    def __init__(self, key: bytes) -> None:
        both = HKDF(SHA256(), 2 * KEY_BYTES, salt=None, info=b"darkroom footage 1")
        derived = both.derive(key)
        self._cipher = AESGCM(derived[:KEY_BYTES])
        self._naming = derived[KEY_BYTES:]

    def name(self, sha256: str) -> str:
        """A name that tells nobody else which file it is."""
        return hmac.new(self._naming, sha256.encode(), hashlib.sha256).hexdigest()

    def seal(self, address: str, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, address.encode())

    def open(self, address: str, sealed: bytes) -> bytes:
        try:
            nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return self._cipher.decrypt(nonce, rest, address.encode())
        except (InvalidTag, ValueError) as error:
            raise StateError(
                "footage in the object store was changed, or sealed under another key",
                next_step="restore the node's footage key, or " + INGEST_AGAIN,
            ) from error


class SealedFootage:
    """Dataset versions as sealed objects, with a cache of bounded size beside the jobs.

    Args:
        blobs: Where the sealed objects go.
        key: 32 secret bytes of the node; see `footage_key`.
        cache: A folder of our own.
        cache_mib: How much the cache may hold.
        clock: Says how long ago a face was used.
    """

    def __init__(
        self, *, blobs: BlobStore, key: bytes, cache: Path, cache_mib: int, clock: Clock
    ) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        cache.chmod(0o700)
        self._blobs = blobs
        self._seal = _Seal(key)
        self._cache = cache
        self._most = cache_mib << 20
        self._clock = clock
        self._lock = threading.Lock()

    def put(self, face: Path, manifest: Manifest) -> None:
        """See `FootageStore.put`. The manifest goes last: before it, nothing is there."""
        dataset = require_name(manifest.dataset, "dataset")
        if manifest.version in self.versions(dataset):
            return
        for file in face_files(manifest):
            require_hash(face / file.path, file.sha256)
            prefix = f"pieces/{self._seal.name(file.sha256)}/"
            there = set(self._blobs.keys(prefix))
            for number, plain in enumerate(_pieces(face / file.path)):
                key = f"{prefix}{number:06d}"
                if key not in there:
                    self._blobs.put(key, self._seal.seal(key, plain))
        numbered = self._numbered(f"versions/{dataset}/")
        number = max((n for n, _, _ in numbered), default=0) + 1
        name = f"{number:08d}-{manifest.version.removeprefix('sha256:')}"
        key = f"versions/{dataset}/{name}"
        self._blobs.put(key, self._seal.seal(key, canonical(manifest.to_mapping())))

    def manifest(self, version: str) -> Manifest:
        """See `FootageStore.manifest`."""
        for _, found, key in self._numbered("versions/"):
            if found == version:
                return read_manifest(self._get(key, MOST_MANIFEST_BYTES), version)
        raise UnknownNameError(
            f"this domain has no dataset version {ascii(version)[:80]}",
            next_step="ask for a version that `darkroom node status` lists",
        )

    def versions(self, dataset: str) -> list[str]:
        """See `FootageStore.versions`."""
        prefix = f"versions/{require_name(dataset, 'dataset')}/"
        return [version for _, version, _ in self._numbered(prefix)]

    def materialise(self, version: str) -> Path:
        """See `FootageStore.materialise`. From the cache when it is there and whole."""
        with self._lock:
            face = self._cache / version.removeprefix("sha256:")
            if face.is_dir():
                manifest = read_manifest((face / MANIFEST).read_bytes(), version)
                with contextlib.suppress(StateError):  # a damaged cache is fetched again
                    for file in face_files(manifest):
                        require_hash(face / file.path, file.sha256)
                    self._touch(face)
                    return face
                shutil.rmtree(face)
            manifest = self.manifest(version)
            self._make_room(manifest)
            try:
                self._fetch(manifest, face)
            except OSError as error:
                raise StateError(
                    f"the cache of footage cannot be written: {error.strerror}",
                    next_step=MAKE_ROOM,
                ) from error
            self._touch(face)
            return face

    def erase(self, version: str) -> None:
        """See `FootageStore.erase`. The manifest goes last: until then it can go on."""
        with self._lock:
            shutil.rmtree(self._cache / version.removeprefix("sha256:"), ignore_errors=True)
            self._drop_torn()
        kept: set[str] = set()
        own: dict[str, set[str]] = {}
        for _, found, key in self._numbered("versions/"):
            manifest = read_manifest(self._get(key, MOST_MANIFEST_BYTES), found)
            names = {self._seal.name(file.sha256) for file in face_files(manifest)}
            if found == version:
                own[key] = names
            else:
                kept |= names
        for manifest_key, names in own.items():
            for name in sorted(names - kept):
                for key in self._blobs.keys(f"pieces/{name}/"):
                    self._blobs.delete(key)
            self._blobs.delete(manifest_key)

    def describe(self) -> str:
        """See `FootageStore.describe`."""
        return f"sealed in {self._blobs.describe()}"

    # ------------------------------------------------------------------------ the store

    def _numbered(self, prefix: str) -> list[tuple[int, str, str]]:
        keys = {key.rpartition("/")[2]: key for key in self._blobs.keys(prefix)}
        return [
            (number, version, keys[f"{number:08d}-{version.removeprefix('sha256:')}"])
            for number, version in versions_in(iter(keys))
        ]

    def _get(self, key: str, most: int) -> bytes:
        try:
            sealed = self._blobs.get(key)
        except UnknownNameError as error:
            raise StateError(
                "footage is missing in the object store", next_step=INGEST_AGAIN
            ) from error
        plain = self._seal.open(key, sealed)
        if len(plain) > most:
            raise StateError("a stored object is too long", next_step=INGEST_AGAIN)
        return plain

    # ------------------------------------------------------------------------ the cache

    def _fetch(self, manifest: Manifest, face: Path) -> None:
        self._drop_torn()
        staging = Path(tempfile.mkdtemp(dir=self._cache, prefix="new-"))
        try:
            for file in face_files(manifest):
                self._fetch_file(file, staging)
            (staging / MANIFEST).write_bytes(canonical(manifest.to_mapping()))
            staging.rename(face)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _drop_torn(self) -> None:
        """Of a process that was killed: one process fetches, the node; an ingest only puts."""
        for left in self._cache.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _fetch_file(self, file: FaceFile, staging: Path) -> None:
        target = place(staging, file)
        prefix = f"pieces/{self._seal.name(file.sha256)}/"
        with target.open("wb") as written:
            for key in self._blobs.keys(prefix):
                written.write(self._get(key, PIECE_BYTES))
        target.chmod(0o444)
        require_hash(target, file.sha256)

    def _make_room(self, manifest: Manifest) -> None:
        need = sum(segment.size for segment in manifest.segments)
        faces = sorted(
            (face for face in self._cache.iterdir() if face.is_dir()),
            key=lambda face: face.stat().st_mtime,
        )
        sizes = {face: _size(face) for face in faces}
        free = self._most - sum(sizes.values())
        for face in faces:
            if free >= need:
                return
            if self._clock.now() - face.stat().st_mtime > IN_USE_SECONDS:
                shutil.rmtree(face)
                free += sizes[face]
        if free < need:
            raise StateError(
                f"the cache of {self._most >> 20} MiB has no room for footage of "
                f"{-(-need >> 20)} MiB",
                next_step="give the node a larger cache, or wait until jobs have ended",
            )

    def _touch(self, face: Path) -> None:
        now = self._clock.now()
        os.utime(face, (now, now))


def _size(face: Path) -> int:
    return sum(path.stat().st_size for path in face.rglob("*") if path.is_file())


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
