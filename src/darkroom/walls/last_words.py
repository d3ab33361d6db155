"""Why a container gave up, where the kubelet looks: it becomes a part of the pod's status.

The file is open to every process of the container. So it is opened before any of a job runs,
and what lies in it is replaced when none of the job lives any more.
"""

import contextlib
import os
import sys
from functools import cache
from pathlib import Path


WORDS = Path("/dev/termination-log")
MOST = 1000


@cache
def open_words() -> int:
    """The file's descriptor, opened once; -1 where there is none."""
    with contextlib.suppress(OSError):
        return os.open(WORDS, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return -1


def replace(words: str) -> None:
    """Let the file hold these words and nothing else."""
    with contextlib.suppress(OSError):
        os.ftruncate(open_words(), 0)
        os.pwrite(open_words(), words[:MOST].encode(errors="replace"), 0)


def say(words: str) -> None:
    """Tell it to the kubelet, and to who reads the container's log."""
    replace(words)
    with contextlib.suppress(OSError):
        sys.stderr.write(words[:MOST] + "\n")
        sys.stderr.flush()
