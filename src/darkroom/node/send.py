"""The outbox's way to the gateway: in order per recipient, again until it is there.

A letter keeps its id, and the relay takes an id once: a crash between sending and noting it
doubles nothing.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from darkroom.errors import (
    DarkroomError,
    QuotaError,
    StateError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.outgoing import Outgoing
from darkroom.node.journal import Journal
from darkroom.node.store import NodeStore
from darkroom.ports import Clock, Keyring, Relay
from darkroom.post import Post
from darkroom.post.invitation import Invitation
from darkroom.post.signed_anew import signed_anew


NO_FILE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over the outbox did.

    Attributes:
        again_in: seconds until something waits to be tried again; None when nothing does.
    """

    delivered: int
    again_in: float | None


class Sender:
    """Delivers what transactions have queued."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        post: Post,
        relay: Relay,
        clock: Clock,
        state: Path,
        keyring: Keyring,
    ) -> None:
        self._store = store
        self._journal = journal
        self._post = post
        self._relay = relay
        self._clock = clock
        self._state = state
        self._keyring = keyring

    def send_all(self) -> Pass:
        """Deliver all that can be delivered now.

        Raises:
            UnreachableError: the gateway is away; what is left stays in the outbox.
        """
        for statement in self._store.unopened_tickets():
            ours = self._keyring.identity.fingerprint
            invitation = Invitation.from_body(statement.body, ours)
            self._relay.open_ticket(invitation.ticket_hash, invitation.expires_at)
            self._store.ticket_opened(invitation.id)
        delivered, again_in = 0, None
        blocked: set[str] = set()  # letters to one recipient stay in their order
        while due := self._store.next_outgoing(blocked):
            for outgoing in due:
                wait = outgoing.not_before - self._clock.now()
                if 0 < wait <= LONGEST_PAUSE:  # longer: the clock was set back meanwhile
                    pause: float | None = wait
                else:
                    pause = self._send(outgoing)
                if pause is None:
                    delivered += 1
                else:
                    blocked.add(outgoing.letter.recipient)
                    again_in = min(pause, again_in if again_in is not None else pause)
        return Pass(delivered, again_in)

    def _send(self, outgoing: Outgoing) -> float | None:
        """None when it is off our hands, else the seconds until the next try."""
        letter = outgoing.letter
        try:
            outgoing.require_places()
            attachments = {
                name: (self._state / path).read_bytes() for name, path in outgoing.files.items()
            }
            # Dated when it leaves: a domain that was offline for long still delivers.
            now = self._clock.now()
            anew = signed_anew(letter, self._keyring)
            self._post.send(replace(anew, attachments=attachments, sent_at=now))
        except UnreachableError:
            raise
        except (DarkroomError, OSError) as error:
            if self._may_pass(error, letter.recipient):
                pause = min(LONGEST_PAUSE, 2.0**outgoing.tries)
                self._store.postpone(letter.id, self._clock.now() + pause)
                return pause
            self._give_up(outgoing, error)
            return None
        self._store.delivered(letter.id)
        return None

    def _may_pass(self, error: Exception, recipient: str) -> bool:
        """Whether it is not this letter's fault."""
        match error:
            case QuotaError() | StateError():  # a mailbox or a disk is full
                return True
            case UnknownNameError():  # the owner of a new domain may come after its node
                return recipient == self._journal.owner
            case OSError():  # a disk that cannot be read now; what is no file stays none
                return not isinstance(error, NO_FILE)
        return False

    def _give_up(self, outgoing: Outgoing, error: Exception) -> None:
        why = error.message if isinstance(error, DarkroomError) else type(error).__name__
        letter = outgoing.letter
        with self._store.transaction():
            self._store.postpone(letter.id, 0.0, why)
            self._journal.note("letter-given-up", letter=letter.id, kind=letter.kind, reason=why)
            if letter.kind != "owner.notice":  # no notice about notices, without end
                about = f" about job {job}" if (job := letter.body.get("job_id")) else ""
                self._journal.tell_owner(
                    "warning",
                    f"a {letter.kind}{about} never reaches {letter.recipient}: {why}",
                )
