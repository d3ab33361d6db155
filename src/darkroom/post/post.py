"""Sealed letters over the relay: write, send, receive.

The relay is trusted for availability only. A letter counts when its envelope opens under
the *pinned* key of its sender, the inner names agree, its kind belongs to that role, and
its date is acceptable. Everything else becomes a delivery with a `problem`, and never
stops the next one. Whether a letter was seen before is the receiver's transaction.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from darkroom.errors import (
    DarkroomError,
    EnvelopeError,
    QuotaError,
    StateError,
    TrustError,
    UnreachableError,
)
from darkroom.model.canonical import digest_bytes
from darkroom.model.handover import Handover
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.letter import KINDS, Letter
from darkroom.ports import Clock, Keyring, Parcel, Relay, Verifier
from darkroom.post import codec, timing
from darkroom.post.letter_job import job_of
from darkroom.post.padding import attachment_size, pad_attachment, unpad_attachment
from darkroom.post.pins import Pins
from darkroom.post.succession import Succession


DEFAULT_EXPIRY = 7 * 86_400.0
INTRODUCTIONS = ("enrol.request", "enrol.accepted")
MAX_SEALED_LETTER = codec.MAX_LETTER + (64 << 10)
# One call of `receive` holds no more attachments than this in memory (plus one letter).
RECEIVE_BUDGET = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """An enrolment letter: its envelope fits `identity`, but nobody vouches for that yet.

    Attributes:
        identity: the pinned identity when there is one, else the directory's hint.
        pinned: whether it was pinned.
    """

    letter: Letter
    identity: PublicIdentity
    pinned: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One parcel, judged. Exactly one of `letter`, `introduction`, `problem` is set.

    Attributes:
        cursor: acknowledge it once the delivery was dealt with durably.
        problem: why it was put aside, for people and the audit log.
        sender: who sent it according to the relay: a hint.
        envelope_id: the relay's id; for our own bounced envelope, the letter's id.
        bounced: our own letter came back.
    """

    cursor: int
    letter: Letter | None = None
    problem: str = ""
    introduction: Introduction | None = None
    sender: str = ""
    envelope_id: str = ""
    bounced: bool = False


class _NewKeysError(Exception):
    """A parcel under later keys than the pinned ones: what came before it is dealt with first."""


