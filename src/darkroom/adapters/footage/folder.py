"""A `FootageStore` in a folder of the node.

<root>/<dataset>/<number>-<version hex>/    a face, whole or not there at all
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from darkroom.adapters.footage.face_files import (
    MAKE_ROOM,
    MANIFEST,
    FaceFile,
    face_files,
    flush_file,
    flush_folder,
    place,
    read_manifest,
    require_hash,
    versions_in,
)
from darkroom.errors import StateError, UnknownNameError
from darkroom.model.canonical import canonical
from darkroom.model.dataset import Manifest
from darkroom.model.identity import require_name


GONE = "gone-"  # begins the name of a face that is being erased
NEW = "new-"  # and of one that is being written; who writes it holds a lock on it


class FolderFootage:
    """Dataset versions as folders. One process writes; any number read."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o700)
        self._root = root

    def put(self, face: Path, manifest: Manifest) -> None:
        """See `FootageStore.put`. Files are linked where the file system can."""
        with contextlib.suppress(UnknownNameError):
            self._find(manifest.version)
            return
        dataset = self._root / require_name(manifest.dataset, "dataset")
        staging: Path | None = None
        held: int | None = None
        try:
            dataset.mkdir(exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=dataset, prefix=NEW))
            held = _hold(staging)
            for file in face_files(manifest):
                _take(face, staging, file)
            (staging / MANIFEST).write_bytes(canonical(manifest.to_mapping()))
            flush_file(staging / MANIFEST)
            for folder in (*(p for p in staging.iterdir() if p.is_dir()), staging):
                flush_folder(folder)
            number = max((n for n, _ in self._numbered(dataset)), default=0) + 1
            name = f"{number:08d}-{manifest.version.removeprefix('sha256:')}"
            staging.rename(dataset / name)
            flush_folder(dataset)
        except OSError as error:
            raise StateError(
                f"the footage of {manifest.dataset} cannot be stored: {error.strerror}",
                next_step=MAKE_ROOM,
            ) from error
        finally:
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
            if held is not None:
                os.close(held)

    def manifest(self, version: str) -> Manifest:
        """See `FootageStore.manifest`."""
        path = self._find(version) / MANIFEST
        try:
            return read_manifest(path.read_bytes(), version)
        except OSError as error:
            raise StateError(
                f"the manifest of {version[:19]}… cannot be read: {error.strerror}",
                next_step="check the disk",
            ) from error

    def versions(self, dataset: str) -> list[str]:
        """See `FootageStore.versions`."""
        folder = self._root / require_name(dataset, "dataset")
        return [version for _, version in self._numbered(folder)]

    def materialise(self, version: str) -> Path:
        """See `FootageStore.materialise`. The face itself: nothing is copied."""
        face = self._find(version)
        for file in face_files(self.manifest(version)):
            require_hash(face / file.path, file.sha256)
        return face

    def erase(self, version: str) -> None:
        """See `FootageStore.erase`. First its name goes, so that it is whole or not there."""
        try:
            with contextlib.suppress(UnknownNameError):
                face = self._find(version)
                face.rename(face.with_name(f"{GONE}{face.name}"))
                flush_folder(face.parent)
            for left in self._root.glob(f"*/{GONE}*"):  # of this one, and of one that was killed
                shutil.rmtree(left)
            for left in self._root.glob(f"*/{NEW}*"):  # it may link to the same pictures
                if (held := _hold(left)) is not None:
                    shutil.rmtree(left)
                    os.close(held)
        except OSError as error:
            raise StateError(
                f"the footage of {version[:19]}… cannot be erased: {error.strerror}",
                next_step="check the disk; it is tried again",
            ) from error

    def describe(self) -> str:
        """See `FootageStore.describe`."""
        return f"folder {self._root}"

    @staticmethod
    def _numbered(dataset: Path) -> list[tuple[int, str]]:
        if not dataset.is_dir():
            return []
        return versions_in(entry.name for entry in dataset.iterdir())

    def _find(self, version: str) -> Path:
        for dataset in sorted(self._root.iterdir()):
            for number, found in self._numbered(dataset):
                if found == version:
                    return dataset / f"{number:08d}-{version.removeprefix('sha256:')}"
        raise UnknownNameError(
            f"this domain has no dataset version {ascii(version)[:80]}",
            next_step="ask for a version that `darkroom node status` lists",
        )


def _hold(folder: Path) -> int | None:
    """A lock on a folder, until it is closed or we are killed; None while another has it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None  # it is whole now, or gone
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _take(face: Path, staging: Path, file: FaceFile) -> None:
    """Link or copy one file, and see that what arrived is what was meant."""
    target = place(staging, file)
    try:
        os.link(face / file.path, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(face / file.path, target)
    target.chmod(0o444)
    require_hash(target, file.sha256)
    flush_file(target)
