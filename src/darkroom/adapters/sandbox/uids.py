"""Users of our own for jobs: a block of uids that no other launcher on the machine has.

Several nodes may run on one machine. A job's user is emptied by killing all that runs under
its uid, so two launchers must never hold the same one.
"""

import fcntl
import os
from pathlib import Path

from darkroom.errors import IsolationError


BLOCK = 64  # uids a launcher
BLOCKS = 128
LOCKS = Path("/run/lock")


def reserve(first: int, slots: int, locks: Path = LOCKS) -> tuple[int, int]:
    """The first uid of a free block and the descriptor that holds it until it is closed.

    Forked children hold it too, so a block is free only when nothing of ours is left.

    Raises:
        IsolationError: more slots than a block, or no block is free.
    """
    if slots > BLOCK:
        raise IsolationError(
            f"a launcher has at most {BLOCK} slots", next_step="configure fewer workers"
        )
    locks.mkdir(parents=True, exist_ok=True)
    for uid in range(first, first + BLOCK * BLOCKS, BLOCK):
        path = locks / f"darkroom-uids-{uid}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return uid, descriptor
    raise IsolationError(
        f"all {BLOCKS} blocks of job users are taken on this machine",
        next_step="stop nodes that are no longer needed",
    )
