"""Whether this state is the newest one. Unless it is, charged jobs wait: budgets are in it.

Asked at the start, after each time that the gateway was away, and once a minute. What counts
are heads of our own log that we signed, whoever shows them; see `policy.standing`.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from darkroom.errors import DarkroomError, StateError, TrustError, UnreachableError
from darkroom.model.canonical import canonical
from darkroom.model.handover import Check
from darkroom.model.identity import PublicIdentity
from darkroom.model.override import GATEWAY_LOST
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node import words
from darkroom.node.journal import Journal
from darkroom.node.store import NodeStore
from darkroom.policy.price import FREE_TIERS
from darkroom.policy.signers import Known, signer
from darkroom.policy.standing import (
    AWAY,
    BEHIND,
    LEVEL,
    NOT_ASKED,
    UNSIGNED,
    Finding,
    Log,
    judge,
    outruns,
)
from darkroom.ports import Clock, Keyring, Relay, Verifier


LOOK_EVERY = 60.0  # seconds
LOOK_AGAIN = 10.0  # the same where the gateway was away and the last look found nothing good
MAX_HEAD = 4 << 10  # bytes of a signed head that somebody sends along
SHOWN = "head-shown"  # the fact: epoch and size of the last head that the gateway took
EVIDENCE = "head-ahead"  # the fact: a head of ours that this state does not have
STANDING = "standing"  # the fact for people, with the kind of the last answer
CHANGES = "changes of standing"
CURE = "put the newest state back, or restore a backup: docs/backup.md"


class Standing:
    """Remembers the last look."""

    def __init__(
        self,
        *,
        store: NodeStore,
        keyring: Keyring,
        verifier: Verifier,
        relay: Relay,
        clock: Clock,
        journal: Journal,
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._verifier = verifier
        self._relay = relay
        self._clock = clock
        self._journal = journal
        self._say = say
        self._found = NOT_ASKED
        self._looked: float | None = None

    @property
    def found(self) -> Finding:
        """What the last look found."""
        return self._found

    @property
    def may_show(self) -> bool:
        """Whether the gateway may be shown our head: not where it lost those that it had.

        Else it would show our own head to us, and it would seem as if it had never lost one.
        """
        return not self._found.lost

    def why(self, tier: str) -> str:
        """Why jobs of a tier neither start nor leave now; "" when they may."""
        return "" if tier in FREE_TIERS else self.why_charged()

    def why_charged(self) -> str:
        """The same of every tier that touches footage; no word of what was found leaves."""
        return words.WAITS[self._found.is_]

    # -------------------------------------------------------------------------------- looks

    def look(self, *, now: bool = False) -> bool:
        """Ask the gateway where that is due; whether charged jobs may go on that could not.

        Args:
            now: the gateway was away. Then a state that was level, or not asked for, is looked
                at once; else a gateway could answer and fail in turn to be asked without end.

        Raises:
            UnreachableError: the gateway is away, and so is our knowledge.
        """
        at = self._clock.monotonic()
        pause = LOOK_AGAIN if now else LOOK_EVERY
        if self._looked is not None and at - self._looked < pause:
            return False
        before = self._found
        try:
            found = self._judged(self._relay.last_head(self._keyring.identity.name))
        except UnreachableError:
            self.away()
            raise
        except StateError:
            raise
        except DarkroomError:  # an answer that is none
            found = UNSIGNED
        self._take(found)
        self._looked = at
        return found.is_ == LEVEL and before.is_ != LEVEL

    def away(self) -> None:
        """The gateway does not answer: whether another state goes on meanwhile is not known."""
        if self._found.is_ == LEVEL or self._found is NOT_ASKED:
            self._looked = None
            with contextlib.suppress(StateError):  # it is said by whoever writes next
                self._take(AWAY)

    def hear(self, said: dict[str, Any]) -> None:
        """A head that somebody got from us and sends along. Inside a transaction.

        Nothing is believed but our own signature; what does not carry it is passed over.
        """
        try:
            if len(canonical(said)) > MAX_HEAD:
                return
            statement = Statement.from_mapping(said)
            head = self._ours(statement)
        except (DarkroomError, TypeError, ValueError, RecursionError):
            return
        if why := outruns(head, self._log()):
            self._store.set_fact(EVIDENCE, statement.to_mapping())
            self._take(Finding(is_=BEHIND, why=why))

    def gateway_lost(self) -> None:
        """The owner signed that nobody holds a newer state: the gateway need not remember."""
        self._store.set_fact(SHOWN, None)
        self._looked = None

    # ------------------------------------------------------------------------------ details

    def _judged(self, last: Statement | None) -> Finding:
        log = self._log()
        kept = self._store.fact(EVIDENCE)
        if kept is not None and (
            why := outruns(TreeHead.from_body(Statement.from_mapping(kept).body), log)
        ):
            return Finding(is_=BEHIND, why=why)
        seen = self._ours(last) if last is not None else None
        shown = self._store.fact(SHOWN)
        found = judge(seen, shown=(shown["epoch"], shown["size"]) if shown else None, log=log)
        if found.is_ == BEHIND and last is not None:
            self._store.set_fact(EVIDENCE, last.to_mapping())  # whatever the gateway shows next
        return found

    def _log(self) -> Log:
        return Log(
            epoch=self._store.opened_epoch(), size=self._store.audit_size(), has=self._store.had
        )

    def _ours(self, statement: Statement) -> TreeHead:
        """What a head of our own log says.

        Raises:
            TrustError, SpecError: it is none.
        """
        ours = self._keyring.identity
        check, former = self._verifier.check_statement, self._store.head_signers()
        by = own_identity(statement.key, self._keyring, former, check)
        head = TreeHead.from_body(check(statement, KIND, by or ours))
        if head.domain != ours.name:
            return TreeHead.from_body({})  # signed with our key, and about another log
        return head

    def _take(self, found: Finding) -> None:
        """Bad news counts at once, good news once it is written: else nobody would act on it."""
        if found.is_ != LEVEL:
            self._found = found
        self._keep(found)
        self._found = found

    def _keep(self, found: Finding) -> None:
        """Tell it where its kind is new: the numbers in its words are chosen by the other side."""
        with self._store.transaction():
            before = self._store.fact(STANDING) or {}
            silent = found in (AWAY, NOT_ASKED)  # the poller says it
            kind = before.get("kind") if silent else _kind(found)
            fact = {"is": found.is_, "why": found.why, "kind": kind}
            if before == fact:
                return
            self._store.set_fact(STANDING, fact)
            if found.is_ == LEVEL:
                if before.get("is") not in (None, LEVEL):
                    self._say("its state is the newest: charged jobs go on")
            elif kind != before.get("kind"):
                self._say(f"charged jobs wait: {found.why}")
                if self._journal.change(f"standing-{found.is_}", CHANGES, reason=found.why):
                    self._tell_owner(found)
                self._tell_waiting()

    def _tell_owner(self, found: Finding) -> None:
        cure = f"to go on: {CURE}"
        about: dict[str, Any] = {}
        head = self._store.last_head()
        if found.lost and head is not None:
            override = f"darkroom owner override {head.body['domain']} --because {GATEWAY_LOST}"
            cure = f"if nobody else holds a newer state: `{override}`; budgets stay as they are"
            about = {"believe": head.to_mapping()}
        self._journal.tell_owner("warning", f"charged jobs wait: {found.why}; {cure}", about=about)

    def _tell_waiting(self) -> None:
        """Each job hears each reason once, so this needs no bound."""
        for record in self._store.jobs("approved"):
            why = self.why(record.request.spec.tier)
            if why and why not in record.reasons:
                self._journal.progress(record, *record.reasons, why)


def _kind(found: Finding) -> str:
    return f"{found.is_}, lost" if found.lost else found.is_


def own_identity(
    key: str, keyring: Keyring, former: list[PublicIdentity], check: Check
) -> PublicIdentity | None:
    """The identity of ours that has a statement key: of today, or one that we handed over from.

    Given up or not, it counts for heads of any date: that a state was restored under a clock
    that was behind shows by heads which are later than the hand-over.
    """
    ours, chain = keyring.identity, keyring.handovers
    try:
        found = signer(
            ours.name,
            key,
            at=0.0,
            known=Known(identities=(ours,)),
            offered=[*former, *(link.new for link in chain)],
            chain=chain,
            check=check,
        )
    except TrustError:
        return None
    return found.identity
