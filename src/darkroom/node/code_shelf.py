"""Read-only copies of submitted code, one folder per `code_digest`. Never imported here."""

import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from darkroom.errors import StateError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import MAX_FILES


AT_ONCE = 8  # files that are flushed to disk


class CodeShelf:
    """A folder of content-addressed folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, code_digest: str) -> Path:
        """Where that code lies, or would lie."""
        return self._folder / code_digest.removeprefix("sha256:")

    def put(self, code_digest: str, files: Mapping[str, bytes]) -> None:
        """Keep a copy, flushed to disk when this returns. A whole one is left alone.

        Args:
            code_digest: names the copy.
            files: checked against the spec: their paths are plain and relative.

        Raises:
            StateError: no room; nothing is left behind.
        """
        place = self.path(code_digest)
        if self.hashes(code_digest) == {p: digest_bytes(b) for p, b in files.items()}:
            return
        draft = self._folder / f".draft-{secrets.token_hex(8)}"
        try:
            draft.mkdir(mode=0o700)
            for path, data in files.items():
                target = draft / path
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(target, data)
            _seal(draft)
            _flush_all([draft / path for path in files], draft)
            _remove(place)
            draft.rename(place)
            _flush(self._folder)
        except OSError as error:
            _remove(draft)
            raise StateError(
                f"the code of a job cannot be kept: {error.strerror}",
                next_step="make room on the domain's disk",
            ) from error

    def hashes(self, code_digest: str) -> dict[str, str]:
        """Path -> `sha256:…` of everything that lies there now, read anew.

        A link or special file is listed under its path with an impossible hash; more files
        than a job may have are not read to the end.
        """
        place = self.path(code_digest)
        found: dict[str, str] = {}
        for folder, folders, names in os.walk(place, followlinks=False):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*names, *links):
                path = Path(folder, name)
                plain = path.is_file() and not path.is_symlink()
                key = path.relative_to(place).as_posix()
                found[key] = digest_bytes(path.read_bytes()) if plain else "not a file"
                if len(found) > MAX_FILES:
                    return found
        return found

    def files(self, code_digest: str, paths: Collection[str]) -> dict[str, str]:
        """Attachment name -> path below the state folder, for a letter that shows the code."""
        place = self.path(code_digest)
        below = place.relative_to(self._folder.parent)
        return {f"code/{path}": (below / path).as_posix() for path in paths}

    def sweep(self, keep: Collection[str]) -> None:
        """Remove every copy whose `code_digest` is not among `keep`, and unfinished ones."""
        kept = {self.path(code_digest).name for code_digest in keep}
        for entry in self._folder.iterdir():
            if entry.name not in kept:
                _remove(entry)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        os.fchmod(handle, 0o444)


def _seal(draft: Path) -> None:
    """No name can be added any more."""
    for folder, _, _ in os.walk(draft, topdown=False):
        Path(folder).chmod(0o555)


def _flush_all(files: list[Path], draft: Path) -> None:
    """Bytes and names on disk. Side by side, so that the disk takes many at once."""
    folders = [Path(folder) for folder, _, _ in os.walk(draft)]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="flush") as pool:
        for _ in pool.map(_flush, (*files, *folders)):
            pass


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(place: Path) -> None:
    for folder, _, _ in os.walk(place):
        Path(folder).chmod(0o700)
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
