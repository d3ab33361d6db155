"""The owner reads what waits and decides by digest; the domain hears it once."""

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import DeniedError, UnknownNameError
from darkroom.model.letter import Letter
from darkroom.model.statement import Statement
from darkroom.post import codec
from tests.owner.town import CODE, job, review_body


DAY = 86_400


def decisions(town):
    bodies = []
    for letter in town.heard():
        statement = Statement.from_mapping(letter.body["decision"])
        signer = town.owner.identity
        bodies.append(SycVerifier().check_statement(statement, "decision", signer))
    return bodies


def test_an_approval_names_exactly_one_digest_and_is_signed(town):
    request = town.ask_review()
    (digest,) = town.desk.reviews()

    (case,) = town.desk.approve(digest, "looks fine")

    assert request.job_digest == digest == case.digest
    (body,) = decisions(town)
    assert {
        "job_id": request.job_id,
        "subject": "code",
        "digest": request.job_digest,
        "verdict": "approve",
        "reason": "looks fine",
        "decided_at": town.gateway.clock.now(),
        "expires_at": float(int(town.gateway.clock.now() + 14 * DAY)),
    } == body
    assert 0 == len(town.desk.reviews())
    assert 1 == len(town.desk.reviews(everything=True))


def test_a_rejection_brings_its_reason(town):
    town.ask_review()
    (digest,) = town.desk.reviews()

    town.desk.reject(digest, "asks for too much")

    (body,) = decisions(town)
    assert ("reject", "asks for too much") == (body["verdict"], body["reason"])


@pytest.mark.parametrize("with_log", [False, True])
def test_outputs_are_released_by_their_own_digest_and_the_log_only_on_demand(town, with_log):
    asked = town.ask_release(job())
    (digest,) = town.desk.releases()
    assert asked["output_digest"] == digest

    town.desk.release(digest, with_log=with_log)

    (body,) = decisions(town)
    assert ("output", "release", digest) == (body["subject"], body["verdict"], body["digest"])
    assert with_log is body.get("with_log", False)


def test_outputs_can_be_withheld(town):
    town.ask_release(job())
    (digest,) = town.desk.releases()

    town.desk.withhold(digest, "too few people")

    (body,) = decisions(town)
    assert "withhold" == body["verdict"]


def test_twelve_digits_are_enough_and_fewer_are_not(town):
    request = town.ask_review()
    town.desk.reviews()
    digits = request.job_digest.removeprefix("sha256:")

    assert request.job_digest == town.desk.lookup.find(digits[:12])[0].digest
    assert request.job_digest == town.desk.lookup.find(f"sha256:{digits[:20]}")[0].digest
    assert request.job_digest == town.desk.lookup.find(f"job:{request.job_id}")[0].digest
    assert request.job_digest == town.desk.lookup.find(request.job_id)[0].digest
    for key in ("", "sha256:", digits[:11], "%", "zz", "0" * 12, "job:ab", "job:" + digits[:32]):
        with pytest.raises(UnknownNameError):
            town.desk.lookup.find(key)


def test_a_review_is_not_approved_through_its_output_or_the_reverse(town):
    request = town.ask_review()
    town.desk.reviews()

    with pytest.raises(UnknownNameError):
        town.desk.release(request.job_digest)


def test_two_submissions_of_the_same_job_are_decided_together(town):
    town.ask_review(job_id="01" * 16)
    town.ask_review(job_id="02" * 16)

    (digest,) = town.desk.reviews()
    assert 2 == len(town.desk.approve(digest))

    assert {"01" * 16, "02" * 16} == {b["job_id"] for b in decisions(town)}


# --------------------------------------------------------------------- once, and not forgotten


def test_a_request_that_comes_twice_waits_once(town):
    town.ask_review()
    town.ask_review()  # the node was restarted and wrote another letter

    assert 1 == len(town.desk.reviews())


@pytest.mark.attack
def test_a_letter_that_the_gateway_replays_changes_nothing(town):
    town.ask_review()
    (parcel,) = town.gateway.mailboxes["north-owner"]
    town.desk.approve(*town.desk.reviews())
    town.gateway.put("north-owner", parcel.id, parcel.sender, parcel.envelope)

    assert 0 == len(town.desk.reviews())
    assert 1 == len(decisions(town))


def test_what_was_decided_while_the_gateway_was_away_goes_out_later_and_once(town):
    town.ask_review()
    (digest,) = town.desk.reviews()
    town.gateway.away = True

    town.desk.approve(digest)

    assert "does not answer" in town.mailroom.offline
    town.restart()
    town.gateway.away = False
    town.mailroom.refresh()
    town.mailroom.refresh()
    assert 1 == len(decisions(town))
    assert "" == town.mailroom.offline


def test_a_process_that_was_stopped_after_sending_does_not_say_it_twice(town, monkeypatch):
    town.ask_review()
    (digest,) = town.desk.reviews()

    def killed(_letter_id):
        raise KeyboardInterrupt

    monkeypatch.setattr(town.store, "sent", killed)
    with pytest.raises(KeyboardInterrupt):
        town.desk.approve(digest)
    town.restart()
    town.mailroom.refresh()

    assert 1 == len(decisions(town))


def test_one_decision_only(town):
    town.ask_review()
    (digest,) = town.desk.reviews()
    (case,) = town.desk.lookup.find(digest)
    town.desk.approve(digest)

    assert town.desk.decide(case, "reject") is None
    with pytest.raises(UnknownNameError):
        town.desk.reject(digest)
    assert ["approve"] == [b["verdict"] for b in decisions(town)]


