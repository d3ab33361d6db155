"""Questions, requests for changes and the next version, as a reviewer meets them."""

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.display.review_page import review_page
from darkroom.errors import DeniedError, InputError, SpecError, UnknownNameError
from darkroom.model.message import MAX_TEXT
from darkroom.model.statement import Statement
from darkroom.owner.desk import MAX_CHANGES
from darkroom.owner.watch import watch
from tests.owner.town import CODE, job, review_body


def pass_on(town, request, text, *, number=1, side="scientist", by="alice", **more):
    body = {
        "job_id": request.job_id, "number": number, "side": side, "by": by, "text": text,
        "at": town.gateway.clock.now(), **more,
    }  # fmt: skip
    town.north.post.send(town.north.post.write("review.message", "north-owner", body, {}))


def test_a_question_is_one_line_signed_over_the_job(town):
    request = town.ask_review()
    (digest,) = town.desk.reviews()
    town.desk.ask(digest[:20], "  why\n so   many rows? ")

    (letter,) = town.heard()
    statement = Statement.from_mapping(letter.body["question"])
    body = SycVerifier().check_statement(statement, "question", town.owner.identity)
    assert letter.kind == "review.ask"
    assert (body["job_id"], body["digest"]) == (request.job_id, request.job_digest)
    assert body["text"] == "why so many rows?"
    assert len(town.desk.reviews()) == 1  # it still waits


@pytest.mark.parametrize("text", ["", "  ", "a" * (MAX_TEXT + 1), "a\u202eb", "a\x1b[2Jb"])
def test_what_is_no_question_is_not_sent(town, text):
    town.ask_review()
    (digest,) = town.desk.reviews()
    with pytest.raises(SpecError):
        town.desk.ask(digest, text)

    assert town.heard() == []


def test_nothing_is_asked_about_what_does_not_hold_or_has_outputs(town):
    request = town.ask_review()
    (digest,) = town.desk.reviews()
    town.ask_release(request)
    town.mailroom.refresh()
    with pytest.raises(DeniedError, match="by release only"):
        town.desk.ask(digest, "17 people?")
    with pytest.raises(UnknownNameError):
        town.desk.ask("0" * 64, "what?")
    town.ask_review(job_id="cd" * 16, attachments={"code/job.py": b"other"})
    town.mailroom.refresh()
    with pytest.raises(DeniedError, match="does not hold"):
        town.desk.ask("job:" + "cd" * 16, "what?")

    assert town.heard() == []


def test_the_conversation_stands_on_the_sheet_in_order_and_hides_nothing(town):
    request = town.ask_review()
    pass_on(town, request, "One for each hour <b>.", number=2)
    pass_on(town, request, "Why?", side="reviewer", by="north-owner")
    pass_on(town, request, "again", number=2)  # the first one of a number counts
    (digest,) = town.desk.reviews()

    text = str(town.desk.show(digest))
    assert text.index("Why?") < text.index("One for each hour")
    assert "again" not in text
    assert "alice wrote last" in str(town.desk.reviews())
    assert "&lt;b&gt;" in review_page(town.desk.show(digest).sheet)


@pytest.mark.parametrize(
    "more", [{"text": "a\u200bb"}, {"text": "a" * 501}, {"number": 0}, {"by": "a/b"}, {"more": 1}]
)
def test_a_message_that_is_none_is_refused_with_a_notice(town, more):
    request = town.ask_review()
    pass_on(town, request, **{"text": "hm", **more})
    town.mailroom.refresh()

    assert town.store.messages(request.job_id) == []
    assert any("review.message was refused" in n.text for n in town.store.notices(9))


def test_a_request_for_changes_is_a_no_with_its_words(town):
    town.ask_review()
    (digest,) = town.desk.reviews()
    (case,) = town.desk.request_changes(digest, "fewer\n rows")

    (letter,) = town.heard()
    body = letter.body["decision"]["body"]
    assert (body["verdict"], body["reason"]) == ("request-changes", "fewer rows")
    assert "changes requested" in str(town.desk.reviews(everything=True))
    assert case.verdict == "request-changes"


@pytest.mark.parametrize("words", ["", " \n", "a" * (MAX_CHANGES + 1)])
def test_a_request_for_changes_says_what_and_briefly(town, words):
    town.ask_review()
    (digest,) = town.desk.reviews()
    with pytest.raises(InputError):
        town.desk.request_changes(digest, words)
    assert len(town.desk.reviews()) == 1


def test_the_next_version_is_shown_beside_the_one_whose_place_it_takes(town):
    former = town.ask_review()
    town.desk.request_changes(town.desk.reviews()[0], "count less")
    files = {"job.py": CODE.replace(b"3", b"4")}
    later = job(files, job_id="cd" * 16)
    body = {**review_body(later), "supersedes": former.job_id}
    town.ask_review(files, body=body)
    (digest,) = town.desk.reviews()

    text = str(town.desk.show(digest))
    assert "Compared with the job whose place it takes" in text
    assert "request-changes: count less" in text
    assert '-    return {"people": {"n": 3}}' in text
    assert '+    return {"people": {"n": 4}}' in text


@pytest.mark.parametrize("named", ["ee" * 16, "../..", 7, None])
def test_a_former_job_that_we_were_never_asked_for_is_not_compared(town, named):
    town.ask_review()
    body = {**review_body(job(job_id="cd" * 16)), "supersedes": named}
    town.ask_review(body=body)
    town.mailroom.refresh()

    assert "whose place it takes" not in str(town.desk.show("job:" + "cd" * 16))


def test_a_yes_that_counts_no_more_is_asked_for_again(town):
    request = town.ask_review()
    (digest,) = town.desk.reviews()
    town.desk.approve(digest)
    assert len(town.desk.reviews()) == 0
    town.ask_review()

    assert list(town.desk.reviews()) == [digest]
    assert any("you are asked again" in n.text for n in town.store.notices(9))
    (case,) = town.desk.approve(digest)
    assert case.job_id == request.job_id
    assert len(town.heard()) == 2


def test_a_no_stays_a_no_when_it_is_asked_again(town):
    town.ask_review()
    town.desk.reject(town.desk.reviews()[0])
    town.ask_review()

    assert len(town.desk.reviews()) == 0


def test_watch_says_each_new_message(town):
    import threading

    stop, lines = threading.Event(), []

    class Teller:
        def sheet(self, sheet):
            pass

        def line(self, text, *, loud=False):
            lines.append(text)
            if "asks nicely" in text:
                stop.set()

    request = town.ask_review()
    pass_on(town, request, "it asks nicely")
    watch(town.desk, Teller(), stop=stop, poll=0.0, pause=lambda _: stop.set())

    assert f"alice (scientist) about job {request.job_id}: it asks nicely" in lines
