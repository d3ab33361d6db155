"""Which approved job is nearest to a new one: the one to compare it with. Pure.

Same code first, then files that are the same, then lines that are the same. The work is
bounded whatever the files hold: hashes for all, lines for a few, no alignment.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from darkroom.model.job import JobRequest
from darkroom.owner.history import Asked


LOOKED_INTO = 6  # approved jobs whose lines are compared
MAX_LINES = 4_000
MAX_BYTES = 512 << 10
LEAST = 0.2  # of lines alike; below, it is another program
_NEWLINE = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The approved job that is most like a new one.

    Attributes:
        same_code: whether it has the same code digest.
        files: its bytes; empty when they are not kept any more.
    """

    asked: Asked
    same_code: bool
    files: Mapping[str, bytes]


def nearest(
    request: JobRequest,
    files: Mapping[str, bytes],
    approved: Sequence[Asked],
    files_of: Callable[[Asked], Mapping[str, bytes]],
) -> Nearest | None:
    """The nearest of what was approved before, or None.

    Args:
        request: the new job.
        files: path -> bytes of its code.
        approved: what to choose from, latest first.
        files_of: reads the code of one of them; expensive.
    """
    for asked in approved:
        if asked.request.spec.code_digest == request.spec.code_digest:
            return Nearest(asked=asked, same_code=True, files=files)
    first = sorted(approved, key=lambda a: _alike_by_name(request, a.request), reverse=True)
    ours = _lines(files)
    best: tuple[float, Nearest] | None = None
    for asked in first[:LOOKED_INTO]:
        theirs = files_of(asked)
        alike = max(_alike(ours, _lines(theirs)), _shared(request, asked.request))
        if alike >= LEAST and (best is None or alike > best[0]):
            best = alike, Nearest(asked=asked, same_code=False, files=theirs)
    return best[1] if best else None


def _alike_by_name(one: JobRequest, other: JobRequest) -> tuple[float, bool, bool, bool]:
    """From the specs alone: shared files, then the same name, entrypoint and person."""
    return (
        _shared(one, other),
        one.spec.name == other.spec.name,
        one.spec.entrypoint == other.spec.entrypoint,
        one.submitter == other.submitter,
    )


def _shared(one: JobRequest, other: JobRequest) -> float:
    """The part of all different contents that both have."""
    ours, theirs = set(one.spec.files.values()), set(other.spec.files.values())
    return len(ours & theirs) / len(ours | theirs)


def _alike(ours: list[bytes], theirs: list[bytes]) -> float:
    if not ours or not theirs:
        return 0.0
    # `quick_ratio` counts lines; `ratio` would align them, which hostile files make slow.
    return SequenceMatcher(None, ours, theirs, autojunk=False).quick_ratio()


def _lines(files: Mapping[str, bytes]) -> list[bytes]:
    """Lines of the Python files that say something, up to a bound."""
    found: list[bytes] = []
    for path in sorted(files):
        if path.endswith(".py"):
            split = _NEWLINE.split(files[path][:MAX_BYTES])
            found += [line.strip() for line in split if line.strip()]
        if len(found) >= MAX_LINES:
            break
    return found[:MAX_LINES]
