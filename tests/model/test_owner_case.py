from typing import get_args

from darkroom.model.owner_case import Case, Subject
from darkroom.policy.owner_word import DECISIONS


def test_a_new_case_waits_and_nothing_is_said_of_it():
    case = Case(id=1, subject="code", job_id="0" * 32, digest="", received_at=1.0, body={})
    assert (case.problem, case.verdict, case.decided_at, case.expires_at) == ("", "", 0.0, 0.0)


def test_there_is_a_subject_for_everything_that_is_decided():
    assert set(get_args(Subject)) == {subject for subject, _ in DECISIONS}
