"""What a domain says about a job before it is sent: its price, what is left, the verdict."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.amount import UNITS, Amount, as_fraction
from darkroom.model.budget import PER, Per
from darkroom.model.identity import require_name
from darkroom.model.json_shape import are_texts, as_fields, is_whole


Decision = Literal["deny", "review", "approve"]
DECISIONS: tuple[Decision, ...] = ("deny", "review", "approve")
KEPT_SECONDS = 3600.0  # then what is left may be something else
MAX_REASONS = 20
MAX_REASON = 400  # what is longer is cut
MAX_ACCOUNTS = 64
MAX_WHOLE = (1 << 63) - 1
LAST_MOMENT = 253_402_300_799  # the end of the year 9999: calendars know no later one


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is left of one account.

    Attributes:
        budget: its name.
        per, holder: whose account it is: a dataset, scientist or project.
        ends: Unix seconds; then the budget is whole again.
        left: the capped units of `amount.UNITS`.
    """

    budget: str
    per: Per
    holder: str
    ends: int
    left: dict[str, int | Fraction]

    def lacks(self, price: Amount) -> tuple[str, ...]:
        """The units of which a price is more than what is left."""
        return tuple(u for u in UNITS if u in self.left and getattr(price, u) > self.left[u])

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; fractions as text."""
        return {
            "budget": self.budget,
            "per": self.per,
            "holder": self.holder,
            "ends": self.ends,
            "left": {u: str(n) if isinstance(n, Fraction) else n for u, n in self.left.items()},
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Balance":
        """Read the JSON form, of untrusted origin.

        Raises:
            SpecError: a field is missing, unknown or out of bounds.
        """
        given = _all_fields(value, cls, "an account")
        require_name(given["budget"], "budget")
        require_name(given["holder"], "holder")
        left = given["left"]
        _require(given["per"] in PER, "an account is per something unknown")
        _require(is_whole(given["ends"]) and given["ends"] <= LAST_MOMENT, "an account has no end")
        _require(isinstance(left, dict) and left.keys() <= set(UNITS), "an account counts nothing")
        given["left"] = {u: _left(u, left[u]) for u in UNITS if u in left}
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One domain's answer. It binds nobody: the verdict on the job itself counts.

    Attributes:
        decision: `deny`; `review` (people decide); `approve` (a rule decides).
        reasons: the domain's words.
        rule: name of the rule that decides, or "".
        policy_version: of the policy that was applied; 0: none.
        price: what the job would reserve; None for a job that was not understood.
        accounts: those that it draws on.
    """

    decision: Decision
    reasons: tuple[str, ...]
    rule: str
    policy_version: int
    price: Amount | None
    accounts: tuple[Balance, ...]

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "decision": self.decision,
            "reasons": list(self.reasons),
            "rule": self.rule,
            "policy_version": self.policy_version,
            "price": self.price.to_mapping() if self.price else None,
            "accounts": [account.to_mapping() for account in self.accounts],
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Quote":
        """Read the JSON form, of untrusted origin; long words are cut.

        Raises:
            SpecError: a field is missing, unknown or out of bounds.
        """
        given = _all_fields(value, cls, "a quote")
        reasons, accounts = given["reasons"], given["accounts"]
        _require(given["decision"] in DECISIONS, "a quote decides something unknown")
        _require(are_texts(reasons), "a quote's reasons are no texts")
        _require(_bounded(given["policy_version"]), "a quote names no policy version")
        _require(
            isinstance(accounts, list) and len(accounts) <= MAX_ACCOUNTS,
            "a quote's accounts are no list, or too many",
        )
        if given["rule"] != "":
            require_name(given["rule"], "rule")
        given["reasons"] = tuple(reason[:MAX_REASON] for reason in reasons[:MAX_REASONS])
        given["accounts"] = tuple(map(Balance.from_mapping, accounts))
        if given["price"] is None:
            _require(given["decision"] == "deny", "a quote has no price")
        else:
            given["price"] = bounded_amount(given["price"])
        return cls(**given)


def bounded_amount(value: object) -> Amount:
    """An amount of untrusted origin, in numbers that can be shown and stored.

    Raises:
        SpecError: it is malformed, or larger than any budget.
    """
    amount = Amount.from_mapping(value)
    _require(
        max(amount.releases, amount.rows, amount.bits) <= MAX_WHOLE, "an amount is beyond bounds"
    )
    return amount


def _left(unit: str, value: object) -> int | Fraction:
    if unit in ("epsilon", "delta"):
        return as_fraction(value, unit)
    _require(_bounded(value), f"what is left of {unit} is not a whole number")
    return value  # type: ignore[return-value]  # checked


def _bounded(value: object) -> bool:
    return is_whole(value) and value <= MAX_WHOLE  # type: ignore[operator]  # a whole number


def _all_fields(value: object, noun: type, what: str) -> dict[str, Any]:
    given = as_fields(value, noun, what)
    _require(
        given.keys() == set(noun.__dataclass_fields__),  # type: ignore[attr-defined]
        f"{what} has a missing field",
    )
    return given


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SpecError(message, next_step="ask for it again")
