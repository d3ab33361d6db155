"""What was spent of one account in its period, as a domain tells those who may review."""

from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.amount import Amount
from darkroom.model.budget import Account, Budget
from darkroom.model.identity import require_name
from darkroom.model.json_shape import is_whole
from darkroom.model.quote import LAST_MOMENT, bounded_amount


MAX_ACCOUNTS = 1000  # of one policy
_AGAIN = "ask again; if it comes again, look at the domain's log"
_FIELDS = {"budget", "holder", "begins", "ends", "spent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """One account with what was spent of it in its period."""

    account: Account
    spent: Amount

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "budget": self.account.budget.to_mapping(),
            "holder": self.account.holder,
            "begins": self.account.begins,
            "ends": self.account.ends,
            "spent": self.spent.to_mapping(),
            **({"closed": True} if self.account.closed else {}),
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Spending":
        """Read the JSON form, of untrusted origin.

        Raises:
            SpecError: a field is missing, unknown or out of bounds.
        """
        if (
            not isinstance(value, dict)
            or value.keys() - {"closed"} != _FIELDS
            or type(value.get("closed", False)) is not bool
        ):
            raise SpecError("an account has missing or unknown fields", next_step=_AGAIN)
        begins, ends = value["begins"], value["ends"]
        if not is_whole(begins) or not is_whole(ends, begins) or ends > LAST_MOMENT:
            raise SpecError("an account has no period", next_step=_AGAIN)
        return cls(
            account=Account(
                budget=Budget.from_mapping(value["budget"]),
                holder=require_name(value["holder"], "account"),
                begins=begins,
                ends=ends,
                closed=value.get("closed", False),
            ),
            spent=bounded_amount(value["spent"]),
        )
