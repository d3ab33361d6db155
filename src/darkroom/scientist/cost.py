"""What a job would cost, and what each domain would say to it, before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from darkroom.model.amount import NOTHING, UNITS, Amount
from darkroom.model.quote import Balance, Quote
from darkroom.scientist.named import Named
from darkroom.scientist.shown import Renderer, Shown


if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainCost:
    """What one domain said, or that it said nothing.

    Attributes:
        domain: who was asked.
        dataset: the name of the dataset there.
        owner: who reviews there.
        quote: the domain's answer, or None.
        price: what one run would reserve: the domain's figure, or the one that follows from
            its published airlock; None when neither is known.
        problem: why there is no answer, or "".
    """

    domain: str
    dataset: str
    owner: str
    quote: Quote | None
    price: Amount | None
    problem: str = ""

    @property
    def verdict(self) -> Literal["deny", "review", "approve", "unknown"]:
        """What would happen to the job now."""
        return self.quote.decision if self.quote else "unknown"

    @property
    def rule(self) -> str:
        """The rule that would approve it, or ""."""
        return self.quote.rule if self.quote else ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The domain's words, or why there are none."""
        return self.quote.reasons if self.quote else (self.problem,)

    @property
    def accounts(self) -> tuple[Balance, ...]:
        """What is left of each account that it draws on; none when the domain did not say."""
        return self.quote.accounts if self.quote else ()

    @property
    def affordable(self) -> bool:
        """Whether the domain answered, and every account has enough for one run.

        What touches footage needs a budget of the dataset; without one nothing is paid.
        """
        if self.quote is None or self.quote.price is None:
            return False
        price = self.quote.price
        covered = price == NOTHING or any(a.per == "dataset" for a in self.accounts)
        return covered and not any(account.lacks(price) for account in self.accounts)


class Cost(Shown, Named[DomainCost]):
    """The answers of all domains that were asked, by domain (or `domain/dataset`).

    It reserves nothing: until the job is submitted, somebody else may spend what is left.

    Attributes:
        job: the job's name.
        project: the label that budgets group by.
    """

    def __init__(
        self, items: Mapping[str, DomainCost], *, job: str, project: str, renderer: Renderer
    ) -> None:
        super().__init__("dataset", items)
        self.job = job
        self.project = project
        self._renderer = renderer

    @property
    def verdicts(self) -> dict[str, str]:
        """`deny`, `review`, `approve`, or `unknown` where no domain answered."""
        return {label: entry.verdict for label, entry in self.items()}

    @property
    def affordable(self) -> bool:
        """Whether every domain answered and all runs together fit into what is left."""
        return all(entry.affordable for entry in self.values()) and not self.short_together

    @property
    def short_together(self) -> tuple[str, ...]:
        """Accounts that have enough for each run alone, and not for all of this submission."""
        shared: dict[tuple[str, str, str, str], list[tuple[Balance, Amount]]] = {}
        for entry in self.values():
            for account in entry.accounts if entry.price else ():
                key = (entry.domain, account.budget, account.per, account.holder)
                shared.setdefault(key, []).append((account, entry.price or NOTHING))
        return tuple(
            f"{budget} of {per} {holder} at {domain}"
            for (domain, budget, per, holder), drawn in shared.items()
            if not any(account.lacks(price) for account, price in drawn)
            and any(account.lacks(_sum([price for _, price in drawn])) for account, _ in drawn)
        )

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """All of it as JSON values, by domain."""
        return {
            label: {
                "domain": entry.domain,
                "dataset": entry.dataset,
                "answered": entry.quote is not None,
                "verdict": entry.verdict,
                "rule": entry.rule,
                "reasons": list(entry.reasons),
                "policy_version": entry.quote.policy_version if entry.quote else None,
                "price": entry.price.to_mapping() if entry.price else None,
                "accounts": [
                    {**account.to_mapping(), "until": until(account)} for account in entry.accounts
                ],
                "affordable": entry.affordable,
            }
            for label, entry in self.items()
        }

    def table(self) -> "pd.DataFrame":
        """One row for each account of each dataset; `left_…` is empty where it is not capped."""
        import pandas as pd

        rows = []
        for label, entry in self.items():
            price = {u: _number(getattr(entry.price, u)) if entry.price else None for u in UNITS}
            about = {"for": label, "dataset": entry.dataset, "verdict": entry.verdict,
                     "rule": entry.rule, **price}  # fmt: skip
            for account in entry.accounts or (None,):
                left = account.left if account else {}
                rows.append(
                    {
                        **about,
                        "budget": account.budget if account else None,
                        "per": account.per if account else None,
                        "holder": account.holder if account else None,
                        **{f"left_{u}": _number(left[u]) if u in left else None for u in UNITS},
                        "until": until(account) if account else None,
                        "affordable": entry.affordable,
                    }
                )
        return pd.DataFrame(rows)


def until(account: Balance) -> str:
    """The day on which an account is whole again, in UTC: `2026-11-26`."""
    return datetime.fromtimestamp(account.ends, UTC).date().isoformat()


def _sum(amounts: Sequence[Amount]) -> Amount:
    total = NOTHING
    for amount in amounts:
        total += amount
    return total


def _number(value: int | Fraction) -> int | float:
    return value if isinstance(value, int) else float(value)
