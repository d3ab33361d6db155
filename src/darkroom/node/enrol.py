"""How a scientist becomes known here: the owner's invitation, then the scientist's proof."""

from darkroom.errors import DarkroomError, SpecError
from darkroom.model.letter import Letter
from darkroom.model.statement import Statement
from darkroom.node.journal import Journal
from darkroom.node.store import NodeStore
from darkroom.ports import Keyring, Verifier
from darkroom.post import Introduction
from darkroom.post.enrolment import acceptance, check_request, requested_invitation
from darkroom.post.invitation import Invitation


class Enrolment:
    """Takes `owner.invitation` and `enrol.request`."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        keyring: Keyring,
        verifier: Verifier,
    ) -> None:
        self._store = store
        self._journal = journal
        self._ours = keyring.identity
        self._verifier = verifier

    def invitation(self, letter: Letter) -> None:
        """Keep an invitation that the owner signed; its ticket is opened by `send`."""
        owner = self._store.get(self._journal.owner)
        try:
            if owner is None or letter.sender != owner.name:
                raise SpecError("this is not our owner", next_step="send it again")
            said = letter.body.get("invitation")
            statement = Statement.from_mapping(said if isinstance(said, dict) else {})
            body = self._verifier.check_statement(statement, "invitation", owner)
            invitation = Invitation.from_body(body, self._ours.fingerprint)
            if invitation.domain != self._ours.name:
                raise SpecError("it is for another domain", next_step="send it there")
        except DarkroomError as error:
            if self._journal.refuse("invitation-refused", letter.sender, reason=error.message):
                self._journal.tell_owner("warning", f"invitation not kept: {error.message}")
            return
        self._store.put_invitation(statement)
        self._journal.note("invited", scientist=invitation.scientist, invitation=invitation.id)

    def request(self, introduction: Introduction, *, now: float) -> None:
        """Pin a scientist who proves an invitation. Asking again gives the same answer.

        A wrong proof changes nothing but the event log and a notice to the owner, of which a
        day has a few.
        """
        letter = introduction.letter
        try:
            found = self._store.invitation(requested_invitation(letter))
            if found is None:
                raise SpecError("no such invitation", next_step="ask the owner for one")
            statement, used_by = found
            invitation = Invitation.from_body(statement.body, self._ours.fingerprint)
            scientist = check_request(
                invitation,
                self._ours,
                introduction.identity,
                letter,
                now=now,
                redeemed_by=used_by,
            )
            self._verifier.check_identity(scientist)
            self._store.pin(scientist)
        except DarkroomError as error:
            said = {"sender": letter.sender, "reason": error.message}
            if self._journal.refuse("enrolment-refused", letter.sender, **said):
                self._journal.tell_owner(
                    "warning", f"enrolment of {letter.sender} refused: {error.message}"
                )
            return
        self._store.use_invitation(invitation.id, scientist.fingerprint)
        if not used_by:
            self._journal.note(
                "enrolled", scientist=scientist.name, fingerprint=scientist.fingerprint
            )
            self._journal.tell_owner(
                "info",
                f"{scientist.name} is enrolled",
                about={"enrolled": {"name": scientist.name, "fingerprint": scientist.fingerprint}},
            )
        self._journal.tell("enrol.accepted", scientist.name, acceptance(invitation, scientist))
