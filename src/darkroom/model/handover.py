"""How an identity comes by new keys: a hand-over is signed with the keys before and after. Pure.

A chain of hand-overs leads from a key that somebody has pinned to the keys of today. It is
believed because of its signatures alone, whoever brings it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError, TrustError
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import SHA256
from darkroom.model.statement import Statement


HANDOVER = "handover"  # the kind of both signatures
MAX_LINKS = 16  # kept and sent; whoever is further behind compares fingerprints
MAX_NUMBER = 1_000_000
MAX_SIGNATURE = 256  # hex digits
LAST_DATE = 253_402_300_799  # the end of the year 9999
_FIELDS = {"old", "new", "number", "at", "by_old", "by_new"}

# `Verifier.check_statement`: it raises when the signer did not sign this
Check = Callable[[Statement, str, PublicIdentity], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One step from old keys to new ones.

    Attributes:
        old: fingerprint of the identity that hands over.
        new: the identity that takes over: same name, role and place, other keys.
        number: 1 for the first of an identity; each next one is higher by one.
        at: when, Unix seconds; for people.
        by_old, by_new: hex signatures of both statement keys over all of the above.
    """

    old: str
    new: PublicIdentity
    number: int
    at: int
    by_old: str
    by_new: str

    def __post_init__(self) -> None:
        texts = (self.old, self.by_old, self.by_new)
        if (
            not all(isinstance(text, str) and len(text) <= MAX_SIGNATURE for text in texts)
            or not SHA256.fullmatch(self.old)
            or not isinstance(self.new, PublicIdentity)
            or type(self.number) is not int
            or not 1 <= self.number <= MAX_NUMBER
            or type(self.at) is not int
            or not 0 <= self.at <= LAST_DATE
        ):
            raise _malformed()
        try:
            self.new.fingerprint  # noqa: B018 - a bundle of any origin may have no canonical form
        except (TypeError, ValueError, RecursionError):
            raise _malformed() from None

    @property
    def body(self) -> dict[str, Any]:
        """What both keys sign."""
        return handover_body(old=self.old, new=self.new, number=self.number, at=self.at)

    def said_by(self, signer: PublicIdentity, signature: str) -> Statement:
        """One of its two signatures as a statement of that signer's pinned key."""
        return Statement(
            kind=HANDOVER, body=self.body, key=signer.statement_key, signature=signature
        )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it."""
        return {**self.body, "by_old": self.by_old, "by_new": self.by_new}

    @classmethod
    def from_mapping(cls, value: Any) -> "Handover":
        """Read the JSON form; nothing is checked but the form.

        Raises:
            SpecError: for anything else.
        """
        if not isinstance(value, dict) or value.keys() != _FIELDS:
            raise _malformed()
        new = value["new"] if isinstance(value["new"], dict) else {}
        return cls(**{**value, "new": PublicIdentity.from_mapping(new)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """An identity that was pinned before its hand-over was accepted here.

    Attributes:
        identity: the keys that were pinned.
        until: when they were followed by others, on our own clock.
        handover: what made us do so.
    """

    identity: PublicIdentity
    until: float
    handover: Handover


def handover_body(*, old: str, new: PublicIdentity, number: int, at: int) -> dict[str, Any]:
    """What both keys sign."""
    return {"old": old, "new": new.to_mapping(), "number": number, "at": at}


def read_chain(value: Any) -> tuple[Handover, ...]:
    """Hand-overs of untrusted origin, their form checked.

    Raises:
        SpecError: not a list of at most `MAX_LINKS` hand-overs.
    """
    if not isinstance(value, list) or len(value) > MAX_LINKS:
        raise _malformed()
    return tuple(Handover.from_mapping(item) for item in value)


def follow(
    pinned: PublicIdentity,
    chain: Sequence[Handover],
    *,
    check: Check,
    former: Iterable[Former] = (),
) -> tuple[Handover, ...]:
    """The links of a chain that lead on from a pinned identity; () when it is the last one.

    Args:
        pinned: whom we believe now.
        chain: of any origin; what lies before the pin is not looked at.
        check: `Verifier.check_statement`.
        former: what was pinned before, oldest first: nothing leads back there.

    Raises:
        TrustError: no link begins at the pin, or one is not signed by the key before it and
            its own, in order, for the same name, role and place.
    """
    past = tuple(former)
    start = next((n for n, link in enumerate(chain) if link.old == pinned.fingerprint), None)
    if start is None:
        if chain and chain[-1].new.fingerprint == pinned.fingerprint:
            return ()
        raise _refused(pinned, "does not begin at the pinned keys")
    used = {f.identity.fingerprint for f in past} | {pinned.fingerprint}
    came = past[-1].handover if past else None  # a person may have pinned other keys since
    number = came.number if came and came.new == pinned else 0
    held = pinned
    for link in chain[start:]:
        if against := _against(link, held, number, used):
            raise _refused(pinned, against)
        check(link.said_by(held, link.by_old), HANDOVER, held)
        check(link.said_by(link.new, link.by_new), HANDOVER, link.new)
        held, number = link.new, link.number
        used.add(held.fingerprint)
    return tuple(chain[start:])


def check_chain(chain: Sequence[Handover], *, check: Check) -> None:
    """Every signature of a chain that can be checked without a pin: all but the first one.

    Args:
        chain: of any origin, not empty.
        check: `Verifier.check_statement`.

    Raises:
        TrustError: one does not hold, or the links are not one chain in order, of one name.
    """
    first, *later = chain
    check(first.said_by(first.new, first.by_new), HANDOVER, first.new)
    if later and (later[0].number, later[0].old) != (first.number + 1, first.new.fingerprint):
        raise _refused(first.new, "is not the next one")
    if first.old in {link.new.fingerprint for link in chain}:
        raise _refused(first.new, "leads back to keys that were given up")
    if later:
        follow(first.new, later, check=check)


def _against(link: Handover, held: PublicIdentity, number: int, used: Collection[str]) -> str:
    new = link.new
    if link.old != held.fingerprint:
        return "leaves out a step"
    if number and link.number != number + 1:
        return "is not the next one in number"
    if (new.name, new.role) != (held.name, held.role):
        return "is for another name or role"
    if new.hosted != held.hosted:
        return "moves the keys to or from the Hub, which a person decides"
    if new.fingerprint in used:
        return "leads back to keys that were given up"
    if new.statement_key == held.statement_key or new.bundle == held.bundle:
        return "keeps one of the old keys"
    return ""


def _malformed() -> SpecError:
    return SpecError("a hand-over is not well formed", next_step="ask for it again")


def _refused(pinned: PublicIdentity, why: str) -> TrustError:
    return TrustError(f"a hand-over of {pinned.name} {why}", next_step=how_to_go_on(pinned.name))


def how_to_go_on(name: str) -> str:
    """What a person does about a key that changed without a hand-over that holds."""
    return (
        f"speak with {name} and compare fingerprints; only then `darkroom identity unpin` "
        "and enrol (or pin) again"
    )


def signer_of(
    current: PublicIdentity, former: Iterable[Former], key: str, taken_in: float
) -> PublicIdentity:
    """Whose key a statement that we *kept* is to be checked with.

    A former key counts only for what was taken in, on our own clock, before it was followed
    by another; never for what arrives today.
    """
    for past in former:
        if past.identity.statement_key == key and taken_in <= past.until:
            return past.identity
    return current


def known_as(current: PublicIdentity, former: Iterable[Former], fingerprint: str) -> PublicIdentity:
    """The same party under the fingerprint that a job from before a hand-over names.

    For a fingerprint that was never theirs: the identity of today, which does not fit it.
    """
    for past in former:
        if past.identity.fingerprint == fingerprint:
            return past.identity
    return current
