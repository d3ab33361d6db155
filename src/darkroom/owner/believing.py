"""The owner's word about a ledger: after a restore, or where the gateway lost its store."""

from typing import Any

from darkroom.errors import InputError
from darkroom.model.message import one_line
from darkroom.model.override import KIND, MAX_REASON, NOTHING_RAN, Override
from darkroom.model.statement import Statement
from darkroom.model.tree_head import FIRST_EPOCH, TreeHead
from darkroom.model.tree_head import KIND as HEAD
from darkroom.owner.hearsay import BELIEVE
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.store import OwnerStore
from darkroom.ports import Keyring, Verifier


class Believing:
    """Signs overrides for one domain."""

    def __init__(
        self,
        *,
        domain: str,
        store: OwnerStore,
        mailroom: Mailroom,
        keyring: Keyring,
        verifier: Verifier,
    ) -> None:
        self._domain = domain
        self._store = store
        self._mailroom = mailroom
        self._keyring = keyring
        self._verifier = verifier

    def asked(self) -> TreeHead:
        """The head that the domain asked to be believed.

        Raises:
            InputError: it asked for nothing.
            TrustError: the domain did not sign it.
        """
        self._mailroom.refresh()
        said = self._store.fact(BELIEVE)
        if said is None:
            raise InputError(
                f"{self._domain} has not asked for anybody's word",
                next_step="see its notices with `darkroom owner show`, or give --head FILE",
            )
        return self.read(Statement.from_mapping(said))

    def read(self, said: Statement) -> TreeHead:
        """A head of any origin that the domain signed with its keys of today.

        Raises:
            TrustError, SpecError: it did not.
        """
        body = self._verifier.check_statement(said, HEAD, self._mailroom.domain_now())
        head = TreeHead.from_body(body)
        if head.domain != self._domain:
            raise InputError(f"it is a head of {head.domain}", next_step="give the domain's own")
        return head

    def overriding(
        self, head: TreeHead, purpose: str, *, epoch: int | None, reason: str
    ) -> Override:
        """What would be signed.

        Args:
            head: of the domain as it is now.
            purpose: one of `PURPOSES`.
            epoch: that it speaks for, and no other; None: the head's own.
            reason: kept in the domain's log.

        Raises:
            InputError: no restore opened that epoch, or it is not the head's own.
        """
        epoch = head.epoch if epoch is None else epoch
        if purpose == NOTHING_RAN and not FIRST_EPOCH < epoch <= head.epoch:
            raise InputError(
                f"no restore opened epoch {epoch} of {self._domain}, by the head of its log",
                next_step="name an epoch that a restore opened with --epoch",
            )
        if purpose != NOTHING_RAN and epoch != head.epoch:
            raise InputError(
                f"what a gateway lost is about epoch {head.epoch}, the one of now",
                next_step="leave --epoch out",
            )
        reason = one_line(reason)[:MAX_REASON]
        return Override(head=head, purpose=purpose, epoch=epoch, reason=reason)

    def sign(self, said: Override, *, send: bool) -> dict[str, Any]:
        """Sign it.

        Args:
            said: shown to the owner before.
            send: whether a letter goes to the domain.

        Returns:
            The body of the letter `owner.override`: what a file for the domain holds, too.
        """
        body = {"override": self._keyring.sign(KIND, said.to_body()).to_mapping()}
        if send:
            with self._store.transaction():
                self._mailroom.queue("owner.override", body)
            self._mailroom.flush()
        return body
