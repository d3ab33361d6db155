"""Take in what arrived: states, results, quotes. Hop 8: verified first, then kept, then shown.

A letter that cannot be trusted is put aside and written down; it never stops the next one.
Several notebooks may do this at once: the store makes each step happen once.
"""

from typing import Any

from darkroom.errors import (
    DarkroomError,
    EnvelopeError,
    StateError,
    TrustError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.canonical import canonical
from darkroom.model.dsse import read_envelope, to_envelope
from darkroom.model.handover import signer_of
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.json_shape import is_number
from darkroom.model.letter import Letter
from darkroom.model.message import Message
from darkroom.model.quote import MAX_REASON, MAX_REASONS, Quote
from darkroom.model.receipt import read_receipt
from darkroom.model.statement import Statement
from darkroom.model.submitted import JobRow, ResultRow
from darkroom.policy.signers import Known
from darkroom.policy.transitions import OWNERS
from darkroom.ports import Clock, Verifier
from darkroom.post import Delivery, Pins, Post
from darkroom.scientist.receipt import verify_receipt
from darkroom.scientist.release import verify_release
from darkroom.scientist.stale import spread, taker
from darkroom.scientist.store import Store


MAX_SHARDS = 1_000_000
MAX_SEQ = 1 << 53
# What reading a hostile mapping can raise where a check was forgotten: one bad letter must
# not stop the mailbox.
MALFORMED = (
    TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError,
)  # fmt: skip


class Collector:
    """Moves letters from the mailbox into the store."""

    def __init__(
        self, *, post: Post, pins: Pins, store: Store, verifier: Verifier, clock: Clock
    ) -> None:
        self._post = post
        self._pins = pins
        self._store = store
        self._verifier = verifier
        self._clock = clock
        self._stale = taker(store, verifier, pins.get)

    def collect(self, *, wait: float) -> int:
        """Take in all that is there, waiting up to `wait` seconds for a first letter.

        Returns:
            How many letters were dealt with.

        Raises:
            UnreachableError: the gateway does not answer; nothing is lost.
        """
        deliveries = self._post.receive(wait=wait)
        for delivery in deliveries:
            self._take(delivery)
        if deliveries:
            # Only now: what is acknowledged is durably here.
            self._post.acknowledge(deliveries[-1].cursor)
        return len(deliveries)

    def flush(self) -> None:
        """Hand over what the gateway does not have yet.

        A letter that can never be sent fails its own job and no other.

        Raises:
            UnreachableError: not now; the letters stay in the outbox.
            StateError: the same, and a person has to do something first.
        """
        for letter in self._store.unsent():
            try:
                self._post.send(letter)
            except (UnreachableError, StateError):
                raise
            except DarkroomError as error:
                self._store.mark_undeliverable(letter.id, error.message, self._clock.now())
                continue
            self._store.mark_sent(letter.id, self._clock.now())

    def _take(self, delivery: Delivery) -> None:
        if delivery.bounced:
            self._store.mark_undeliverable(
                delivery.envelope_id, delivery.problem, self._clock.now()
            )
        elif delivery.problem:
            self._put_aside(delivery.sender, "", delivery.problem)
        elif delivery.letter is not None:
            self._read(delivery.letter)

    def _read(self, letter: Letter) -> None:
        if letter.kind == "handover.domain":
            return  # it opened: so the post has followed the hand-over already
        if letter.kind == "domain.restored":
            self._restored(letter)
            return
        job_id = letter.body.get("job_id")
        job_id = job_id if isinstance(job_id, str) else ""
        try:
            if letter.kind == "job.quoted":
                self._quote(job_id, letter)
                return
            row = self._known(job_id, letter.sender)
            if letter.kind == "job.state":
                self._state(row, letter.body)
            elif letter.kind == "job.message":
                self._store.add_message(Message.from_mapping(letter.body))
            elif letter.kind == "job.result":
                self._result(row, letter)
            elif letter.kind == "release.stale":
                self._stale(row, letter.body.get("stale"), self._clock.now())
        except StateError:
            raise  # our own disk, not their letter: it stays at the gateway
        except (DarkroomError, *MALFORMED) as error:
            ours = self._store.job(job_id) if job_id else None
            about = job_id if ours and ours.request.audience == letter.sender else ""
            # A bad state changes nothing; only a bad result is a matter of the job.
            about = about if letter.kind == "job.result" else ""
            said = error.message if isinstance(error, DarkroomError) else "it is malformed"
            self._put_aside(letter.sender, about, said)

    def _restored(self, letter: Letter) -> None:
        """What the domain had of ours is gone; what it has not opened, it never will."""
        before = letter.body.get("opened_at")
        if not is_number(before):
            self._put_aside(letter.sender, "", "a domain.restored letter is not well formed")
            return
        why = f"{letter.sender} was restored from a backup: submit it again"
        now = self._clock.now()
        self._store.domain_restored(letter.sender, before=min(before, now), why=why, at=now)

    def _known(self, job_id: str, sender: str) -> JobRow:
        row = self._store.job(job_id)
        if row is None or row.request.audience != sender:
            raise EnvelopeError(
                f"a letter of {sender} is about a job that we never sent there",
                next_step="it is put aside",
            )
        return row

    def _state(self, row: JobRow, body: dict[str, Any]) -> None:
        state, seq, shards = body.get("state"), body.get("seq"), body.get("shards", [0, 0])
        reasons = body.get("reasons", [])
        well_formed = (
            isinstance(state, str)
            and state in OWNERS
            and type(seq) is int
            and 0 <= seq <= MAX_SEQ
            and isinstance(reasons, list)
            and isinstance(shards, list)
            and [type(s) for s in shards] == [int, int]
            and 0 <= shards[0] <= shards[1] <= MAX_SHARDS
            and all(isinstance(r, str) for r in reasons)
        )
        if not well_formed:
            raise EnvelopeError(
                "a job.state letter is not well formed", next_step="it is put aside"
            )
        self._store.set_state(
            row.request.job_id,
            state=str(state),
            reasons=tuple(r[:MAX_REASON] for r in reasons[:MAX_REASONS]),
            seq=int(seq),  # type: ignore[arg-type]  # checked above
            shards=(shards[0], shards[1]),
            at=self._clock.now(),
        )

    def _quote(self, job_id: str, letter: Letter) -> None:
        said = {name: value for name, value in letter.body.items() if name != "job_id"}
        quote = Quote.from_mapping(said).to_mapping()
        if not self._store.put_quote(job_id, letter.sender, quote, self._clock.now()):
            raise EnvelopeError(
                f"a quote of {letter.sender} answers nothing that we asked there of late",
                next_step="it is put aside",
            )

    def _result(self, row: JobRow, letter: Letter) -> None:
        if row.collected:
            return  # the first one counts; the domain may send it again after a crash
        pinned = self._pins.get(letter.sender)
        if pinned is None:
            raise TrustError(
                f"no key of {letter.sender} is pinned here", next_step="enrol there first"
            )
        statement, outputs = verify_release(
            letter.body.get("release"),
            letter.attachments,
            request=row.request,
            domain=pinned,
            verifier=self._verifier,
        )
        now = self._clock.now()
        receipt = letter.body.get("receipt")
        if receipt is not None:
            self._store.keep_head(
                self._check_receipt(receipt, statement, outputs, row.request, pinned, now)
            )
        self._store.put_result(
            row.request.job_id,
            ResultRow(
                release=statement.to_mapping(),
                outputs=outputs,
                received_at=now,
                receipt=canonical(receipt) if receipt is not None else b"",
            ),
        )
        spread(self._store, now)  # it may have been made with what is stale by now

    def _check_receipt(
        self,
        receipt: object,
        release: Statement,
        outputs: dict[str, bytes],
        request: JobRequest,
        domain: PublicIdentity,
        taken_in: float,
    ) -> Statement:
        """The signed head of the domain's log in a receipt that holds."""
        found = verify_receipt(
            receipt,
            release=release,
            outputs=outputs,
            request=request,
            domain=domain,
            known=self._pinned,
            check=self._verifier.check_statement,
            taken_in=taken_in,
        )
        return read_receipt(found).proof.head

    def _pinned(self, name: str) -> Known:
        pinned = self._pins.get(name)
        return Known(identities=(pinned,) if pinned else (), former=self._pins.former(name))

    def verify(self, job_id: str) -> None:
        """Check a result that is kept here once more, with the keys of when it came.

        Raises:
            UnknownNameError: there is no such result here.
            TrustError: it is not what the domain signed.
        """
        row, kept = self._store.job(job_id), self._store.result(job_id)
        pinned = self._pins.get(row.request.audience) if row else None
        if row is None or kept is None or pinned is None:
            raise UnknownNameError(
                f"no result of {job_id[:8]} is kept here", next_step="wait until it is released"
            )
        domain = signer_of(
            pinned,
            self._pins.former(pinned.name),
            str(kept.release.get("key")),
            kept.received_at,
        )
        release, outputs = verify_release(
            kept.release,
            {f"output/{name}": data for name, data in kept.outputs.items()},
            request=row.request,
            domain=domain,
            verifier=self._verifier,
        )
        if kept.receipt:
            said = to_envelope(read_envelope(kept.receipt))
            self._check_receipt(said, release, outputs, row.request, domain, kept.received_at)

    def _put_aside(self, sender: str, job_id: str, problem: str) -> None:
        self._store.quarantine(sender=sender, job_id=job_id, problem=problem, at=self._clock.now())
