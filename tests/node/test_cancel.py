"""Only its submitter stops a job, and only before it produced anything."""

import threading

import pytest


def test_a_waiting_job_is_cancelled_at_once(village):
    village.in_force()
    request = village.submitted()
    village.alice.say("job.cancel", {"job_id": request.job_id})
    village.settle()

    assert village.state_of(request.job_id) == "cancelled"
    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert last.body["reasons"] == ["cancelled by its submitter"]


def test_a_running_job_is_stopped_in_its_sandbox(village):
    village.in_force()
    request = village.approved()
    running, seen = threading.Event(), threading.Event()

    def inside(_task, cancelled):
        running.set()
        for _ in range(1000):
            if cancelled():
                seen.set()
                return
            threading.Event().wait(0.01)

    village.sandbox.inside = inside
    worker = threading.Thread(target=village.node.service.work_once)
    worker.start()
    assert running.wait(10)
    village.alice.say("job.cancel", {"job_id": request.job_id})
    village.poll()
    worker.join(10)

    assert seen.is_set()
    assert village.state_of(request.job_id) == "cancelled"


def test_a_wish_survives_the_death_of_the_node(village):
    village.in_force()
    request = village.approved()

    def inside(_task, _cancelled):
        village.sandbox.inside = lambda *_: None
        village.alice.say("job.cancel", {"job_id": request.job_id})
        village.node.runner._live.clear()  # the worker dies before it hears
        village.poll()
        raise RuntimeError

    village.sandbox.inside = inside
    village.node.service.work_once()

    assert village.state_of(request.job_id) == "cancelled"


@pytest.mark.parametrize("job_id", [None, 7, "", "0" * 32, "x" * 32, []])
def test_a_wish_for_no_job_is_noted_and_that_is_all(village, job_id):
    village.in_force()
    village.alice.say("job.cancel", {"job_id": job_id})
    village.settle()

    assert "cancel-refused" in village.events()
    assert village.store.quarantined() == []


def test_somebody_else_cannot_cancel(village):
    village.in_force()
    request = village.submitted()
    village.bob.say("job.cancel", {"job_id": request.job_id})
    village.settle()

    assert village.state_of(request.job_id) == "screened"


def test_too_late_is_answered_with_where_it_stands(village):
    village.in_force()
    request = village.produced()
    village.alice.say("job.cancel", {"job_id": request.job_id})
    village.settle()

    assert village.state_of(request.job_id) == "produced"
    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert last.body["state"] == "produced"
