"""A budget caps what leaves; its account is one holder's in one period."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.amount import NOTHING, UNITS, Amount
from darkroom.model.budget import DAY, MAX_PERIOD, PER, Account, Budget
from tests.model.shapes import NAMES
from tests.model.test_amount import AMOUNTS, FRACTIONS


WHOLE = st.none() | st.integers(0, 10**9)
EXACT = st.none() | FRACTIONS
BUDGETS = st.builds(
    Budget,
    name=NAMES,
    per=st.sampled_from(PER),
    period_days=st.integers(1, MAX_PERIOD),
    datasets=st.lists(NAMES, max_size=3).map(tuple),
    releases=st.integers(0, 10**9),
    rows=WHOLE,
    bits=WHOLE,
    epsilon=EXACT,
    delta=EXACT,
)


def budget(**more) -> Budget:
    return Budget(**{"name": "week", "per": "dataset", "period_days": 7, "releases": 3, **more})


@given(BUDGETS)
def test_the_json_form_is_exact(budget):
    assert Budget.from_mapping(budget.to_mapping()) == budget


@given(BUDGETS, AMOUNTS, AMOUNTS)
def test_a_price_fits_exactly_when_no_cap_is_passed(budget, spent, price):
    short = budget.beyond(spent, price)
    left = budget.left(spent)
    for unit in UNITS:
        cap, asked = budget.cap(unit), getattr(price, unit)
        if cap is None:
            assert unit not in left
            assert unit not in short
        else:
            assert left[unit] == max(cap - getattr(spent, unit), 0)
            assert (unit in short) == (asked > 0 and getattr(spent, unit) + asked > cap)


@given(BUDGETS, AMOUNTS)
def test_what_is_free_always_fits(budget, spent):
    """Also under a cap that was lowered below what is spent already."""
    assert budget.beyond(spent, NOTHING) == ()


def test_the_last_of_a_budget_can_be_spent_and_no_more():
    week = budget(releases=3, epsilon=Fraction(1))
    spent = Amount(releases=2, epsilon=Fraction(2, 3))
    assert week.beyond(spent, Amount(releases=1, epsilon=Fraction(1, 3))) == ()
    assert week.beyond(spent, Amount(releases=2, epsilon=Fraction(1, 2))) == ("releases", "epsilon")
    assert week.left(spent) == {"releases": 1, "epsilon": Fraction(1, 3)}


def test_no_dataset_named_means_all():
    assert budget().covers("plaza")
    assert budget(datasets=("plaza",)).covers("plaza")
    assert not budget(datasets=("yard",)).covers("plaza")


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"name": "Week"}, "name", "budget 'Week' is not a valid name"),
        ({"per": "camera"}, "per", "is per something unknown"),
        ({"period_days": 0}, "period_days", "is not 1 to 3650 days"),
        ({"period_days": MAX_PERIOD + 1}, "period_days", "is not 1 to 3650 days"),
        ({"period_days": 1.5}, "period_days", "is not 1 to 3650 days"),
        ({"datasets": [1]}, "datasets", "lists something else than datasets"),
        ({"datasets": "plaza"}, "datasets", "datasets of a budget is not a list"),
        ({"datasets": ["Plaza"]}, "datasets", "dataset 'Plaza' is not a valid name"),
        ({"releases": -1}, "releases", "releases of the budget week is not a whole number"),
        ({"rows": True}, "rows", "rows of the budget week is not a whole number"),
        ({"bits": 1.5}, "bits", "bits of the budget week is not a whole number"),
        ({"epsilon": "x"}, "epsilon", "epsilon is not an exact amount of 0 or more"),
        ({"epsilon": -1}, "epsilon", "epsilon is not an exact amount of 0 or more"),
        ({"delta": "1e-6"}, "delta", "delta is not an exact amount of 0 or more"),
        ({"colour": 1}, "colour", "a budget has the unknown key 'colour'"),
    ],
)
def test_a_mistake_is_said_with_its_place(change, where, said):
    with pytest.raises(SpecError) as caught:
        Budget.from_mapping({**budget().to_mapping(), **change})
    assert caught.value.where == (where,)
    assert said in caught.value.message


@pytest.mark.parametrize("cap", [{"epsilon": 1}, {"epsilon": 0.5}, {"delta": Fraction(-1)}])
def test_a_cap_is_exact(cap):
    with pytest.raises(SpecError):
        budget(**cap)


@pytest.mark.parametrize("missing", ["name", "per", "period_days"])
def test_what_is_missing_is_named(missing):
    given = {k: v for k, v in budget().to_mapping().items() if k != missing}
    with pytest.raises(SpecError, match=missing):
        Budget.from_mapping(given)


def test_a_budget_that_caps_nothing_is_refused():
    with pytest.raises(SpecError, match="caps nothing"):
        budget(releases=None)


@pytest.mark.parametrize("value", [None, [], "week"])
def test_another_json_form_is_refused(value):
    with pytest.raises(SpecError):
        Budget.from_mapping(value)


def test_usual_decimals_of_a_policy_file_are_read_exactly():
    read = Budget.from_mapping({**budget().to_mapping(), "epsilon": 0.1, "delta": 1e-6})
    assert (read.epsilon, read.delta) == (Fraction(1, 10), Fraction(1, 10**6))


@pytest.mark.parametrize(
    ("per", "holder", "held"),
    [
        ("dataset", "plaza", True), ("dataset", "yard", False),
        ("scientist", "alice", True), ("scientist", "bob", False),
        ("project", "count", True), ("project", "map", False),
    ],
)  # fmt: skip
def test_an_account_holds_what_is_its_holders(per, holder, held):
    account = Account(budget=budget(per=per), holder=holder, begins=0, ends=DAY)
    names = {"dataset": "plaza", "scientist": "alice", "project": "count"}
    assert account.holds(**names, at=1.0) is held
    assert account.words == f"budget week of {per} {holder}"


def test_a_period_holds_its_begin_and_not_its_end():
    account = Account(budget=budget(), holder="plaza", begins=DAY, ends=2 * DAY)
    names = {"dataset": "plaza", "scientist": "alice", "project": "count"}
    held = [account.holds(**names, at=at) for at in (DAY - 0.001, DAY, 2 * DAY - 0.001, 2 * DAY)]
    assert held == [False, True, True, False]


def test_an_account_holds_only_the_datasets_of_its_budget():
    yard = budget(per="scientist", datasets=("yard",))
    account = Account(budget=yard, holder="alice", begins=0, ends=DAY)
    assert account.holds(dataset="yard", scientist="alice", project="count", at=0)
    assert not account.holds(dataset="plaza", scientist="alice", project="count", at=0)
