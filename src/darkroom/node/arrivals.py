"""Footage that a Pi's ingest finished: the node offers it. Footage that went: no longer.

In a cluster ingest has no way to the node's database. It leaves versions and says so on the
volume that they share; the node looks there, checks, registers, and says which it needs.
"""

from collections.abc import Callable, Collection, Iterable

from darkroom.errors import DarkroomError
from darkroom.model.dataset import DatasetCard
from darkroom.model.domain_config import DatasetConfig
from darkroom.node.dataset_card import card_of
from darkroom.node.forget import bar_new
from darkroom.node.journal import Journal
from darkroom.node.retention import GONE, LAST_FRAME
from darkroom.node.store import NodeStore
from darkroom.policy.forget import made_from
from darkroom.policy.retention import last_frame
from darkroom.ports import FootageStore


BOUND = ("screened", "approved", "running")  # states in which a job still needs its footage


class Arrivals:
    """Registers versions that lie in the store and are not known yet."""

    def __init__(
        self,
        *,
        domain: str,
        datasets: Iterable[DatasetConfig],
        store: NodeStore,
        journal: Journal,
        footage: FootageStore,
        offer: Callable[[DatasetCard, str], None],
        hold: Callable[[Collection[str]], None],
        say: Callable[[str], None],
    ) -> None:
        """Put together.

        Args:
            domain: whose datasets these are.
            datasets: as `domain.yaml` describes them; those with `record` are looked for.
            store: what the node remembers.
            journal: where it is noted.
            footage: where versions arrive.
            offer: registers a card with its version.
            hold: tells the Pis which versions jobs need.
            say: tells the operator.
        """
        self._domain = domain
        self._datasets = [dataset for dataset in datasets if dataset.record is not None]
        self._store = store
        self._journal = journal
        self._footage = footage
        self._offer = offer
        self._hold = hold
        self._say = say
        self._said = ""

    def look(self) -> None:
        """Take in what is new. What fails is said once and tried at the next look."""
        text = ""
        try:
            held = {job.request.dataset_version for job in self._store.jobs(*BOUND)}
            self._hold(held)
            for dataset in self._datasets:
                self._look_for(dataset)
        except DarkroomError as error:
            text = f"footage of other Pis: {error.message} (next: {error.next_step})"
        if text and text != self._said:
            self._say(text)
        self._said = text

    def _look_for(self, dataset: DatasetConfig) -> None:
        there = self._footage.versions(dataset.name)
        for version in there:
            if not self._store.has_version(dataset.name, version):
                self._register(dataset, version)
        card = self._store.datasets().get(dataset.name)
        if card is None:
            return
        gone, known = card.version not in there, self._store.fact(GONE.format(card.version))
        if gone != bool(known):  # it went, or its Pi is back with it
            self._store.set_fact(GONE.format(card.version), gone)
        if gone and not known:
            self._journal.note("footage-erased", dataset=dataset.name, version=card.version)
            self._say(f"the footage of {dataset.name} in force is gone: no job runs on it")

    def _register(self, dataset: DatasetConfig, version: str) -> None:
        manifest = self._footage.manifest(version)
        if bar_new(self._store, manifest):
            return  # its Pi cuts it: what is left arrives as another version
        card = card_of(
            manifest, domain=self._domain, description=dataset.description, look=dataset.look
        )
        with self._store.transaction():
            self._store.set_fact(LAST_FRAME.format(version), last_frame(manifest))
            if origin := made_from(manifest):
                self._store.register_in_place(card, origin)
            else:
                self._offer(card, version)
            self._journal.note("footage-arrived", dataset=dataset.name, version=version)
        self._say(f"{dataset.name}: {card.frames} frames arrived as version {version[:19]}")
