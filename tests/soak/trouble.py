"""Makes things go wrong when the plan says so, and right again."""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.soak.disk import SmallDisk
from tests.soak.keeper import Keeper
from tests.soak.link import Link
from tests.soak.plan import Fault
from tests.soak.stepped_clock import SteppedClock


class Trouble:
    """Plays faults in a thread of its own.

    Attributes:
        done: what was played.
        skipped: kind -> why it was not.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        keeper: Keeper,
        links: dict[str, Link],
        disks: dict[str, SmallDisk],
        clock: SteppedClock,
        say: Callable[[str], None],
    ) -> None:
        self._keeper, self._links, self._disks, self._clock = keeper, links, disks, clock
        self._say = say
        self._cuts: Counter[str] = Counter()  # two cuts of one link may overlap
        self._fills: Counter[str] = Counter()
        no_disk = next((disk.why_not for disk in disks.values() if disk.why_not), "")
        why = {"full": no_disk, "clock": clock.why_not}
        self.skipped = {kind: reason for kind, reason in why.items() if reason}
        self._order = itertools.count()
        self._due: list[tuple[float, int, Fault, bool]] = []
        for fault in faults:
            if fault.kind not in self.skipped:
                self._put(fault.at, fault, begins=True)
        self.done: list[Fault] = []
        self.broken: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, name="trouble", daemon=True)
        self._began = time.monotonic()
        self._thread.start()

    def close(self) -> None:
        """Nothing goes wrong from here on, and what was wrong is right again."""
        self._stop.set()
        self._thread.join()
        for link in self._links.values():
            link.restore()
        if "full" not in self.skipped:
            for disk in self._disks.values():
                disk.empty()
        self._clock.set(0)

    def _put(self, at: float, fault: Fault, *, begins: bool) -> None:
        heapq.heappush(self._due, (at, next(self._order), fault, begins))

    def _play(self) -> None:
        while self._due:
            at, _, fault, begins = self._due[0]
            if self._stop.wait(max(0.0, self._began + at - time.monotonic())):
                return
            heapq.heappop(self._due)
            try:
                self._begin(fault) if begins else self._end(fault)
            except OSError as error:
                self.broken.append(f"{fault}: {error}")

    def _begin(self, fault: Fault) -> None:
        self._say(str(fault))
        self.done.append(fault)
        match fault.kind:
            case "kill":
                self._keeper.kill(fault.target, fault.seconds)
            case "clock":
                self._clock.set(fault.step)
            case "cut":
                self._cuts[fault.target] += 1
                self._links[fault.target].cut()
                self._put(self._now() + fault.seconds, fault, begins=False)
            case "full":
                self._fills[fault.target] += 1
                self._disks[fault.target].fill()
                self._put(self._now() + fault.seconds, fault, begins=False)

    def _end(self, fault: Fault) -> None:
        if fault.kind == "cut":
            self._cuts[fault.target] -= 1
            if not self._cuts[fault.target]:
                self._links[fault.target].restore()
        else:
            self._fills[fault.target] -= 1
            if not self._fills[fault.target]:
                self._disks[fault.target].empty()

    def _now(self) -> float:
        return time.monotonic() - self._began
