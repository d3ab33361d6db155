"""What a node does when somebody it has pinned hands over to new keys: follow, note, tell."""

from collections.abc import Callable

from darkroom.errors import TrustError
from darkroom.model.handover import Handover
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.ports import Clock
from darkroom.post.post import handed_over


A_DAY = 86_400.0
FOLLOWED_A_DAY = 4  # steps of one name; more at once only for who was not followed for a day


class FollowedKeys:
    """Takes hand-overs whose signatures were checked, and says where there was none."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        laws: Laws,
        clock: Clock,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Put together.

        Args:
            store, journal, laws, clock: the node's own.
            changed: told the name of whoever has new keys, in the same transaction.
        """
        self._store = store
        self._journal = journal
        self._laws = laws
        self._clock = clock
        self._changed = changed

    def accept(self, links: tuple[Handover, ...]) -> None:
        """Move the pin, in one transaction with the log and the notices.

        Raises:
            TrustError: they come faster than anybody needs new keys; nothing is changed.
        """
        new = links[-1].new
        self._require_patience(new.name, len(links))
        with self._store.transaction():
            self._store.succeed(links, self._clock.now())
            for link in links:
                self._journal.note(
                    "keys-handed-over",
                    name=new.name,
                    old=link.old,
                    new=link.new.fingerprint,
                    number=link.number,
                )
            self._tell_once_a_day(new.name, "info", handed_over(links))
            self._tell_reviewer(new.name, new.fingerprint)
            self._changed(new.name)

    def _require_patience(self, name: str, steps: int) -> None:
        """Every step is kept for good, so whoever is enrolled here may make a few of them a day.

        A person who comes with all the steps of a year is followed, once a day.
        """
        today = self._store.followed_since(name, self._clock.now() - A_DAY)
        if not today or today + steps <= FOLLOWED_A_DAY:
            return
        why = (
            f"{name} has handed over to new keys more than {FOLLOWED_A_DAY} times within a day: "
            "the last of them are not followed yet, and letters under them are put aside"
        )
        with self._store.transaction():
            self._tell_once_a_day(name, "warning", why)
        raise TrustError(why, next_step="ask them to send it again in a day, and what is going on")

    def _tell_once_a_day(self, name: str, level: str, text: str) -> None:
        """The owner hears of a name's keys once a day for each level; the log has the rest."""
        fact, now = f"keys-told-{level}:{name}", self._clock.now()
        told = self._store.fact(fact)
        if told is None or not 0 <= now - told < A_DAY:
            self._store.set_fact(fact, now)
            self._journal.tell_owner(level, text)

    def _tell_reviewer(self, name: str, fingerprint: str) -> None:
        """The owner signed for a fingerprint: only the owner signs for another one."""
        if name == self._journal.owner or name not in self._laws.people():
            return
        self._journal.tell_owner(
            "warning",
            f"the policy names the reviewer {name} by their former fingerprint: they vote again "
            f"once you sign a policy with {fingerprint}",
        )
        self._journal.tell_owner(
            "warning",
            "the policy names you by your former fingerprint: your votes count again once the "
            f"owner has signed one with {fingerprint}",
            to=name,
        )

    def refuse(self, name: str, why: str) -> None:
        """Other keys and no hand-over: nothing changes, and the owner hears how to go on."""
        with self._store.transaction():
            self._journal.refuse("keys-refused", name, name=name, reason=why)
            self._tell_once_a_day(name, "warning", why)
