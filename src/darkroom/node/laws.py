"""The policy in force, and what the node knows, when a job is judged."""

from collections.abc import Callable, Mapping

from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.site_policy import SitePolicy
from darkroom.node.store import NodeStore
from darkroom.policy.screening import Knowledge, Verdict, screen
from darkroom.ports import Runtime


class Laws:
    """Reads the store; decides through `policy`."""

    def __init__(
        self, *, store: NodeStore, domain: str, runtimes: Callable[[], Mapping[str, Runtime]]
    ) -> None:
        self._store = store
        self._domain = domain
        self._runtimes = runtimes

    def policy(self) -> SitePolicy | None:
        """The owner's policy; its signature was checked when it came in force."""
        statement = self._store.policy()
        return SitePolicy.from_mapping(statement.body) if statement else None

    def screen(self, request: JobRequest, submitter: PublicIdentity) -> Verdict:
        """The verdict on a job that arrives."""
        return screen(request, submitter, self.policy(), self._knowledge())

    def against_start(self, request: JobRequest, submitter: PublicIdentity) -> tuple[str, ...]:
        """Why an approved job may not start now: access was taken back since, for instance.

        A version that was in force when the job was approved still counts.
        """
        known = self._knowledge()
        versions = dict(known.datasets)
        if self._store.has_version(request.dataset, request.dataset_version):
            versions[request.dataset] = request.dataset_version
        verdict = screen(
            request,
            submitter,
            self.policy(),
            Knowledge(domain=known.domain, datasets=versions, environments=known.environments),
        )
        return verdict.reasons if verdict.decision == "deny" else ()

    def _knowledge(self) -> Knowledge:
        return Knowledge(
            domain=self._domain,
            datasets={n: card.version for n, card in self._store.datasets().items()},
            environments={n: r.lock_hash for n, r in self._runtimes().items()},
        )
