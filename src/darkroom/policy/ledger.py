"""The arithmetic of budgets: which accounts a job draws on, and whether it may. Pure.

The ledger is a list of entries that only grows. `reserve` takes an amount before data is
touched, `settle` says that it was used, `refund` gives it back to the period it was taken
from, and only when the job never started. The promises: docs/ledger.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import DAY, Account, Budget


Kind = Literal["reserve", "settle", "refund"]
KINDS: tuple[Kind, ...] = ("reserve", "settle", "refund")
# What may follow what was last said about a reservation; "" before anything was.
FOLLOWS: dict[str, tuple[Kind, ...]] = {
    "": ("reserve",),
    "reserve": ("settle", "refund"),
    "settle": (),
    "refund": (),
}
CLOSED = ": what was left when the domain was restored from a backup counts as spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger.

    Attributes:
        reservation: the job's id, with a suffix when a job is charged for more.
        kind: what is said about it.
        at: when it was reserved, in the ledger's time: what a refund gives back belongs to
            the period from which it was taken.
        amount: what was reserved; the same in all entries of one reservation.
        policy_version: the policy under which it was said.
    """

    reservation: str
    kind: Kind
    at: float
    dataset: str
    scientist: str
    project: str
    amount: Amount
    policy_version: int


def accounts(
    budgets: Iterable[Budget], *, dataset: str, scientist: str, project: str, at: float
) -> tuple[Account, ...]:
    """The accounts that a job of that scientist on that dataset draws on, now."""
    holders = {"dataset": dataset, "scientist": scientist, "project": project}
    found = []
    for budget in budgets:
        if budget.covers(dataset):
            begins, ends = period(budget, at)
            found.append(
                Account(budget=budget, holder=holders[budget.per], begins=begins, ends=ends)
            )
    return tuple(found)


def period(budget: Budget, at: float) -> tuple[int, int]:
    """Begin and end of the period of a budget that holds a time, Unix seconds."""
    length = budget.period_days * DAY
    begins = int(at // length) * length
    return begins, begins + length


def against(price: Amount, spent: Iterable[tuple[Account, Amount]]) -> tuple[str, ...]:
    """Why a price cannot be paid: one sentence for each account that lacks something."""
    return tuple(
        f"the {account.words} has not enough {', '.join(short)} left until {_day(account.ends)}"
        + (CLOSED if account.closed else "")
        for account, used in spent
        if (short := account.budget.beyond(used, price))
    )


def spent(account: Account, entries: Iterable[Entry]) -> Amount:
    """What an account has spent: its reservations without those that were given back."""
    total = NOTHING
    for entry in entries:
        if account.holds(
            dataset=entry.dataset,
            scientist=entry.scientist,
            project=entry.project,
            at=entry.at,
        ):
            total = _applied(total, entry)
    return total


def _applied(total: Amount, entry: Entry) -> Amount:
    match entry.kind:
        case "reserve":
            return total + entry.amount
        case "refund":
            return total - entry.amount
        case _:  # "settle"
            return total


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def closing(*, touched: bool) -> Kind:
    """How a reservation ends with its job: only what never started gives anything back."""
    return "settle" if touched else "refund"
