"""A reviewer's words leave the domain: few, while code waits, and never about outputs."""

import pytest

from darkroom.model.budget import DAY
from darkroom.model.message import Message
from darkroom.policy.conversation import A_DAY, ALL, OF_ONE_A_DAY, WRITES, against_message
from darkroom.policy.transitions import OWNERS


NOW = 1_000_000.0


def said(count, *, side="reviewer", at=NOW):
    return [
        Message(job_id="a" * 32, number=n + 1, side=side, by="olga", text="why?", at=at)
        for n in range(count)
    ]


def against(side="reviewer", state="screened", before=(), today=0):
    return against_message(side, state, before, today=today, now=NOW)


@pytest.mark.parametrize("state", OWNERS)
def test_a_reviewer_writes_about_code_that_waits_and_about_nothing_that_has_outputs(state):
    assert (against(state=state) == "") == (state == "screened")
    assert (against("scientist", state) == "") == (state in ("screened", "produced"))


def test_people_are_waited_for_wherever_somebody_may_write():
    assert all(OWNERS[state] == "data owner" for states in WRITES.values() for state in states)


def test_each_side_has_its_own_few_messages_a_day():
    assert against(before=said(A_DAY - 1)) == ""
    assert "within a day" in against(before=said(A_DAY))
    assert against("scientist", before=said(A_DAY)) == ""
    assert against(before=said(A_DAY, at=NOW - DAY)) == ""
    assert "within a day" in against(before=said(A_DAY, at=NOW - DAY + 1))


def test_and_no_more_than_so_many_ever():
    assert against(before=said(ALL - 1, at=0.0)) == ""
    assert "which is the most" in against(before=said(ALL, at=0.0))


def test_one_name_does_not_flood_many_jobs():
    assert against(today=OF_ONE_A_DAY - 1) == ""
    assert "you wrote" in against(today=OF_ONE_A_DAY)


def test_the_reason_names_the_states():
    assert "screened or produced" in against("scientist", "running")
