"""How often something was refused or changed today: a few are told one by one, the others counted.

The audit log is kept for good, and an entry costs its writer one letter.
"""

import datetime as dt

from darkroom.model.budget import DAY
from darkroom.node.store import NodeStore
from darkroom.ports import Clock


TOLD_ONE_BY_ONE = 32  # of one sender, or of one thing that changes, and day
DENIED_ONE_BY_ONE = 1_000  # jobs that the rules deny: a replay of other rules asks about each
LEFT_OUT = "refusals-left-out"  # the event that tells how many more there were
_FACT = "refused"
_DENIED = "denied"  # behind a space, which no name has


class Refusals:
    """Counts by day (UTC). Every method belongs inside a transaction of the store."""

    def __init__(self, store: NodeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def tells(self, sender: str) -> bool:
        """Count one more refused letter; whether it is told by itself.

        Args:
            sender: as the gateway names them; who is not pinned here counts as one with all
                others who are not, for names cost nothing.
        """
        name = sender if self._store.get(sender) is not None else ""
        return self._count(name) <= TOLD_ONE_BY_ONE

    def tells_denied(self, sender: str) -> bool:
        """Count one more job that was denied; whether it is kept and told by itself."""
        return self._count(f"{sender} {_DENIED}") <= DENIED_ONE_BY_ONE

    def tells_change(self, what: str) -> bool:
        """Count one more change that others can bring about; whether it is told by itself.

        Args:
            what: for people, such as `changes of standing`. Whoever is behind it is not named:
                it need not be the same one each time.
        """
        return self._count(f" {what}") <= TOLD_ONE_BY_ONE

    def _count(self, name: str) -> int:
        self.close_day()
        counts = self._counts()
        counts[name] = counts.get(name, 0) + 1
        self._store.set_fact(_FACT, {"day": self._today(), "counts": counts})
        return counts[name]

    def close_day(self) -> None:
        """Once a day is over: one entry for each count of which not everything was told."""
        fact = self._store.fact(_FACT)
        if fact is None or fact["day"] == self._today():
            return
        day = dt.date.fromordinal(_EPOCH + fact["day"]).isoformat()
        for name, count in sorted(fact["counts"].items()):
            sender, _, kind = name.partition(" ")
            denied = kind == _DENIED
            if (more := count - (DENIED_ONE_BY_ONE if denied else TOLD_ONE_BY_ONE)) > 0:
                what = "denied jobs" if denied else kind or "refused letters"
                said = {"day": day, "count": more, "what": what}
                if sender or not kind:
                    said["sender"] = sender or "not enrolled"
                self._store.add_event(self._clock.now(), LEFT_OUT, "", said)
        self._store.set_fact(_FACT, None)

    def _counts(self) -> dict[str, int]:
        fact = self._store.fact(_FACT)
        return dict(fact["counts"]) if fact else {}

    def _today(self) -> int:
        return int(self._clock.now() // DAY)


_EPOCH = dt.date(1970, 1, 1).toordinal()
