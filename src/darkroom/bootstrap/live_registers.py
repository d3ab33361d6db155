"""Who hears of versions of live ingest: the node's database, or the volume that Pis share."""

import os
from collections.abc import Callable
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.announced import AnnouncedFootage
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import privileges
from darkroom.model.dataset import Manifest
from darkroom.model.domain_config import DomainConfig
from darkroom.model.forget import Forget
from darkroom.node.arrivals import BOUND
from darkroom.node.dataset_card import card_of
from darkroom.node.forget import bar_new
from darkroom.node.retention import GONE, LAST_FRAME
from darkroom.policy.retention import last_frame


DATABASE = "node.db"


class NodeRegister:
    """The `LiveRegister` beside a node."""

    def __init__(self, state: Path, domain: DomainConfig) -> None:
        self._state = state
        self._domain = domain
        self._store = SqliteNodeStore(state / DATABASE)

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def offer(self, manifest: Manifest) -> None:
        """See `LiveRegister.offer`."""
        dataset = self._domain.dataset(manifest.dataset)
        card = card_of(
            manifest,
            domain=self._domain.domain,
            description=dataset.description,
            look=dataset.look,
        )
        if bar_new(self._store, manifest):
            return  # the node cuts it, and offers what is left
        with self._store.transaction():
            self._store.set_fact(LAST_FRAME.format(manifest.version), last_frame(manifest))
            self._store.register_dataset(card, manifest.version)
        if os.geteuid() == 0:  # what root made in a node's folder is the node's
            privileges.hand_over(self._state, self._state.stat().st_uid)

    def gone(self, dataset: str, version: str) -> None:
        """See `LiveRegister.gone`."""
        with self._store.transaction():
            self._store.set_fact(GONE.format(version), True)
            detail = {"dataset": dataset, "version": version}
            self._store.add_event(SystemClock().now(), "footage-erased", "", detail)

    def forgets(self) -> list[Forget]:
        """See `LiveRegister.forgets`."""
        return self._store.forgets()

    def held(self) -> frozenset[str]:
        """See `LiveRegister.held`."""
        return frozenset(job.request.dataset_version for job in self._store.jobs(*BOUND))

    def tend(self) -> None:
        """See `LiveRegister.tend`. The node acts for itself."""


class AnnouncedRegister:
    """The `LiveRegister` of a Pi whose node is elsewhere."""

    def __init__(self, store: AnnouncedFootage, say: Callable[[str], None]) -> None:
        self._store = store
        self._say = say

    def offer(self, manifest: Manifest) -> None:
        """See `LiveRegister.offer`."""
        self._store.announce(manifest)

    def gone(self, dataset: str, version: str) -> None:
        """See `LiveRegister.gone`. What is not announced any more is gone."""

    def forgets(self) -> tuple[Forget, ...]:
        """See `LiveRegister.forgets`."""
        return self._store.forgets()

    def held(self) -> frozenset[str]:
        """See `LiveRegister.held`."""
        return self._store.held()

    def tend(self) -> None:
        """See `LiveRegister.tend`."""
        for dataset, version in self._store.cut():
            self._say(f"footage of {dataset} was cut, to forget a part: {version[:19]}")
        for dataset, version in self._store.carry_out():
            self._say(f"footage of {dataset} was erased as the node asked: {version[:19]}")
