"""Whether this machine can contain a job. A node whose walls do not hold runs none."""

import contextlib
import threading

from darkroom.errors import IsolationError, StateError
from darkroom.node import words
from darkroom.node.store import NodeStore
from darkroom.ports import Clock, Isolation, Sandbox


AGAIN = 60.0  # seconds until walls that did not hold are tried again: a full disk passes


class Walls:
    """Remembers the last probe."""

    def __init__(self, *, sandbox: Sandbox, store: NodeStore, clock: Clock) -> None:
        self._sandbox = sandbox
        self._store = store
        self._clock = clock
        self._probed: float | None = None
        self._trying = threading.Lock()  # one worker tries, the others wait for what it finds
        self._found = Isolation(fit=False, layers={"sandbox": "not probed yet"})

    def probe(self) -> Isolation:
        """Try every wall, and keep what was found for people."""
        try:
            self._found = self._sandbox.probe()
        except IsolationError as error:
            self._found = Isolation(fit=False, layers={"sandbox": error.message})
        self._probed = self._clock.monotonic()
        with contextlib.suppress(StateError):  # a full disk is said by who writes next
            fact = {"fit": self._found.fit, "layers": self._found.layers}
            self._store.set_fact("isolation", fact)
        return self._found

    def again_in(self) -> float | None:
        """Seconds until walls that were seen to fail are due again; None where none were."""
        if self._found.fit or self._probed is None:
            return None
        return max(0.0, self._probed + AGAIN - self._clock.monotonic())

    def hold(self) -> bool:
        """Whether jobs may run now, after another try where one is due."""
        with self._trying:
            if self.again_in() == 0.0:
                self.probe()
        return self.fit

    @property
    def fit(self) -> bool:
        """Whether jobs may run."""
        return self._found.fit

    def why_unfit(self) -> str:
        """Why no job runs here, naming the walls; "" when jobs may run."""
        return "" if self._found.fit else words.cannot_isolate(self._found.layers)
