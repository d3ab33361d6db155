"""What somebody with a say here signed: checked with the pinned key that the owner signed for."""

from typing import Any

from darkroom.errors import SpecError
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.ports import Verifier


class Spoken:
    """Checks statements of the owner and the reviewers."""

    def __init__(self, *, store: NodeStore, verifier: Verifier, laws: Laws, owner: str) -> None:
        self._store = store
        self._verifier = verifier
        self._laws = laws
        self._owner = owner

    def body(self, sender: str, said: Any, kind: str) -> dict[str, Any]:
        """The body of a statement signed by the owner or, for their own words, by a reviewer.

        Raises:
            SpecError: it is none, or the sender is no reviewer.
            TrustError: another key signed it.
        """
        signer: PublicIdentity | None = self._store.get(sender)
        if signer is None or signer.role != "owner" or not isinstance(said, dict):
            raise SpecError(f"this is no {kind} of our owner", next_step="send it again")
        named = {r.name: r.fingerprint for r in self._laws.reviews().reviewers}
        if sender != self._owner and named.get(sender) != signer.fingerprint:
            raise SpecError(f"{sender} is no reviewer here", next_step="ask the owner")
        return self._verifier.check_statement(Statement.from_mapping(said), kind, signer)
