"""Whose key is that? What somebody knows of a name, and a key that signed in that name. Pure.

Keys change. One that was given up counts for what was signed before, as far as somebody who
knows the name can tell: by the day they followed the hand-over, or by a chain of hand-overs
that both keys signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from darkroom.errors import TrustError
from darkroom.model.handover import Check, Former, Handover, follow
from darkroom.model.identity import PublicIdentity


Ground = Literal["known", "former", "chain", "claimed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the reader knows of a name.

    Attributes:
        identities: pinned, or given by hand; any of them is believed.
        former: what was pinned before, with the day it was followed.
        handovers: a chain that was given along with them; believed by its signatures.
    """

    identities: tuple[PublicIdentity, ...] = ()
    former: tuple[Former, ...] = ()
    handovers: tuple[Handover, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed, and why we believe it.

    Attributes:
        ground: `known` (pinned or given), `former` (pinned before), `chain` (hand-overs lead
            there from what is known), `claimed` (only the receipt itself says so).
    """

    identity: PublicIdentity
    ground: Ground


def signer(
    name: str,
    key: str,
    *,
    at: float,
    known: Known,
    offered: Iterable[PublicIdentity],
    chain: Iterable[Handover],
    check: Check,
) -> Signer:
    """The identity of that name which a statement key belongs to.

    Args:
        name: who is said to have signed.
        key: hex statement key of the signature.
        at: when it was signed, Unix seconds, as the signer says.
        known: what the reader knows of the name.
        offered: identities that came along, of any origin.
        chain: hand-overs that came along, of any origin.
        check: `Verifier.check_statement`.

    Raises:
        TrustError: it is nobody's of that name, or was given up before.
    """
    for identity in known.identities:
        if identity.statement_key == key:
            return Signer(identity=identity, ground="known")
    for past in known.former:
        if past.identity.statement_key == key:
            _require(at <= past.until, name, "that were handed over to others before that day")
            return Signer(identity=past.identity, ground="former")
    came = [i for i in offered if i.statement_key == key and i.name == name]
    if not known.identities:
        if came:
            return Signer(identity=came[0], ground="claimed")
        raise _unknown(name)
    for links in (known.handovers, tuple(chain)):
        for identity in known.identities:
            found = _later(identity, links, key, check) or next(
                (i for i in came if _is_before(i, identity, links, name, at, check)), None
            )
            if found is not None:
                return Signer(identity=found, ground="chain")
    raise TrustError(
        f"it is signed with other keys than those of {name} that are known here",
        next_step=f"give {name}'s identity of then with --identity, or ask them about it",
    )


def _later(
    identity: PublicIdentity, links: tuple[Handover, ...], key: str, check: Check
) -> PublicIdentity | None:
    """The identity of that key, if links lead there from one that is known."""
    if not any(link.new.statement_key == key for link in links):
        return None
    try:
        steps = follow(identity, links, check=check)
    except TrustError:
        return None
    return next((step.new for step in steps if step.new.statement_key == key), None)


def _is_before(
    old: PublicIdentity,
    identity: PublicIdentity,
    links: tuple[Handover, ...],
    name: str,
    at: float,
    check: Check,
) -> bool:
    """Whether links lead from an identity to one that is known, and it signed before that."""
    if not any(link.old == old.fingerprint for link in links):
        return False
    try:
        steps = follow(old, links, check=check)
    except TrustError:
        return False
    if identity not in [step.new for step in steps]:
        return False
    _require(at <= steps[0].at + 1, name, "that were handed over to others before that day")
    return True


def _require(holds: bool, name: str, what: str) -> None:  # noqa: FBT001  # what is required
    if not holds:
        raise TrustError(
            f"it is signed with keys of {name} {what}",
            next_step=f"ask {name} about it: somebody may have stolen keys that were given up",
        )


def _unknown(name: str) -> TrustError:
    return TrustError(
        f"nothing is known of {name} here",
        next_step=f"give their public identity with --identity, from `darkroom identity show "
        f"--public` at {name}'s",
    )