def test_what_waits_survives_a_restart(town):
    request = town.ask_review({"job.py": CODE, "files/model.tflite": bytes(200_000)})
    town.desk.reviews()
    town.restart()
    town.gateway.away = True

    assert request.job_digest in str(town.desk.show(request.job_digest))


# ----------------------------------------------------------- requests that are not what they say


def hostile_reviews():
    request = job()
    other = b"import os\n"
    yield "other bytes than the spec", review_body(request), {"code/job.py": other}
    yield "a file more", review_body(request), {"code/job.py": CODE, "code/more.py": other}
    yield "a file less", review_body(request), {}
    yield "outside the tree", review_body(request), {"job.py": CODE}
    body = review_body(request)
    body["request"]["spec"]["limits"]["memory_mib"] = True
    yield "a spec that is none", body, {"code/job.py": CODE}
    elsewhere = review_body(request)
    elsewhere["request"]["audience"] = "east"
    yield "for another domain", elsewhere, {"code/job.py": CODE}
    renamed = review_body(request)
    renamed["request"]["submitter"] = "bob"
    yield "another submitter", renamed, {"code/job.py": CODE}
    forged = review_body(request)
    forged["submitter"]["hosted"] = True
    yield "a changed identity", forged, {"code/job.py": CODE}
    short = review_body(request)
    del short["verdict"]
    yield "a field less", short, {"code/job.py": CODE}


@pytest.mark.attack
@pytest.mark.parametrize(
    ("body", "files"), [pytest.param(b, f, id=name) for name, b, f in hostile_reviews()]
)
def test_a_review_that_is_not_what_it_says_is_not_shown_and_cannot_be_approved(town, body, files):
    town.ask_review(body=body, attachments=files)
    town.desk.reviews()
    (case,) = town.store.cases("code", waiting=True)

    assert case.problem
    assert {} == town.store.files(case)
    shown = str(town.desk.show(f"job:{case.job_id}"))
    assert "import os" not in shown
    assert "does not hold" in shown
    with pytest.raises(DeniedError, match="does not hold"):
        town.desk.approve(f"job:{case.job_id}")
    town.desk.reject(f"job:{case.job_id}")
    assert ["reject"] == [b["verdict"] for b in decisions(town)]


@pytest.mark.attack
@pytest.mark.parametrize(
    "changes",
    [
        {"output_digest": "sha256:" + "00" * 32},
        {"outputs": {}},
        {"outputs": {"people": {"type": "table", "sha256": "sha256:" + "0" * 64, "bytes": 1}}},
        {"job_digest": None},
        {"request": None},
        {"request": job(job_id="ee" * 16).to_mapping()},
        {"facts": 3},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_release_that_is_not_what_it_says_cannot_be_released(town, changes):
    town.ask_release(job(), **changes)
    town.desk.releases()
    (case,) = town.store.cases("output", waiting=True)

    with pytest.raises(DeniedError):
        town.desk.release(f"job:{case.job_id}")
    town.desk.withhold(f"job:{case.job_id}")
    assert ["withhold"] == [b["verdict"] for b in decisions(town)]


@pytest.mark.attack
def test_bytes_that_changed_in_the_store_are_not_approved(town):
    town.ask_review()
    (digest,) = town.desk.reviews()
    town.store._db.execute("UPDATE files SET data = ?", (b"import os",))

    with pytest.raises(DeniedError, match="do not hash"):
        town.desk.approve(digest)


def test_a_request_without_a_job_is_a_notice(town):
    body = review_body(job())
    del body["request"]["job_id"]
    town.ask_review(body=body)

    assert 0 == len(town.desk.reviews())
    assert "was refused" in town.store.notices(5)[0].text


@pytest.mark.attack
def test_a_stranger_who_writes_to_the_owner_is_a_notice_and_stops_nothing(town):
    town.gateway.put("north-owner", "1", "mallory", b"noise")
    town.ask_review()

    assert 1 == len(town.desk.reviews())
    assert 1 == len(town.store.notices(5))


def test_a_letter_that_can_never_be_sent_does_not_hold_up_the_next_one(town):
    town.store.queue(
        Letter(
            id="ab" * 16, kind="owner.decision", sender=town.owner.identity.name,
            recipient="north", sent_at=0.0,
            body={"x": "y" * codec.MAX_LETTER},
        )
    )  # fmt: skip
    town.mailroom.flush()

    assert list(town.store.unsent()) == []
    assert "too large" in town.store.notices(5)[0].text


def test_notices_of_the_domain_and_returned_letters_are_kept(town):
    town.north.post.send(
        town.north.post.write(
            "owner.notice", "north-owner", {"level": "warning", "text": "disk 95 % full"}
        )
    )
    town.gateway.bounce("north-owner", "ab" * 16, "nobody fetched it")
    town.mailroom.refresh()

    disk, returned = town.store.notices(5)
    assert "disk 95 % full" == disk.text
    assert "came back" in returned.text


def test_the_files_of_old_decisions_are_dropped_and_the_record_stays(town):
    town.ask_review()
    town.desk.reject(*town.desk.reviews())
    town.gateway.clock.time += 31 * DAY
    town.mailroom.refresh()

    (case,) = town.store.cases("code", waiting=False)
    assert "reject" == case.verdict
    assert {} == town.store.files(case)


def test_approved_code_is_kept_longer_to_compare_later_jobs_with(town):
    town.ask_review()
    town.desk.approve(*town.desk.reviews())
    (case,) = town.store.cases("code", waiting=False)

    town.gateway.clock.time += 179 * DAY
    town.mailroom.refresh()
    assert {"code/job.py"} == town.store.files(case).keys()

    town.gateway.clock.time += 2 * DAY
    town.mailroom.refresh()
    assert {} == town.store.files(case)
