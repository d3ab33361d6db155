"""Take what a job left in `/out`, when no process of it lives any more.

Everything here is hostile: names, kinds, sizes, depth. Nothing is opened through a link,
nothing but a regular file with one name is taken, and sizes are checked before and while
copying. One entry that does not fit, and nothing is taken.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator


NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\-]{0,127}")
DEPTH = 4
CHUNK = 1 << 20
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | _OPEN
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _OPEN
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN


class RefusedOutputError(Exception):
    """Something in `/out` is not taken.

    Attributes:
        error_class: the word that the outcome carries: `OutputLinkError` (link, socket, pipe,
            device, or an entry that is shut to us), `OutputNameError`, `OutputSizeError` (bytes, number, depth).
    """

    def __init__(self, error_class: str) -> None:
        super().__init__(error_class)
        self.error_class = error_class


class Collector:
    """Copies one tree into an empty folder.

    Args:
        most_bytes: bytes of all files together.
        most_files: files and folders together.
        owner: uid and gid that the copies belong to, or None to leave them.
        modes: of the folders and of the files that are made.
    """

    def __init__(
        self,
        *,
        most_bytes: int,
        most_files: int,
        owner: tuple[int, int] | None = None,
        modes: tuple[int, int] = (0o755, 0o644),
    ) -> None:
        self._bytes_left = most_bytes
        self._entries_left = most_files
        self._owner = owner
        self._folder_mode, self._file_mode = modes

    def take(self, source: int, target: int) -> None:
        """Copy everything below an open folder into another open folder.

        Raises:
            RefusedOutputError: an entry is not taken; the caller empties the target.
        """
        self._folder(source, target, DEPTH)

    def _folder(self, source: int, target: int, depth: int) -> None:
        with _opened():
            listed = os.scandir(source)
        with listed as entries:
            for entry in entries:
                self._entries_left -= 1
                if self._entries_left < 0:
                    raise RefusedOutputError("OutputSizeError")
                if not NAME.fullmatch(entry.name):
                    raise RefusedOutputError("OutputNameError")
                self._entry(entry.name, source, target, depth)

    def _entry(self, name: str, source: int, target: int, depth: int) -> None:
        with _opened():
            info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            if depth == 0:
                raise RefusedOutputError("OutputSizeError")
            self._subfolder(name, source, target, depth)
        elif stat.S_ISREG(info.st_mode) and info.st_nlink == 1:
            self._file(name, source, target)
        else:
            raise RefusedOutputError("OutputLinkError")

    def _subfolder(self, name: str, source: int, target: int, depth: int) -> None:
        os.mkdir(name, self._folder_mode, dir_fd=target)
        with _opened():
            inner_source = os.open(name, _FOLDER, dir_fd=source)
        try:
            inner_target = os.open(name, _FOLDER, dir_fd=target)
            try:
                self._give(inner_target)
                self._folder(inner_source, inner_target, depth - 1)
            finally:
                os.close(inner_target)
        finally:
            os.close(inner_source)

    def _file(self, name: str, source: int, target: int) -> None:
        with _opened():
            reading = os.open(name, _READ, dir_fd=source)
        try:
            info = os.fstat(reading)
            if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
                raise RefusedOutputError("OutputLinkError")
            # The apparent size: a sparse file must not grow into real blocks here.
            if info.st_size > self._bytes_left:
                raise RefusedOutputError("OutputSizeError")
            writing = os.open(name, _NEW, self._file_mode, dir_fd=target)
            try:
                self._give(writing)
                self._copy(reading, writing)
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    def _copy(self, reading: int, writing: int) -> None:
        while chunk := os.read(reading, CHUNK):
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                raise RefusedOutputError("OutputSizeError")
            view = memoryview(chunk)
            while view:
                view = view[os.write(writing, view) :]

    def _give(self, descriptor: int) -> None:
        if self._owner is not None:
            os.fchown(descriptor, *self._owner)


@contextlib.contextmanager
def _opened() -> Iterator[None]:
    """What a job shut to us is its own fault, and no fault of a volume."""
    try:
        yield
    except PermissionError as error:
        raise RefusedOutputError("OutputLinkError") from error


def empty(folder: int) -> None:
    """Remove what a refused collection had copied so far."""
    with os.scandir(folder) as entries:
        names = [(e.name, e.is_dir(follow_symlinks=False)) for e in entries]
    for name, is_folder in names:
        with contextlib.suppress(FileNotFoundError):
            if not is_folder:
                os.unlink(name, dir_fd=folder)
                continue
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                empty(inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)
