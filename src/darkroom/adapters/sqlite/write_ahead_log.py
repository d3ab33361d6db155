"""Finds damage in SQLite's write-ahead log, which SQLite itself takes for its end.

SQLite reads the log up to the first frame whose checksum does not fit, and forgets the
rest: right after a power cut, where only the last transaction can be torn, and wrong after
a flipped bit, where whole transactions that were on disk would be lost without a word. Two
commits that lie behind a bad frame tell the second from the first.

Formats: https://sqlite.org/fileformat2.html#walformat and https://sqlite.org/walformat.html
"""

import sqlite3
import struct
import sys
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


_HEADER = struct.Struct(">8I")  # magic, format, page size, number, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page, size of the file after a commit, salts, checksums
_TAKEN = struct.Struct("=16xI")  # in the index: the last frame that SQLite took
_MAGIC = 0x377F0682  # the last bit tells the byte order of the checksums
_LOOKS = 3
_MASK = 0xFFFFFFFF
_PAGE = 4096  # bytes, as SQLite makes them


def damaged_frame(database: Path) -> int:
    """The number of a damaged frame with whole transactions behind it; 0: there is none.

    Another process may write while we read: only what is seen again and again is damage.

    Raises:
        sqlite3.Error: SQLite cannot read the file at all.
    """
    log = database.with_name(f"{database.name}-wal")
    if not log.is_file() or log.stat().st_size <= _HEADER.size:
        return 0
    # Unlike others, a connection that only reads leaves the log as it is when it ends.
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
        db.execute("PRAGMA schema_version").fetchone()
        index = database.with_name(f"{database.name}-shm")
        found = _look(log, index)
        for _ in range(_LOOKS - 1):
            if not found or _look(log, index) != found:
                return 0
    return found


def _look(log: Path, index: Path) -> int:
    with index.open("rb") as file:
        (taken,) = _TAKEN.unpack(file.read(_TAKEN.size))
    bad, commits = 0, 0
    for number, (follows, commit) in enumerate(_frames(log, taken), start=taken + 1):
        if not bad:
            if not follows:
                bad, commits = number, int(commit)
            elif commit:
                return 0  # somebody just wrote it
        elif follows:
            commits += int(commit)
        elif number > bad + 1:  # a damaged checksum spoils one frame more
            break
    return bad if commits > 1 else 0


def _frames(log: Path, after: int) -> Iterator[tuple[bool, bool]]:
    """Of each frame: whether it follows the one before it, and whether it commits."""
    with log.open("rb") as file:
        start = file.read(_HEADER.size).ljust(_HEADER.size, b"\0")
        magic, _, size, _, *salts, sum_1, sum_2 = _HEADER.unpack(start)
        swapped = (magic & 1 == 1) != (sys.byteorder == "big")
        before = (sum_1, sum_2)
        if magic & ~1 != _MAGIC or before != _checksum(start[:24], (0, 0), swapped=swapped):
            # The header itself is damaged: what the frames say must do.
            size, salts, swapped, before = _PAGE, [], False, (-1, -1)
        whole = _FRAME.size + size
        if after:
            file.seek(_HEADER.size + (after - 1) * whole)
            *_, sum_1, sum_2 = _FRAME.unpack(file.read(whole)[: _FRAME.size].ljust(_FRAME.size))
            before = (sum_1, sum_2)
        while len(frame := file.read(whole)) == whole:
            _, commit, *found, sum_1, sum_2 = _FRAME.unpack_from(frame)
            salts = salts or found
            sums = _checksum(frame[:8] + frame[_FRAME.size :], before, swapped=swapped)
            before = (sum_1, sum_2)
            yield found == salts and sums == before, found == salts and commit > 0


def _checksum(data: bytes, start: tuple[int, int], *, swapped: bool) -> tuple[int, int]:
    words = array("I", data)
    if swapped:
        words.byteswap()
    first, second = start
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
