"""What another policy would have decided over all past jobs, each at its own time. Pure.

Jobs are screened in order of arrival against one policy and a ledger that is kept beside. What
a person decided then is taken as it was. Dataset versions and environments are taken to have
been what each job named: a job that was turned down for such a reason, which its own policy
would have let pass, is turned down again.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import Account
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.ledger import accounts
from darkroom.policy.people import people
from darkroom.policy.screening import Knowledge, Verdict, released_by_rule, screen


Turn = Literal["same", "stricter", "looser", "open"]
TURNS: tuple[Turn, ...] = ("same", "stricter", "looser", "open")
UNKNOWN = (
    "What a person would have decided where nobody was asked then.",
    "What the price of a released log would have taken from a budget.",
    "Jobs that scientists would have asked, or left out, under other rules.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A job as it went.

    Attributes:
        submitter: the identity under which it was asked.
        at: when it came, in the ledger's time.
        decision: what became of it as it came: `deny`, `review` or `approve` by a rule.
        state: where it is now.
        words: the domain's last words to its submitter.
        policy_version: of the policy that was applied; 0 when it is not known.
        approved_by, released_by: `rule NAME`, or names joined by ", "; "" for nobody.
        outside: it was turned down for what no policy knows: files that are not those of the
            spec, a full disk.
        left_review: when it waited for people no more; None while it does.
        refunded_at: when its price was given back; None when it was not.
    """

    request: JobRequest
    submitter: PublicIdentity
    at: float
    decision: Literal["deny", "review", "approve"]
    state: str
    words: str = ""
    policy_version: int = 0
    approved_by: str = ""
    released_by: str = ""
    outside: bool = False
    left_review: float | None = None
    refunded_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A past job under the other policy.

    Attributes:
        then, now: what was decided and what would have been, in the same few words where it
            is the same.
        why: the other policy's reasons.
        turn: `same`; `stricter` or `looser`; `open` where a person would have to say.
    """

    past: Past
    then: str
    now: str
    why: tuple[str, ...]
    turn: Turn


def replay(
    jobs: Iterable[Past],
    policy: SitePolicy,
    *,
    owner: str,
    then: Callable[[int], SitePolicy | None] = lambda _version: None,
) -> list[Replayed]:
    """Every job under another policy, oldest first.

    Args:
        jobs: all that is known, in order of arrival where they came at one time.
        policy: the other one.
        owner: name of the data owner, who always reviews.
        then: version -> the policy that was in force, None where it is not known.
    """
    run = _Run(policy, frozenset(people(owner, policy.reviews)), then)
    return [run.job(past) for past in sorted(jobs, key=lambda past: past.at)]


class _Spent:
    """What each account of some budgets has spent so far."""

    def __init__(self, policy: SitePolicy) -> None:
        self._policy = policy
        self._amounts: dict[tuple[str, str, int], Amount] = {}

    def of(self, past: Past) -> tuple[tuple[Account, Amount], ...]:
        return tuple((a, self._amounts.get(_key(a), NOTHING)) for a in self._accounts(past))

    def add(self, past: Past, amount: Amount) -> None:
        for account in self._accounts(past):
            self._amounts[_key(account)] = self._amounts.get(_key(account), NOTHING) + amount

    def take_back(self, past: Past, amount: Amount) -> None:
        for account in self._accounts(past):
            self._amounts[_key(account)] = self._amounts[_key(account)] - amount

    def _accounts(self, past: Past) -> tuple[Account, ...]:
        request = past.request
        return accounts(
            self._policy.budgets,
            dataset=request.dataset,
            scientist=request.submitter,
            project=request.project,
            at=past.at,
        )


class _Ledger:
    """Reservations of past jobs, seen through the budgets of one policy or of several."""

    def __init__(self) -> None:
        self._live: dict[str, tuple[Past, Amount]] = {}
        self._refunds: list[tuple[float, str]] = []
        self._views: dict[int, _Spent] = {}

    def spent(self, past: Past, policy: SitePolicy) -> tuple[tuple[Account, Amount], ...]:
        """What the accounts that a job draws on had spent when it came."""
        while self._refunds and self._refunds[0][0] <= past.at:
            given_back = self._live.pop(heapq.heappop(self._refunds)[1])
            for view in self._views.values():
                view.take_back(*given_back)
        if policy.version not in self._views:
            fresh = self._views[policy.version] = _Spent(policy)
            for entry in self._live.values():
                fresh.add(*entry)
        return self._views[policy.version].of(past)

    def reserve(self, past: Past, amount: Amount) -> None:
        """Take a price; it is given back when it was then."""
        self._live[past.request.job_id] = (past, amount)
        for view in self._views.values():
            view.add(past, amount)
        if past.refunded_at is not None:
            heapq.heappush(self._refunds, (past.refunded_at, past.request.job_id))


class _Run:
    def __init__(
        self,
        policy: SitePolicy,
        voters: Collection[str],
        then: Callable[[int], SitePolicy | None],
    ) -> None:
        self._policy = policy
        self._voters = voters
        self._policy_then = then
        self._ledger, self._ledger_then = _Ledger(), _Ledger()
        self._waiting: dict[str, list[float]] = {}  # scientist -> when each ends, a heap
        self._waiting_then: dict[str, list[float]] = {}

    def job(self, past: Past) -> Replayed:
        said_then = self._screened_then(past)
        if past.decision != "deny":
            if said_then is not None:
                self._ledger_then.reserve(past, said_then.price)
            _wait(self._waiting_then, past, past.decision == "review")
        elif past.outside or (said_then is not None and said_then.decision != "deny"):
            why = (f"as then, not a matter of the policy: {past.words}",)
            return Replayed(past=past, then="denied", now="denied", why=why, turn="same")
        verdict = self._screened(past, self._policy, self._ledger, self._waiting)
        if verdict.decision != "deny":
            self._ledger.reserve(past, verdict.price)
        _wait(self._waiting, past, verdict.decision == "review")
        return self._told(past, verdict)

    def _screened_then(self, past: Past) -> Verdict | None:
        policy = self._policy_then(past.policy_version)
        if policy is None:
            return None
        return self._screened(past, policy, self._ledger_then, self._waiting_then)

    def _screened(
        self, past: Past, policy: SitePolicy, ledger: _Ledger, waiting: dict[str, list[float]]
    ) -> Verdict:
        request, environment = past.request, past.request.spec.environment
        others = waiting.get(request.submitter, [])
        while others and others[0] <= past.at:
            heapq.heappop(others)
        knowledge = Knowledge(
            domain=policy.domain,
            datasets={request.dataset: request.dataset_version},
            environments={environment.name: environment.lock_hash},
            pending=len(others),
            spent=ledger.spent(past, policy),
        )
        return screen(request, past.submitter, policy, knowledge)

    def _told(self, past: Past, verdict: Verdict) -> Replayed:
        by_rule = verdict.decision == "approve"
        leaves = released_by_rule(past.request, self._policy, by_rule=by_rule)
        # What never left is taken to leave as it would now.
        left = past.released_by.startswith("rule ") if past.released_by else leaves
        then = _way(past.decision, leaves=left)
        now = _way(verdict.decision, leaves=leaves)
        turn: Turn = "same" if then == now else "stricter" if now < then else "looser"
        before = _words(then, past.approved_by.removeprefix("rule "), past)
        after = _words(now, verdict.rule, past)
        if now == then == _PERSON and (short := self._short_of(past)):
            turn, after = "open", short
        return Replayed(past=past, then=before, now=after, why=verdict.reasons, turn=turn)

    def _short_of(self, past: Past) -> str:
        """What is missing of an approval by people under the other policy; "" when nothing."""
        if not past.approved_by:
            return ""  # they said no, or nothing yet
        needed = self._policy.reviews.code
        still = sum(name in self._voters for name in past.approved_by.split(", "))
        if still >= needed:
            return ""
        return f"takes {_number(needed)}, of whom {still} said yes then"


_DENIED, _PERSON, _RULE, _LEAVES = range(4)  # each lets more pass than the one before


def _way(decision: Literal["deny", "review", "approve"], *, leaves: bool) -> int:
    match decision:
        case "deny":
            return _DENIED
        case "review":
            return _PERSON
        case "approve":
            return _LEAVES if leaves else _RULE


def _words(way: int, rule: str, past: Past) -> str:
    if way == _DENIED:
        return "denied"
    if way >= _RULE:
        return f"rule {rule}" + (", outputs leave by themselves" if way == _LEAVES else "")
    if past.decision != "review":
        return "waits for people"
    if past.approved_by:
        return f"approved by {past.approved_by}"
    return "waits" if past.state == "screened" else past.state


def _number(needed: int) -> str:
    return "a person" if needed == 1 else f"{needed} people"


def _key(account: Account) -> tuple[str, str, int]:
    return account.budget.name, account.holder, account.begins


def _wait(waiting: dict[str, list[float]], past: Past, is_waiting: bool) -> None:
    """A job waits until it was decided then; one that nobody was asked about does not."""
    if is_waiting and past.decision == "review":
        until = float("inf") if past.left_review is None else past.left_review
        heapq.heappush(waiting.setdefault(past.request.submitter, []), until)


def counts(rows: Iterable[Replayed]) -> dict[Turn, int]:
    """How many of each turn; every turn is there."""
    found = Counter(row.turn for row in rows)
    return {turn: found[turn] for turn in TURNS}
