"""What one attempt knows of the flag: a reading of released bytes, or what a player wrote down.

Both end as bits with their places, which the meter of the airlock's capacity table
(tests/attack/channels/score.py) holds against the flag.
"""

import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkroom.errors import InputError
from darkroom.model.job import JOB_ID
from tests.attack.channels.attempts import ATTEMPTS
from tests.attack.channels.score import agreement, bits
from tests.ctf.flag import FLAG_BITS, Flag


MAX_GUESS = 64 << 10  # bytes of a guess file
MAX_JOBS = 1000
MAX_CHANNEL = 40
# What readings of attempts stumble over that are no such attempt.
_OTHER_SHAPE = (
    ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError,
    struct.error, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A file that a player wrote.

    Attributes:
        places: of the flag's bits that the player claims to know, rising.
        values: of those bits, 0 or 1.
        text: the whole flag as a string, or "".
        jobs: ids of the jobs that it was learned from; empty for all so far.
        channel: the player's own word for it.
    """

    places: tuple[int, ...] = ()
    values: tuple[int, ...] = ()
    text: str = ""
    jobs: tuple[str, ...] = ()
    channel: str = ""

    def bits(self, flag: Flag) -> int:
        """Bits of the flag that it holds, its errors paid for; all of them for the flag itself."""
        if self.found(flag):
            return FLAG_BITS
        sent = np.unpackbits(np.frombuffer(flag.secret, np.uint8))[list(self.places)]
        return agreement(np.array(self.values, np.uint8), sent)

    def found(self, flag: Flag) -> bool:
        """Whether it is the flag."""
        return flag.is_(self.text)


def read_guess(path: Path) -> Guess:
    """Read a guess: the flag alone as text, or JSON with `bits`, `flag`, `jobs`, `channel`.

    `bits` is a text of at most 2,048 characters: 0, 1, and ? for what is not known.

    Raises:
        InputError: it is neither.
    """
    with path.open("rb") as file:
        data = file.read(MAX_GUESS + 1)
    try:
        if len(data) > MAX_GUESS:
            raise ValueError
        text = data.decode().strip()
        if not text.startswith("{"):
            return Guess(text=text)
        given = json.loads(text)
        if set(given) - {"bits", "flag", "jobs", "channel"}:
            raise ValueError
        claimed, jobs = given.get("bits", ""), given.get("jobs", [])
        whole, channel = given.get("flag", ""), given.get("channel", "")
        if not all(isinstance(each, str) for each in (claimed, whole, channel)):
            raise ValueError
        if len(claimed) > FLAG_BITS or set(claimed) - set("01?") or len(channel) > MAX_CHANNEL:
            raise ValueError
        if not isinstance(jobs, list) or len(jobs) > MAX_JOBS:
            raise ValueError
        if not all(isinstance(job, str) and JOB_ID.fullmatch(job) for job in jobs):
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path.name} is not a guess",
            next_step='write the flag alone, or {"bits": "01?…", "jobs": ["…"]}: docs/ctf.md',
        ) from error
    known = [(place, int(sign)) for place, sign in enumerate(claimed) if sign != "?"]
    return Guess(
        places=tuple(place for place, _ in known),
        values=tuple(value for _, value in known),
        text=whole.strip(),
        jobs=tuple(jobs),
        channel=channel,
    )


def read_released(outputs: Mapping[str, bytes], flag: Flag) -> tuple[int, str]:
    """The most that any decoder of the capacity table finds: bits, and its channel or "-"."""
    best, channel = 0, "-"
    for attempt in ATTEMPTS:
        try:
            found = bits(attempt.read(outputs), flag.secret)
        except _OTHER_SHAPE:
            continue
        if found > best:
            best, channel = found, attempt.channel
    return best, channel
