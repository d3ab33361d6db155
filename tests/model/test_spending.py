"""What was spent of an account comes from outside: every field has a type and a bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.amount import Amount
from darkroom.model.budget import DAY, Account
from darkroom.model.quote import LAST_MOMENT, MAX_WHOLE
from darkroom.model.spending import Spending
from tests.model.shapes import JSON, NAMES
from tests.model.test_budget import BUDGETS, budget
from tests.model.test_quote import AMOUNTS


@st.composite
def accounts(draw):
    begins = draw(st.integers(0, LAST_MOMENT))
    ends = draw(st.integers(begins, LAST_MOMENT))
    return Account(budget=draw(BUDGETS), holder=draw(NAMES), begins=begins, ends=ends)


GOOD = Spending(
    account=Account(budget=budget(), holder="plaza", begins=0, ends=7 * DAY),
    spent=Amount(releases=1),
).to_mapping()


@given(accounts(), AMOUNTS)
def test_the_json_form_is_exact(account, spent):
    spending = Spending(account=account, spent=spent)
    assert Spending.from_mapping(spending.to_mapping()) == spending


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"more": 1}, "missing or unknown fields"),
        ({"begins": -1}, "no period"),
        ({"begins": True}, "no period"),
        ({"ends": 1.5}, "no period"),
        ({"begins": 2, "ends": 1}, "no period"),
        ({"ends": LAST_MOMENT + 1}, "no period"),
        ({"holder": "A b"}, "account 'A b' is not a valid name"),
        ({"budget": {}}, "a budget has no name"),
        ({"spent": {}}, "an amount"),
        ({"spent": Amount(rows=MAX_WHOLE + 1).to_mapping()}, "beyond bounds"),
    ],
)
def test_a_field_that_is_not_well_formed_is_refused(change, said):
    with pytest.raises(SpecError, match=said):
        Spending.from_mapping({**GOOD, **change})


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_a_field_that_is_missing_is_refused(missing):
    with pytest.raises(SpecError, match="missing or unknown fields"):
        Spending.from_mapping({k: v for k, v in GOOD.items() if k != missing})


@given(JSON)
def test_any_other_json_is_refused(value):
    with pytest.raises(SpecError):
        Spending.from_mapping(value)
