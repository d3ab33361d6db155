"""HOP 5, review: the owner's signed word, on one digest or as a policy.

The node checks the signature with the pinned key and compares digests that it computes
itself; it can approve nothing of its own.
"""

from collections.abc import Callable
from typing import Any

from darkroom.errors import DarkroomError, SpecError
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JOB_ID
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.site_policy import SitePolicy
from darkroom.model.statement import Statement
from darkroom.node.admit import Admission
from darkroom.node.disclose import Disclosure
from darkroom.node.journal import Journal
from darkroom.node.store import NodeStore
from darkroom.policy.disclosure import output_digest
from darkroom.policy.owner_word import decide, succeeds
from darkroom.ports import Clock, Verifier


class Review:
    """Takes `owner.decision` and `owner.policy`."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        verifier: Verifier,
        clock: Clock,
        domain: str,
        admission: Admission,
        disclosure: Disclosure,
        why_waiting: Callable[[], str],
    ) -> None:
        self._store = store
        self._journal = journal
        self._verifier = verifier
        self._clock = clock
        self._domain = domain
        self._admission = admission
        self._disclosure = disclosure
        self._why_waiting = why_waiting

    # --------------------------------------------------------------------------- decisions

    def decision(self, letter: Letter) -> None:
        """Apply a decision, or tell the owner why not."""
        try:
            body = self._said(letter.sender, letter.body.get("decision"), "decision")
        except DarkroomError as error:
            self._refuse("decision-refused", "", error.message)
            return
        job_id = body.get("job_id")
        if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
            self._refuse("decision-refused", "", "a decision names no job")
            return
        record = self._store.job(job_id)
        if record is None:
            self._refuse("decision-refused", job_id, "there is no such job here")
            return
        effect = decide(body, record.state, _digests(record))
        if effect.target is None:
            self._refuse("decision-refused", job_id, effect.against)
            return
        self._journal.note(
            "owner-decided", job_id, decision=body, signature=letter.body["decision"]["signature"]
        )
        match effect.target:
            case "approved":
                waiting = self._why_waiting()
                self._journal.move(
                    record,
                    "approved",
                    "the data owner approved it",
                    *((waiting,) if waiting else ()),
                    approved_by=self._journal.owner,
                )
            case "rejected":
                words = _words(body)
                said = f": {words}" if words else ""
                self._journal.move(record, "rejected", f"the data owner rejected it{said}")
            case "released":
                self._disclosure.release(
                    record, by=self._journal.owner, with_log=body.get("with_log") is True
                )
            case "withheld":
                self._disclosure.withhold(record, reason=_words(body))

    # ------------------------------------------------------------------------------ policy

    def policy(self, letter: Letter) -> None:
        """Put a policy in force, or tell the owner why not; the last good one stays."""
        against = self.adopt(letter.body.get("policy"), sender=letter.sender)
        if against:
            self._refuse("policy-refused", "", against)

    def adopt(self, said: Any, *, sender: str) -> str:
        """Put a signed policy in force; why not, or "".

        Args:
            said: the statement's JSON form, of any origin.
            sender: who hands it over; only the owner's signature counts.
        """
        try:
            body = self._said(sender, said, "policy")
            policy = SitePolicy.from_mapping(body)
        except DarkroomError as error:
            return error.message
        current = self._store.policy()
        version = current.body["version"] if current else 0
        if current is not None and current.body == body:
            return ""  # it is in force already
        against = succeeds(policy, domain=self._domain, version=version)
        if against:
            return against
        statement = Statement.from_mapping(said)
        self._store.put_policy(statement, policy.version, self._clock.now())
        self._journal.note("policy-in-force", version=policy.version)
        self._journal.tell_owner("info", f"policy {policy.version} is in force")
        self._admission.screen_again()
        return ""

    # ----------------------------------------------------------------------------- details

    def _said(self, sender: str, said: Any, kind: str) -> dict[str, Any]:
        """The body of a statement that our owner signed."""
        owner: PublicIdentity | None = self._store.get(self._journal.owner)
        if owner is None or sender != owner.name or not isinstance(said, dict):
            raise SpecError(f"this is no {kind} of our owner", next_step="send it again")
        return self._verifier.check_statement(Statement.from_mapping(said), kind, owner)

    def _refuse(self, event: str, job_id: str, why: str) -> None:
        self._journal.note(event, job_id, reason=why)
        about = f"job {job_id}: " if job_id else ""
        self._journal.tell_owner("warning", f"{about}not done: {why}")


def _digests(record: JobRecord) -> dict[str, str]:
    """Computed anew from what is kept, never taken from a message."""
    digests = {"code": record.request.job_digest}
    if record.outputs:
        digests["output"] = output_digest(record.outputs)
    return digests


def _words(body: dict[str, Any]) -> str:
    """The owner's own words to the submitter, without control characters."""
    reason = body.get("reason")
    if not isinstance(reason, str):
        return ""
    return "".join(c for c in reason[:250] if c.isprintable()).strip()
