"""Questions and answers: passed on, bounded, kept; only by those with a say, only while it waits."""

import pytest

from darkroom.model.message import MAX_TEXT
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.policy.conversation import A_DAY
from tests.node.test_rotation import everything, notices


@pytest.fixture
def carol(village):
    """A reviewer beside the owner, who is the scientist bob."""
    carol = village.person("carol", "owner")
    named = Reviewer(name="carol", fingerprint=carol.keyring.identity.fingerprint, scientist="bob")
    said = village.owner.keyring.sign(
        "policy", village.policy(reviews=Reviews(reviewers=(named,))).to_mapping()
    )
    village.owner.say(
        "owner.policy",
        {"policy": said.to_mapping(), "identities": [carol.keyring.identity.to_mapping()]},
    )
    village.settle()
    return carol


def ask(village, person, request, text="Why so many rows?", signer=None, **more):
    body = {"job_id": request.job_id, "digest": request.job_digest, "text": text, **more}
    statement = (signer or person).keyring.sign("question", body)
    person.say("review.ask", {"question": statement.to_mapping()})
    village.settle()


def answer(village, request, text, by=None):
    (by or village.alice).say("job.answer", {"job_id": request.job_id, "text": text})
    village.settle()


def words(person, kind, request):
    return [
        (m.body["number"], m.body["side"], m.body["by"], m.body["text"])
        for m in everything(person, kind, request.job_id)
    ]


def test_a_question_and_its_answer_reach_everybody_in_the_same_order(village, carol):
    request = village.submitted()
    ask(village, carol, request)
    answer(village, request, "One for each hour.")

    said = [
        (1, "reviewer", "carol", "Why so many rows?"),
        (2, "scientist", "alice", "One for each hour."),
    ]
    assert words(village.alice, "job.message", request) == said
    assert words(village.owner, "review.message", request) == said
    assert words(carol, "review.message", request) == said
    assert village.state_of(request.job_id) == "screened"


def test_what_a_reviewer_wrote_stands_in_the_log_with_their_signature(village):
    village.in_force()
    request = village.submitted()
    ask(village, village.owner, request)

    (detail,) = [
        detail for event, _, detail in village.store.events(request.job_id)
        if event == "message-passed-on"
    ]  # fmt: skip
    assert detail["text"] == "Why so many rows?"
    assert detail["statement"]["key"] == village.owner.keyring.identity.statement_key


def test_once_there_are_outputs_a_reviewer_asks_no_more_and_the_scientist_may_still_write(village):
    village.in_force()
    request = village.produced()
    ask(village, village.owner, request, "I saw 17 people")
    answer(village, request, "They should be few.")

    assert [text for *_, text in words(village.alice, "job.message", request)] == [
        "They should be few."
    ]
    assert "not passed on: the job is produced" in notices(village.owner)


def test_nobody_asks_about_their_own_job(village, carol):
    request = village.request(village.bob)
    village.submit(request, village.bob)
    village.settle()
    ask(village, carol, request)

    assert words(village.bob, "job.message", request) == []
    assert "their own job" in notices(carol)


@pytest.mark.parametrize(
    "more",
    [
        {"text": "a" * (MAX_TEXT + 1)}, {"text": "a\x1b[2Jb"}, {"text": "\u202eb"}, {"text": ""},
        {"text": None}, {"digest": "sha256:" + "a" * 64}, {"job_id": "f" * 32}, {"job_id": []},
    ],
)  # fmt: skip
def test_what_is_no_question_is_not_passed_on_and_its_author_hears_why(village, more):
    village.in_force()
    request = village.submitted()
    ask(village, village.owner, request, **{"text": "x", **more})

    assert village.store.messages(request.job_id) == []
    assert "not passed on" in notices(village.owner)
    assert village.store.quarantined() == []


@pytest.mark.parametrize("question", [None, 1, [], {}, {"kind": "question"}, "x"])
def test_what_is_no_statement_is_refused(village, question):
    village.owner.say("review.ask", {"question": question})
    village.settle()

    assert "message-refused" in village.events()
    assert village.store.quarantined() == []


def test_a_question_that_somebody_else_signed_is_refused(village, carol):
    request = village.submitted()
    ask(village, carol, request, signer=village.alice)
    ask(village, carol, request, signer=village.owner)

    assert village.store.messages(request.job_id) == []


def test_a_decision_does_not_pass_for_a_question(village):
    village.in_force()
    request = village.submitted()
    said = village.decision(request.job_id, "code", "approve", request.job_digest, text="hm")
    village.owner.say("review.ask", {"question": said.to_mapping()})
    village.settle()

    assert village.store.messages(request.job_id) == []


@pytest.mark.parametrize("text", [None, "", "a\nb", "a" * (MAX_TEXT + 1), "\u200bx", {"a": 1}])
def test_an_answer_that_hides_something_reaches_nobody(village, text):
    village.in_force()
    request = village.submitted()
    answer(village, request, text)

    assert words(village.owner, "review.message", request) == []
    assert "message-refused" in village.events()


def test_nobody_writes_about_the_job_of_somebody_else(village):
    village.in_force()
    request = village.submitted()
    answer(village, request, "let it pass", by=village.bob)

    assert village.store.messages(request.job_id) == []
    assert village.bob.letters("job.message") == []


def test_a_flood_ends_at_the_cap_and_costs_no_letters(village):
    village.in_force()
    request = village.submitted()
    for number in range(A_DAY + 3):
        village.alice.say("job.answer", {"job_id": request.job_id, "text": f"please {number}"})
    village.settle()

    assert len(words(village.owner, "review.message", request)) == A_DAY
    assert len(words(village.alice, "job.message", request)) == A_DAY


def test_messages_outlive_a_restart_and_are_never_changed(village):
    import sqlite3

    village.in_force()
    request = village.submitted()
    ask(village, village.owner, request)
    village.restart()
    assert len(village.store.messages(request.job_id)) == 1
    for change in ("DELETE FROM messages", "UPDATE messages SET text = 'x'"):
        with pytest.raises(sqlite3.IntegrityError):
            village.store._db.execute(change)


def test_a_request_for_changes_ends_the_job_with_its_words(village):
    village.in_force()
    request = village.submitted()
    village.decide(
        request.job_id, "code", "request-changes", request.job_digest, reason="fewer rows"
    )
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert village.job(request.job_id).reasons == ("changes requested: fewer rows",)
    assert village.store.reservation(request.job_id).kind == "refund"


def test_the_next_version_names_the_one_before_to_its_reviewers(village):
    village.in_force()
    former = village.submitted()
    village.decide(former.job_id, "code", "request-changes", former.job_digest, reason="less")
    village.settle()
    mine, foreign = village.request(), village.request(village.bob)
    for request, by in ((mine, village.alice), (foreign, village.bob)):
        by.say(
            "job.submit",
            {"request": request.to_mapping(), "mock": {}, "supersedes": former.job_id},
            {
                "code/job.py": b"def count(data, params):\n    return {'counts': {'frames': data.count()}}\n"
            },
        )
    village.settle()

    (asked,) = village.owner.letters("review.request", mine.job_id)
    assert asked.body["supersedes"] == former.job_id
    (other,) = village.owner.letters("review.request", foreign.job_id)
    assert "supersedes" not in other.body  # somebody else's job is nobody's former one


@pytest.mark.parametrize("said", ["x", 7, None, [], "../" + "a" * 29])
def test_a_former_job_that_is_not_named_well_is_refused(village, said):
    village.in_force()
    request = village.request()
    village.alice.say(
        "job.submit", {"request": request.to_mapping(), "mock": {}, "supersedes": said}
    )
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
