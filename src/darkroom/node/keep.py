"""What a node does now and then: forget, tidy, and look whether the owner left a policy."""

import json
from collections.abc import Callable
from pathlib import Path

from darkroom.errors import StateError
from darkroom.node.review import Review
from darkroom.node.store import NodeStore
from darkroom.ports import Clock
from darkroom.post.timing import SEEN_FOR


TIDY_EVERY = 600.0
MAX_POLICY = 1 << 20


class Housekeeping:
    """Called between two long polls, by the thread that takes letters in."""

    def __init__(
        self,
        *,
        store: NodeStore,
        review: Review,
        owner: str,
        clock: Clock,
        policy_file: Path,
        retention: Callable[[], None],
        arrivals: Callable[[], None],
        sweep: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._review = review
        self._owner = owner
        self._clock = clock
        self._policy_file = policy_file
        self._retention = retention
        self._arrivals = arrivals
        self._sweep = sweep
        self._say = say
        self._tidied: float | None = None
        self._policy_seen: tuple[float, int] = (0.0, 0)

    def tend(self) -> None:
        """Do what is due."""
        self._look_for_policy()
        self._arrivals()
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied >= TIDY_EVERY:
            self._tidied = now
            self._store.forget_seen(self._clock.now() - 2 * SEEN_FOR)
            self._sweep()
            self._retention()

    def _look_for_policy(self) -> None:
        """A file beside the database is a letter box too: only the signature counts."""
        try:
            facts = self._policy_file.stat()
            seen = (facts.st_mtime, facts.st_ino)
            if seen == self._policy_seen or facts.st_size > MAX_POLICY:
                return
            self._policy_seen = seen
            said = json.loads(self._policy_file.read_bytes())
            body = said if isinstance(said, dict) else {}
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):
            self._say(f"{self._policy_file.name} cannot be read; it is left alone")
            return
        try:
            with self._store.transaction():
                against = self._review.adopt(
                    body.get("policy"), sender=self._owner, identities=body.get("identities", [])
                )
        except StateError:
            self._policy_seen = (0.0, 0)  # the disk is full: look again
            raise
        if against:
            self._say(f"{self._policy_file.name} is not put in force: {against}")
