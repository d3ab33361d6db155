"""Footage past its retention: no job runs on it, and it is erased."""

from collections.abc import Callable, Mapping

from darkroom.errors import DarkroomError
from darkroom.node.journal import Journal
from darkroom.node.store import NodeStore
from darkroom.policy.retention import is_past, last_frame
from darkroom.ports import Clock, FootageStore


LAST_FRAME = "last-frame/{}"  # the fact under which a version's last frame is kept
GONE = "footage-gone/{}"  # true of a version that its Pi erased to make room


class Retention:
    """Knows how old footage is, and how old it may become.

    Args:
        days: dataset -> retention in days; a dataset without one is kept.
    """

    def __init__(
        self,
        *,
        days: Mapping[str, int],
        store: NodeStore,
        journal: Journal,
        footage: FootageStore,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._days = days
        self._store = store
        self._journal = journal
        self._footage = footage
        self._clock = clock
        self._say = say

    def holds(self, dataset: str, version: str) -> bool:
        """Whether jobs may run on a version; not, when nobody knows how old it is.

        What live ingest erased to make room is not there, however young it was; what is
        to be forgotten is as good as gone.
        """
        if self._store.fact(GONE.format(version)) or self._store.is_forgotten(version):
            return False
        if dataset not in self._days:
            return True
        last = self._store.fact(LAST_FRAME.format(version))
        return last is not None and not self._past(dataset, last)

    def enforce(self) -> None:
        """Erase what is past its retention. What cannot be erased now is tried again."""
        for dataset in self._days:
            try:
                for version in self._footage.versions(dataset):
                    self._look(dataset, version)
            except DarkroomError as error:
                self._say(f"footage of {dataset} past its retention stays: {error.message}")

    def _look(self, dataset: str, version: str) -> None:
        last = self._store.fact(LAST_FRAME.format(version))
        if last is None:
            last = last_frame(self._footage.manifest(version))
            self._store.set_fact(LAST_FRAME.format(version), last)
        if not self._past(dataset, last) or self._in_use(dataset, version):
            return
        self._footage.erase(version)
        self._journal.note("footage-erased", dataset=dataset, version=version)
        self._say(f"footage of {dataset} was erased: it is older than {self._days[dataset]} days")

    def _past(self, dataset: str, last: float) -> bool:
        return is_past(last, days=self._days[dataset], now=self._clock.now())

    def _in_use(self, dataset: str, version: str) -> bool:
        """A run that began in time ends; no other one begins."""
        return any(
            (job.request.dataset, job.request.dataset_version) == (dataset, version)
            for job in self._store.jobs("running")
        )
