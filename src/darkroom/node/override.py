"""The owner's signed word about this ledger: by letter, or by a file beside the database.

Two things can be said, and neither stands for the other: that nobody holds a newer state,
which lets a gateway forget, and that nothing ran between a backup and its restore, which opens
what that restore closed. Whoever runs the gateway can make the first one true.
"""

from typing import Any

from darkroom.errors import DarkroomError, SpecError
from darkroom.model.letter import Letter
from darkroom.model.override import EVENTS, GATEWAY_LOST, KIND, Override
from darkroom.model.statement import Statement
from darkroom.node.journal import Journal
from darkroom.node.spoken import Spoken
from darkroom.node.standing import Standing
from darkroom.node.store import NodeStore
from darkroom.ports import Clock


class Overrides:
    """Takes `owner.override`."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        spoken: Spoken,
        standing: Standing,
        clock: Clock,
        domain: str,
    ) -> None:
        self._store = store
        self._journal = journal
        self._spoken = spoken
        self._standing = standing
        self._clock = clock
        self._domain = domain

    def letter(self, letter: Letter) -> None:
        """Take it from a letter, or tell its sender why not."""
        against = self.adopt(letter.body.get("override"), sender=letter.sender)
        if against:
            self._journal.note("override-refused", sender=letter.sender, reason=against)
            self._journal.tell_owner("warning", f"override not taken: {against}")

    def adopt(self, said: Any, *, sender: str) -> str:
        """Take the owner at their word; why not, or "". Inside a transaction.

        Args:
            said: the statement's JSON form, of any origin.
            sender: who hands it over; only the owner's signature counts.
        """
        if sender != self._journal.owner:
            return "only the data owner says that a ledger is believed"
        try:
            body = self._spoken.body(sender, said, KIND)
            override = Override.from_body(body)
            head = override.head
            self._require_ours(override)
            if not self._store.had(head):
                raise SpecError(
                    "it names a head that this log never had", next_step="sign for the last one"
                )
        except DarkroomError as error:
            return error.message
        statement = Statement.from_mapping(said)
        epoch, purpose = override.epoch, override.purpose
        if not self._store.add_override(statement, epoch, purpose, self._clock.now()):
            return ""  # it stands already
        lost = purpose == GATEWAY_LOST
        self._journal.note(
            EVENTS[purpose],
            epoch=epoch,
            size=head.size,
            ledger=head.ledger.number,
            override=said,
        )
        if lost:
            self._standing.gateway_lost()
            done = "the gateway need not show what it lost; budgets stay as they are"
        else:
            done = f"the ledger of epoch {epoch} is believed{self._still_closed()}"
        self._journal.tell_owner("info", done)
        return ""

    def _still_closed(self) -> str:
        numbers = [str(one.number) for one in self._store.restores() if not one.believed]
        return f"; what epoch {', '.join(numbers)} closed stays closed" if numbers else ""

    def _require_ours(self, override: Override) -> None:
        head = override.head
        if head.domain != self._domain:
            raise SpecError(f"it is for {head.domain}", next_step="send it there")
        ours = self._store.epoch()
        if head.epoch != ours:
            raise SpecError(
                f"it is for epoch {head.epoch}, and this is epoch {ours}",
                next_step="sign for the epoch of now",
            )
        opened = {one.number for one in self._store.restores()}
        if override.purpose != GATEWAY_LOST and override.epoch not in opened:
            raise SpecError(
                f"no restore opened epoch {override.epoch} of this state",
                next_step="sign for one that did",
            )
