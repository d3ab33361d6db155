"""What a node does when somebody it has pinned hands over to new keys: follow, note, tell."""

from darkroom.model.handover import Handover
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.ports import Clock
from darkroom.post.post import handed_over


class FollowedKeys:
    """Takes hand-overs whose signatures were checked, and says where there was none."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        laws: Laws,
        clock: Clock,
    ) -> None:
        self._store = store
        self._journal = journal
        self._laws = laws
        self._clock = clock

    def accept(self, links: tuple[Handover, ...]) -> None:
        """Move the pin, in one transaction with the log and the notices."""
        new = links[-1].new
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
            self._journal.tell_owner("info", handed_over(links))
            self._tell_reviewer(new.name, new.fingerprint)

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
            self._journal.note("keys-refused", name=name, reason=why)
            self._journal.tell_owner("warning", why)
