"""From a pinned key to the keys of today, along hand-overs that the directory shows.

Their signatures count, not who brings them. A pin goes on only when an envelope arrives that
opens under a later key: what was sent before it has been read by then, in its order, and
what is sealed with the keys before it is refused from then on.
"""

from collections.abc import Callable

from darkroom.errors import InputError, QuotaError, TrustError
from darkroom.model.handover import Handover, follow, how_to_go_on
from darkroom.model.identity import PublicIdentity
from darkroom.ports import Clock, Relay, Verifier
from darkroom.post.pins import Pins


FRESH_FOR = 600.0  # seconds that one look into the directory serves for sending

Accepted = Callable[[tuple[Handover, ...]], None]
Refused = Callable[[str, str], None]


class Succession:
    """Looks for hand-overs and follows those that hold. Not shared between threads."""

    def __init__(
        self,
        *,
        relay: Relay,
        verifier: Verifier,
        pins: Pins,
        clock: Clock,
        accepted: Accepted | None = None,
        refused: Refused = lambda _name, _why: None,
    ) -> None:
        """Connect it.

        Args:
            relay, verifier, pins, clock: of the process.
            accepted: moves the pin along checked links, durably, and says so to people;
                `pins.succeed` by default.
            refused: told (name, what to do) when the directory shows other keys than the
                pinned ones and no hand-over leads there; once for each such key.
        """
        self._relay = relay
        self._verifier = verifier
        self._pins = pins
        self._clock = clock
        self._accepted: Accepted = accepted or (lambda links: pins.succeed(links, clock.now()))
        self._refused = refused
        self._told: set[str] = set()
        self._seen: dict[str, tuple[Handover, ...]] = {}
        self._latest: dict[str, tuple[float, PublicIdentity]] = {}

    def begin(self) -> None:
        """A new batch of parcels: what the directory said before may be older than they are."""
        self._seen.clear()

    def links(self, pinned: PublicIdentity) -> tuple[Handover, ...]:
        """The hand-overs that lead on from a pin; () when there are none that hold.

        Raises:
            UnreachableError: the gateway does not answer.
        """
        key = pinned.fingerprint
        if key not in self._seen:
            self._seen[key] = self._look(pinned)
            if not self._seen[key]:
                self._speak_of(pinned)
        return self._seen[key]

    def accept(self, links: tuple[Handover, ...]) -> None:
        """Move the pin along them; another process of ours may just have done so."""
        try:
            self._accepted(links)
        except TrustError:
            if self._pins.get(links[-1].new.name) != links[-1].new:
                raise

    def latest(self, pinned: PublicIdentity, *, look: bool = False) -> PublicIdentity:
        """Whom to seal for, and whose publications to read: the last one of the chain.

        The pin itself stays: only what arrives in its order moves it.

        Args:
            pinned: the identity that we know.
            look: whether to ask the directory now, however fresh its last answer is.

        Raises:
            UnreachableError: the gateway does not answer.
        """
        now, key = self._clock.monotonic(), pinned.fingerprint
        until, found = self._latest.get(key, (0.0, pinned))
        if look or now >= until:
            links = self._look(pinned)
            found = links[-1].new if links else pinned
            self._latest[key] = (now + FRESH_FOR, found)
        return found

    def _look(self, pinned: PublicIdentity) -> tuple[Handover, ...]:
        try:
            chain = self._relay.handovers(pinned.name)
        except QuotaError:  # a matter of patience
            raise
        except InputError:  # not known there, or no chain
            return ()
        if not chain or chain[-1].new == pinned:  # as mostly; their history is not needed
            return ()
        try:
            return follow(
                pinned,
                chain,
                check=self._verifier.check_statement,
                former=self._pins.former(pinned.name),
            )
        except TrustError:
            return ()

    def _speak_of(self, pinned: PublicIdentity) -> None:
        try:
            shown = self._relay.identity(pinned.name).fingerprint
        except QuotaError:
            raise
        except InputError:
            return
        if shown != pinned.fingerprint and shown not in self._told:
            self._told.add(shown)
            self._refused(
                pinned.name,
                f"the gateway shows other keys for {pinned.name} ({shown}) and no hand-over "
                f"signed by the pinned ones: nothing was changed; {how_to_go_on(pinned.name)}",
            )
