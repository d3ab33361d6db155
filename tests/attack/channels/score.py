"""How much of the secret got through: bits, not hopes."""

import math

import numpy as np

from tests.attack.channels.vault import SECRET


SURE = 4.0  # standard deviations above chance, below which nothing was learned


def bits(got: bytes, secret: bytes = SECRET) -> int:
    """Bits of the secret that a reading holds, its errors paid for.

    A reading of so many bits with this share of errors is worth what a binary symmetric
    channel of that error carries. Chance agreement is worth nothing.
    """
    got = got[: len(secret)]
    if not got:
        return 0
    sent = np.unpackbits(np.frombuffer(secret[: len(got)], np.uint8))
    read = np.unpackbits(np.frombuffer(got, np.uint8))
    count, wrong = len(sent), int(np.count_nonzero(sent != read))
    if count / 2 - wrong < SURE * math.sqrt(count) / 2:
        return 0
    return math.floor(count * (1 - _entropy(wrong / count)))


def _entropy(share: float) -> float:
    return -sum(p * math.log2(p) for p in (share, 1 - share) if p > 0)
