"""Footage past its retention is erased, and until then no job runs on it."""

from dataclasses import replace

import pytest

from darkroom.bootstrap.node_assembly import assemble
from darkroom.errors import UnknownNameError, UnreachableError
from darkroom.node.journal import Journal
from darkroom.node.keep import TIDY_EVERY
from darkroom.node.retention import LAST_FRAME, Retention
from tests.node.village import rule, spec


DAY = 86_400.0
DAYS = 30


@pytest.fixture
def begun(village):
    """The footage ends as the story begins."""
    end = village.clock.now()
    village.store.set_fact(LAST_FRAME.format(village.manifest.version), end)
    return end


def retention(village, footage=None, days=DAYS):
    return Retention(
        days={"plaza": days} if days else {},
        store=village.store,
        journal=Journal(
            store=village.store, clock=village.clock, domain="north", owner="olga",
            close=lambda record: None,
        ),
        footage=footage or village.footage,
        clock=village.clock,
        say=village.said.append,
    )  # fmt: skip


def events(village, kind):
    return [e for e in village.events() if e == kind]


def test_footage_is_kept_until_its_time_and_erased_after_it(village, begun):
    kept, version = retention(village), village.manifest.version
    village.clock.forward(DAYS * DAY - 1)
    kept.enforce()
    assert kept.holds("plaza", version)
    assert [version] == village.footage.versions("plaza")

    village.clock.forward(1)
    assert not kept.holds("plaza", version)
    kept.enforce()
    assert [] == village.footage.versions("plaza")
    with pytest.raises(UnknownNameError):
        village.footage.materialise(version)
    assert ["footage-erased"] == events(village, "footage-erased")
    assert "older than 30 days" in village.said[-1]

    kept.enforce()
    assert 1 == len(events(village, "footage-erased"))


def test_a_dataset_without_retention_is_kept_for_ever(village, begun):
    kept = retention(village, days=None)
    village.clock.forward(9999 * DAY)
    kept.enforce()
    assert kept.holds("plaza", village.manifest.version)
    assert [village.manifest.version] == village.footage.versions("plaza")


def test_no_job_runs_on_footage_whose_age_nobody_knows(village):
    """As on a node that was upgraded; the manifest tells, once it was looked at."""
    kept, version = retention(village, days=36_500), village.manifest.version
    assert not kept.holds("plaza", version)
    kept.enforce()
    assert 9.0 == village.store.fact(LAST_FRAME.format(version))
    assert kept.holds("plaza", version)


def test_a_run_that_began_in_time_ends_first(village, begun):
    record = village.store.job(village.in_force().submitted().job_id)

    def moved(state):
        nonlocal record
        was, record = record.state, replace(record, state=state)
        village.store.replace_job(record, was)

    moved("approved")
    moved("running")
    village.clock.forward(DAYS * DAY)
    retention(village).enforce()
    assert [village.manifest.version] == village.footage.versions("plaza")

    moved("failed")
    retention(village).enforce()
    assert [] == village.footage.versions("plaza")


def test_what_cannot_be_erased_now_is_said_and_tried_again(village, begun):
    class Away:
        def versions(self, dataset):
            raise UnreachableError("the object store is away", next_step="wait")

    village.clock.forward(DAYS * DAY)
    retention(village, footage=Away()).enforce()
    assert "past its retention stays: the object store is away" in village.said[-1]

    retention(village).enforce()
    assert [] == village.footage.versions("plaza")


def test_a_node_looks_when_it_starts_and_now_and_then(village, begun):
    def start():
        village.node = assemble(
            village.parts(), state=village.state, title="North", owner="olga", workers=2,
            say=village.said.append, retention_days={"plaza": DAYS},
        )  # fmt: skip

    start()
    village.poll()
    assert [village.manifest.version] == village.footage.versions("plaza")
    village.clock.forward(DAYS * DAY + TIDY_EVERY)
    village.poll()
    assert [] == village.footage.versions("plaza")


@pytest.mark.attack("T22", control="off")
def test_without_retention_a_job_runs_on_footage_of_any_age(village, begun):
    village.in_force(rules=(rule(spec().code_digest),))
    village.clock.forward(DAYS * DAY)
    assert "released" == village.state_of(village.submitted().job_id)


@pytest.mark.attack("T22", control="on")
def test_a_job_on_footage_past_its_retention_is_refused(village, begun):
    village.in_force(rules=(rule(spec().code_digest),))
    village.node = assemble(
        village.parts(), state=village.state, title="North", owner="olga", workers=2,
        say=village.said.append, retention_days={"plaza": DAYS},
    )  # fmt: skip
    village.node.walls.probe()
    assert "released" == village.state_of(village.submitted().job_id)

    village.clock.forward(DAYS * DAY)
    record = village.job(village.submitted().job_id)
    assert "rejected" == record.state
    assert any("no dataset plaza" in reason for reason in record.reasons)
