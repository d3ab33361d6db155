import runpy
from pathlib import Path

import pytest

from darkroom.policy.transitions import (
    FINAL,
    OWNERS,
    TRANSITIONS,
    State,
    diagram,
    event_of,
    may_move,
)


ROOT = Path(__file__).parents[2]
STATES: tuple[str, ...] = State.__args__


def reachable(start: str) -> set[str]:
    found, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for source, target in TRANSITIONS:
            if source == here and target not in found:
                found.add(target)
                todo.append(target)
    return found


def test_every_state_has_an_owner():
    assert set(OWNERS) == set(STATES)


def test_every_state_is_reached_from_the_first():
    assert reachable("received") == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_from_every_state_an_end_is_reached(state):
    assert reachable(state) & FINAL


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_leaves_an_end(state):
    assert reachable(state) == {state}


@pytest.mark.parametrize("state", [s for s in STATES if s not in FINAL])
def test_what_is_no_end_goes_on(state):
    assert len(reachable(state)) > 1


def test_nothing_is_released_that_was_not_approved_run_and_produced():
    for cut in ("approved", "running", "produced"):
        kept = {(a, b) for a, b in TRANSITIONS if cut not in (a, b)}
        found, todo = {"received"}, ["received"]
        while todo:
            here = todo.pop()
            new = {b for a, b in kept if a == here} - found
            found |= new
            todo += new
        assert "released" not in found, cut


def test_released_is_entered_from_one_state_and_never_left():
    assert [pair for pair in TRANSITIONS if "released" in pair] == [("produced", "released")]


def test_the_only_way_back_is_a_retry():
    order = ["received", "screened", "approved", "running", "produced", "released"]
    back = [
        (a, b)
        for a, b in TRANSITIONS
        if a in order and b in order and order.index(b) <= order.index(a)
    ]
    assert back == [("running", "approved")]


@pytest.mark.parametrize("source", STATES)
@pytest.mark.parametrize("target", STATES)
def test_an_event_exists_exactly_for_what_may_be(source, target):
    if may_move(source, target):
        assert event_of(source, target) == TRANSITIONS[source, target]
    else:
        with pytest.raises(ValueError, match="no transition"):
            event_of(source, target)


def test_the_diagram_shows_every_transition():
    text = diagram()
    for (source, target), event in TRANSITIONS.items():
        assert f"{source} --> {target}: {event}" in text
    for state in FINAL:
        assert f"{state} --> [*]" in text


def test_the_page_is_current():
    page = runpy.run_path(str(ROOT / "docs" / "states.py"))["page"]
    assert (ROOT / "docs" / "states.md").read_text() == page(), (
        "run: python docs/states.py > docs/states.md"
    )
