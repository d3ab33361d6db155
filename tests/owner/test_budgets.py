"""What the owner is told of their budgets: asked of the domain, read strictly, shown once."""

from fractions import Fraction

import pytest

from darkroom.errors import SpecError, UnreachableError
from darkroom.model.amount import Amount
from darkroom.model.budget import Budget
from darkroom.owner.budget_view import read_spendings


WEEK = Budget(name="week", per="dataset", period_days=7, releases=10, epsilon=Fraction(1, 2))


def account(**more):
    return {
        "budget": WEEK.to_mapping(),
        "holder": "plaza",
        "begins": 0,
        "ends": 604_800,
        "spent": Amount(releases=9, epsilon=Fraction(1, 3)).to_mapping(),
        **more,
    }


def state(*accounts, version=3):
    return {"policy_version": version, "accounts": list(accounts)}


def tells(town, body):
    town.north.post.send(town.north.post.write("budget.state", "north-owner", body))


def test_the_owner_asks_and_sees_what_is_left(town):
    tells(town, state(account()))
    shown = town.desk.budgets()

    text = str(shown)
    for word in ("week", "dataset plaza", "releases", "9", "1", "10", "1/3", "1/6", "1970-01-08"):
        assert word in text
    assert "nearly used up" not in text
    assert [letter.kind for letter in town.heard()] == ["budget.ask"]


def test_what_is_nearly_used_up_is_said(town):
    tells(town, state(account(spent=Amount(releases=10).to_mapping())))
    assert "releases of the budget week of dataset plaza are nearly used up" in str(
        town.desk.budgets()
    )


def test_no_budgets_are_said_as_what_they_mean(town):
    tells(town, state(version=0))
    assert "nothing may be asked" in str(town.desk.budgets())


def test_a_domain_that_does_not_answer_is_no_answer(town):
    with pytest.raises(UnreachableError, match="did not answer"):
        town.desk.budgets(timeout=0)


BAD = [
    None, [], {}, state(version=-1), state(version=True), {"policy_version": 1, "accounts": 7},
    state(7), state({}), state(account(more=1)), state(account(holder="A b")),
    state(account(begins=-1)), state(account(ends=-1)), state(account(ends=1 << 50)),
    state(account(spent={})), state(account(budget={})), state(*[account()] * 1001),
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=lambda body: str(body)[:40])
def test_what_is_not_well_formed_is_refused(body):
    with pytest.raises(SpecError):
        read_spendings(body)


def test_an_answer_that_is_not_well_formed_is_an_error_of_ours(town):
    tells(town, state(7))
    with pytest.raises(SpecError):
        town.desk.budgets()
