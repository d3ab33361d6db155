"""Who hears of versions that live ingest made: the contract.

Beside a node that is the node's database; on another Pi it is a folder that the node reads.
"""

from collections.abc import Sequence
from typing import Protocol

from darkroom.model.dataset import Manifest
from darkroom.model.forget import Forget


class LiveRegister(Protocol):
    """Told of versions that come and go; knows which of them jobs need."""

    def offer(self, manifest: Manifest) -> None:
        """A version is in the store: the node may offer it. Again: nothing happens.

        Raises:
            StateError: it cannot be said now; it is said again.
        """
        ...

    def gone(self, dataset: str, version: str) -> None:
        """A version was erased to make room."""
        ...

    def held(self) -> frozenset[str]:
        """Versions that jobs are bound to which were approved or run."""
        ...

    def forgets(self) -> Sequence[Forget]:
        """What is to be forgotten: no piece of it may stay, and none may come into a version."""
        ...

    def tend(self) -> None:
        """Do what the node asked for meanwhile; called every few seconds."""
        ...
