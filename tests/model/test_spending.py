"""What was spent comes from outside: every field has a type and a bound."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.amount import Amount
from darkroom.model.budget import Account, Budget
from darkroom.model.quote import LAST_MOMENT
from darkroom.model.spending import Spending
from tests.model.shapes import JSON


WEEK = Budget(name="week", per="dataset", period_days=7, releases=3)
SPENDING = Spending(
    account=Account(budget=WEEK, holder="plaza", begins=0, ends=604_800),
    spent=Amount(releases=2, bits=16),
)


def test_it_survives_the_wire():
    assert Spending.from_mapping(json.loads(json.dumps(SPENDING.to_mapping()))) == SPENDING


@pytest.mark.parametrize(
    "change",
    [
        {"begins": -1}, {"begins": 1.5}, {"ends": "soon"}, {"begins": 9, "ends": 8},
        {"ends": LAST_MOMENT + 1}, {"holder": "Plaza"}, {"holder": None}, {"spent": None},
        {"budget": None}, {"budget": {}}, {"spent": {"releases": 1}}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_field_that_is_not_one_is_refused(change):
    with pytest.raises(SpecError):
        Spending.from_mapping({**SPENDING.to_mapping(), **change})


@pytest.mark.parametrize("field", SPENDING.to_mapping())
def test_a_missing_field_is_refused(field):
    with pytest.raises(SpecError):
        Spending.from_mapping({k: v for k, v in SPENDING.to_mapping().items() if k != field})


@given(JSON | st.fixed_dictionaries(dict.fromkeys(SPENDING.to_mapping(), JSON)))
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        Spending.from_mapping(value)
