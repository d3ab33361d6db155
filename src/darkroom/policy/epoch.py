"""After a restore from a backup: what is left of a period counts as spent. Pure.

A backup does not know what was charged after it was made. Whatever that was, it was at most
what was left then: so an account whose period holds the moment of a restore has nothing left
until that period ends, or until the owner signs of that very restore that nothing ran. A
later restore, and the owner's word about it, say nothing of what an earlier one lost.
"""

from collections.abc import Iterable
from dataclasses import replace

from darkroom.model.amount import UNITS, Amount
from darkroom.model.budget import Account
from darkroom.model.epoch import Epoch


def counted(account: Account, spent: Amount, epochs: Iterable[Epoch]) -> tuple[Account, Amount]:
    """The account, marked where any epoch closes it, and what counts as spent of it."""
    if not any(epoch.closes(account.begins, account.ends) for epoch in epochs):
        return account, spent
    caps = {unit: cap for unit in UNITS if (cap := account.budget.cap(unit)) is not None}
    used = {unit: max(getattr(spent, unit), cap) for unit, cap in caps.items()}
    return replace(account, closed=True), replace(spent, **used)
