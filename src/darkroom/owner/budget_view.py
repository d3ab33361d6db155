"""What was spent of every account, as the domain says, and the sheet that shows it. Pure."""

from fractions import Fraction

from darkroom.errors import SpecError
from darkroom.model.json_shape import as_tuple, is_whole
from darkroom.model.spending import MAX_ACCOUNTS, Spending
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.wording import day_words, time_words


LITTLE = Fraction(1, 10)  # less than this of a cap is worth a word
CLOSED = (
    "the domain was restored from a backup: what was left of the periods that ran then counts as "
    "spent, since nobody knows what it had spent; your word that nothing ran lifts that: "
    "`darkroom owner override --help`"
)


def read_spendings(body: object) -> tuple[int, tuple[Spending, ...]]:
    """Policy version and accounts out of a `budget.state`.

    Raises:
        SpecError: it is not well formed.
    """
    fields = body if isinstance(body, dict) else {}
    version = fields.get("policy_version")
    listed = as_tuple(fields.get("accounts"), "accounts")
    if not is_whole(version) or len(listed) > MAX_ACCOUNTS:
        raise SpecError(
            "the state of the budgets is not well formed",
            next_step="ask again; if it comes again, look at the domain's log",
        )
    return int(version), tuple(map(Spending.from_mapping, listed))  # type: ignore[arg-type]


def budget_sheet(domain: str, version: int, spendings: tuple[Spending, ...], *, at: float) -> Sheet:
    """A row for each capped unit of each account."""
    return Sheet(
        title=f"Budgets of {domain}",
        lead=f"As the domain said at {time_words(at)}, under policy {version}. What waits for "
        "review holds its price already; what failed or was withheld has cost."
        if spendings
        else f"{domain} has no budgets: nothing may be asked of its footage.",
        alerts=(
            *((CLOSED,) if any(spending.account.closed for spending in spendings) else ()),
            *(
                f"{unit} of the {spending.account.words} are nearly used up"
                for spending in spendings
                for unit, cap, left in _units(spending)
                if left < cap * LITTLE and not spending.account.closed
            ),
        ),
        sections=(
            Section(
                heading="What is left",
                columns=("budget", "account of", "what", "spent", "left", "cap", "until"),
                rows=tuple(
                    (
                        spending.account.budget.name,
                        f"{spending.account.budget.per} {spending.account.holder}",
                        unit,
                        f"{_number(getattr(spending.spent, unit))}",
                        f"{_number(left)}",
                        f"{_number(cap)}",
                        day_words(spending.account.ends),
                    )
                    for spending in spendings
                    for unit, cap, left in _units(spending)
                ),
            ),
        )
        if spendings
        else (),
    )


def _units(spending: Spending) -> list[tuple[str, int | Fraction, int | Fraction]]:
    budget = spending.account.budget
    return [
        (unit, cap, left)
        for unit, left in budget.left(spending.spent).items()
        if (cap := budget.cap(unit)) is not None
    ]


def _number(value: int | Fraction) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
