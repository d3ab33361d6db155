"""HOP 5, review: the owner's signed word, on one digest or as a policy.

The node checks the signature with the pinned key and compares digests that it computes
itself; it can approve nothing of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from darkroom.errors import DarkroomError, SpecError
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JOB_ID
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.site_policy import SitePolicy
from darkroom.model.statement import Statement
from darkroom.node.admit import Admission
from darkroom.node.charge import Charge
from darkroom.node.disclose import Disclosure
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.receipt import against_length, with_decision
from darkroom.node.spoken import Spoken
from darkroom.node.store import NodeStore
from darkroom.policy.disclosure import output_digest
from darkroom.policy.owner_word import (
    Effect,
    decide,
    overtaken,
    read_votes,
    recount,
    succeeds,
)
from darkroom.policy.people import Person
from darkroom.ports import Clock, Verifier


class Review:
    """Takes `owner.decision` and `owner.policy`."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        verifier: Verifier,
        spoken: Spoken,
        clock: Clock,
        domain: str,
        laws: Laws,
        charge: Charge,
        admission: Admission,
        disclosure: Disclosure,
        why_waiting: Callable[[str], str],
    ) -> None:
        self._store = store
        self._journal = journal
        self._verifier = verifier
        self._spoken = spoken
        self._clock = clock
        self._domain = domain
        self._laws = laws
        self._charge = charge
        self._admission = admission
        self._disclosure = disclosure
        self._why_waiting = why_waiting

    # --------------------------------------------------------------------------- decisions

    def decision(self, letter: Letter) -> None:
        """Apply a decision of the owner or a reviewer, or tell them why not."""
        voter = self._laws.people().get(letter.sender)
        if voter is None:
            self._journal.note("decision-refused", reason="no reviewer", sender=letter.sender)
            return
        try:
            body = self._spoken.body(letter.sender, letter.body.get("decision"), "decision")
        except DarkroomError as error:
            self._refuse("decision-refused", "", error.message, to=voter.name)
            return
        job_id = body.get("job_id")
        if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
            self._refuse("decision-refused", "", "a decision names no job", to=voter.name)
            return
        record = self._store.job(job_id)
        if record is None:
            self._refuse("decision-refused", job_id, "there is no such job here", to=voter.name)
            return
        effect = self._effect(body, record, voter)
        against = effect.against or against_length(letter.body["decision"])
        wants_log = bool(effect.votes) and all(vote.with_log for vote in effect.votes)
        signer = self._store.get(voter.name)
        assert signer is not None  # checked with its key just before
        if not against:
            record = with_decision(record, letter.body["decision"], signer)
        if not against and effect.target == "released" and not self._held(record):
            against = self._disclosure.against_release(
                record, by=_names(effect), with_log=wants_log
            )
        if against:
            self._refuse("decision-refused", job_id, against, to=voter.name)
            return
        self._journal.note(
            "owner-decided",
            job_id,
            by=voter.name,
            decision=body,
            signature=letter.body["decision"]["signature"],
        )
        self._apply(record, effect, body, wants_log=wants_log)

    def _effect(self, body: dict[str, Any], record: JobRecord, voter: Person) -> Effect:
        return decide(
            body,
            state=record.state,
            digests=_digests(record),
            author=self._laws.author(record.submitter),
            voter=voter,
            voters=self._laws.voters(),
            votes=read_votes(record.votes),
            reviews=self._laws.reviews(),
            now=self._charge.now(),
        )

    def _apply(
        self, record: JobRecord, effect: Effect, body: dict[str, Any], *, wants_log: bool
    ) -> None:
        words = _words(body)
        said = f": {words}" if words else ""
        votes = tuple(vote.to_mapping() for vote in effect.votes)
        names = _names(effect)
        match effect.target:
            case None:
                so_far = f"{len(votes)} of {effect.needed} reviewers said yes"
                self._journal.progress(record, so_far, votes=votes)
                for person in self._laws.people_for(record.submitter):
                    self._journal.tell_owner("info", f"job {record.job_id}: {so_far}", to=person)
            case "approved":
                waiting = self._why_waiting(record.request.spec.tier)
                self._journal.move(
                    record,
                    "approved",
                    "the data owner approved it" if effect.needed == 1 else f"approved by {names}",
                    *((waiting,) if waiting else ()),
                    votes=votes,
                    approved_by=names,
                    approved_until=min(vote.until for vote in effect.votes),
                )
            case "rejected" if body["verdict"] == "withdraw":
                self._journal.move(record, "rejected", f"the approval was withdrawn{said}")
            case "rejected" if body["verdict"] == "request-changes":
                self._journal.move(record, "rejected", f"changes requested{said}")
            case "rejected":
                self._journal.move(record, "rejected", f"the data owner rejected it{said}")
            case "released" if held := self._held(record):
                self._journal.progress(record, f"released by {names}; {held}", votes=votes)
                self._journal.tell_owner("info", f"job {record.job_id}: {held}")
            case "released":
                self._disclosure.release(record, by=names, with_log=wants_log)
            case "withheld":
                self._disclosure.withhold(record, reason=words)

    def _held(self, record: JobRecord) -> str:
        """Why its outputs do not leave now, whoever says so; ""."""
        return self._disclosure.why_held(record.request.spec.tier)

    def go_on(self) -> None:
        """Nothing is held back any more: what was decided meanwhile is done."""
        with self._store.transaction():
            for record in self._store.jobs("produced"):
                self._disclosure.go_on(record)
            self._count_again()

    # ------------------------------------------------------------------------------ policy

    def policy(self, letter: Letter) -> None:
        """Put a policy in force, or tell the owner why not; the last good one stays."""
        against = self.adopt(
            letter.body.get("policy"),
            sender=letter.sender,
            identities=letter.body.get("identities", []),
        )
        if against:
            self._refuse("policy-refused", "", against)

    def adopt(self, said: Any, *, sender: str, identities: Any = ()) -> str:
        """Put a signed policy in force; why not, or "".

        Args:
            said: the statement's JSON form, of any origin.
            sender: who hands it over; only the owner's signature counts.
            identities: public identities of the reviewers that it names.
        """
        if sender != self._journal.owner:
            return "only the data owner sets the policy"
        current = self._store.policy()
        if current is not None and current.to_mapping() == said:
            return ""  # the very one in force, perhaps under keys that the owner gave up since
        try:
            body = self._spoken.body(sender, said, "policy")
            policy = SitePolicy.from_mapping(body)
        except DarkroomError as error:
            return error.message
        version = current.body["version"] if current else 0
        if current is not None and current.body == body:
            return ""  # it is in force already
        against = succeeds(policy, domain=self._domain, version=version)
        if against:
            return against
        try:
            newcomers = self._reviewers(policy, identities)
        except DarkroomError as error:
            return error.message
        for identity in newcomers:
            self._store.pin(identity)
        statement = Statement.from_mapping(said)
        self._store.put_policy(statement, policy.version, self._clock.now())
        self._journal.note("policy-in-force", version=policy.version)
        self._journal.tell_owner("info", f"policy {policy.version} is in force")
        self._forget_overtaken(self._laws.voters())
        self._admission.screen_again()
        self._ask_and_count_again()
        return ""

    def keys_changed(self, name: str) -> None:
        """Somebody handed over to new keys: each yes of theirs that waits is asked for anew.

        The owner at once; a reviewer once the owner has signed for their new keys.
        """
        people = self._laws.people()
        if name not in people:
            return
        with self._store.transaction():
            if self._forget_overtaken(people):
                self._admission.screen_again()
                for record in self._store.jobs("produced"):
                    self._disclosure.ask(record)

    def _forget_overtaken(self, people: dict[str, Person]) -> bool:
        """Drop each yes to a job that waits whose signer has other keys, or no say any more."""
        found = False
        for record in self._store.jobs("screened", "produced"):
            votes = read_votes(record.votes)
            waits_for = "code" if record.state == "screened" else "output"
            said = tuple(vote for vote in votes if vote.subject == waits_for)
            if names := overtaken(said, people):
                found = True
                self._journal.note("votes-void", record.job_id, by=list(names))
                self._store.replace_job(
                    replace(
                        record,
                        votes=tuple(
                            v.to_mapping()
                            for v in votes
                            if v.subject != waits_for or v.by not in names
                        ),
                        asked=tuple(person for person in record.asked if person not in names),
                    ),
                    was=record.state,
                )
        return found

    def _ask_and_count_again(self) -> None:
        """Nothing goes on that would not be allowed now, and nothing waits without need."""
        for record in self._store.jobs("approved", "running"):
            if against := self._laws.against_going_on(record):
                self._journal.move(record, "rejected", against)
        for record in self._store.jobs("produced"):
            self._disclosure.ask(record)
        self._count_again()

    def _count_again(self) -> None:
        subjects: tuple[tuple[Literal["code", "output"], str], ...] = (
            ("code", "screened"), ("output", "produced"),
        )  # fmt: skip
        for subject, state in subjects:
            for record in self._store.jobs(state):
                effect = recount(
                    subject,
                    digest=_digests(record)[subject],
                    author=self._laws.author(record.submitter),
                    voters=self._laws.voters(),
                    votes=read_votes(record.votes),
                    reviews=self._laws.reviews(),
                    now=self._charge.now(),
                )
                if effect.target is not None and effect.votes:
                    wants_log = all(vote.with_log for vote in effect.votes)
                    if subject == "output" and self._held(record):
                        continue
                    if subject == "output" and (
                        why := self._disclosure.against_release(
                            record, by=_names(effect), with_log=wants_log
                        )
                    ):  # it waits until somebody says otherwise
                        self._journal.tell_owner("warning", f"job {record.job_id}: {why}")
                        continue
                    self._apply(record, effect, {"verdict": "recount"}, wants_log=wants_log)

    def _reviewers(self, policy: SitePolicy, identities: Any) -> list[PublicIdentity]:
        """The identities of reviewers who are not pinned yet, each exactly as signed for.

        Raises:
            SpecError: one did not come along, or two of them are one person.
        """
        given = {}
        for value in identities if isinstance(identities, list) else ():
            identity = PublicIdentity.from_mapping(value if isinstance(value, dict) else {})
            self._verifier.check_identity(identity)
            given[identity.fingerprint] = identity
        new: list[PublicIdentity] = []
        owner, keys_of = self._journal.owner, self._store.keys_of
        also = policy.reviews.owner_as_scientist
        keys = dict.fromkeys(keys_of(owner) | keys_of(also), owner)
        for reviewer in policy.reviews.reviewers:
            pinned = self._store.get(reviewer.name)
            found = pinned or given.get(reviewer.fingerprint)
            if found is None or (found.name, found.fingerprint, found.role) != (
                reviewer.name,
                reviewer.fingerprint,
                "owner",
            ):
                raise SpecError(
                    f"the identity of the reviewer {reviewer.name} did not come with the policy, "
                    "or another one is pinned under that name",
                    next_step="sign it again with --identity FILE",
                )
            if pinned is None:
                new.append(found)
            theirs = keys_of(found.name) | keys_of(reviewer.scientist) | {found.statement_key}
            for key in theirs:
                other = keys.setdefault(key, found.name)
                if other != found.name:
                    raise SpecError(
                        f"{found.name} and {other} have a key in common: one person has one vote",
                        next_step="name each person once",
                    )
        return new

    # ----------------------------------------------------------------------------- details

    def _refuse(self, event: str, job_id: str, why: str, *, to: str = "") -> None:
        self._journal.note(event, job_id, reason=why)
        about = f"job {job_id}: " if job_id else ""
        self._journal.tell_owner("warning", f"{about}not done: {why}", to=to)


def _digests(record: JobRecord) -> dict[str, str]:
    """Computed anew from what is kept, never taken from a message."""
    digests = {"code": record.request.job_digest}
    if record.outputs:
        digests["output"] = output_digest(record.outputs)
    return digests


def _names(effect: Effect) -> str:
    """Whoever said yes, as a release names them."""
    return ", ".join(vote.by for vote in effect.votes)


def _words(body: dict[str, Any]) -> str:
    """The owner's own words to the submitter, without control characters."""
    reason = body.get("reason")
    if not isinstance(reason, str):
        return ""
    return "".join(c for c in reason[:250] if c.isprintable()).strip()
