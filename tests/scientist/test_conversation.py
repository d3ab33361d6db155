"""Questions reach the notebook, answers leave it, and the next version names the one before."""

import pytest

from darkroom.errors import InputError, SpecError, UnknownNameError
from darkroom.scientist.advice import headline
from tests.scientist.test_collect import count


def message(domain, job_id, text, *, number=1, side="reviewer", by="carol", **more):
    domain.send(
        "job.message",
        {"job_id": job_id, "number": number, "side": side, "by": by, "text": text, "at": 5.0}
        | more,
    )


@pytest.fixture
def waiting(bench):
    """A submission to north and east that waits for review at both."""
    submission = count.submit(bench.session.datasets("plaza"), threshold=0.1)
    for name, job in submission.jobs.items():
        bench.domains[name].inbox()
        bench.domains[name].say(job.request.job_id, "screened", "the data owner decides")
    return submission.refresh()


def asked(bench, submission, text="Why so many rows?", domain="north", **more):
    message(bench.domains[domain], submission.jobs[domain].request.job_id, text, **more)
    return submission.refresh()


def test_a_question_is_shown_with_who_asks_and_how_to_answer(bench, waiting):
    asked(bench, waiting)

    (question,) = waiting.questions
    assert (question.by, question.text) == ("carol", "Why so many rows?")
    assert list(waiting.questions.open) == ["north"]
    assert any("carol asks: “Why so many rows?”" in line for line in waiting.advice())
    assert "submission.answer('…', domain='north')" in repr(waiting)
    assert "carol (reviewer)" in repr(waiting.questions)


def test_what_a_reviewer_wrote_is_escaped_in_html(bench, waiting):
    asked(bench, waiting, "<script>alert(1)</script>")
    html = waiting.questions._repr_html_() + waiting._repr_html_()
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


def test_an_answer_goes_to_the_domain_that_asked_and_ends_the_question(bench, waiting):
    asked(bench, waiting)
    waiting.answer("  One for\n each hour.  ")

    (letter,) = bench.domains["north"].inbox()
    job_id = waiting.jobs["north"].request.job_id
    assert (letter.kind, letter.body) == (
        "job.answer", {"job_id": job_id, "text": "One for each hour."},
    )  # fmt: skip
    assert bench.domains["east"].inbox() == []
    asked(bench, waiting, "One for each hour.", number=2, side="scientist", by="alice")
    assert waiting.questions.open == {}
    assert [m.number for m in waiting.questions["north"]] == [1, 2]


def test_one_may_write_unasked_and_says_to_whom(bench, waiting):
    with pytest.raises(InputError, match="several domains"):
        waiting.answer("hello")
    with pytest.raises(UnknownNameError):
        waiting.answer("hello", domain="nroth")
    waiting.answer("hello", domain="east")

    (letter,) = bench.domains["east"].inbox()
    assert letter.body["text"] == "hello"


def test_nobody_is_written_to_once_nothing_waits(bench, waiting):
    asked(bench, waiting)
    job_id = waiting.jobs["north"].request.job_id
    bench.domains["north"].say(job_id, "rejected", "no")
    waiting.refresh()
    with pytest.raises(InputError, match="is rejected"):
        waiting.answer("but why?", domain="north")


@pytest.mark.parametrize("text", ["", " ", "x" * 501, "a\u202eb"])
def test_what_would_be_refused_there_is_not_sent(bench, waiting, text):
    with pytest.raises(SpecError):
        waiting.answer(text, domain="north")
    assert bench.domains["north"].inbox() == []


@pytest.mark.parametrize(
    "more", [{"text": "a\nb"}, {"text": "x" * 501}, {"side": "owner"}, {"number": 0}, {"at": "x"}]
)
def test_a_message_that_is_none_is_put_aside_and_harms_no_job(bench, waiting, more):
    asked(bench, waiting, **{"text": "hm", **more})

    assert len(waiting.questions) == 0
    assert len(bench.session.store.quarantined()) == 1
    assert waiting.jobs["north"].problem == ""


def test_a_domain_speaks_of_its_own_jobs_only(bench, waiting):
    message(bench.domains["east"], waiting.jobs["north"].request.job_id, "hm")
    waiting.refresh()

    assert len(waiting.questions) == 0
    assert len(bench.session.store.quarantined()) == 1


def test_the_next_version_goes_to_who_asked_for_changes_and_names_the_former_job(bench, waiting):
    former = waiting.jobs["north"].request
    bench.domains["north"].say(former.job_id, "rejected", "changes requested: fewer rows")
    waiting.refresh()
    assert headline(waiting.jobs["north"]) == "changes requested"
    later = waiting.revise(count)

    assert list(later.jobs) == ["north"]
    (letter,) = bench.domains["north"].inbox()
    assert letter.body["supersedes"] == former.job_id
    assert letter.body["request"]["parameters"] == former.parameters
    assert letter.body["request"]["job_id"] != former.job_id
    assert bench.domains["east"].inbox() == []


def test_new_parameters_take_the_place_of_the_old_ones(bench, waiting):
    former = waiting.jobs["north"].request
    bench.domains["north"].say(former.job_id, "rejected", "changes requested: less")
    later = waiting.refresh().revise(count, threshold=0.9)
    assert later.jobs["north"].request.parameters == {"threshold": 0.9}


def test_there_is_no_next_version_of_what_nobody_turned_down(waiting):
    with pytest.raises(InputError, match="turned this submission down"):
        waiting.revise(count)
    with pytest.raises(InputError, match="not a job"):
        waiting.revise(len)


def test_a_first_submission_names_none(bench):
    count.submit([bench.dataset()], threshold=0.1)
    (letter,) = bench.domains["north"].inbox()
    assert "supersedes" not in letter.body
