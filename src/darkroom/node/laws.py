"""The policy in force, and what the node knows, when a job is judged."""

from collections.abc import Callable, Mapping
from typing import Any

from darkroom.model.amount import NOTHING, UNITS, Amount
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest, Limits
from darkroom.model.job_record import JobRecord
from darkroom.model.reviews import Reviews
from darkroom.model.site_policy import SitePolicy
from darkroom.node.charge import Charge
from darkroom.node.inspection_limits import inspection_limits
from darkroom.node.store import NodeStore
from darkroom.policy.owner_word import read_votes, recount, void
from darkroom.policy.people import Person, is_author, people
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
        oversize: Callable[[Limits], str],
    ) -> None:
        """Put together.

        Args:
            store, charge, domain, owner, runtimes: the node's own.
            holds: whether jobs may run on a dataset's version; see `node.retention`.
            oversize: why no sandbox here can give a job its limits; "" where one can.
        """
        self._store = store
        self._charge = charge
        self._domain = domain
        self._owner = owner
        self._runtimes = runtimes
        self._holds = holds
        self._oversize = oversize

    def policy(self) -> SitePolicy | None:
        """The owner's policy; its signature was checked when it came in force."""
        statement = self._store.policy()
        return SitePolicy.from_mapping(statement.body) if statement else None

    def reviews(self) -> Reviews:
        """Who reviews, and how many it takes."""
        policy = self.policy()
        return policy.reviews if policy else Reviews()

    def people(self) -> dict[str, Person]:
        """Everybody whom the policy names, by name."""
        return people(self._owner, self.reviews(), key=self._key_of, keys=self._store.keys_of)

    def voters(self) -> dict[str, Person]:
        """Those whose word counts now: the owner signed for exactly the keys they have."""
        signed = {r.name: r.fingerprint for r in self.reviews().reviewers}
        found = {}
        for name, person in self.people().items():
            pinned = self._store.get(name)
            if name == self._owner or (pinned and pinned.fingerprint == signed.get(name)):
                found[name] = person
        return found

    def author(self, submitter: str) -> Person:
        """Who asked, with every key that they ever had here."""
        return Person(name=submitter, keys=self._store.keys_of(submitter))

    def people_for(self, submitter: str) -> tuple[str, ...]:
        """The names of those who may review a job of that scientist; the owner sees all."""
        voters, author = self.voters(), self.author(submitter)
        return tuple(
            name
            for name, person in voters.items()
            if name == self._owner or not is_author(person, author, voters)
        )

    def _key_of(self, name: str) -> str:
        pinned = self._store.get(name)
        return pinned.statement_key if pinned else ""

    def submitter(self, request: JobRequest) -> PublicIdentity | None:
        """Who asked: under the keys of then, where they have handed over to others since."""
        return self._store.identity_of(request.submitter, request.submitter_fingerprint)

    def screen(self, request: JobRequest, submitter: PublicIdentity) -> Verdict:
        """The verdict on a job that arrives, its price included."""
        policy = self.policy()
        knowledge = Knowledge(
            domain=self._domain,
            datasets=self._versions(),
            environments=self._environments(),
            pending=self._store.count_jobs_of(request.submitter, "screened"),
            spent=self._charge.spent(request, policy) if policy else (),
            oversize=self._against_size(request.spec.limits),
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
            domain=self._domain,
            datasets=versions,
            environments=self._environments(),
            oversize=self._against_size(request.spec.limits),
        )
        return screen(request, submitter, self.policy(), knowledge)

    def _against_size(self, job: Limits) -> str:
        """Why a job cannot be held here; it is no use to run what cannot be inspected then."""
        against = self._oversize(inspection_limits(job))
        return self._oversize(job) or (against and f"inspecting its outputs: {against}")

    def against_start(self, record: JobRecord) -> str:
        """Why an approved job may not start; "" when it may.

        Its approval is over, its dataset has another version, or `against_going_on`.
        """
        request = record.request
        over = void(
            record.approved_until,
            now=self._charge.now(),
            stale=self._versions().get(request.dataset) != request.dataset_version,
            reviews=self.reviews(),
        )
        return over or self._against(record, self._charge.now())

    def against_going_on(self, record: JobRecord) -> str:
        """Why the policy in force would not have let a job come so far; "" when it would.

        Access was taken back, the rule or the reviewers who approved it are gone, more votes
        are asked for, or outputs may hold more than was paid for.
        """
        return self._against(record, 0.0)  # an approval that was used in time stays used

    def _against(self, record: JobRecord, now: float) -> str:
        request, policy = record.request, self.policy()
        submitter = self.submitter(request)
        if submitter is None or policy is None:
            return "there is no policy, or no such scientist, any more"
        verdict = self.screen_admitted(request, submitter)
        if verdict.decision == "deny":
            return "; ".join(verdict.reasons)
        if not _is_paid(verdict.price, record.price):
            return "its outputs may hold more than was paid for by now: submit it again"
        if record.by_rule:
            gone = verdict.decision != "approve"
            return "the rule that approved it is gone: submit it again" if gone else ""
        votes = recount(
            "code",
            digest=record.job_digest,
            author=self.author(record.submitter),
            voters=self.people(),
            votes=read_votes(record.votes),
            reviews=policy.reviews,
            now=now,
            settled=True,
        )
        return "" if votes.target else "who approved it is not enough any more: submit it again"

    def _versions(self) -> dict[str, str]:
        return {
            name: card.version
            for name, card in self._store.datasets().items()
            if self._holds(name, card.version)
        }

    def _environments(self) -> dict[str, str]:
        return {name: runtime.lock_hash for name, runtime in self._runtimes().items()}


def _is_paid(price: Amount, reserved: dict[str, Any]) -> bool:
    """Whether a reservation covers a price; a job from before budgets has none."""
    paid = Amount.from_mapping(reserved) if reserved else NOTHING
    return all(getattr(price, unit) <= getattr(paid, unit) for unit in UNITS)
