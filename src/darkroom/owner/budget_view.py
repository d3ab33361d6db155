"""What was spent of every account, as the domain says, and the sheet that shows it. Pure."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.amount import Amount
from darkroom.model.budget import Account, Budget
from darkroom.model.identity import require_name
from darkroom.model.json_shape import as_tuple, is_whole
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.wording import day_words, time_words


MAX_ACCOUNTS = 1000
LITTLE = Fraction(1, 10)  # less than this of a cap is worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account with what was spent of it in its period."""

    account: Account
    spent: Amount


def read_balances(body: object) -> tuple[int, tuple[Balance, ...]]:
    """Policy version and balances out of a `budget.state`.

    Raises:
        SpecError: it is not well formed.
    """
    again = "ask again; if it comes again, look at the domain's log"
    fields = body if isinstance(body, dict) else {}
    version = fields.get("policy_version")
    listed = as_tuple(fields.get("accounts"), "accounts")
    if not is_whole(version) or len(listed) > MAX_ACCOUNTS:
        raise SpecError("the state of the budgets is not well formed", next_step=again)
    return int(version), tuple(_balance(entry, again) for entry in listed)  # type: ignore[arg-type]


def _balance(entry: Any, again: str) -> Balance:
    wanted = {"budget", "holder", "begins", "ends", "spent"}
    if not isinstance(entry, dict) or entry.keys() != wanted:
        raise SpecError("an account has missing or unknown fields", next_step=again)
    begins, ends = entry["begins"], entry["ends"]
    if not is_whole(begins) or not is_whole(ends, begins) or ends >= 1 << 40:
        raise SpecError("an account has no period", next_step=again)
    return Balance(
        account=Account(
            budget=Budget.from_mapping(entry["budget"]),
            holder=require_name(entry["holder"], "account"),
            begins=begins,
            ends=ends,
        ),
        spent=Amount.from_mapping(entry["spent"]),
    )


def budget_sheet(domain: str, version: int, balances: tuple[Balance, ...], *, at: float) -> Sheet:
    """A row for each capped unit of each account."""
    return Sheet(
        title=f"Budgets of {domain}",
        lead=f"As the domain said at {time_words(at)}, under policy {version}. What waits for "
        "review holds its price already; what failed or was withheld has cost."
        if balances
        else f"{domain} has no budgets: nothing may be asked of its footage.",
        alerts=tuple(
            f"{unit} of the {balance.account.words} are nearly used up"
            for balance in balances
            for unit, cap, left in _units(balance)
            if left < cap * LITTLE
        ),
        sections=(
            Section(
                heading="What is left",
                columns=("budget", "account of", "what", "spent", "left", "cap", "until"),
                rows=tuple(
                    (
                        balance.account.budget.name,
                        f"{balance.account.budget.per} {balance.account.holder}",
                        unit,
                        f"{_number(getattr(balance.spent, unit))}",
                        f"{_number(left)}",
                        f"{_number(cap)}",
                        day_words(balance.account.ends),
                    )
                    for balance in balances
                    for unit, cap, left in _units(balance)
                ),
            ),
        )
        if balances
        else (),
    )


def _units(balance: Balance) -> list[tuple[str, int | Fraction, int | Fraction]]:
    budget = balance.account.budget
    return [
        (unit, cap, left)
        for unit, left in budget.left(balance.spent).items()
        if (cap := budget.cap(unit)) is not None
    ]


def _number(value: int | Fraction) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
