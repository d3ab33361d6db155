"""What the domain tells beside the text of a notice is kept, bounded, and nothing else is."""

import pytest

from darkroom.owner import hearsay
from darkroom.owner.hearsay import ended, enrolled, remember


JOB = "ab" * 16


def notice(job=JOB, state="failed", why="", **more):
    return {"ended": {"job": job, "state": state, "why": why, **more}}


def test_the_latest_word_about_a_job_counts(town):
    remember(town.store, notice(why="one"))
    remember(town.store, notice(why="two"))

    assert {JOB: ("failed", "two")} == ended(town.store)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"ended": None}, {"ended": []}, {"ended": "failed"}, notice(job="x"), notice(job=7),
        notice(state=None), notice(more=1), {"enrolled": {"name": "bob"}},
        {"enrolled": {"name": "Bob", "fingerprint": ""}},
        {"enrolled": {"name": "bob", "fingerprint": 7}},
    ],
)  # fmt: skip
def test_what_is_not_well_formed_is_left_aside(town, body):
    remember(town.store, body)

    assert ({}, {}) == (ended(town.store), enrolled(town.store))


def test_it_does_not_grow_without_end(town, monkeypatch):
    monkeypatch.setattr(hearsay, "MAX_ENDED", 3)
    for number in range(5):
        remember(town.store, notice(job=f"{number:032x}", why="x" * 10_000))

    kept = ended(town.store)
    assert [f"{n:032x}" for n in (2, 3, 4)] == list(kept)
    assert {300} == {len(why) for _, why in kept.values()}
