"""After a restore an account is closed exactly while its period holds the moment of it."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.amount import NOTHING, UNITS, Amount
from darkroom.model.budget import DAY, Account, Budget
from darkroom.model.epoch import FIRST, Epoch
from darkroom.policy.epoch import counted
from darkroom.policy.ledger import CLOSED, against, period


BUDGET = Budget(name="week", per="dataset", period_days=7, releases=3, epsilon=Fraction(1, 2))
ONE = Amount(releases=1, bits=9)


def account(at: float) -> Account:
    begins, ends = period(BUDGET, at)
    return Account(budget=BUDGET, holder="plaza", begins=begins, ends=ends)


def test_nothing_is_closed_in_the_first_epoch_nor_in_one_that_is_believed():
    for epoch in (FIRST, Epoch(number=2, opened_at=5 * DAY, believed=True)):
        assert counted(account(5 * DAY), ONE, [epoch]) == (account(5 * DAY), ONE)


def test_every_capped_unit_is_used_up_and_the_reason_is_said():
    closed, used = counted(account(DAY), ONE, [Epoch(number=2, opened_at=2 * DAY, believed=False)])
    assert (used.releases, used.epsilon, used.bits) == (3, Fraction(1, 2), 9)
    assert not any(BUDGET.left(used).values())
    (why,) = against(ONE, [(closed, used)])
    assert why.endswith(CLOSED)
    assert against(ONE, [counted(account(DAY), ONE, [FIRST])]) == ()


def test_a_word_about_one_restore_opens_nothing_that_another_closed():
    lost = Epoch(number=2, opened_at=2 * DAY, believed=False)
    well = Epoch(number=3, opened_at=3 * DAY, believed=True)
    assert counted(account(DAY), ONE, [lost, well])[0].closed
    assert not counted(account(DAY), ONE, [well])[0].closed


@given(at=st.floats(0, 1e9), opened_at=st.floats(0, 1e9), used=st.integers(0, 9))
def test_nothing_at_all_can_be_paid_in_the_period_of_the_restore(at, opened_at, used):
    epoch = Epoch(number=2, opened_at=opened_at, believed=False)
    found, counts = counted(account(at), Amount(releases=used), [epoch])
    same = period(BUDGET, at) == period(BUDGET, opened_at)
    assert found.closed == same
    for unit in UNITS:
        if same and BUDGET.cap(unit) is not None:
            price = Amount(**{unit: 1 if unit != "epsilon" else Fraction(1, 99)})
            assert against(price, [(found, counts)])
    assert against(NOTHING, [(found, counts)]) == ()
