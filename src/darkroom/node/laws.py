"""The policy in force, and what the node knows, when a job is judged."""

from collections.abc import Callable, Mapping

from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.job_record import JobRecord
from darkroom.model.reviews import Reviews
from darkroom.model.site_policy import SitePolicy
from darkroom.node.charge import Charge
from darkroom.node.store import NodeStore
from darkroom.policy.owner_word import Person, people, void
from darkroom.policy.screening import Knowledge, Verdict, screen
from darkroom.ports import Runtime


class Laws:
    """Reads the store; decides through `policy`."""

    def __init__(
        self,
        *,
        store: NodeStore,
        charge: Charge,
        domain: str,
        owner: str,
        runtimes: Callable[[], Mapping[str, Runtime]],
        holds: Callable[[str, str], bool],
    ) -> None:
        """Put together.

        Args:
            store, charge, domain, owner, runtimes: the node's own.
            holds: whether jobs may run on a dataset's version; see `node.retention`.
        """
        self._store = store
        self._charge = charge
        self._domain = domain
        self._owner = owner
        self._runtimes = runtimes
        self._holds = holds

    def policy(self) -> SitePolicy | None:
        """The owner's policy; its signature was checked when it came in force."""
        statement = self._store.policy()
        return SitePolicy.from_mapping(statement.body) if statement else None

    def reviews(self) -> Reviews:
        """Who reviews, and how many it takes."""
        policy = self.policy()
        return policy.reviews if policy else Reviews()

    def people(self) -> dict[str, Person]:
        """Everybody who may review, by name."""
        return people(self._owner, self.reviews())

    def people_for(self, submitter: str) -> tuple[str, ...]:
        """The names of those who may review a job of that scientist; the owner sees all."""
        return tuple(
            name
            for name, person in self.people().items()
            if name == self._owner or submitter not in (person.name, person.scientist)
        )

    def screen(self, request: JobRequest, submitter: PublicIdentity) -> Verdict:
        """The verdict on a job that arrives, its price included."""
        policy = self.policy()
        knowledge = Knowledge(
            domain=self._domain,
            datasets=self._versions(),
            environments=self._environments(),
            pending=self._store.count_jobs_of(request.submitter, "screened"),
            spent=self._charge.spent(request, policy) if policy else (),
        )
        return screen(request, submitter, policy, knowledge)

    def screen_admitted(self, request: JobRequest, submitter: PublicIdentity) -> Verdict:
        """The verdict on a job that was admitted before and holds its reservation."""
        versions = self._versions()
        dataset, version = request.dataset, request.dataset_version
        kept = self.reviews().keep_on_new_version and self._holds(dataset, version)
        if kept and self._store.has_version(dataset, version):
            versions[dataset] = version
        knowledge = Knowledge(
            domain=self._domain, datasets=versions, environments=self._environments()
        )
        return screen(request, submitter, self.policy(), knowledge)

    def void(self, record: JobRecord) -> str:
        """Why the approval of a job holds no more; "" when it does."""
        request = record.request
        return void(
            record.approved_until,
            now=self._charge.now(),
            stale=self._versions().get(request.dataset) != request.dataset_version,
            reviews=self.reviews(),
        )

    def against_start(self, request: JobRequest, submitter: PublicIdentity) -> tuple[str, ...]:
        """Why an approved job may not start now: access was taken back since, for instance."""
        verdict = self.screen_admitted(request, submitter)
        return verdict.reasons if verdict.decision == "deny" else ()

    def _versions(self) -> dict[str, str]:
        return {
            name: card.version
            for name, card in self._store.datasets().items()
            if self._holds(name, card.version)
        }

    def _environments(self) -> dict[str, str]:
        return {name: runtime.lock_hash for name, runtime in self._runtimes().items()}
