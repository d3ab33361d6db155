"""Which domains and datasets there are: what the directory says, checked against the pins.

The directory is only a hint. A profile or card counts when it is signed by the domain whose
key is pinned here; everything else is left out and named in `problems`.
"""

from collections.abc import Callable
from typing import Any

from darkroom.errors import DarkroomError, TrustError
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement
from darkroom.ports import Relay, Verifier
from darkroom.post import Pins
from darkroom.scientist.profile import Profile, read_profile


class Catalogue:
    """Reads and checks. Keeps nothing but what was wrong.

    Attributes:
        problems: domain -> what was left out and why, since the last reading.
    """

    def __init__(
        self,
        *,
        relay: Relay,
        verifier: Verifier,
        pins: Pins,
        successor: Callable[[PublicIdentity], PublicIdentity] = lambda pinned: pinned,
    ) -> None:
        """Connect it.

        Args:
            relay, verifier, pins: of the process.
            successor: whom a pinned identity has handed over to; `Post.successor`.
        """
        self._relay = relay
        self._verifier = verifier
        self._pins = pins
        self._successor = successor
        self.problems: dict[str, list[str]] = {}

    def domains(self) -> dict[str, PublicIdentity]:
        """The domains that we are enrolled at, by name."""
        pinned = ((name, self._pins.get(name)) for name in self._pins.names())
        return {n: i for n, i in pinned if i is not None and i.role == "domain"}

    def profiles(self) -> dict[str, Profile]:
        """The verified profiles of our domains."""
        published = self._relay.profiles()
        profiles = {}
        for name, identity in self.domains().items():
            self.problems[name] = []
            if name not in published:
                self.problems[name].append(f"{name} has published no profile yet")
                continue
            try:
                body = self._said(published[name], "profile", identity)
                profiles[name] = read_profile(name, body)
            except DarkroomError as error:
                self.problems[name].append(error.message)
        return profiles

    def _said(self, statement: Statement, kind: str, pinned: PublicIdentity) -> dict[str, Any]:
        """Under the pinned key, or the one that the domain has handed over to since."""
        ours = statement.key == pinned.statement_key
        signer = pinned if ours else self._successor(pinned)
        return self._verifier.check_statement(statement, kind, signer)

    def cards(self, domain: str) -> dict[str, DatasetCard]:
        """The verified cards of one domain, by dataset."""
        identity = self.domains().get(domain)
        if identity is None:
            raise TrustError(
                f"no key of {domain} is pinned here",
                next_step="enrol with the line that its owner gives you",
            )
        cards = {}
        for statement in self._relay.cards(domain):
            try:
                body = self._said(statement, "card", identity)
                card = DatasetCard.from_mapping(body)
                if card.domain != domain:
                    raise TrustError(
                        f"a card of {card.domain} was shown as one of {domain}",
                        next_step="it is left out",
                    )
            except DarkroomError as error:
                self.problems.setdefault(domain, []).append(error.message)
                continue
            cards[card.name] = card
        return cards
