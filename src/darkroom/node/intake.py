"""Every delivery passes here: one transaction each, and a bad one never stops the next."""

from collections.abc import Callable, Mapping

from darkroom.errors import StateError, UnreachableError
from darkroom.model.draft import Draft
from darkroom.model.letter import Letter
from darkroom.node.admit import Admission
from darkroom.node.balances import Balances
from darkroom.node.cancel import Cancellation
from darkroom.node.conversation import Conversation
from darkroom.node.enrol import Enrolment
from darkroom.node.journal import Journal
from darkroom.node.override import Overrides
from darkroom.node.quote import Quotes
from darkroom.node.review import Review
from darkroom.node.store import NodeStore
from darkroom.ports import Clock
from darkroom.post import Delivery


class Intake:
    """What may be said to a domain, and who takes it."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        clock: Clock,
        admission: Admission,
        review: Review,
        cancellation: Cancellation,
        conversation: Conversation,
        quotes: Quotes,
        balances: Balances,
        enrolment: Enrolment,
        overrides: Overrides,
        dialects: Mapping[str, Callable[[Letter], Draft]],
    ) -> None:
        """Connect it.

        Args:
            store, journal, clock: of the node.
            admission, review, cancellation, conversation, quotes, balances, enrolment,
                overrides: who takes what.
            dialects: kind of letter -> how a submission of that kind is read.
        """
        self._store = store
        self._journal = journal
        self._clock = clock
        self._enrolment = enrolment
        # Each answers with what is left to be done inside the transaction.
        self._takers: dict[str, Callable[[Letter], Callable[[], None]]] = {
            "job.submit": admission.prepare,
            "job.cancel": lambda letter: lambda: cancellation.cancel(letter),
            "job.answer": lambda letter: lambda: conversation.answer(letter),
            "review.ask": lambda letter: lambda: conversation.ask(letter),
            "job.quote": lambda letter: lambda: quotes.answer(letter),
            "budget.ask": lambda letter: lambda: balances.answer(letter),
            "owner.decision": lambda letter: lambda: review.decision(letter),
            "owner.policy": lambda letter: lambda: review.policy(letter),
            "owner.override": lambda letter: lambda: overrides.letter(letter),
            "owner.invitation": lambda letter: lambda: enrolment.invitation(letter),
            # It opened: so the post has followed the hand-over already.
            "handover.scientist": lambda _: lambda: None,
            "handover.owner": lambda _: lambda: None,
        }
        for kind, read in dialects.items():
            self._takers[kind] = lambda letter, read=read: admission.prepare(letter, read)  # type: ignore[misc]

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind of letter that is taken, introductions included."""
        return frozenset(self._takers) | {"enrol.request"}

    def take(self, delivery: Delivery, *, clock_offset: float = 0.0) -> None:
        """Deal with a delivery durably; afterwards it may be acknowledged.

        Raises:
            StateError, UnreachableError: not now; do not acknowledge, come again.
        """
        try:
            self._take(delivery, clock_offset)
        except (StateError, UnreachableError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug must not make a letter a poison pill
            self._put_aside(delivery.sender, f"could not be handled: {type(error).__name__}")

    def _take(self, delivery: Delivery, clock_offset: float) -> None:
        letter, introduction = delivery.letter, delivery.introduction
        if delivery.bounced:
            with self._store.transaction():
                self._journal.refuse("letter-bounced", "", letter=delivery.envelope_id)
                self._store.quarantine(self._clock.now(), "", delivery.problem)
        elif introduction is not None and introduction.letter.kind == "enrol.request":
            now = self._clock.now() + clock_offset
            with self._store.transaction():
                self._enrolment.request(introduction, now=now)
        elif letter is None or letter.kind not in self._takers:
            self._put_aside(delivery.sender, delivery.problem or "not a letter for a domain")
        else:
            finish = self._takers[letter.kind](letter)
            with self._store.transaction():
                if self._store.first_time(letter.sender, letter.id, self._clock.now()):
                    finish()

    def _put_aside(self, sender: str, reason: str) -> None:
        with self._store.transaction():
            self._store.quarantine(self._clock.now(), sender, reason)
            said = {"sender": sender[:64], "reason": reason[:300]}
            self._journal.refuse("letter-quarantined", sender, **said)
