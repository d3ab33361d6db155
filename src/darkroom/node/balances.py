"""What was spent of every account of the policy, told to the owner when they ask."""

from collections.abc import Iterator
from itertools import islice

from darkroom.model.budget import Account, Budget
from darkroom.model.letter import Letter
from darkroom.model.site_policy import SitePolicy
from darkroom.model.spending import MAX_ACCOUNTS, Spending
from darkroom.node.charge import Charge
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.policy.ledger import period


class Balances:
    """Takes `budget.ask`."""

    def __init__(self, *, store: NodeStore, journal: Journal, laws: Laws, charge: Charge) -> None:
        self._store = store
        self._journal = journal
        self._laws = laws
        self._charge = charge

    def answer(self, letter: Letter) -> None:
        """Tell whoever may review what is left of each account in this period."""
        if letter.sender not in self._laws.people():
            self._journal.refuse("budget-refused", letter.sender, sender=letter.sender)
            return
        policy = self._laws.policy()
        accounts = _accounts(policy, self._charge.now()) if policy else ()
        self._journal.tell(
            "budget.state",
            letter.sender,
            {
                "policy_version": policy.version if policy else 0,
                "accounts": [
                    Spending(account=account, spent=spent).to_mapping()
                    for account, spent in map(self._charge.counted, islice(accounts, MAX_ACCOUNTS))
                ],
            },
        )


def _accounts(policy: SitePolicy, now: float) -> Iterator[Account]:
    for budget in policy.budgets:
        begins, ends = period(budget, now)
        for holder in _holders(policy, budget):
            yield Account(budget=budget, holder=holder, begins=begins, ends=ends)


def _holders(policy: SitePolicy, budget: Budget) -> list[str]:
    """Everybody, or everything, that the grants let draw on a budget."""
    grants = [g for g in policy.grants if any(budget.covers(d) for d in g.datasets)]
    found = {
        "dataset": {d for g in grants for d in g.datasets if budget.covers(d)},
        "scientist": {g.scientist for g in grants},
        "project": {p for g in grants for p in g.projects},
    }
    return sorted(found[budget.per])
