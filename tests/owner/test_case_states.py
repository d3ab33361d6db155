"""A case says what became of it; an approval ends by itself, or is taken back."""

import sqlite3

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.owner_store import SqliteOwnerStore
from darkroom.errors import DeniedError, InputError, UnknownNameError
from darkroom.model.statement import Statement
from tests.owner.town import job, review_body


DAY = 86_400


def heard(town):
    statements = [Statement.from_mapping(letter.body["decision"]) for letter in town.heard()]
    return [SycVerifier().check_statement(s, "decision", town.owner.identity) for s in statements]


def state(town, subject="reviews"):
    """What the list says, in one line."""
    sheet = getattr(town.desk, subject)(everything=True).sheet
    (row,) = sheet.sections[0].rows
    return row[4]


@pytest.fixture
def digest(town):
    town.ask_review()
    (digest,) = town.desk.reviews()
    return digest


def test_an_approval_holds_until_it_expires(town, digest):
    assert "waits" == state(town)

    (case,) = town.desk.approve(digest, days=3)
    assert case.expires_at == heard(town)[0]["expires_at"] == town.gateway.clock.now() + 3 * DAY
    assert state(town).startswith("approved until ")

    town.gateway.clock.time += 3 * DAY
    assert state(town).startswith("expired ")
    with pytest.raises(DeniedError, match="expired already"):
        town.desk.withdraw(digest)


def test_a_job_whose_outputs_came_has_run_and_is_not_withdrawn(town, digest):
    town.desk.approve(digest)
    town.ask_release(job())
    town.mailroom.refresh()

    assert "approved, and it ran" == state(town)
    with pytest.raises(DeniedError, match="has run"):
        town.desk.withdraw(digest)
    town.desk.withhold(*town.desk.releases())
    assert "withheld" == state(town, "releases")


def test_an_approval_is_withdrawn_once_with_its_reason(town, digest):
    town.desk.approve(digest)
    heard(town)

    town.desk.withdraw(digest, "I misread line 3")

    (body,) = heard(town)
    assert ("withdraw", "code", digest) == (body["verdict"], body["subject"], body["digest"])
    assert "I misread line 3" == body["reason"]
    assert "expires_at" not in body
    assert state(town).startswith("withdrawn ")
    with pytest.raises(UnknownNameError):
        town.desk.withdraw(digest)
    with pytest.raises(UnknownNameError):
        town.desk.approve(digest)


def test_what_waits_is_rejected_and_not_withdrawn(town, digest):
    with pytest.raises(UnknownNameError):
        town.desk.withdraw(digest)
    town.desk.reject(digest)
    assert "rejected" == state(town)


@pytest.mark.parametrize("days", [0, -1, 367, float("nan")])
def test_an_approval_for_no_time_or_for_years_is_not_signed(town, digest, days):
    with pytest.raises(InputError, match="366 days"):
        town.desk.approve(digest, days=days)
    assert [] == heard(town)
    assert "waits" == state(town)


def test_a_word_on_a_digest_covers_all_its_requests_and_says_so(town):
    town.ask_review(job_id="01" * 16)
    town.ask_review(job_id="02" * 16)
    (digest,) = town.desk.reviews()

    shown = str(town.desk.show(digest))
    assert "2 requests wait under this one digest" in shown
    assert "(all 2 requests)" in shown
    assert "(this one only)" in shown
    assert f"darkroom review approve job:{'02' * 16}" in shown
    assert "01" * 16 in str(town.desk.reviews())


def test_one_of_several_is_decided_by_its_job_id(town):
    town.ask_review(job_id="01" * 16)
    town.ask_review(job_id="02" * 16)
    (digest,) = town.desk.reviews()

    town.desk.approve("job:" + "01" * 16)
    town.desk.reject("job:" + "02" * 16)
    assert [("01" * 16, "approve"), ("02" * 16, "reject")] == [
        (body["job_id"], body["verdict"]) for body in heard(town)
    ]

    town.desk.withdraw(digest)
    assert [("01" * 16, "withdraw")] == [(b["job_id"], b["verdict"]) for b in heard(town)]


@pytest.mark.attack
def test_a_job_id_that_looks_like_another_jobs_digest_is_not_taken_for_it(town):
    honest = town.ask_review()
    town.desk.approve(*town.desk.reviews())
    heard(town)
    posed = honest.job_digest.removeprefix("sha256:")[:32]
    town.ask_review({"job.py": b"import os\n"}, job_id=posed, name="other")
    town.desk.reviews()

    with pytest.raises(UnknownNameError):
        town.desk.approve(posed)  # what a person types who wants the honest one again
    assert [] == heard(town)


@pytest.mark.attack
def test_a_broken_request_neither_hides_nor_blocks_the_one_whose_digest_it_claims(town):
    honest = town.ask_review(job_id="01" * 16)
    town.ask_review(job_id="02" * 16, attachments={"code/job.py": b"import os\n"})
    (digest,) = town.desk.reviews()

    assert "def count" in str(town.desk.show(digest))
    (case,) = town.desk.approve(digest)
    assert honest.job_id == case.job_id


def test_a_request_without_a_digest_is_listed_by_its_job_and_can_be_opened(town):
    body = review_body(job())
    del body["request"]["spec"]
    town.ask_review(body=body)

    (key,) = town.desk.reviews()
    assert "job:" + "ab" * 16 == key
    assert "does not hold" in str(town.desk.show(key))
    assert 1 == len(town.desk.reject(key))


def test_a_decided_request_can_still_be_read(town, digest):
    town.desk.approve(digest, "fine")
    shown = str(town.desk.show(digest[:19]))

    assert "def count(data, params):" in shown
    assert "approved until" in shown
    assert "darkroom review withdraw" in shown
    assert "darkroom review approve" not in shown


def test_the_words_of_the_domain_about_a_job_are_on_its_sheet(town):
    def told(text):
        body = {"level": "info", "text": text}
        town.north.post.send(town.north.post.write("owner.notice", "north-owner", body))

    request = town.ask_review()
    told(f"job {request.job_id}: 1 of 2 reviewers said yes")
    told(f"a note that names {request.job_id} elsewhere")
    (digest,) = town.desk.reviews()

    shown = str(town.desk.show(digest))
    assert "1 of 2 reviewers said yes" in shown
    assert "elsewhere" not in shown


def test_a_store_from_before_approvals_expired_is_taken_over(tmp_path):
    path = tmp_path / "owner.sqlite"
    SqliteOwnerStore(path).close()
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE cases DROP COLUMN expires_at")
    db.execute(
        "INSERT INTO cases (subject, job_id, digest, received_at, body, problem, verdict) "
        "VALUES ('code', ?, 'sha256:1', 1.0, '{}', '', 'approve')",
        ("ab" * 16,),
    )
    db.execute("PRAGMA user_version=1")
    db.commit()
    db.close()

    for _ in range(2):
        store = SqliteOwnerStore(path)
        (case,) = store.cases("code", waiting=False)
        assert ("approve", 0.0) == (case.verdict, case.expires_at)
        store.close()
