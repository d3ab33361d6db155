"""The benchmark of the ledger, made small: killed writers and cut logs never overspend."""

import pytest

from bench._ledger_kills import kill_writers
from bench._ledger_torn import cut_logs
from bench._ledger_work import CAP, overspent, policy
from darkroom.model.amount import Amount
from tests.adapters.sqlite.accounts import NOON, entry


@pytest.mark.slow
def test_writers_killed_at_any_moment_never_overspend(tmp_path):
    found = kill_writers(tmp_path, kills=60, seed=1)
    assert found.problems == []
    assert (found.kills, found.overspent, found.lost) == (60, 0, 0)
    assert found.entries > 20
    assert found.switches > 5


@pytest.mark.slow
def test_a_log_cut_at_any_place_never_overspends(tmp_path):
    found = cut_logs(tmp_path, cuts=20, seed=1)
    assert found.problems == []
    assert (found.recovered, found.refused, found.overspent, found.lost) == (20, 0, 0, 0)


def test_what_counts_overspent_accounts_sees_them():
    """A check that cannot fail would prove nothing."""
    said = [entry(number=n, amount=Amount(releases=1)) for n in range(CAP + 1)]
    assert overspent(said[:-1], policy(CAP)) == 0
    assert overspent(said, policy(CAP)) == 1
    given_back = [*said[:-1], entry("refund", number=0, amount=Amount(releases=1)), said[-1]]
    assert overspent(given_back, policy(CAP)) == 0
    too_late = [*said, entry("refund", number=0, amount=Amount(releases=1))]
    assert overspent(too_late, policy(CAP)) == 1
    assert overspent([entry(number=n, at=NOON + 86_400 * n) for n in range(CAP)], policy(CAP)) == 0
