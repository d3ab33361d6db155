"""Keeps the processes of a soak running, as a service manager does, and weighs them."""

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

from darkroom.bootstrap.processes import Process
from darkroom.errors import DarkroomError
from tests.soak.memory import Lifetime
from tests.soak.stack import SoakStack


LOOK_EVERY = 0.2
WEIGH_EVERY = 2.0
AGAIN = 2.0  # seconds after which what ended by itself is started again


class Keeper:
    """Starts again what ended.

    Attributes:
        kills: by process.
        ended: what ended by itself: (seconds, name, the end of its log).
    """

    def __init__(self, stack: SoakStack, names: tuple[str, ...], now: Callable[[], float]) -> None:
        self._stack = stack
        self._now = now
        self._due = dict.fromkeys(names, 0.0)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._lives: dict[tuple[str, int], list[tuple[float, float]]] = {}
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self.kills: Counter[str] = Counter()
        self.ended: list[tuple[float, str, str]] = []
        self._thread.start()

    def kill(self, name: str, seconds: float) -> None:
        """`kill -9`; it is started again after so many seconds."""
        with self._lock:
            process = self._running(name)
            if process is not None:
                self._stack.processes.stop(process, sign=signal.SIGKILL)
                self.kills[name] += 1
            self._due[name] = time.monotonic() + seconds

    def lifetimes(self) -> list[Lifetime]:
        """Every process that there was."""
        with self._lock:
            return [Lifetime(name=n, samples=tuple(s)) for (n, _), s in self._lives.items()]

    def sizes(self) -> dict[str, float]:
        """MiB now, by process."""
        return {p.name: p.rss_mib() for p in list(self._stack.processes.running)}

    def close(self) -> None:
        """Keep no longer."""
        self._stop.set()
        self._thread.join()

    def _running(self, name: str) -> Process | None:
        return next((p for p in list(self._stack.processes.running) if p.name == name), None)

    def _keep(self) -> None:
        weighed = 0.0
        while not self._stop.wait(LOOK_EVERY):
            with self._lock:
                for name in self._due:
                    self._look(name)
                if time.monotonic() - weighed >= WEIGH_EVERY:
                    weighed = time.monotonic()
                    self._weigh()

    def _look(self, name: str) -> None:
        process = self._running(name)
        if process is not None and self._stack.processes.ended(process):
            self.ended.append((self._now(), name, process.said()[-600:].strip()))
            self._stack.processes.stop(process)
            self._due[name] = time.monotonic() + AGAIN
        elif process is None and time.monotonic() >= self._due[name]:
            with contextlib.suppress(DarkroomError):
                self._stack.launch(name)

    def _weigh(self) -> None:
        for process in list(self._stack.processes.running):
            if size := process.rss_mib():
                life = self._lives.setdefault((process.name, process.pid), [])
                life.append((self._now(), size))
