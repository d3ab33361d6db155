"""Whom we know: names bound to keys, locally. What the directory says is only a hint."""

from typing import Protocol

from darkroom.model.identity import PublicIdentity


class Pins(Protocol):
    """A durable map of names to public identities. A pin never changes by itself."""

    def get(self, name: str) -> PublicIdentity | None:
        """The pinned identity of that name, or None."""
        ...

    def pin(self, identity: PublicIdentity) -> None:
        """Remember an identity. The same identity again: nothing happens.

        Raises:
            TrustError: another key is pinned under that name; a person decides.
        """
        ...

    def names(self) -> list[str]:
        """All pinned names, sorted."""
        ...
