"""Who may review, and which of their names are one person's. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.model.reviews import Reviews


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may review, or who asks.

    Attributes:
        name: of the identity that signed.
        scientist: the name under which the same person submits jobs, or "".
        key: the statement key that is pinned for the name now.
        keys: every statement key that was ever pinned for either name.
    """

    name: str
    scientist: str = ""
    key: str = ""
    keys: frozenset[str] = frozenset()

    def is_also(self, other: "Person") -> bool:
        """Whether two names are one person's: they share a name, or a key of any time."""
        mine, theirs = {self.name, self.scientist} - {""}, {other.name, other.scientist} - {""}
        return bool(mine & theirs or self.keys & other.keys)


def people(
    owner: str,
    reviews: Reviews,
    *,
    key: Callable[[str], str] = lambda _: "",
    keys: Callable[[str], frozenset[str]] = lambda _: frozenset(),
) -> dict[str, Person]:
    """Everybody who may review, by the name that they sign with.

    Args:
        owner: name of the data owner.
        reviews: the policy's rules.
        key: name -> the statement key that is pinned for it, or "".
        keys: name -> every statement key that ever was.
    """
    named = {owner: reviews.owner_as_scientist}
    for reviewer in reviews.reviewers:
        named.setdefault(reviewer.name, reviewer.scientist)
    return {
        name: Person(
            name=name,
            scientist=scientist,
            key=key(name),
            keys=keys(name) | (keys(scientist) if scientist else frozenset()),
        )
        for name, scientist in named.items()
    }


def alike(person: Person, voters: dict[str, Person]) -> tuple[Person, ...]:
    """A person and all the other names of theirs, also through a third one."""
    found = [person]
    left = [p for p in voters.values() if p.name != person.name]
    for known in found:  # grows while it is gone through
        also = [p for p in left if p.is_also(known)]
        found += also
        left = [p for p in left if p not in also]
    return tuple(found)


def is_author(person: Person, author: Person, voters: dict[str, Person]) -> bool:
    """Whether a job is this person's own, under any of their names and keys."""
    return any(name.is_also(author) for name in alike(person, voters))
