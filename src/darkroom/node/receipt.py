"""The receipt of a release, made and signed in the transaction that lets the outputs go."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from darkroom.errors import StateError
from darkroom.model.audit_entry import SALT_BYTES, AuditEntry, AuditProof, detail_text
from darkroom.model.canonical import canonical, digest
from darkroom.model.dsse import MAX_ENVELOPE, envelope_bytes
from darkroom.model.identity import PublicIdentity
from darkroom.model.job_record import JobRecord
from darkroom.model.merkle import HASH_BYTES, MAX_PROOF
from darkroom.model.receipt import MAX_PEOPLE, receipt_body
from darkroom.model.receipt_parts import MAX_CAMERAS, MAX_DECISION, Asked, Decided, PolicyStamp
from darkroom.model.statement import RECEIPT, Statement
from darkroom.model.tree_head import KIND, LAST_DATE, MAX_COUNT, LedgerMark, TreeHead
from darkroom.node.store import NodeStore
from darkroom.policy.disclosure import BLIND, LOG
from darkroom.policy.owner_word import YES
from darkroom.policy.receipt_check import RELEASED, names_in
from darkroom.ports import Keyring


_NO_KEY = 64 * "0"  # as long as one


class Receipts:
    """Makes receipts."""

    def __init__(
        self,
        *,
        store: NodeStore,
        keyring: Keyring,
        prove: Callable[[str, str], AuditProof],
        owner: str,
    ) -> None:
        """Put together.

        Args:
            store, keyring: the node's own.
            prove: `Audit.prove`.
            owner: name of the data owner, who signs policies.
        """
        self._store = store
        self._keyring = keyring
        self._prove = prove
        self._owner = owner

    def asked(self, record: JobRecord) -> Asked:
        """What a receipt of a job says that was asked; the release has its digest."""
        request = record.request
        card = self._store.card(request.dataset, request.dataset_version)
        return Asked.of(request, tuple(c.id for c in card.cameras[:MAX_CAMERAS]) if card else ())

    def against(self, record: JobRecord, said: dict[str, Any]) -> str:
        """Why a release that says this can have no receipt; "" when it can, or needs none.

        Args:
            record: the job, with the decision about its outputs and the names of who said so.
            said: body of the release.
        """
        people = len(_wanted(record))
        if people > MAX_PEOPLE:
            return f"{people} people said yes: a receipt names at most {MAX_PEOPLE}"
        if self.is_from_before(record):
            return ""
        if missing := _missing(record):
            return f"what {missing} signed is not kept here: withhold the outputs"
        if None in self._policies(record):
            return "the policy of then, or one of today, is not here: sign one, or withhold"
        release = Statement(kind="release", body=said, key=_NO_KEY, signature=2 * _NO_KEY)
        body = self._body(record, release, _longest_proof(record.job_id))
        draft = Statement(kind=RECEIPT, body=body, key=_NO_KEY, signature=2 * _NO_KEY)
        size = len(envelope_bytes(draft))
        if size > MAX_ENVELOPE:
            return f"its receipt would have {size >> 10} KiB of at most {MAX_ENVELOPE >> 10}"
        return ""

    def is_from_before(self, record: JobRecord) -> bool:
        """Whether a yes to it was given before these were kept: it is released without a receipt.

        That is told by what is not there, and by its day: a job that came after the first head
        of the log was signed has everything.
        """
        log = record.outputs.get(LOG)
        # Without `blind` the digest that people signed would let anybody try what the log says.
        bare = log is not None and BLIND not in log and names_in(record.released_by)
        if not bare and not _missing(record):
            return False
        first = next(iter(self._store.signed_heads()), None)
        return first is None or record.received_at < TreeHead.from_body(first.body).at

    def make(self, record: JobRecord, release: Statement) -> Statement | None:
        """The receipt of a release that the log's newest entry about the job tells of.

        Args:
            record: the job, released.
            release: the domain's statement about it.

        Returns:
            None for a job that is from before.

        Raises:
            StateError: there can be none, so nothing may leave.
        """
        if why := self.against(record, release.body):
            raise StateError(why, next_step="withhold the outputs, and have it submitted again")
        if self.is_from_before(record):
            return None
        body = self._body(record, release, self._prove(record.job_id, RELEASED))
        receipt = self._keyring.sign(RECEIPT, body)
        self._store.add_receipt(record.job_id, receipt)
        return receipt

    def _policies(self, record: JobRecord) -> tuple[Statement | None, Statement | None]:
        """That of its admission, and that in force."""
        return self._store.policy_of(record.policy_version), self._store.policy()

    def _body(self, record: JobRecord, release: Statement, proof: AuditProof) -> dict[str, Any]:
        decisions, log = _decisions(record), record.outputs.get(LOG)
        applied, in_force = self._policies(record)
        assert applied is not None  # `against` looked
        assert in_force is not None
        return receipt_body(
            release=release,
            asked=self.asked(record),
            decisions=decisions,
            log=digest(log) if log else "",
            blind=log.get(BLIND, "") if log and LOG in release.body["outputs"] else "",
            applied=PolicyStamp.of(applied),
            in_force=PolicyStamp.of(in_force),
            proof=proof,
            detail=proof.entry.detail or "",
            salt=proof.entry.salt or "",
            identities=tuple(self._identities(decisions, (applied, in_force))),
            handovers=self._keyring.handovers,
        )

    def _identities(
        self, decisions: tuple[Decided, ...], policies: Iterable[Statement]
    ) -> Iterable[PublicIdentity]:
        """Those whose signatures are in it, each once; our own first."""
        found = {self._keyring.identity.fingerprint: self._keyring.identity}
        people = [self._store.identity_of(d.by, d.fingerprint) for d in decisions]
        pinned = self._store.get(self._owner)
        owners = [*(past.identity for past in self._store.former(self._owner)), pinned]
        keys = {policy.key for policy in policies}
        people += [o for o in owners if o is not None and o.statement_key in keys]
        found |= {p.fingerprint: p for p in people if p is not None}
        return found.values()


def _wanted(record: JobRecord) -> list[tuple[str, str]]:
    """Everybody who is named, each with what they said yes to."""
    code = [("code", name) for name in names_in(record.approved_by)]
    return code + [("output", name) for name in names_in(record.released_by)]


def _missing(record: JobRecord) -> str:
    """Names of those who are named and whose signed yes is not kept, or ""."""
    kept = {(said["subject"], said["by"]) for said in record.decisions}
    return ", ".join(dict.fromkeys(who[1] for who in _wanted(record) if who not in kept))


def _decisions(record: JobRecord) -> tuple[Decided, ...]:
    """The signed yes of everybody who is named."""
    kept = {(d.subject, d.by): d for d in map(Decided.from_mapping, record.decisions)}
    return tuple(kept[who] for who in _wanted(record))  # type: ignore[index]  # the same two subjects


def _longest_proof(job_id: str) -> AuditProof:
    """As long as a proof can be, so that the size of a receipt is known before it is made."""
    digest, most = "0" * 2 * HASH_BYTES, MAX_COUNT
    head = TreeHead(
        domain="x" * 64, epoch=most, size=most, root=digest, at=float(LAST_DATE),
        ledger=LedgerMark(number=most, chain=digest),
    )  # fmt: skip
    return AuditProof(
        head=Statement(kind=KIND, body=head.to_body(), key=_NO_KEY, signature=2 * _NO_KEY),
        entry=AuditEntry(
            number=most, at=LAST_DATE - 1 / 3, event=RELEASED, job_id=job_id, digest=digest,
            detail=detail_text({"release": f"sha256:{digest}"}), salt="0" * 2 * SALT_BYTES,
        ),
        path=(digest,) * MAX_PROOF,
    )  # fmt: skip


def against_length(said: dict[str, Any]) -> str:
    """Why a signed decision is too long to be kept and shown; "" when it is not."""
    long = len(canonical(said)) > MAX_DECISION
    return f"a decision has at most {MAX_DECISION >> 10} KiB: give a shorter reason" if long else ""


def with_decision(record: JobRecord, said: dict[str, Any], by: PublicIdentity) -> JobRecord:
    """The record with somebody's signed decision, which was checked, if it is a yes."""
    statement = Statement.from_mapping(said)
    if statement.body.get("verdict") not in YES:
        return record
    decided = Decided(
        subject=statement.body["subject"],
        by=by.name,
        fingerprint=by.fingerprint,
        statement=statement,
    )
    others = (d for d in record.decisions if (d["subject"], d["by"]) != (decided.subject, by.name))
    return replace(record, decisions=(*others, decided.to_mapping()))
