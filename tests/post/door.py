"""The domain's side of enrolment, as a node does it, around the pure functions."""

from darkroom.errors import DarkroomError
from darkroom.post import acceptance, check_request, requested_invitation
from tests.post.simulator import Party


class Door:
    """Answers enrolment requests; remembers who used which invitation."""

    def __init__(self, domain: Party, *invitations) -> None:
        self.domain = domain
        self.invitations = {i.id: i for i in invitations}
        self.used: dict[str, str] = {}
        self.refused: list[str] = []
        self.answers = True
        for invitation in invitations:
            domain.relay.open_ticket(invitation.ticket_hash, invitation.expires_at)

    def step(self) -> None:
        for delivery in self.domain.post.receive(wait=0):
            if delivery.introduction:
                self._meet(delivery.introduction)
            elif delivery.problem:
                self.refused.append(delivery.problem)
            self.domain.post.acknowledge(delivery.cursor)

    def _meet(self, introduction) -> None:
        letter = introduction.letter
        try:
            wanted = requested_invitation(letter)
            if wanted not in self.invitations:
                self.refused.append("no such invitation")
                return
            invitation = self.invitations[wanted]
            scientist = check_request(
                invitation,
                self.domain.identity,
                introduction.identity,
                letter,
                now=self.domain.relay.gateway.clock.now(),
                redeemed_by=self.used.get(wanted, ""),
            )
            self.domain.pins.pin(scientist)
        except DarkroomError as error:
            self.refused.append(error.message)
            return
        self.used[wanted] = scientist.fingerprint
        answer = self.domain.post.write(
            "enrol.accepted", scientist.name, acceptance(invitation, scientist)
        )
        if self.answers:
            self.domain.post.send(answer)
