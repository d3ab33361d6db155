"""The owner's letters: what arrives is kept once, what is decided is sent once."""

from collections.abc import Callable
from typing import Any

from darkroom.errors import DarkroomError, QuotaError, TooLargeError, TrustError, UnreachableError
from darkroom.model.budget import DAY
from darkroom.model.identity import PublicIdentity
from darkroom.model.letter import Letter
from darkroom.model.message import Message
from darkroom.model.owner_case import Case, Notice, Subject
from darkroom.owner.hearsay import RESTORED, remember
from darkroom.owner.requests import claimed_digest, job_id_of, read_release, read_review
from darkroom.owner.store import OwnerStore
from darkroom.ports import Clock, Keyring, Relay, Verifier
from darkroom.post import Delivery, Post
from darkroom.post.signed_anew import signed_anew
from darkroom.post.timing import SEEN_FOR


KEEP_FILES_FOR = 30 * DAY
KEEP_APPROVED_FOR = 180 * DAY  # later jobs are compared with it
BUDGETS = "budgets"  # the fact: what the domain said last about them
MAX_NOTICE = 1_000
_SUBJECTS: dict[str, Subject] = {"review.request": "code", "release.request": "output"}


class Mailroom:
    """Letters between one owner and their domain.

    Attributes:
        offline: why the gateway could not be reached at the last attempt; "" when it could.
        on_message: told of each new message about a job.
        on_restored: told when the domain came back from a backup; inside the transaction.
    """

    def __init__(
        self,
        *,
        domain: PublicIdentity,
        store: OwnerStore,
        post: Post,
        relay: Relay,
        keyring: Keyring,
        verifier: Verifier,
        clock: Clock,
    ) -> None:
        self._domain = domain
        self._store = store
        self._post = post
        self._relay = relay
        self._keyring = keyring
        self._verifier = verifier
        self._clock = clock
        self._connected = False
        self.offline = ""
        self.on_message: Callable[[Message], None] = lambda _message: None
        self.on_restored: Callable[[], None] = lambda: None

    # ---------------------------------------------------------------------------- outgoing

    def queue(self, kind: str, body: dict[str, Any]) -> None:
        """Keep a letter to the domain; call inside the transaction that decided it."""
        self._store.queue(self._post.write(kind, self._domain.name, body))

    def flush(self) -> bool:
        """Send what is kept; False when the gateway is away and it stays kept."""
        return self._reach(self._send_all)

    def refresh(self) -> bool:
        """Send and fetch without waiting; False when the gateway is away."""
        return self._reach(lambda: self.sync(wait=0.0))

    def domain_now(self) -> PublicIdentity:
        """The domain under its keys of today; those that we know when the gateway is away."""
        try:
            self._connect()
            return self._post.successor(self._domain)
        except UnreachableError:
            return self._domain

    def _reach(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except UnreachableError as error:
            self.offline = error.message
            return False
        self.offline = ""
        return True

    def _connect(self) -> None:
        if not self._connected:
            self._relay.register(self._keyring.identity, self._keyring.handovers)
            self._relay.admit(self._domain.name)
            self._connected = True

    def _send_all(self) -> None:
        self._connect()
        for letter in self._store.unsent():
            try:
                self._post.send(signed_anew(letter, self._keyring))
            except QuotaError as error:
                # The domain has not admitted us yet, or its mailbox is full: stays kept.
                raise UnreachableError(
                    f"{self._domain.name} does not take letters now: {error.message}",
                    next_step="start the domain; what you decided is kept and sent then",
                ) from error
            except TooLargeError as error:
                self._notice("warning", f"a {letter.kind} of yours was not sent: {error.message}")
            self._store.sent(letter.id)

    # ---------------------------------------------------------------------------- incoming

    def sync(self, *, wait: float) -> list[Case]:
        """Send, then fetch; waits up to `wait` seconds for something new.

        Returns:
            The requests that are new.

        Raises:
            UnreachableError: the gateway does not answer; nothing is lost.
        """
        self._send_all()
        now = self._clock.now()
        self._store.forget(
            seen_before=now - SEEN_FOR,
            files_before=now - KEEP_FILES_FOR,
            approved_before=now - KEEP_APPROVED_FOR,
        )
        new: list[Case] = []
        while deliveries := self._post.receive(wait=wait):
            for delivery in deliveries:
                case = self._take(delivery)
                if case is not None:
                    new.append(case)
                self._post.acknowledge(delivery.cursor)
            wait = 0.0
        return new

    def ask_budgets(self, *, timeout: float) -> dict[str, Any]:
        """What the domain says now of its budgets: `{"at", "letter", "body"}`.

        Raises:
            UnreachableError: gateway or domain did not answer in time.
        """
        known = self._store.fact(BUDGETS) or {}
        with self._store.transaction():
            self.queue("budget.ask", {})
        end = self._clock.monotonic() + timeout
        said: dict[str, Any] = known
        while said.get("letter") == known.get("letter"):
            left = end - self._clock.monotonic()
            if left <= 0:
                raise UnreachableError(
                    f"{self._domain.name} did not answer within {timeout:g} s",
                    next_step="see that the domain runs, and ask again",
                )
            # Another process of this owner may take the answer in: look at the store often.
            self.sync(wait=min(1.0, left))
            said = self._store.fact(BUDGETS) or {}
        return said

    def _take(self, delivery: Delivery) -> Case | None:
        letter = delivery.letter
        if letter is None:
            self._put_aside(delivery)
            return None
        with self._store.transaction():
            if not self._store.first_time(letter.sender, letter.id, self._clock.now()):
                return None
            if letter.sender != self._domain.name:
                self._notice("warning", f"a letter from {letter.sender}, who is not your domain")
                return None
            if letter.kind == "owner.notice":
                level, text = letter.body.get("level"), letter.body.get("text")
                self._notice(str(level)[:20], str(text))
                remember(self._store, letter.body)
                if RESTORED in letter.body:
                    self.on_restored()
                return None
            if letter.kind == "budget.state":
                said = {"at": self._clock.now(), "letter": letter.id, "body": letter.body}
                self._store.set_fact(BUDGETS, said)
                return None
            if letter.kind == "handover.node":
                return None  # it opened: so the post has followed the hand-over already
            if letter.kind == "review.message":
                self._hear(letter)
                return None
            return self._keep(letter)

    def _hear(self, letter: Letter) -> None:
        try:
            message = Message.from_mapping(letter.body)
        except DarkroomError as error:
            self._notice("warning", f"a {letter.kind} was refused: {error.message}")
            return
        if self._store.add_message(message):
            self.on_message(message)

    def _keep(self, letter: Letter) -> Case | None:
        subject = _SUBJECTS[letter.kind]
        problem = ""
        try:
            job_id = job_id_of(letter.body)
        except DarkroomError as error:
            self._notice("warning", f"a {letter.kind} was refused: {error.message}")
            return None
        try:
            if subject == "code":
                digest = read_review(
                    letter.body,
                    letter.attachments,
                    domain=self._domain.name,
                    verifier=self._verifier,
                ).digest
            else:
                digest = read_release(letter.body, letter.attachments).digest
        except DarkroomError as error:
            digest, problem = claimed_digest(letter.body), error.message
        case = Case(
            id=0,
            subject=subject,
            job_id=job_id,
            digest=digest,
            received_at=self._clock.now(),
            body=letter.body,
            problem=problem,
        )
        # Files that are not what they say are not kept: nobody may come to see them.
        added = self._store.add_case(case, {} if problem else letter.attachments)
        if added is not None or problem:
            return added
        # The domain asks again where a yes counts no more, for instance after new keys.
        again = self._store.reopen(case, letter.attachments)
        if again is not None:
            self._notice("warning", f"job {job_id}: your yes counts no more; you are asked again")
        return again

    def _put_aside(self, delivery: Delivery) -> None:
        if delivery.bounced:
            text = f"your letter {delivery.envelope_id[:8]} to the domain {delivery.problem}"
        elif delivery.introduction is not None:
            text = f"{delivery.sender} wrote to you; scientists enrol with the domain instead"
        else:
            text = f"a letter was put aside: {delivery.problem}"
        self._notice("warning", text)

    def _notice(self, level: str, text: str) -> None:
        notice = Notice(at=self._clock.now(), level=level, text=text[:MAX_NOTICE])
        self._store.add_notice(notice)


def pinned_domain(pins_get: Callable[[str], PublicIdentity | None], name: str) -> PublicIdentity:
    """The domain's identity, which must have been pinned by file.

    Raises:
        TrustError: it was not.
    """
    domain = pins_get(name)
    if domain is None or domain.role != "domain":
        raise TrustError(
            f"the keys of your domain {name} are not pinned here",
            next_step="copy its public identity to this machine and run "
            "`darkroom owner pin node.json`",
        )
    return domain
