"""Whom we know: names bound to keys, locally. What the directory says is only a hint."""

from collections.abc import Sequence
from typing import Protocol

from darkroom.model.handover import Former, Handover
from darkroom.model.identity import PublicIdentity


class Pins(Protocol):
    """A durable map of names to public identities, with those that they came from.

    A pin changes only along hand-overs that were checked, or by a person.
    """

    def get(self, name: str) -> PublicIdentity | None:
        """The pinned identity of that name, or None."""
        ...

    def pin(self, identity: PublicIdentity) -> None:
        """Remember an identity. The same identity again: nothing happens.

        Raises:
            TrustError: another key is pinned under that name, or this one was handed over to
                others; a person decides.
        """
        ...

    def succeed(self, links: Sequence[Handover], at: float) -> None:
        """Go along hand-overs that `follow` let pass; what was pinned becomes history.

        Raises:
            TrustError: the first one does not begin at the pin any more.
        """
        ...

    def former(self, name: str) -> tuple[Former, ...]:
        """What was pinned under that name before, oldest first."""
        ...

    def names(self) -> list[str]:
        """All pinned names, sorted."""
        ...
