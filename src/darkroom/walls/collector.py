"""The last container of a job's pod: `python -I -m darkroom.walls.collector`.

No process of the job lives any more and none of its code is here. What it left in `/out` is
checked and copied to `/kept`, which the job never saw; so are the log and the verdict.
"""

import os
import stat
import sys
from pathlib import Path

from darkroom.errors import SpecError
from darkroom.walls.collect import Collector, RefusedOutputError, empty
from darkroom.walls.last_words import say
from darkroom.walls.order import (
    LOG,
    MAX_LOG,
    MAX_ORDER,
    MAX_VERDICT,
    NO_ORDER,
    NO_REPORT,
    NOT_KEPT,
    ORDER,
    REFUSED,
    VERDICT,
    Order,
    Verdict,
)


JOB, OUT, REPORT, KEPT = Path("/job"), Path("/out"), Path("/report"), Path("/kept")
TAKEN = "out"
MIB = 1 << 20
MODES = (0o770, 0o660)  # the node shares our group and takes it away again
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def main() -> int:
    """Take what is sound; the code with which the container ends."""
    os.umask(0o007)
    try:
        order = Order.from_json(_read(JOB / ORDER, MAX_ORDER))
    except (OSError, SpecError) as error:
        say(f"{ORDER} cannot be read: {type(error).__name__}")
        return NO_ORDER
    try:
        verdict = _read(REPORT / VERDICT, MAX_VERDICT)
        log = _read(REPORT / LOG, MAX_LOG)
    except OSError as error:
        say(f"what the worker said cannot be read: {error.strerror}")
        return NO_REPORT
    try:
        judged = Verdict.from_json(verdict)
        if judged is not None and judged.code == 0 and not judged.stopped:
            _take(order)
        _write(LOG, log)
        _write(VERDICT, verdict)  # last: without it nothing was kept
    except OSError as error:
        say(f"what the job left cannot be kept: {error.strerror}")
        return NOT_KEPT
    return 0


def _take(order: Order) -> None:
    (KEPT / TAKEN).mkdir(mode=MODES[0])
    source, target = os.open(OUT, _FOLDER), os.open(KEPT / TAKEN, _FOLDER)
    try:
        Collector(
            most_bytes=order.limits.output_mib * MIB, most_files=order.limits.files, modes=MODES
        ).take(source, target)
    except RefusedOutputError as refused:
        empty(target)
        _write(REFUSED, refused.error_class.encode())
    finally:
        os.close(source)
        os.close(target)


def _read(path: Path, most: int) -> bytes:
    """A regular file of ours or of a hostile job; never more than so many bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "no regular file")
        return file.read(most)


def _write(name: str, content: bytes) -> None:
    descriptor = os.open(
        KEPT / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODES[1]
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(main())