class Post:
    """Writes, sends and receives letters for one identity. Not shared between threads.

    Attributes:
        warnings: what was said so far about clocks, each once.
    """

    def __init__(
        self,
        *,
        relay: Relay,
        keyring: Keyring,
        verifier: Verifier,
        pins: Pins,
        clock: Clock,
        on_warning: Callable[[str], None] = lambda _: None,
        succession: Succession | None = None,
        on_letter: Callable[[str, str, str], None] = lambda _event, _job, _envelope: None,
    ) -> None:
        """Connect it.

        Args:
            relay, keyring, verifier, pins, clock: of one identity.
            on_warning: told what a person should know, each thing once.
            succession: how pins follow hand-overs; by default they do, and it is a warning.
            on_letter: told `letter-out`, `letter-in`, `letter-bounced` or `letter-put-aside`, the
                id of the job that it is about ("" for none), and that of its envelope.
        """
        self._relay = relay
        self._keyring = keyring
        self._verifier = verifier
        self._pins = pins
        self._clock = clock
        self._on_warning = on_warning
        self._on_letter = on_letter
        self._warned: set[str] = set()
        self.warnings: list[str] = []
        self._succession = succession or Succession(
            relay=relay, verifier=verifier, pins=pins, clock=clock,
            accepted=self._follow, refused=lambda name, why: self._warn(why, f"keys of {name}"),
        )  # fmt: skip

    # ---------------------------------------------------------------------------- sending

    def write(
        self,
        kind: str,
        recipient: str,
        body: dict[str, Any],
        attachments: dict[str, bytes] | None = None,
    ) -> Letter:
        """A new letter, not sent yet: keep it, so that a retry sends the same one."""
        # Fail here, not in a later retry.
        codec.split_attachments(attachments or {}, codec.body_size(body))
        return Letter(
            id=secrets.token_hex(16),
            kind=kind,
            sender=self._keyring.identity.name,
            recipient=recipient,
            sent_at=self._clock.now(),
            body=body,
            attachments=dict(attachments or {}),
        )

    def send(
        self,
        letter: Letter,
        *,
        expires_in: float = DEFAULT_EXPIRY,
        introduce_to: PublicIdentity | None = None,
    ) -> None:
        """Seal for the pinned recipient and put it. The same letter again is not doubled.

        Args:
            letter: from `write`.
            expires_in: seconds until the relay gives up and bounces it.
            introduce_to: the recipient's identity, for enrolment letters before a pin.

        Raises:
            TrustError: the recipient is not pinned, or not of the role this kind is for.
            TooLargeError: no letter carries that; it never will.
            QuotaError: the mailbox is full for now.
            UnreachableError: try again later with the same letter.
        """
        recipient = self._succession.latest(self._recipient(letter, introduce_to))
        inline, large = codec.split_attachments(letter.attachments, codec.body_size(letter.body))
        blobs = {
            name: codec.reference_to(
                self._relay.put_blob(
                    self._keyring.seal(pad_attachment(data), recipient), [recipient.name]
                ),
                data,
            )
            for name, data in large.items()
        }
        plaintext = codec.encode_letter(letter, inline, blobs)
        envelope = self._keyring.seal(plaintext, recipient)
        self._relay.send(recipient.name, letter.id, envelope, expires_in=expires_in)
        self._on_letter("letter-out", job_of(letter), letter.id)

    def successor(self, pinned: PublicIdentity) -> PublicIdentity:
        """Whom a pinned identity has handed over to by now; the pin stays as it is.

        Raises:
            UnreachableError: the gateway does not answer.
        """
        return self._succession.latest(pinned, look=True)

    def _recipient(self, letter: Letter, introduce_to: PublicIdentity | None) -> PublicIdentity:
        pinned = self._pins.get(letter.recipient)
        if pinned is None and letter.kind in INTRODUCTIONS:
            pinned = introduce_to
        if pinned is None or pinned.name != letter.recipient:
            raise TrustError(
                f"no key of {letter.recipient} is pinned here",
                next_step="enrol with them first",
            )
        ours = self._keyring.identity
        if letter.sender != ours.name:
            raise TrustError(
                f"a letter in the name of {letter.sender} is not ours to send",
                next_step="send it with their keys",
            )
        if KINDS[letter.kind] != (ours.role, pinned.role):
            raise TrustError(
                f"a {ours.role} does not send {letter.kind} to a {pinned.role}",
                next_step="check the name of the recipient",
            )
        return pinned

    # -------------------------------------------------------------------------- receiving

    def receive(self, *, wait: float) -> list[Delivery]:
        """What arrived and is not acknowledged, oldest first; waits up to `wait` seconds.

        When much arrived, or a sender has new keys from some letter on, only a first part of
        it: acknowledge and call again.

        Raises:
            UnreachableError: the gateway does not answer; nothing is lost.
            StateError: our clock is too far off to judge letters; they wait at the gateway.
        """
        parcels = self._relay.receive(wait=wait)
        self._warn(timing.clock_warning(self._relay.clock_offset))
        deliveries: list[Delivery] = []
        held = 0
        self._succession.begin()
        for parcel in parcels:
            try:
                delivery = self._judge(parcel, first=not deliveries)
            except (UnreachableError, QuotaError):
                if deliveries:  # these are whole; the rest stays at the gateway
                    break
                raise
            except _NewKeysError:
                break
            deliveries.append(delivery)
            letter = delivery.letter
            self._tell(delivery)
            held += sum(map(len, letter.attachments.values())) if letter else 0
            if held > RECEIVE_BUDGET:
                break
        return deliveries

    def _tell(self, delivery: Delivery) -> None:
        met = delivery.letter or (delivery.introduction and delivery.introduction.letter)
        put_aside = "letter-bounced" if delivery.bounced else "letter-put-aside"
        event = "letter-in" if met else put_aside
        self._on_letter(event, job_of(met) if met else "", delivery.envelope_id)

    def acknowledge(self, cursor: int) -> None:
        """Let the relay forget everything up to and including this cursor."""
        self._relay.acknowledge(cursor)

    def _judge(self, parcel: Parcel, *, first: bool) -> Delivery:
        delivery = Delivery(
            parcel.cursor, sender=_plain(parcel.sender)[:64], envelope_id=_plain(parcel.id)[:64]
        )
        if parcel.bounced:
            reason = _plain(parcel.bounced)[:200]
            return replace(delivery, problem=f"came back: {reason}", bounced=True)
        try:
            return self._open(parcel, delivery, first=first)
        except (UnreachableError, QuotaError, StateError):
            raise  # not this letter's fault
        except DarkroomError as error:
            return replace(delivery, problem=_plain(error.message))

    def _open(self, parcel: Parcel, delivery: Delivery, *, first: bool) -> Delivery:
        if len(parcel.envelope) > MAX_SEALED_LETTER:
            raise _refused(f"an envelope from {_plain(parcel.sender)[:64]} is too large")
        require_name(parcel.sender, "sender")
        pinned = self._pins.get(parcel.sender)
        if pinned is not None:
            sender, plaintext = self._unseal(parcel.envelope, pinned, first=first)
        else:
            sender = self._hint(parcel.sender)
            plaintext = self._keyring.open(parcel.envelope, sender)
        decoded = codec.decode_letter(plaintext)
        letter = decoded.letter
        introduces = letter.kind in INTRODUCTIONS
        if pinned is None and not introduces:
            raise _refused(f"a {letter.kind} from {sender.name}, whose key is not pinned")
        self._check(letter, sender)
        if introduces:
            if decoded.blobs:
                raise _refused(f"an enrolment letter from {sender.name} carries files")
            return replace(
                delivery,
                introduction=Introduction(
                    letter=letter, identity=sender, pinned=pinned is not None
                ),
            )
        attachments = dict(letter.attachments)
        for name, reference in decoded.blobs.items():
            attachments[name] = self._fetch(sender, reference)
        return replace(delivery, letter=replace(letter, attachments=attachments))

    def _unseal(
        self, envelope: bytes, pinned: PublicIdentity, *, first: bool
    ) -> tuple[PublicIdentity, bytes]:
        """Under the pinned key, or the first later one that opens it: then that is pinned."""
        try:
            return pinned, self._keyring.open(envelope, pinned)
        except EnvelopeError as error:
            links = self._succession.links(pinned)
            for number, link in enumerate(links, 1):
                try:
                    plaintext = self._keyring.open(envelope, link.new)
                except EnvelopeError:
                    continue
                if not first:
                    raise _NewKeysError from None
                self._succession.accept(links[:number])
                return link.new, plaintext
            raise error from None

    def _follow(self, links: tuple[Handover, ...]) -> None:
        self._pins.succeed(links, self._clock.now())
        self._on_warning(handed_over(links))

    def _hint(self, name: str) -> PublicIdentity:
        """The directory's word, checked in itself: good for reading an introduction."""
        identity = self._relay.identity(name)
        if identity.name != name:
            raise _refused(f"the directory answers for {name} with another")
        self._verifier.check_identity(identity)
        return identity

    def _check(self, letter: Letter, sender: PublicIdentity) -> None:
        ours = self._keyring.identity
        if (letter.sender, letter.recipient) != (sender.name, ours.name):
            raise _refused(
                f"a letter inside an envelope from {sender.name} names another sender or recipient"
            )
        if KINDS[letter.kind] != (sender.role, ours.role):
            raise _refused(f"a {sender.role} does not send {letter.kind} to a {ours.role}")
        now = self._clock.now() + self._relay.clock_offset
        self._warn(timing.age_warning(sender.name, letter.sent_at, now), sender.name)

    def _fetch(self, sender: PublicIdentity, reference: codec.BlobReference) -> bytes:
        sealed = self._relay.get_blob(sender.name, reference.address)
        if len(sealed) > attachment_size(reference.size) + (64 << 10):
            raise _refused(f"an attachment from {sender.name} is larger than announced")
        data = unpad_attachment(self._keyring.open(sealed, sender), reference.size)
        if data is None or digest_bytes(data) != reference.sha256:
            raise _refused(f"an attachment from {sender.name} is not what was announced")
        return data

    def _warn(self, text: str, about: str = "") -> None:
        """Each party's clock is spoken of once, not once for every minute it drifts."""
        if text and about not in self._warned:
            self._warned.add(about)
            self.warnings.append(text)
            self._on_warning(text)


def handed_over(links: tuple[Handover, ...]) -> str:
    """What a person is told when a pin went on."""
    new = links[-1].new
    return (
        f"{new.name} has new keys, signed over with those that were pinned here; "
        f"their fingerprint is {new.fingerprint}"
    )


def _refused(message: str) -> EnvelopeError:
    return EnvelopeError(message, next_step="ask the sender to send it again")


def _plain(text: str) -> str:
    """The relay's words without control, escape or direction characters."""
    return "".join(c if c.isprintable() else " " for c in text)
