"""How often who was refused today: the first few are told one by one, the others as a number.

The audit log is kept for good, and an entry costs its writer one letter.
"""

import datetime as dt

from darkroom.model.budget import DAY
from darkroom.node.store import NodeStore
from darkroom.ports import Clock


TOLD_ONE_BY_ONE = 32  # of one sender and day
LEFT_OUT = "refusals-left-out"  # the event that tells how many more there were
_FACT = "refused"


class Refusals:
    """Counts by sender and day (UTC). Every method belongs inside a transaction of the store."""

    def __init__(self, store: NodeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def tells(self, sender: str) -> bool:
        """Count one more; whether it is told by itself.

        Args:
            sender: as the gateway names them; who is not pinned here counts as one with all
                others who are not, for names cost nothing.
        """
        self.close_day()
        counts = self._counts()
        name = sender if self._store.get(sender) is not None else ""
        counts[name] = counts.get(name, 0) + 1
        self._store.set_fact(_FACT, {"day": self._today(), "counts": counts})
        return counts[name] <= TOLD_ONE_BY_ONE

    def close_day(self) -> None:
        """Once a day is over: one entry for each sender of whom not everything was told."""
        fact = self._store.fact(_FACT)
        if fact is None or fact["day"] == self._today():
            return
        day = dt.date.fromordinal(_EPOCH + fact["day"]).isoformat()
        for name, count in sorted(fact["counts"].items()):
            if (more := count - TOLD_ONE_BY_ONE) > 0:
                said = {"sender": name or "not enrolled", "day": day, "count": more}
                self._store.add_event(self._clock.now(), LEFT_OUT, "", said)
        self._store.set_fact(_FACT, None)

    def _counts(self) -> dict[str, int]:
        fact = self._store.fact(_FACT)
        return dict(fact["counts"]) if fact else {}

    def _today(self) -> int:
        return int(self._clock.now() // DAY)


_EPOCH = dt.date(1970, 1, 1).toordinal()
