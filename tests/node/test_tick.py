"""When a run may be heard of: at powers of two of half seconds, and no sooner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.approval_rule import ApprovalRule
from darkroom.node.tick import Tick
from darkroom.ports import Outcome
from tests.node.outside import HandClock


TIMES = st.floats(0.001, 5000)


@given(TIMES)
def test_the_next_moment_is_where_the_bucket_ends(seconds):
    clock = HandClock()
    tick = Tick(clock)
    clock.forward(seconds)
    bucket = tick.seconds()
    assert bucket >= seconds - 1e-6
    assert tick.left() == pytest.approx(bucket - seconds, abs=1e-6)


@given(st.lists(st.floats(0.01, 3), max_size=20))
def test_a_moment_passes_once(steps):
    clock = HandClock()
    tick = Tick(clock)
    heard = 0
    for step in steps:
        clock.forward(step)
        heard += tick.passed()
    first = Tick(HandClock()).seconds()
    assert heard <= max(0, round(tick.seconds() / first).bit_length())
    assert not tick.passed()


@pytest.mark.parametrize(("took", "told"), [(0.1, 0.5), (0.6, 1.0), (3.0, 4.0), (70.0, 128.0)])
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_nothing_is_told_before_the_bucket_is_over(village, took, told, ends):
    village.in_force()
    request = village.approved()
    begin = village.clock.monotonic()

    def work(_):
        village.clock.forward(took)
        if ends == "badly":
            return Outcome(status="failed", seconds=took, error_class="ValueError")
        return {"counts": {"frames": 1}}

    village.sandbox.job = work
    village.settle()

    assert village.clock.monotonic() - begin == pytest.approx(told)
    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert last.body["state"] == ("produced" if ends == "well" else "failed")
    assert last.sent_at - begin == pytest.approx(village.clock.now() - village.clock.monotonic())
    if ends == "well":
        (asked,) = village.owner.letters("release.request", request.job_id)
        assert asked.body["facts"]["seconds_bucket"] == told


def test_work_on_mock_is_told_at_once(village):
    village.in_force(rules=(ApprovalRule(name="rehearsal", tier="mock"),))
    begin = village.clock.monotonic()
    request = village.submitted(tier="mock")

    assert village.state_of(request.job_id) == "released"
    assert village.clock.monotonic() == begin


def test_what_is_printed_on_mock_comes_back_with_result_and_error(village):
    village.in_force(rules=(ApprovalRule(name="rehearsal", tier="mock"),))
    good = village.submitted(tier="mock")
    (result,) = village.alice.letters("job.result", good.job_id)
    assert result.attachments["output/log"] == b"printed by the job"

    words = b"Traceback\nValueError: no boxes in camera 3\n"
    village.sandbox.job = lambda _: Outcome(
        status="failed", seconds=0.1, error_class="ValueError", log=words
    )
    bad = village.submitted(tier="mock")
    assert village.job(bad.job_id).reasons[1] == "ValueError: no boxes in camera 3"


def test_on_footage_the_same_words_stay(village):
    village.in_force()
    village.sandbox.job = lambda _: Outcome(
        status="failed", seconds=0.1, error_class="ValueError", log=b"camera 3 saw somebody"
    )
    request = village.approved()
    village.settle()

    assert village.job(request.job_id).reasons == ("the code ended with ValueError",)


def test_a_job_on_mock_sees_the_mock_whatever_it_names(village):
    from dataclasses import replace as changed

    face = village.folder / "generated"
    village.mock_face = (face, changed(village.manifest, face="mock"))
    village.in_force(rules=(ApprovalRule(name="rehearsal", tier="mock"),))
    village.submitted(tier="mock")

    assert village.sandbox.started[0].dataset == face
