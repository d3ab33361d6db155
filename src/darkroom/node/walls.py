"""Whether this machine can contain a job. A node whose walls do not hold runs none."""

from darkroom.errors import IsolationError
from darkroom.node import words
from darkroom.node.store import NodeStore
from darkroom.ports import Isolation, Sandbox


class Walls:
    """Remembers the last probe."""

    def __init__(self, *, sandbox: Sandbox, store: NodeStore) -> None:
        self._sandbox = sandbox
        self._store = store
        self._found = Isolation(fit=False, layers={"sandbox": "not probed yet"})

    def probe(self) -> Isolation:
        """Try every wall, and keep what was found for people."""
        try:
            self._found = self._sandbox.probe()
        except IsolationError as error:
            self._found = Isolation(fit=False, layers={"sandbox": error.message})
        self._store.set_fact("isolation", {"fit": self._found.fit, "layers": self._found.layers})
        return self._found

    @property
    def fit(self) -> bool:
        """Whether jobs may run."""
        return self._found.fit

    def why_unfit(self) -> str:
        """Why no job runs here, naming the walls; "" when jobs may run."""
        return "" if self._found.fit else words.cannot_isolate(self._found.layers)
