"""Heads of the audit log: signed, carried by what is released, shown to the gateway.

What was shown cannot be taken back: whoever holds a head can tell whether the log is still
the one that it was.
"""

from collections.abc import Callable

from darkroom.errors import DarkroomError, ForkError, SpecError, StateError, UnreachableError
from darkroom.model.audit_entry import AuditProof
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node.refusals import Refusals
from darkroom.node.standing import SHOWN
from darkroom.node.store import NodeStore
from darkroom.ports import Clock, Keyring, Relay


HANDOVERS = "audit-handovers"  # the fact that tells how these keys came from former ones
SHOW_EVERY = 60.0  # seconds between two heads that the gateway is shown
ANSWERS = "answers of the witness"


class Audit:
    """Signs heads and shows them."""

    def __init__(
        self,
        *,
        store: NodeStore,
        keyring: Keyring,
        relay: Relay,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._relay = relay
        self._clock = clock
        self._say = say
        self._looked: float | None = None
        self._shown: tuple[int, int] | None = None  # epoch and size that the gateway has
        self._refusals = Refusals(store, clock)
        self._heard: type[DarkroomError] | None = None  # how the gateway refused last

    # -------------------------------------------------------------- inside the transaction

    def head(self) -> Statement:
        """Sign and keep a head over all entries so far; the last one again if none came since."""
        identity = self._keyring.identity
        at = max(self._clock.now(), self._store.ledger_time())  # a restore goes by it
        head = self._store.tree_head(identity.name, at)
        last = self._store.last_head()
        if last is not None and last.key == identity.statement_key:
            before = TreeHead.from_body(last.body)
            if (before.epoch, before.root, before.ledger) == (head.epoch, head.root, head.ledger):
                return last
        statement = self._keyring.sign(KIND, head.to_body())
        self._store.keep_head(statement, identity)
        return statement

    def prove(self, job_id: str, event: str) -> AuditProof:
        """A signed head, and the newest entry with that event about a job, shown to be in it.

        The entry has its detail and salt here; the JSON form of the proof leaves them out.

        Raises:
            StateError: the log has no such entry.
        """
        entry = self._store.last_entry(job_id, event)
        if entry is None:
            raise StateError(
                f"the audit log has no {event} of job {job_id}",
                next_step="nothing was done; look at the log with `darkroom audit log`",
            )
        head = self.head()
        path = self._store.inclusion(entry.number, head.body["size"])
        return AuditProof(head=head, entry=entry, path=tuple(step.hex() for step in path))

    # ----------------------------------------------------------------------- to the gateway

    def show(self, *, ending: bool = False) -> bool:
        """Show the gateway how far the log has grown, once a minute; whether it took a head.

        A gateway that refuses stops nothing here: what it says is said to the operator, and
        that it was said is an entry, a bounded number of times a day.

        Args:
            ending: now, whenever the last look was.

        Raises:
            UnreachableError: the gateway is away; call again.
        """
        now = self._clock.monotonic()
        if not ending and self._looked is not None and now - self._looked < SHOW_EVERY:
            return False
        if self._looked is None and self._keyring.handovers:
            links = [link.to_mapping() for link in self._keyring.handovers]
            self._store.set_fact(HANDOVERS, links)
        self._looked = now
        if self._shown == (self._store.epoch(), self._store.audit_size()):
            return False
        try:
            return self._show()
        except UnreachableError:
            self._looked = None
            raise
        except DarkroomError as error:
            self._shown = None  # it knows better what it has
            self._hear(error)
            return False

    def _show(self) -> bool:
        with self._store.transaction():
            statement = self.head()
        head = TreeHead.from_body(statement.body)
        since = self._known(head.epoch)
        since = min(since, head.size)  # the gateway says itself what is wrong with that
        proof = self._store.consistency(since, head.size)
        self._relay.witness(statement, since=since, proof=proof)
        self._shown = (head.epoch, head.size)
        self._store.set_fact(SHOWN, {"epoch": head.epoch, "size": head.size})
        self._heard = None
        return True

    def _known(self, epoch: int) -> int:
        """How many entries of this epoch's log the gateway knows of."""
        if self._shown is None:
            last = self._relay.last_head(self._keyring.identity.name)
            if last is None:
                return 0
            try:
                known = TreeHead.from_body(last.body)
            except SpecError:
                return 0
            self._shown = (known.epoch, known.size)
        return self._shown[1] if self._shown[0] == epoch else 0

    def _hear(self, error: DarkroomError) -> None:
        """By the kind of the refusal: its words are the gateway's, and could be new each time."""
        if type(error) is self._heard:
            return
        self._say(f"the gateway does not take the head of the audit log: {error.message}")
        if isinstance(error, ForkError):
            detail = {"reason": error.message}
            with self._store.transaction():
                if self._refusals.tells_change(ANSWERS):
                    self._store.add_event(self._clock.now(), "witness-refused", "", detail)
        self._heard = type(error)
