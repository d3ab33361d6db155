"""The files of a face: which there must be, and whether each is what the manifest says."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import SpecError, StateError
from darkroom.model.dataset import Manifest


MANIFEST = "manifest.json"
MOST_MANIFEST_BYTES = 64 << 20
MAKE_ROOM = "free some space and do it again; nothing was changed"
INGEST_AGAIN = "restore it from a backup, or ingest the footage again"


@dataclass(frozen=True, slots=True)
class FaceFile:
    """A file of a face.

    Attributes:
        path: relative to the face folder.
        sha256: hex hash of its bytes.
    """

    path: str
    sha256: str


def face_files(manifest: Manifest) -> tuple[FaceFile, ...]:
    """All files but the manifest, each once."""
    found: dict[str, FaceFile] = {}
    for segment in manifest.segments:
        found[segment.sha256] = FaceFile(f"segments/{segment.sha256}.zip", segment.sha256)
        if segment.annotations:
            name = f"annotations/{segment.annotations}.json"
            found[segment.annotations] = FaceFile(name, segment.annotations)
    return tuple(found.values())


def require_hash(path: Path, sha256: str) -> None:
    """The file is there and is what its name says.

    Raises:
        StateError: otherwise.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StateError(
            f"footage {path.name[:12]}… cannot be read: {error.strerror}",
            next_step=INGEST_AGAIN,
        ) from error
    if found != sha256:
        raise StateError(
            f"footage {path.name[:12]}… was changed after it was stored",
            next_step=INGEST_AGAIN,
        )


def require_manifest(manifest: Manifest, version: str) -> Manifest:
    """The manifest itself, if the version is its hash.

    Raises:
        StateError: otherwise.
    """
    if manifest.version != version:
        raise StateError(
            f"the manifest of {version[:19]}… was changed after it was stored",
            next_step=INGEST_AGAIN,
        )
    return manifest


def read_manifest(data: bytes, version: str) -> Manifest:
    """A manifest out of bytes that were stored under a version.

    Raises:
        StateError: it is not the one.
    """
    try:
        value = json.loads(data)
        return require_manifest(Manifest.from_mapping(value), version)
    except (ValueError, TypeError, SpecError) as error:
        raise StateError(
            f"the manifest of {version[:19]}… is damaged", next_step=INGEST_AGAIN
        ) from error


def place(staging: Path, file: FaceFile) -> Path:
    """Where a file goes in a face that is being put together.

    The store's root keeps others out; within a face, a sandbox of another user may read.
    """
    target = staging / file.path
    for folder in (staging, target.parent):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    return target


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file(path: Path) -> None:
    """Make a file's bytes survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def versions_in(names: Iterator[str]) -> list[tuple[int, str]]:
    """`(number, version)` out of names like `00000003-<64 hex>`, sorted."""
    found = []
    for name in names:
        number, _, hexes = name.partition("-")
        if number.isdigit() and len(hexes) == 64:  # noqa: PLR2004 - SHA-256
            found.append((int(number), f"sha256:{hexes}"))
    return sorted(found)
