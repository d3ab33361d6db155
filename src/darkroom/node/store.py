"""What a node remembers: the contract. `adapters.sqlite.node_store` keeps it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from darkroom.model.amount import Amount
from darkroom.model.audit_entry import AuditEntry
from darkroom.model.budget import Account
from darkroom.model.dataset import DatasetCard
from darkroom.model.epoch import Epoch
from darkroom.model.forget import Forget, Forgotten
from darkroom.model.handover import Former, Handover
from darkroom.model.identity import PublicIdentity
from darkroom.model.job_record import JobRecord
from darkroom.model.message import Message
from darkroom.model.outgoing import Outgoing
from darkroom.model.statement import Statement
from darkroom.model.tree_head import TreeHead
from darkroom.policy.ledger import Entry


class NodeStore(Protocol):
    """Durable, safe from several threads. Every method raises `StateError` when the disk
    is full or the file broken; then nothing of its transaction happened.

    Alone, each method is its own transaction.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, on disk when it ends; inside another one it joins that one."""
        ...

    def changes_elsewhere(self) -> int:
        """A number that changes when another process wrote."""
        ...

    # letters in
    def first_time(self, sender: str, letter_id: str, at: float) -> bool:
        """Remember a letter; False when it was there before."""
        ...

    def forget_seen(self, before: float) -> None:
        """Drop ids that no letter can come with any more."""
        ...

    def quarantine(self, at: float, sender: str, reason: str) -> None:
        """Note a delivery that was put aside; bounded in number."""
        ...

    # jobs
    def add_job(self, record: JobRecord) -> None:
        """Keep a new job, in state `received`."""
        ...

    def replace_job(self, record: JobRecord, was: str) -> None:
        """The next value of a job that is in state `was`.

        Raises:
            StateError: it is in another state, or the transition is not in the table.
        """
        ...

    def job(self, job_id: str) -> JobRecord | None:
        """The job of that id."""
        ...

    def jobs(self, *states: str) -> list[JobRecord]:
        """Jobs in any of these states (all when none is named), in order of arrival."""
        ...

    def count_jobs_of(self, submitter: str, *states: str) -> int:
        """How many jobs of one submitter are in these states."""
        ...

    # the audit log, append-only
    def add_event(
        self, at: float, event: str, job_id: str = "", detail: dict[str, Any] | None = None
    ) -> int:
        """Append to the log; the number of the entry."""
        ...

    def last_entry(self, job_id: str, event: str) -> AuditEntry | None:
        """The newest entry with that event about a job."""
        ...

    def audit_size(self) -> int:
        """The number of entries."""
        ...

    def tree_head(self, domain: str, at: float) -> TreeHead:
        """The log and the ledger as they are now; belongs inside a transaction."""
        ...

    def epoch(self) -> int:
        """1, and one more after each restore from a backup."""
        ...

    def opened_epoch(self) -> Epoch:
        """The epoch that this state is in."""
        ...

    def restores(self) -> tuple[Epoch, ...]:
        """Every epoch that a restore opened in the history of this state, in order."""
        ...

    def open_epoch(self, number: int, at: float) -> None:
        """Begin another epoch.

        Raises:
            StateError: its number or its time is not above those before it.
        """
        ...

    def add_override(self, statement: Statement, epoch: int, purpose: str, at: float) -> bool:
        """Keep the owner's word about one epoch; False when it was known."""
        ...

    def had(self, head: TreeHead) -> bool:
        """Whether log and ledger, as they are here, once were as a head says; not its epoch."""
        ...

    def inclusion(self, number: int, size: int) -> tuple[bytes, ...]:
        """What shows that the log had an entry when it had that many."""
        ...

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """What shows that the log of one size is the beginning of that of another."""
        ...

    def keep_head(self, head: Statement, signer: PublicIdentity) -> None:
        """Keep a head that was signed here, and who signed it."""
        ...

    def signed_heads(self) -> Iterator[Statement]:
        """Every head of the log that was signed here, oldest first."""
        ...

    def last_head(self) -> Statement | None:
        """The head that was signed last."""
        ...

    def keep_signer(self, signer: PublicIdentity) -> None:
        """Remember an identity of our own that heads were signed with."""
        ...

    def head_signers(self) -> list[PublicIdentity]:
        """Every identity of our own that heads were signed with."""
        ...

    # receipts, one for each release
    def add_receipt(self, job_id: str, receipt: Statement) -> None:
        """Keep the receipt of a job; it has one."""
        ...

    def receipt(self, job_id: str) -> Statement | None:
        """The receipt of a job."""
        ...

    # what was forgotten
    def add_forget(self, forget: Forget) -> None:
        """Keep an order; it stands from now on."""
        ...

    def forgets(self) -> list[Forget]:
        """All orders, oldest first."""
        ...

    def add_forgotten(self, found: Forgotten) -> None:
        """A version has frames that are to go; again: it is to be erased once more."""
        ...

    def mark_cut(self, version: str, replaced_by: str) -> None:
        """It is decided what takes the place of a version; "": nothing does."""
        ...

    def mark_erased(self, version: str) -> None:
        """Nothing of a version is here any more."""
        ...

    def forgotten(self) -> dict[str, Forgotten]:
        """Version -> how far it is, of every version that had such frames."""
        ...

    def is_forgotten(self, version: str) -> bool:
        """Whether a version had such frames."""
        ...

    def add_stale(self, job_id: str, statement: Statement) -> None:
        """A release is stale, as this statement says; it stays so."""
        ...

    def stale(self, job_id: str) -> Statement | None:
        """What was signed about a release that is stale; None: it is not."""
        ...

    # what reviewers and submitters wrote to each other, append-only
    def add_message(self, message: Message) -> None:
        """Keep a message under its number.

        Raises:
            StateError: there is one of that number about that job.
        """
        ...

    def messages(self, job_id: str) -> list[Message]:
        """Everything that was written about a job, in order."""
        ...

    def count_messages_of(self, name: str, since: float) -> int:
        """How many messages somebody wrote after a point in time."""
        ...

    # the ledger: entries only grow, balances are kept beside them
    def add_entry(self, entry: Entry) -> None:
        """Append to the ledger, and keep every balance that it concerns.

        Raises:
            StateError: `policy.ledger.FOLLOWS` has no such step for this reservation, its
                amount is another one, it refunds a job that was started, or it reserves at
                a time before `ledger_time`.
        """
        ...

    def reservation(self, reservation: str) -> Entry | None:
        """The last entry about a reservation."""
        ...

    def spent(self, account: Account) -> Amount:
        """What an account has spent; equals `policy.ledger.spent` over all entries."""
        ...

    def ledger_time(self) -> float:
        """The latest time of any entry; 0.0 in an empty ledger. Never goes back."""
        ...

    # letters out
    def queue(self, outgoing: Outgoing) -> None:
        """Have a letter delivered once this transaction is committed."""
        ...

    def outgoing(self) -> list[Outgoing]:
        """What is neither delivered nor given up, oldest first."""
        ...

    def next_outgoing(self, without: Collection[str]) -> list[Outgoing]:
        """The oldest of `outgoing` to each recipient; not to those in `without`."""
        ...

    def forget_outgoing_but(self, kind: str) -> None:
        """Drop every letter that waits or was given up, but those of one kind that wait."""
        ...

    def drop_outgoing(self, recipient: str, kind: str, keep: int) -> None:
        """Forget what of `outgoing` is of one kind to one recipient, but the newest `keep`."""
        ...

    def delivered(self, letter_id: str) -> None:
        """The relay has it."""
        ...

    def postpone(self, letter_id: str, not_before: float, problem: str = "") -> None:
        """Try again later; never, when a problem is named."""
        ...

    # policy and invitations
    def policy(self) -> Statement | None:
        """The signed policy in force."""
        ...

    def policy_of(self, version: int) -> Statement | None:
        """The signed policy of that version, in force now or before."""
        ...

    def put_policy(self, statement: Statement, version: int, at: float) -> None:
        """Put a policy in force."""
        ...

    def put_invitation(self, statement: Statement) -> None:
        """Keep an invitation; the same id again changes nothing."""
        ...

    def invitation(self, invitation_id: str) -> tuple[Statement, str] | None:
        """The invitation and the fingerprint of who used it ("" for nobody)."""
        ...

    def use_invitation(self, invitation_id: str, fingerprint: str) -> None:
        """It is used up, by the identity of that fingerprint."""
        ...

    def void_invitations(self) -> int:
        """Drop invitations that nobody used; how many."""
        ...

    def unopened_tickets(self) -> list[Statement]:
        """Invitations whose ticket the gateway does not know yet."""
        ...

    def ticket_opened(self, invitation_id: str) -> None:
        """The gateway knows it now."""
        ...

    # pins
    def get(self, name: str) -> PublicIdentity | None:
        """The pinned identity of that name, or None."""
        ...

    def pin(self, identity: PublicIdentity) -> None:
        """Remember an identity; the same again changes nothing.

        Raises:
            TrustError: another key is pinned under that name, or this one was handed over.
        """
        ...

    def succeed(self, links: Sequence[Handover], at: float) -> None:
        """Go along checked hand-overs; what was pinned becomes history.

        Raises:
            TrustError: the first one does not begin at the pin any more.
        """
        ...

    def former(self, name: str) -> tuple[Former, ...]:
        """What was pinned under that name before, oldest first."""
        ...

    def identity_of(self, name: str, fingerprint: str) -> PublicIdentity | None:
        """The pinned identity of that name; the former one that a fingerprint names."""
        ...

    def followed_since(self, name: str, at: float) -> int:
        """How many hand-overs of that name were followed after a point in time."""
        ...

    def keys_of(self, name: str) -> frozenset[str]:
        """Every statement key that was ever pinned under that name."""
        ...

    def names(self) -> list[str]:
        """All pinned names, sorted."""
        ...

    # datasets
    def datasets(self) -> dict[str, DatasetCard]:
        """Dataset name -> card of the version in force."""
        ...

    def card(self, name: str, version: str) -> DatasetCard | None:
        """The card of a version that was ever registered here."""
        ...

    def has_version(self, name: str, version: str) -> bool:
        """Whether that version was ever registered here."""
        ...

    def registered(self) -> list[tuple[str, str]]:
        """Dataset and version of all that were ever registered, oldest first."""
        ...

    def newest_number(self) -> int:
        """A number that grows with every version that is registered."""
        ...

    def register_in_place(self, card: DatasetCard, of: str) -> None:
        """Register what is left of a version: in force only if that one was, or was not known."""
        ...

    # facts for people
    def fact(self, name: str) -> Any:
        """A JSON value kept under a name, or None."""
        ...

    def set_fact(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        ...
