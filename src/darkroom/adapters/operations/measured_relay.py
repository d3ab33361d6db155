"""The `Relay` port with a counter at each call: nothing else changes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from darkroom.errors import DarkroomError
from darkroom.model.handover import Handover
from darkroom.model.identity import PublicIdentity
from darkroom.model.metrics import process
from darkroom.model.metrics.metric import Meter
from darkroom.model.statement import Statement
from darkroom.ports import Clock, Parcel, Relay


class MeasuredRelay:
    """Counts envelopes, bytes and failures; remembers when the gateway answered last."""

    def __init__(
        self,
        relay: Relay,
        meter: Meter,
        clock: Clock,
        *,
        told: Callable[[str, str], None] = lambda _event, _envelope: None,
    ) -> None:
        """Put in front of a relay.

        Args:
            relay: that does the work.
            meter: where is counted.
            clock: of this process.
            told: hears `envelope-in`, `envelope-out` or `envelope-bounced`, and its id.
        """
        self._relay = relay
        self._meter = meter
        self._clock = clock
        self._told = told
        self._newest = 0
        self._cursors: list[int] = []

    @contextmanager
    def _call(self) -> Iterator[None]:
        try:
            yield
        except DarkroomError as error:
            self._meter.add(process.GATEWAY_ERRORS, error=error.code)
            raise
        self._meter.set(process.LAST_CONTACT, self._clock.now())
        self._meter.set(process.CLOCK_OFFSET, self._relay.clock_offset)

    @property
    def clock_offset(self) -> float:
        """See `Relay.clock_offset`."""
        return self._relay.clock_offset

    def register(self, identity: PublicIdentity, handovers: Sequence[Handover] = ()) -> None:
        """See `Relay.register`."""
        with self._call():
            self._relay.register(identity, handovers)

    def handovers(self, name: str) -> tuple[Handover, ...]:
        """See `Relay.handovers`."""
        with self._call():
            return self._relay.handovers(name)

    def identity(self, name: str) -> PublicIdentity:
        """See `Relay.identity`."""
        with self._call():
            return self._relay.identity(name)

    def publish_card(self, card: Statement) -> None:
        """See `Relay.publish_card`."""
        with self._call():
            self._relay.publish_card(card)

    def publish_profile(self, profile: Statement) -> None:
        """See `Relay.publish_profile`."""
        with self._call():
            self._relay.publish_profile(profile)

    def profiles(self) -> dict[str, Statement]:
        """See `Relay.profiles`."""
        with self._call():
            return self._relay.profiles()

    def cards(self, domain: str) -> list[Statement]:
        """See `Relay.cards`."""
        with self._call():
            return self._relay.cards(domain)

    def witness(self, head: Statement, *, since: int, proof: Sequence[bytes]) -> None:
        """See `Relay.witness`."""
        with self._call():
            self._relay.witness(head, since=since, proof=proof)

    def last_head(self, domain: str) -> Statement | None:
        """See `Relay.last_head`."""
        with self._call():
            return self._relay.last_head(domain)

    def heads(self, domain: str) -> list[Statement]:
        """See `Relay.heads`."""
        with self._call():
            return self._relay.heads(domain)

    def forks(self, domain: str) -> list[tuple[Statement, Statement]]:
        """See `Relay.forks`."""
        with self._call():
            return self._relay.forks(domain)

    def admit(self, sender: str) -> None:
        """See `Relay.admit`."""
        with self._call():
            self._relay.admit(sender)

    def open_ticket(self, ticket_hash: str, expires_at: float) -> None:
        """See `Relay.open_ticket`."""
        with self._call():
            self._relay.open_ticket(ticket_hash, expires_at)

    def redeem(self, recipient: str, ticket: str) -> None:
        """See `Relay.redeem`."""
        with self._call():
            self._relay.redeem(recipient, ticket)

    def send(self, recipient: str, envelope_id: str, envelope: bytes, *, expires_in: float) -> None:
        """See `Relay.send`."""
        with self._call():
            self._relay.send(recipient, envelope_id, envelope, expires_in=expires_in)
        self._meter.add(process.ENVELOPES, direction="out")
        self._meter.add(process.ENVELOPE_BYTES, len(envelope), direction="out")
        self._told("envelope-out", envelope_id)

    def receive(self, *, wait: float) -> list[Parcel]:
        """See `Relay.receive`. What was fetched before and not acknowledged counts once."""
        with self._call():
            parcels = self._relay.receive(wait=wait)
        for parcel in parcels:
            if parcel.cursor > self._newest:
                self._newest = parcel.cursor
                direction = "bounced" if parcel.bounced else "in"
                self._meter.add(process.ENVELOPES, direction=direction)
                self._meter.add(process.ENVELOPE_BYTES, len(parcel.envelope), direction=direction)
                self._told(f"envelope-{direction}", parcel.id)
        self._cursors = [parcel.cursor for parcel in parcels]
        self._meter.set(process.INBOX, len(parcels))
        return parcels

    def acknowledge(self, cursor: int) -> None:
        """See `Relay.acknowledge`."""
        with self._call():
            self._relay.acknowledge(cursor)
        self._cursors = [left for left in self._cursors if left > cursor]
        self._meter.set(process.INBOX, len(self._cursors))

    def put_blob(self, ciphertext: bytes, readers: Sequence[str]) -> str:
        """See `Relay.put_blob`."""
        with self._call():
            address = self._relay.put_blob(ciphertext, readers)
        self._meter.add(process.BLOB_BYTES, len(ciphertext), direction="out")
        return address

    def get_blob(self, owner: str, address: str) -> bytes:
        """See `Relay.get_blob`."""
        with self._call():
            data = self._relay.get_blob(owner, address)
        self._meter.add(process.BLOB_BYTES, len(data), direction="in")
        return data
