"""Entries, amounts and accounts as they are kept in the tables of the ledger."""

import hashlib
import json
from fractions import Fraction
from functools import lru_cache
from typing import Any

from darkroom.model.amount import NOTHING, UNITS, Amount, as_fraction
from darkroom.model.budget import Account
from darkroom.model.canonical import canonical
from darkroom.model.identity import require_name
from darkroom.policy.ledger import Entry


_SORTED = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
# As `model.canonical`, but texts are taken as they are: none may turn into an equal one.
_CANONICAL = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def link(previous: bytes, number: int, row: tuple[Any, ...]) -> bytes:
    """The hash that holds an entry and, through the previous one, all before it."""
    return hashlib.sha256(previous + _CANONICAL((number, *row)).encode()).digest()


def total(counts: dict[str, int]) -> Amount:
    """The sum of amounts as they are kept, each so many times."""
    found = NOTHING
    for kept, count in counts.items():
        once = read_amount(kept)
        found += Amount(**{unit: count * getattr(once, unit) for unit in UNITS})
    return found


def amount_text(amount: Amount) -> str:
    """An amount as it is kept."""
    return _SORTED(amount.to_mapping())


@lru_cache(maxsize=256)  # the check of a price and the entry after it read the same balances
def read_amount(kept: str) -> Amount:
    """The amount; sums may have more digits than what people write."""
    parts = json.loads(kept)
    exact = {unit: Fraction(parts[unit]) for unit in ("epsilon", "delta")}
    return Amount(**{**parts, **exact})


def covers(datasets: str, dataset: str) -> bool:
    """Whether a kept list of datasets, where none means all, has that one."""
    return datasets == "[]" or f'"{dataset}"' in datasets  # names have no quotes


def account_key(account: Account) -> tuple[Any, ...]:
    """Per, holder, ends, begins and datasets; the name of the budget does not matter."""
    datasets = _datasets(account.budget.datasets)
    return account.budget.per, account.holder, account.ends, account.begins, datasets


@lru_cache(maxsize=256)
def _datasets(names: tuple[str, ...]) -> str:
    return canonical(sorted(set(names))).decode()


def entry_row(entry: Entry) -> tuple[Any, ...]:
    """An entry as it is kept, without number and hash.

    Raises:
        SpecError: epsilon or delta has too many digits, or a name is none.
    """
    for what in ("dataset", "scientist", "project"):
        require_name(getattr(entry, what), what)
    for unit in ("epsilon", "delta"):
        if part := getattr(entry.amount, unit):
            as_fraction(part, unit)  # bounded, so that sums stay so
    return (
        entry.reservation, entry.kind, float(entry.at), entry.dataset, entry.scientist,
        entry.project, amount_text(entry.amount), entry.policy_version,
    )  # fmt: skip


def read_entry(row: tuple[Any, ...]) -> Entry:
    """The entry of a whole row."""
    _, reservation, kind, at, dataset, scientist, project, amount, version, _ = row
    return Entry(
        reservation=reservation,
        kind=kind,
        at=at,
        dataset=dataset,
        scientist=scientist,
        project=project,
        amount=read_amount(amount),
        policy_version=version,
    )
