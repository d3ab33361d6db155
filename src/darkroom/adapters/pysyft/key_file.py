"""The file that keys lie in: for its owner alone, whole or not at all, never lost on the way."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.errors import StateError


MAX_KEY_FILE = 64 << 10


def write_new(path: Path, fields: dict[str, Any]) -> None:
    """Write a key file: mode 0600 from the first byte, atomic, on disk when done.

    Raises:
        StateError: a key file is already there (it is never overwritten), or no room.
    """
    # unlike rename, link fails when the place is taken
    _write(path, fields, lambda draft: os.link(draft, path))


def replace(path: Path, fields: dict[str, Any]) -> None:
    """Put another content in the place of a key file, inside `exclusive`; all or nothing.

    Raises:
        StateError: no room; what was there stays.
    """
    _write(path, fields, lambda draft: draft.rename(path))


def _write(path: Path, fields: dict[str, Any], settle: Any) -> None:
    text = json.dumps(fields, indent=1)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            settle(draft)
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise StateError(
            f"there is already a key file at {path}",
            next_step="use it, or move it away first; a lost key cannot be made again",
        ) from None
    except OSError as error:
        raise StateError(
            f"the key file {path} could not be written: {error.strerror}",
            next_step="make room or choose another folder",
        ) from error


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Only one process at a time changes a key file.

    Raises:
        StateError: there is none, or another process is changing it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise _none(path) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Replaced between the two lines above: then we hold the lock of a file that is gone.
        if os.fstat(handle).st_ino != path.stat().st_ino:
            raise BlockingIOError
        for draft in path.parent.glob(f".{path.name}.*.new"):
            draft.unlink(missing_ok=True)  # of a process that was killed; it holds keys, too
        yield
    except BlockingIOError:
        raise StateError(
            f"another process is changing the key file {path}",
            next_step="let it finish, then do this again",
        ) from None
    finally:
        os.close(handle)


def read_private(path: Path) -> dict[str, Any]:
    """The fields of a key file that only its owner can read.

    Raises:
        StateError: missing, no JSON object, or readable by others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise _none(path) from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
            raise StateError(
                f"others on this machine can read the key file {path}",
                next_step=f"run `chmod 600 {path}`, and make new keys if it was shared",
            )
        data = file.read(MAX_KEY_FILE + 1)
    try:
        fields = json.loads(data) if len(data) <= MAX_KEY_FILE else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise damaged(path)
    return fields


def damaged(path: Path) -> StateError:
    """What is said of a key file that is none."""
    return StateError(
        f"the key file {path} is damaged or of a newer version",
        next_step="restore it from a copy, or with `darkroom identity recover`",
    )


def _none(path: Path) -> StateError:
    return StateError(
        f"there is no readable key file at {path}",
        next_step="make one with `darkroom identity init`, or name another folder",
    )
