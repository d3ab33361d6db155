"""A gateway in memory: the `Relay` port as the real one behaves, and one that cheats."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import (
    NameTakenError,
    QuotaError,
    TrustError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.canonical import digest_bytes
from darkroom.model.handover import Former, follow
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement
from darkroom.ports import Parcel
from darkroom.post import Post


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now
        self.ticks = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        self.ticks += 0.001  # so that a loop with a deadline ends
        return self.ticks


class MemoryPins:
    """The `Pins` protocol in a dictionary."""

    def __init__(self, *identities: PublicIdentity) -> None:
        self.held = {i.name: i for i in identities}
        self.past: list[Former] = []

    def get(self, name: str) -> PublicIdentity | None:
        return self.held.get(name)

    def succeed(self, links, at) -> None:
        for link in links:
            held = self.held[link.new.name]
            if held.fingerprint != link.old:
                raise TrustError("the pin has changed meanwhile", next_step="look again")
            self.past.append(Former(identity=held, until=at, handover=link))
            self.held[link.new.name] = link.new

    def former(self, name: str):
        return tuple(past for past in self.past if past.identity.name == name)

    def pin(self, identity: PublicIdentity) -> None:
        if self.held.setdefault(identity.name, identity).fingerprint != identity.fingerprint:
            raise TrustError(f"another key is pinned for {identity.name}", next_step="compare")

    def names(self) -> list[str]:
        return sorted(self.held)


@dataclass
class Gateway:
    """What all clients share. `show` is what the directory answers: a cheat replaces it."""

    clock: HandClock
    directory: dict[str, PublicIdentity] = field(default_factory=dict)
    chains: dict[str, tuple] = field(default_factory=dict)  # name -> its hand-overs
    mailboxes: dict[str, list[Parcel]] = field(default_factory=dict)
    admitted: set[tuple[str, str]] = field(default_factory=set)  # (recipient, sender)
    tickets: dict[tuple[str, str], str] = field(default_factory=dict)  # -> who redeemed
    blobs: dict[tuple[str, str], tuple[bytes, tuple[str, ...]]] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    cursor: int = 0
    offset: float = 0.0
    away: bool = False
    pump: Callable[[], object] = lambda: None  # what the others do while somebody waits

    def show(self, name: str, asked_by: str) -> PublicIdentity:
        del asked_by
        if name not in self.directory:
            raise UnknownNameError(f"no {name}", next_step="check the name")
        return self.directory[name]

    def put(self, recipient: str, parcel_id: str, sender: str, envelope: bytes) -> None:
        self.cursor += 1
        parcel = Parcel(
            cursor=self.cursor,
            id=parcel_id,
            sender=sender,
            sent_at=self.clock.now(),
            envelope=envelope,
        )
        self.mailboxes.setdefault(recipient, []).append(parcel)

    def bounce(self, sender: str, parcel_id: str, reason: str) -> None:
        self.cursor += 1
        parcel = Parcel(
            cursor=self.cursor,
            id=parcel_id,
            sender=sender,
            sent_at=self.clock.now(),
            envelope=b"",
            bounced=reason,
        )
        self.mailboxes.setdefault(sender, []).append(parcel)


class MemoryRelay:
    """One identity's client of a `Gateway`."""

    def __init__(self, gateway: Gateway, identity: PublicIdentity) -> None:
        self.gateway = gateway
        self.ours = identity

    def _reach(self) -> None:
        if self.gateway.away:
            raise UnreachableError("the gateway does not answer", next_step="wait")

    @property
    def clock_offset(self) -> float:
        return self.gateway.offset

    def register(self, identity: PublicIdentity, handovers=()) -> None:
        self._reach()
        held = self.gateway.directory.setdefault(identity.name, identity)
        if held != identity:
            try:
                links = follow(held, handovers, check=SycVerifier().check_statement)
                if not links or links[-1].new != identity:
                    raise TrustError("they lead elsewhere", next_step="register those")
            except TrustError:
                taken = f"{identity.name} is taken"
                raise NameTakenError(taken, next_step="choose another") from None
            self.gateway.directory[identity.name] = identity
        self.gateway.chains[identity.name] = tuple(handovers) or self.handovers(identity.name)

    def handovers(self, name: str):
        self._reach()
        return self.gateway.chains.get(name, ())

    def identity(self, name: str) -> PublicIdentity:
        self._reach()
        return self.gateway.show(name, self.ours.name)

    def publish_card(self, card: Statement) -> None:
        raise NotImplementedError

    def publish_profile(self, profile: Statement) -> None:
        raise NotImplementedError

    def profiles(self) -> dict[str, Statement]:
        return {}

    def cards(self, domain: str) -> list[Statement]:
        return []

    def admit(self, sender: str) -> None:
        self._reach()
        self.gateway.admitted.add((self.ours.name, sender))

    def open_ticket(self, ticket_hash: str, expires_at: float) -> None:
        self._reach()
        self.gateway.tickets.setdefault((self.ours.name, ticket_hash), "")

    def redeem(self, recipient: str, ticket: str) -> None:
        self._reach()
        key = (recipient, hashlib.sha256(ticket.encode()).hexdigest())
        if self.gateway.tickets.get(key) not in ("", self.ours.name):
            self.gateway.pump()
            raise TrustError("no such ticket", next_step="ask for another")
        self.gateway.tickets[key] = self.ours.name
        self.gateway.admitted.add((recipient, self.ours.name))

    def send(self, recipient: str, envelope_id: str, envelope: bytes, *, expires_in: float) -> None:
        self._reach()
        if (recipient, self.ours.name) not in self.gateway.admitted:
            raise QuotaError(f"{recipient} has not admitted you", next_step="enrol")
        assert len(envelope) <= 1 << 20
        key = (recipient, self.ours.name, envelope_id)
        if key not in self.gateway.seen:
            self.gateway.seen.add(key)
            self.gateway.put(recipient, envelope_id, self.ours.name, envelope)

    def receive(self, *, wait: float) -> list[Parcel]:
        self._reach()
        if not self.gateway.mailboxes.get(self.ours.name) and wait:
            self.gateway.pump()
        return list(self.gateway.mailboxes.get(self.ours.name, ()))

    def acknowledge(self, cursor: int) -> None:
        self._reach()
        kept = self.gateway.mailboxes.get(self.ours.name, [])
        self.gateway.mailboxes[self.ours.name] = [p for p in kept if p.cursor > cursor]

    def put_blob(self, ciphertext: bytes, readers: Sequence[str]) -> str:
        self._reach()
        address = digest_bytes(ciphertext)
        self.gateway.blobs[self.ours.name, address] = (ciphertext, tuple(readers))
        return address

    def get_blob(self, owner: str, address: str) -> bytes:
        self._reach()
        found = self.gateway.blobs.get((owner, address))
        if found is None or self.ours.name not in found[1]:
            raise UnknownNameError("no such blob", next_step="ask for it again")
        return found[0]


@dataclass
class Party:
    """Keys, relay, pins and post of one identity."""

    keyring: SycKeyring
    relay: MemoryRelay
    pins: MemoryPins
    post: Post
    said: list[str]

    @property
    def identity(self) -> PublicIdentity:
        return self.keyring.identity


def party(gateway: Gateway, name: str, role: str, *knows: PublicIdentity) -> Party:
    """A registered identity at a gateway that has pinned `knows`."""
    keyring = SycKeyring.generate(name, role)
    relay = MemoryRelay(gateway, keyring.identity)
    relay.register(keyring.identity)
    pins, said = MemoryPins(*knows), []
    post = Post(
        relay=relay,
        keyring=keyring,
        verifier=SycVerifier(),
        pins=pins,
        clock=gateway.clock,
        on_warning=said.append,
    )
    return Party(keyring, relay, pins, post, said)


def acquaint(*parties: Party) -> None:
    """Everybody pins and admits everybody."""
    for one in parties:
        for other in parties:
            if one is not other:
                one.pins.pin(other.identity)
                one.relay.admit(other.identity.name)
