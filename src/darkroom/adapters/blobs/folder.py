"""A folder as a blob store: the fallback for one machine."""

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from darkroom.errors import SpecError, StateError, UnknownNameError


_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_DRAFT = ".draft-"


class FolderBlobStore:
    """The `BlobStore` port on files; a key is a relative path. Files are 0600."""

    def __init__(self, root: Path) -> None:
        """Use a folder, or make it.

        Raises:
            StateError: it cannot be made.
        """
        self._root = root
        with self._errors():
            root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, key: str, data: bytes) -> None:
        """Store: atomic, and on the disk when it returns."""
        path = self._path(key)
        with self._errors():
            try:
                self._write(path, data)
            except FileNotFoundError:  # a delete took the emptied folder away meanwhile
                self._write(path, data)

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{_DRAFT}{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        self._sync(path.parent)

    def get(self, key: str) -> bytes:
        """Read."""
        with self._errors():
            try:
                return self._path(key).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise UnknownNameError(
                    "the blob folder has no such key",
                    next_step="it may have expired; ask its sender to send it again",
                ) from None

    def delete(self, key: str) -> None:
        """Remove; folders that become empty go too."""
        path = self._path(key)
        with self._errors(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            for folder in path.relative_to(self._root).parents:
                if folder == Path():
                    break
                try:
                    (self._root / folder).rmdir()
                except OSError:  # not empty, or filled again meanwhile
                    break

    def keys(self, prefix: str) -> list[str]:
        """All keys with this prefix, sorted."""
        with self._errors():
            # Only the folder that the prefix names is walked.
            start = self._root / Path(*prefix.split("/")[:-1])
            if not start.resolve().is_relative_to(self._root.resolve()):
                return []
            return sorted(k for k in self._walk(start) if k.startswith(prefix))

    def describe(self) -> str:
        """One line for people: which kind, where."""
        return f"folder {self._root}"

    def _walk(self, start: Path) -> Iterator[str]:
        for folder, _, names in os.walk(start):
            for name in names:
                if not name.startswith(_DRAFT):
                    yield (Path(folder) / name).relative_to(self._root).as_posix()

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if len(key) > 900 or not all(_SEGMENT.fullmatch(p) for p in parts):  # noqa: PLR2004 - S3 takes 1024
            raise SpecError(
                "a blob key is a relative path of plain segments",
                next_step="use letters, digits, '.', '_', '@', '-' between slashes",
            )
        return self._root.joinpath(*parts)

    @staticmethod
    def _sync(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateError(
                f"the blob folder {self._root} failed: {error.strerror}",
                next_step="check free space and rights of that folder",
            ) from error
