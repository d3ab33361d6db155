"""Tier mock: at the domain, on generated footage, with nobody to wait for."""

import pytest

import darkroom
from darkroom.errors import JobFailedError, SpecError, TrustError
from darkroom.model.amount import Amount
from tests.scientist.conftest import request_in
from tests.scientist.test_collect import TABLE, count
from tests.scientist.test_record import RunLogInMemory


FREE = Amount().to_mapping()


@pytest.fixture
def rehearsal(bench):
    """A job that was sent with the tier mock, and its request."""
    submission = count.submit(bench.dataset(), threshold=0.3, tier="mock")
    (letter,) = bench.domains["north"].inbox()
    return bench, submission, request_in(letter)


def by_rule(bench, request, outputs, **more):
    bench.domains["north"].release(
        request,
        outputs,
        approved_by="rule rehearse",
        released_by="rule rehearse",
        **{"price": FREE, **more},
    )


def test_the_same_code_in_another_tier_is_another_digest(rehearsal):
    bench, _, request = rehearsal
    real = count.submit(bench.dataset(), threshold=0.3)

    assert request.spec.tier == "mock"
    assert real.jobs["north"].request.spec.tier == "reviewed"
    assert real.digests["north"]["code_digest"] != request.spec.code_digest


def test_a_job_may_declare_it(bench):
    job = darkroom.job(count.function, outputs=count.outputs, tier="mock")

    submission = job.submit(bench.dataset())

    assert submission.jobs["north"].request.spec.tier == "mock"
    with pytest.raises(SpecError, match="tier"):
        darkroom.job(count.function, outputs=count.outputs, tier="query")


def test_results_and_log_come_without_a_person(rehearsal):
    bench, submission, request = rehearsal
    by_rule(bench, request, {"counts": TABLE, "log": b"hello from the domain\n"})
    submission.wait()

    result = submission.results["north"]
    assert result["counts"]["n"].tolist() == [7, 1]
    assert result.log == "hello from the domain\n"
    assert result.price == Amount()
    assert "free" in repr(result)
    assert not submission.advice()


def test_the_error_comes_in_the_words_of_the_job(rehearsal):
    bench, submission, request = rehearsal
    said = ("the code ended with ZeroDivisionError", "ZeroDivisionError: division by zero")
    bench.domains["north"].say(request.job_id, "failed", *said)
    submission.wait()

    with pytest.raises(JobFailedError, match="division by zero"):
        submission.results["north"]


def test_the_run_log_does_not_call_it_private(rehearsal):
    bench, submission, request = rehearsal
    by_rule(bench, request, {"counts": TABLE})
    submission.wait()
    log = RunLogInMemory()

    bench.again(log).record(submission)

    (record,) = log.records.values()
    (child,) = record.children
    assert child.tags["privacy"] == "nothing private: generated footage"
    assert child.tags["tier"] == "mock"
    assert child.inputs["north/plaza"][1] == "north/mock"


@pytest.mark.attack
def test_work_on_mock_that_is_charged_for_is_refused(rehearsal):
    bench, submission, request = rehearsal
    by_rule(bench, request, {"counts": TABLE}, price=Amount(releases=1).to_mapping())
    bench.domains["north"].say(request.job_id, "released")
    submission.wait(timeout=5)

    with pytest.raises(TrustError, match="charges for work on mock"):
        submission.results["north"]
