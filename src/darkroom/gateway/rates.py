"""Token buckets: how often each party may ask."""

from darkroom.gateway.answers import TooFastError
from darkroom.ports import Clock


MAX_KEYS = 20_000


class Rates:
    """One bucket per key (an identity, or an address before the login)."""

    def __init__(self, clock: Clock, *, per_second: float, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, key: str) -> None:
        """Take one request out of the bucket.

        Raises:
            TooFastError: it is empty.
        """
        now = self._clock.monotonic()
        level, since = self._buckets.get(key, (float(self._burst), now))
        level = min(self._burst, level + (now - since) * self._per_second)
        if level < 1.0:
            raise TooFastError((1.0 - level) / self._per_second)
        if key not in self._buckets and len(self._buckets) >= MAX_KEYS:
            self._prune(now)
        self._buckets[key] = (level - 1.0, now)

    def _prune(self, now: float) -> None:
        # A bucket that has filled up again says nothing. If all are in use, the oldest go:
        # memory is bounded before fairness is.
        refill = self._burst / self._per_second
        kept = {k: v for k, v in self._buckets.items() if now - v[1] < refill}
        newest = sorted(kept.items(), key=lambda item: item[1][1])[-MAX_KEYS // 2 :]
        self._buckets = dict(newest)
