"""What a restored state does first, in one transaction: it opens another epoch.

Nothing that was under way goes on: whatever was decided about it may have happened already,
in the time that the backup does not know.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from darkroom.model.audit_entry import EPOCH_OPENED
from darkroom.model.identity import PublicIdentity
from darkroom.model.letter import KINDS
from darkroom.model.override import NOTHING_RAN
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node import words
from darkroom.node.charge import Charge
from darkroom.node.journal import Journal
from darkroom.node.standing import EVIDENCE
from darkroom.node.store import NodeStore
from darkroom.policy.transitions import FINAL, OWNERS, State
from darkroom.ports import Clock, Keyring


RESULT = "job.result"  # was released and charged before the backup: harmless, and owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a restore did.

    Attributes:
        number, opened_at: of the epoch that began.
        ended: how many jobs were open.
        policy: version of the policy in force; 0: none.
    """

    number: int
    opened_at: float
    ended: int
    policy: int


def open_epoch(
    *,
    store: NodeStore,
    clock: Clock,
    owner: str,
    before: PublicIdentity,
    keyring: Keyring,
    known: Iterable[TreeHead],
) -> Opened:
    """Begin the next epoch on a state that was just restored.

    Args:
        store, clock: of the domain.
        owner: the data owner's name.
        before: the identity under which the backup was made.
        keyring: the keys of the new epoch: no envelope of the old one opens with them.
        known: heads of the domain that somebody was shown, their signatures checked.
    """
    heads = list(known)
    charge = Charge(store=store, clock=clock)
    journal = Journal(store=store, clock=clock, domain=before.name, owner=owner, close=charge.keep)
    with store.transaction():
        number = max([store.epoch(), *(head.epoch for head in heads)]) + 1
        opened_at = max([charge.now(), *(head.at for head in heads)])
        size = store.audit_size()
        store.forget_outgoing_but(RESULT)
        for owed in store.outgoing():
            owed.require_places()
        ended = _end_all(store, journal)
        voided = store.void_invitations()
        store.open_epoch(number, opened_at)
        store.set_fact(EVIDENCE, None)
        journal.note(
            EPOCH_OPENED,
            epoch=number,
            opened_at=opened_at,
            restored=size,
            ended=ended,
            invitations=voided,
        )
        policy = store.policy()
        version = int(policy.body["version"]) if policy else 0
        opened = Opened(number=number, opened_at=opened_at, ended=ended, policy=version)
        _tell_everybody(store, journal, keyring, opened)
        store.keep_signer(before)
        head = keyring.sign(KIND, store.tree_head(before.name, opened_at).to_body())
        store.keep_head(head, keyring.identity)
        journal.tell_owner(
            "warning",
            _in_words(opened, before.name),
            about={"believe": head.to_mapping(), "restored": opened.number},
        )
    return opened


def _end_all(store: NodeStore, journal: Journal) -> int:
    """Every open job ends; outputs that nobody decided on stay here."""
    open_states = (state for state in OWNERS if state not in FINAL)
    jobs = store.jobs(*open_states)
    for record in jobs:
        target: State = "withheld" if record.state == "produced" else "rejected"
        journal.move(record, target, words.RESTORED)
    return len(jobs)


def _tell_everybody(store: NodeStore, journal: Journal, keyring: Keyring, opened: Opened) -> None:
    """The new keys, to whoever pinned the old ones; the restore, to whoever may wait for a job."""
    kinds = {pair: kind for kind, pair in KINDS.items() if kind.startswith("handover.")}
    for name in store.names():
        pinned = store.get(name)
        kind = kinds.get(("domain", pinned.role)) if pinned else None
        if kind is None:
            continue
        journal.tell(kind, name, {"fingerprint": keyring.identity.fingerprint})
        if kind == "handover.domain":
            body = {"epoch": opened.number, "opened_at": opened.opened_at}
            journal.tell("domain.restored", name, body)


def _in_words(opened: Opened, domain: str) -> str:
    policy = (
        f"policy {opened.policy} is in force until your machine has sent the last one again"
        if opened.policy
        else "no policy is in force"
    )
    return (
        f"the domain was restored from a backup and is in epoch {opened.number}: {opened.ended} "
        "jobs ended, invitations are void, what was left of the running periods counts as "
        f"spent; {policy}; if nothing ran since the backup: `darkroom owner override {domain} "
        f"--because {NOTHING_RAN}`, which speaks for this restore alone"
    )
