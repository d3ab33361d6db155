"""A quote comes from outside: every field has a type and a bound, and nothing else is read."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.amount import UNITS, Amount
from darkroom.model.budget import PER
from darkroom.model.quote import (
    DECISIONS,
    LAST_MOMENT,
    MAX_ACCOUNTS,
    MAX_REASON,
    MAX_REASONS,
    MAX_WHOLE,
    Balance,
    Quote,
    bounded_amount,
)
from tests.model.shapes import JSON, NAMES


WHOLE = st.integers(0, MAX_WHOLE)
FRACTIONS = st.fractions(0, 10, max_denominator=1000)
BALANCES = st.builds(
    Balance,
    budget=NAMES,
    per=st.sampled_from(PER),
    holder=NAMES,
    ends=st.integers(0, LAST_MOMENT),
    left=st.fixed_dictionaries(
        {},
        optional={u: FRACTIONS if u in ("epsilon", "delta") else WHOLE for u in UNITS},
    ),
)
AMOUNTS = st.builds(
    Amount, releases=WHOLE, rows=WHOLE, bits=WHOLE, epsilon=FRACTIONS, delta=FRACTIONS
)
QUOTES = st.builds(
    Quote,
    decision=st.sampled_from(DECISIONS),
    reasons=st.lists(st.text(max_size=40), max_size=4).map(tuple),
    rule=st.just("") | NAMES,
    policy_version=WHOLE,
    price=AMOUNTS,
    accounts=st.lists(BALANCES, max_size=3).map(tuple),
)


def an_account(**changed):
    account = {
        "budget": "plaza-week", "per": "dataset", "holder": "plaza", "ends": 1_800_000_000,
        "left": {"releases": 59, "epsilon": "1/3"},
    }  # fmt: skip
    return {**account, **changed}


def a_quote(**changed):
    quote = {
        "decision": "review", "reasons": ["the data owner decides"], "rule": "",
        "policy_version": 3, "price": Amount(releases=1, rows=9, bits=900).to_mapping(),
        "accounts": [an_account()],
    }  # fmt: skip
    return {**quote, **changed}


@given(QUOTES)
def test_a_quote_and_its_form_are_the_same(quote):
    assert Quote.from_mapping(quote.to_mapping()) == quote


@given(JSON)
def test_nothing_else_is_a_quote(value):
    with pytest.raises(SpecError):
        Quote.from_mapping(value)


@given(st.sampled_from(sorted(a_quote())), JSON)
def test_a_quote_with_a_strange_field_is_refused_or_stays_in_bounds(name, value):
    try:
        quote = Quote.from_mapping(a_quote(**{name: value}))
    except SpecError:
        return
    assert Quote.from_mapping(quote.to_mapping()) == quote


@pytest.mark.attack
@pytest.mark.parametrize(
    "changed",
    [
        {"decision": "maybe"},
        {"decision": ["review"]},
        {"reasons": "no"},
        {"reasons": [1]},
        {"rule": "Bad Rule"},
        {"rule": None},
        {"policy_version": True},
        {"policy_version": -1},
        {"policy_version": MAX_WHOLE + 1},
        {"price": None},
        {"price": {"releases": 1}},
        {"price": {**Amount().to_mapping(), "bits": MAX_WHOLE + 1}},
        {"price": {**Amount().to_mapping(), "epsilon": 10**40}},
        {"accounts": {}},
        {"accounts": [an_account()] * (MAX_ACCOUNTS + 1)},
        {"accounts": [an_account(budget="../x")]},
        {"accounts": [an_account(holder="Plaza\x1b[31m")]},
        {"accounts": [an_account(per="planet")]},
        {"accounts": [an_account(ends=LAST_MOMENT + 1)]},
        {"accounts": [an_account(ends=1.5)]},
        {"accounts": [an_account(left=[])]},
        {"accounts": [an_account(left={"wishes": 3})]},
        {"accounts": [an_account(left={"rows": -1})]},
        {"accounts": [an_account(left={"rows": "9"})]},
        {"accounts": [an_account(left={"delta": "1/0"})]},
        {"accounts": [{"budget": "plaza-week"}]},
        {"note": "hello"},
    ],
)
def test_what_is_out_of_bounds_is_refused(changed):
    with pytest.raises(SpecError):
        Quote.from_mapping(a_quote(**changed))


def test_a_missing_field_is_refused():
    quote = a_quote()
    del quote["accounts"]

    with pytest.raises(SpecError, match="missing"):
        Quote.from_mapping(quote)


def test_long_words_are_cut():
    quote = Quote.from_mapping(a_quote(reasons=["x" * 9999] * 99))

    assert len(quote.reasons) == MAX_REASONS
    assert {len(reason) for reason in quote.reasons} == {MAX_REASON}


def test_a_job_that_was_not_understood_has_no_price():
    quote = Quote.from_mapping(a_quote(decision="deny", price=None, accounts=[]))

    assert quote.price is None
    assert Quote.from_mapping(quote.to_mapping()) == quote


def test_an_account_lacks_what_is_below_the_price():
    account = Balance.from_mapping(an_account(left={"releases": 1, "rows": 9, "epsilon": "1/3"}))

    assert account.lacks(Amount(releases=1, rows=9, bits=10**9)) == ()
    assert account.lacks(Amount(releases=2, rows=10)) == ("releases", "rows")
    assert account.lacks(Amount(epsilon=Fraction(1, 2))) == ("epsilon",)


def test_an_amount_from_outside_is_bounded():
    assert bounded_amount(Amount(rows=MAX_WHOLE).to_mapping()) == Amount(rows=MAX_WHOLE)
    with pytest.raises(SpecError, match="beyond bounds"):
        bounded_amount(Amount(rows=MAX_WHOLE + 1).to_mapping())
