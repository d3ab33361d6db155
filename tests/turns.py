"""Whose turn it is when two processes run the suite: tests marked `alone` share with nobody.

Two locks in a folder that all processes of a run know: a turnstile that everybody passes, and
the room. Who wants to be alone stays in the turnstile, so that nobody else comes in meanwhile.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait for our turn, and keep it."""
    with (folder / "turnstile").open("w") as turnstile, (folder / "room").open("w") as room:
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(turnstile, fcntl.LOCK_UN)
        yield
