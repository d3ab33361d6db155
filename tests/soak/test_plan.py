"""The faults of a soak follow from its seed, and fit into it."""

import pytest

from tests.soak.plan import KILLING, SoakPlan


def test_the_same_seed_makes_the_same_faults():
    assert SoakPlan(minutes=30).faults() == SoakPlan(minutes=30).faults()
    assert SoakPlan(minutes=30).faults() != SoakPlan(minutes=30, seed=1).faults()


@pytest.mark.parametrize("minutes", [3, 30])
def test_every_kind_happens_and_ends_in_time(minutes):
    plan = SoakPlan(minutes=minutes)
    faults = plan.faults()
    assert {fault.kind for fault in faults} == {"kill", "cut", "full", "clock"}
    assert all(f.at + f.seconds <= plan.seconds + 5 for f in faults)
    assert max(f.at for f in faults if f.kind == "kill") <= KILLING * plan.seconds
    assert plan.warm_up + plan.shortest < (1 - KILLING) * plan.seconds  # memory can be judged


def test_a_whole_soak_cuts_links_for_a_minute():
    assert {f.seconds for f in SoakPlan(minutes=30).faults() if f.kind == "cut"} == {60.0}
