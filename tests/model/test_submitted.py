from hypothesis import given

from darkroom.model.submitted import QUEUED, SENT, JobRow
from darkroom.policy.transitions import OWNERS
from tests.model.shapes import REQUESTS


@given(REQUESTS)
def test_a_new_job_waits_here_and_any_word_of_the_domain_is_newer(request):
    row = JobRow(request=request, submission="s", label="north")
    assert (row.state, row.reasons, row.collected) == (QUEUED, (), False)
    assert row.seq < 0


def test_no_state_of_a_domain_is_taken_for_one_of_this_side():
    assert not {QUEUED, SENT} & OWNERS.keys()
