"""What the owner and the reviewers say: votes on one digest, or a new policy. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeGuard

from darkroom.errors import SpecError
from darkroom.model.budget import DAY
from darkroom.model.json_shape import is_number
from darkroom.model.reviews import Reviews
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.consistency import contradictions
from darkroom.policy.people import Person, alike, is_author
from darkroom.policy.transitions import State


# (subject, verdict) -> state the job must be in -> state it goes to
DECISIONS: dict[tuple[str, str], dict[State, State]] = {
    ("code", "approve"): {"screened": "approved"},
    ("code", "reject"): {"screened": "rejected"},
    # A no that says what would make it a yes; the next version is another job.
    ("code", "request-changes"): {"screened": "rejected"},
    # Before enough people said yes, taking it back is a no.
    ("code", "withdraw"): {
        "screened": "rejected",
        "approved": "rejected",
        "running": "rejected",
    },
    ("output", "release"): {"produced": "released"},
    ("output", "withhold"): {"produced": "withheld"},
}
AHEAD = 7200.0  # seconds that the clock of who decides may be fast
LAST_DATE = 253_402_300_799  # the end of the year 9999
YES = ("approve", "release")  # these take several people where the policy says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A yes that was heard.

    Attributes:
        until: Unix seconds after which it is void.
        with_log: whether it lets the log out as well.
        key: the statement key that signed it; "" for one from before this was kept.
    """

    by: str
    subject: str
    digest: str
    until: float
    with_log: bool = False
    key: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Where a decision takes a job.

    Attributes:
        target: the next state; None: it stays where it is.
        votes: every yes that counts by now, this one included.
        needed: how many it takes.
        against: why the decision does nothing at all; "" when it counts.
    """

    target: State | None = None
    votes: tuple[Vote, ...] = ()
    needed: int = 1
    against: str = ""


def decide(
    decision: dict[str, Any],
    *,
    state: str,
    digests: dict[str, str],
    author: Person,
    voter: Person,
    voters: dict[str, Person],
    votes: tuple[Vote, ...],
    reviews: Reviews,
    now: float,
) -> Effect:
    """What a decision, its signature already checked, does to a job.

    Args:
        decision: body of the signed statement.
        state: the job's state now.
        digests: subject -> the digest that the node itself computed.
        author: who asked for the job.
        voter: who signed.
        voters: everybody who may review now; earlier votes of others count no more.
        votes: what was said before.
        reviews: the policy's rules.
        now: Unix seconds.
    """
    subject, verdict = decision.get("subject"), decision.get("verdict")
    if not isinstance(subject, str) or not isinstance(verdict, str):
        return Effect(against="a decision names its subject and verdict")
    ways = DECISIONS.get((subject, verdict))
    if ways is None:
        return Effect(against="a decision of this kind is not known")
    target = next((to for source, to in ways.items() if source == state), None)
    if target is None:
        return Effect(
            against=f"the job is {state}, {verdict} needs one that is {' or '.join(ways)}"
        )
    if not digests.get(subject) or decision.get("digest") != digests[subject]:
        return Effect(against=f"the {subject} here has another digest than the decision")
    if verdict not in YES:
        return Effect(target=target)
    return _yes(
        decision, target, author=author, voter=voter, voters=voters, votes=votes,
        reviews=reviews, now=now,
    )  # fmt: skip


def _yes(
    decision: dict[str, Any],
    target: State,
    *,
    author: Person,
    voter: Person,
    voters: dict[str, Person],
    votes: tuple[Vote, ...],
    reviews: Reviews,
    now: float,
) -> Effect:
    subject: str = decision["subject"]
    if is_author(voter, author, voters):
        return Effect(against="nobody reviews their own job")
    longest = reviews.approval_days * DAY
    decided, expires = decision.get("decided_at"), decision.get("expires_at")
    if not _is_date(decided) or not (expires is None or _is_date(expires)):
        return Effect(against="a decision says when it was made and when it ends")
    if decided > now + AHEAD:
        return Effect(against="this decision is dated ahead: set the clock right and decide anew")
    latest = min(decided, now) + longest
    until = latest if expires is None else min(latest, expires)
    if until <= now:
        return Effect(against="this decision has expired: look again and decide anew")
    mine = Vote(
        by=voter.name,
        subject=subject,
        digest=decision["digest"],
        until=until,
        with_log=decision.get("with_log") is True,
        key=voter.key,
    )
    mine_before = {name.name for name in alike(voter, voters)}
    others = tuple(vote for vote in votes if vote.by not in mine_before)
    everybody = (
        *counted(
            others, subject=subject, digest=mine.digest, author=author, voters=voters, now=now
        ),
        mine,
    )
    needed = reviews.code if subject == "code" else reviews.release
    return Effect(
        target=target if len(everybody) >= needed else None, votes=everybody, needed=needed
    )


def _is_date(value: object) -> TypeGuard[int | float]:
    return is_number(value) and 0 <= value <= LAST_DATE


def counted(
    votes: tuple[Vote, ...],
    *,
    subject: str,
    digest: str,
    author: Person,
    voters: dict[str, Person],
    now: float,
    settled: bool = False,
) -> tuple[Vote, ...]:
    """The votes that count: on this digest, not over, each of another person who may review now.

    Args:
        settled: they were enough once. Then a key that was handed over since counts as its
            owner's still, as a policy under it does; a yes that waits is void with its key.
    """
    found: list[Vote] = []
    taken: set[str] = set()  # names of those who have voted
    for vote in votes:
        voter = voters.get(vote.by)
        if (
            voter is None
            or (vote.subject, vote.digest) != (subject, digest)
            or vote.until <= now
            or not _is_theirs(vote, voter, settled=settled)
            or vote.by in taken
            or is_author(voter, author, voters)
        ):
            continue
        found.append(vote)
        taken |= {name.name for name in alike(voter, voters)}
    return tuple(found)


def _is_theirs(vote: Vote, voter: Person, *, settled: bool) -> bool:
    return vote.key in ("", voter.key) or (settled and vote.key in voter.keys)


def overtaken(votes: tuple[Vote, ...], voters: dict[str, Person]) -> tuple[str, ...]:
    """Whose yes is void for good: by keys that are theirs no more, or of no reviewer any more."""
    return tuple(
        vote.by
        for vote in votes
        if vote.by not in voters or not _is_theirs(vote, voters[vote.by], settled=False)
    )


def recount(
    subject: Literal["code", "output"],
    *,
    digest: str,
    author: Person,
    voters: dict[str, Person],
    votes: tuple[Vote, ...],
    reviews: Reviews,
    now: float,
    settled: bool = False,
) -> Effect:
    """Whether the votes so far are enough under another policy than they were given under."""
    still = counted(
        votes, subject=subject, digest=digest, author=author, voters=voters, now=now,
        settled=settled,
    )  # fmt: skip
    needed = reviews.code if subject == "code" else reviews.release
    target: State = "approved" if subject == "code" else "released"
    return Effect(target=target if len(still) >= needed else None, votes=still, needed=needed)


def read_votes(kept: tuple[dict[str, Any], ...]) -> tuple[Vote, ...]:
    """Votes from the mappings that a job's record holds."""
    return tuple(Vote(**vote) for vote in kept)


def void(approved_until: float, *, now: float, stale: bool, reviews: Reviews) -> str:
    """Why an approval holds no more; "" when it does.

    Args:
        approved_until: 0.0 for an approval by rule, which holds while the rule does.
        now: Unix seconds.
        stale: whether the dataset has a newer version than the approved one.
        reviews: the policy's rules.
    """
    if approved_until and approved_until <= now:
        return "the approval has expired: submit it again"
    if stale and not reviews.keep_on_new_version:
        return "the dataset has a newer version, so the approval is void: submit it again"
    return ""


def succeeds(policy: SitePolicy, *, domain: str, version: int) -> str:
    """Why a policy may not follow the one of `version` (0: none) here; "" when it may."""
    if policy.domain != domain:
        return f"policy {policy.version} is for the domain {policy.domain}, not {domain}"
    if policy.version <= version:
        return (
            f"policy {policy.version} is not newer than the one in force, {version}: "
            "raise its version"
        )
    wrong: list[SpecError] = contradictions(policy)
    return f"policy {policy.version} contradicts itself: {wrong[0].message}" if wrong else ""
