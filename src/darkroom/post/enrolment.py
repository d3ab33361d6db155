"""First contact, without trusting the gateway: both sides prove the invitation's secret.

    scientist                      gateway                        domain
      | <--------- invitation line, by another channel ---- owner -- owner.invitation -> |
      | directory: the domain's keys (a hint, must match the fingerprint)                |
      | redeem ticket -------------->| (admitted)                                        |
      | enrol.request: our keys, HMAC(secret, both fingerprints) ----------------------> |
      |                                            the proof holds: our keys are pinned  |
      | <--------------------------- enrol.accepted: HMAC of the other side ------------ |
      | the proof holds: the domain's keys are pinned                                    |

Whoever does not know the secret can neither make a proof nor change whose keys it covers.
The functions of the domain are pure; its node calls them inside its own transaction.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable
from typing import Any, Literal

from darkroom.errors import (
    DeniedError,
    InputError,
    QuotaError,
    SpecError,
    TrustError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.canonical import canonical
from darkroom.model.identity import PublicIdentity
from darkroom.model.letter import Letter
from darkroom.ports import Clock, Keyring, Relay, Verifier
from darkroom.post.invitation import Invitation
from darkroom.post.pins import Pins
from darkroom.post.post import Delivery, Post


Side = Literal["scientist", "domain"]
_PAUSE = 0.25  # between two tries while something else is not ready yet


def proof(invitation: Invitation, side: Side, scientist_fingerprint: str) -> str:
    """The HMAC (hex) by which a side shows that it knows the secret, for these keys."""
    message = canonical(
        {
            "side": side,
            "invitation": invitation.id,
            "domain": invitation.domain_fingerprint,
            "scientist": scientist_fingerprint,
        }
    )
    return hmac.new(bytes.fromhex(invitation.secret), message, hashlib.sha256).hexdigest()


# ------------------------------------------------------------------------------- the domain


def requested_invitation(letter: Letter) -> str:
    """The id of the invitation that an `enrol.request` refers to; not checked yet.

    Raises:
        SpecError: when there is none.
    """
    value = letter.body.get("invitation_id")
    if letter.kind != "enrol.request" or not isinstance(value, str) or len(value) > 64:  # noqa: PLR2004 - an id has 32
        raise SpecError(
            "an enrolment request names no invitation",
            next_step="enrol with the line that the data owner gave you",
        )
    return value


def check_request(
    invitation: Invitation,
    domain: PublicIdentity,
    hinted: PublicIdentity,
    letter: Letter,
    *,
    now: float,
    redeemed_by: str = "",
) -> PublicIdentity:
    """The scientist's identity, to be pinned; the invitation is then used up.

    Args:
        invitation: the owner's, with the id of `requested_invitation`.
        domain: our own identity.
        hinted: the identity under which the envelope opened (`Introduction.identity`).
        letter: the `enrol.request`.
        now: Unix seconds.
        redeemed_by: fingerprint of the identity that used this invitation before, or "".
            The same identity may ask again: its answer was lost.

    Raises:
        TrustError: the proof, a name or a key does not fit.
        DeniedError: the invitation is used up or over.
    """
    again = "ask the data owner for a new invitation"
    if letter.body.keys() != {"identity", "invitation_id", "proof"}:
        raise SpecError("an enrolment request has other fields than it should", next_step=again)
    if not isinstance(letter.body["identity"], dict):
        raise SpecError("an enrolment request carries no identity", next_step=again)
    scientist = PublicIdentity.from_mapping(letter.body["identity"])
    fingerprint = scientist.fingerprint
    if (
        letter.body["invitation_id"] != invitation.id
        or invitation.domain != domain.name
        or invitation.domain_fingerprint != domain.fingerprint
    ):
        raise TrustError("this invitation is for another domain", next_step=again)
    if fingerprint != hinted.fingerprint or scientist.role != "scientist":
        raise TrustError(
            "the keys inside an enrolment request are not those that sealed it",
            next_step="treat it as forged; ask the scientist to compare fingerprints",
        )
    if not (invitation.scientist == scientist.name == letter.sender):
        raise TrustError(
            f"this invitation is for another name than {scientist.name}",
            next_step=f"enrol as {invitation.scientist}, or {again}",
        )
    expected = proof(invitation, "scientist", fingerprint)
    if not _same(letter.body["proof"], expected):
        raise TrustError(
            f"the enrolment request of {scientist.name} does not prove the invitation",
            next_step="treat it as forged, or copy the whole invitation line again",
        )
    if redeemed_by and redeemed_by != fingerprint:
        raise DeniedError("this invitation was used before", next_step=again)
    if now > invitation.expires_at and not redeemed_by:
        raise DeniedError("this invitation is over", next_step=again)
    return scientist


def acceptance(invitation: Invitation, scientist: PublicIdentity) -> dict[str, Any]:
    """The body of `enrol.accepted`, after `check_request`."""
    return {
        "invitation_id": invitation.id,
        "proof": proof(invitation, "domain", scientist.fingerprint),
    }


# ---------------------------------------------------------------------------- the scientist


def check_acceptance(invitation: Invitation, scientist: PublicIdentity, letter: Letter) -> None:
    """Whether an `enrol.accepted` proves that the domain knows the secret and our keys.

    Raises:
        TrustError: it does not.
    """
    expected = acceptance(invitation, scientist)
    if (
        letter.kind != "enrol.accepted"
        or letter.sender != invitation.domain
        or letter.body.get("invitation_id") != expected["invitation_id"]
        or not _same(letter.body.get("proof"), expected["proof"])
    ):
        raise TrustError(
            f"the answer in the name of {invitation.domain} does not prove the invitation",
            next_step="tell the data owner; do not go on with this domain",
        )


def enrol(
    invitation: Invitation,
    *,
    relay: Relay,
    keyring: Keyring,
    verifier: Verifier,
    pins: Pins,
    clock: Clock,
    timeout: float = 60.0,
    others: Callable[[Delivery], None] | None = None,
) -> PublicIdentity:
    """Enrol with the domain of an invitation; its identity is pinned when this returns.

    May be called again after any interruption, with the same invitation and keys.

    Args:
        invitation: as the data owner gave it.
        relay: a client of the invitation's gateway, for our identity.
        keyring: our keys.
        verifier: checks what the directory says.
        pins: where the domain is pinned.
        clock: time.
        timeout: seconds to wait for the domain.
        others: takes deliveries that have nothing to do with this enrolment, durably;
            they are then acknowledged. Without it they stay at the gateway.

    Raises:
        TrustError: the gateway shows other keys than the invitation says.
        InputError: the invitation is for another name.
        UnreachableError: the domain did not answer in time.
    """
    ours = keyring.identity
    deadline = clock.monotonic() + timeout
    if ours.name != invitation.scientist or ours.role != "scientist":
        raise InputError(
            f"this invitation is for {invitation.scientist}; these are the keys of {ours.name}",
            next_step=f"make keys for {invitation.scientist}, or ask for an invitation "
            f"in the name of {ours.name}",
        )
    relay.register(ours, keyring.handovers)
    domain = _domain(invitation, relay, verifier)
    if clock.now() + relay.clock_offset > invitation.expires_at and not pins.get(domain.name):
        raise DeniedError(
            f"this invitation of {domain.name} is over",
            next_step=f"ask the data owner of {domain.name} for a new one: "
            f"darkroom owner invite {ours.name}",
        )
    relay.admit(domain.name)
    _redeem(invitation, relay, clock, deadline)
    post = Post(relay=relay, keyring=keyring, verifier=verifier, pins=pins, clock=clock)
    letter = post.write(
        "enrol.request",
        domain.name,
        {
            "identity": ours.to_mapping(),
            "invitation_id": invitation.id,
            "proof": proof(invitation, "scientist", ours.fingerprint),
        },
    )
    post.send(letter, introduce_to=domain)
    answer = _await_answer(invitation, domain, post, clock, deadline, others)
    check_acceptance(invitation, ours, answer)
    pins.pin(domain)
    return domain


def _domain(invitation: Invitation, relay: Relay, verifier: Verifier) -> PublicIdentity:
    domain = relay.identity(invitation.domain)
    if domain.fingerprint != invitation.domain_fingerprint or (
        domain.name,
        domain.role,
    ) != (invitation.domain, "domain"):
        raise TrustError(
            f"the gateway shows other keys for {invitation.domain} than the invitation "
            f"says (it shows {domain.fingerprint}, expected is "
            f"{invitation.domain_fingerprint})",
            next_step="do not go on; tell the data owner both fingerprints",
        )
    verifier.check_identity(domain)
    return domain


def _redeem(invitation: Invitation, relay: Relay, clock: Clock, deadline: float) -> None:
    """Show the ticket; the domain may still be busy opening it."""
    while True:
        try:
            relay.redeem(invitation.domain, invitation.ticket)
        except (UnknownNameError, TrustError, QuotaError, DeniedError):
            if clock.monotonic() >= deadline:
                raise DeniedError(
                    f"{invitation.domain} has not opened this invitation, or it was used before",
                    next_step="check with the data owner that the domain is running, "
                    "or ask for a new invitation",
                ) from None
            threading.Event().wait(_PAUSE)
        else:
            return


def _await_answer(  # noqa: PLR0917 - one call, in the order of the story above
    invitation: Invitation,
    domain: PublicIdentity,
    post: Post,
    clock: Clock,
    deadline: float,
    others: Callable[[Delivery], None] | None,
) -> Letter:
    while (left := deadline - clock.monotonic()) > 0:
        deliveries = post.receive(wait=min(left, 20.0))
        ours_only = True
        for delivery in deliveries:
            answer = _answer_in(delivery, invitation, domain)
            if answer is None and others is not None:
                others(delivery)
            ours_only = ours_only and (answer is not None or others is not None)
            if ours_only:
                post.acknowledge(delivery.cursor)
            if answer is not None:
                return answer
        if deliveries:  # they stay there, so the next long poll would not wait
            threading.Event().wait(_PAUSE)
    raise UnreachableError(
        f"{invitation.domain} did not answer the enrolment in time",
        next_step="check with the data owner that the domain is running, then enrol "
        "again with the same invitation",
    )


def _answer_in(delivery: Delivery, invitation: Invitation, domain: PublicIdentity) -> Letter | None:
    introduction = delivery.introduction
    if (
        introduction is None
        or introduction.letter.kind != "enrol.accepted"
        or introduction.identity.fingerprint != domain.fingerprint
        or introduction.letter.body.get("invitation_id") != invitation.id
    ):
        return None
    return introduction.letter


def _same(shown: object, expected: str) -> bool:
    return isinstance(shown, str) and hmac.compare_digest(
        shown.encode("utf-8", "replace"), expected.encode()
    )
