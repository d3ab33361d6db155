"""A file beside the database that the owner's signed word may come in: only the signature counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from darkroom.errors import StateError
from darkroom.node.store import NodeStore


MAX_FILE = 1 << 20


class LetterBox:
    """Looked into between two long polls; each file in it is taken once."""

    def __init__(
        self,
        path: Path,
        *,
        store: NodeStore,
        take: Callable[[dict[str, Any]], str],
        say: Callable[[str], None],
    ) -> None:
        """Put together.

        Args:
            path: of the file.
            store: the node's; `take` is called inside a transaction of it.
            take: deals with its content, of any origin; why not, or "".
            say: tells the operator.
        """
        self._path = path
        self._store = store
        self._take = take
        self._say = say
        self._seen: tuple[float, int] = (0.0, 0)

    def look(self) -> None:
        """Take what is new.

        Raises:
            StateError: the disk is full; it is taken the next time.
        """
        try:
            facts = self._path.stat()
            seen = (facts.st_mtime, facts.st_ino)
            if seen == self._seen or facts.st_size > MAX_FILE:
                return
            self._seen = seen
            said = json.loads(self._path.read_bytes())
            body = said if isinstance(said, dict) else {}
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):
            self._say(f"{self._path.name} cannot be read; it is left alone")
            return
        try:
            with self._store.transaction():
                against = self._take(body)
        except StateError:
            self._seen = (0.0, 0)  # look again
            raise
        if against:
            self._say(f"{self._path.name} is not put in force: {against}")
