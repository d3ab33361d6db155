"""How much of the secret got through: bits, not hopes."""

import math

import numpy as np
from numpy.typing import NDArray

from tests.attack.channels.vault import SECRET


SURE = 4.0  # standard deviations above chance, below which nothing was learned


def bits(got: bytes, secret: bytes = SECRET) -> int:
    """Bits of the secret that a reading holds, its errors paid for.

    A reading of so many bits with this share of errors is worth what a binary symmetric
    channel of that error carries. Chance agreement is worth nothing.
    """
    got = got[: len(secret)]
    return agreement(_unpacked(got), _unpacked(secret[: len(got)]))


def agreement(read: NDArray[np.uint8], sent: NDArray[np.uint8]) -> int:
    """The same for any places of the secret: what was read there, and what stands there.

    Args:
        read: bits, 0 or 1, [n].
        sent: bits of the secret at the same places, [n].
    """
    count, wrong = len(sent), int(np.count_nonzero(sent != read))
    if not count or count / 2 - wrong < SURE * math.sqrt(count) / 2:
        return 0
    return math.floor(count * (1 - _entropy(wrong / count)))


def _unpacked(data: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(data, np.uint8))


def _entropy(share: float) -> float:
    return -sum(p * math.log2(p) for p in (share, 1 - share) if p > 0)
