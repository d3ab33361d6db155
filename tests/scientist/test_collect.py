"""What comes back is believed only when everything fits; one bad letter stops no other."""

import json

import pytest

import darkroom
from darkroom.errors import (
    DeniedError,
    JobFailedError,
    StateError,
    TrustError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.amount import Amount
from darkroom.model.budget import Budget
from darkroom.model.canonical import canonical
from darkroom.model.reviews import Reviews
from darkroom.policy.ledger import accounts, against
from darkroom.policy.owner_word import void
from darkroom.scientist.results import DomainResult
from tests.scientist.conftest import request_in


TABLE = canonical({"columns": {"camera": "text", "n": "int"}, "rows": [["cam1", 7], ["cam2", 1]]})


@darkroom.job(
    outputs={"counts": darkroom.Table(columns={"camera": "text", "n": "int"}, max_rows=10)},
    parameters={"threshold": "float"},
)
def count(data, params):
    return {"counts": [("cam1", 2)]}


@pytest.fixture
def sent(bench):
    """A submission to north, and the request as north got it."""
    submission = count.submit(bench.dataset(), threshold=0.3)
    (letter,) = bench.domains["north"].inbox()
    return bench, submission, request_in(letter), letter


def test_the_letter_carries_code_request_and_mock_summary(sent):
    _, submission, request, letter = sent

    assert letter.kind == "job.submit"
    assert set(letter.attachments) == {"code/job.py"}
    assert b"def count(data, params):" in letter.attachments["code/job.py"]
    assert request.parameters == {"threshold": 0.3}
    assert letter.body["mock"]["outputs"]["counts"]["rows"] == 1
    assert submission.digests["north"]["job_digest"] == request.job_digest
    assert submission.state == {"north": "sent"}


def test_a_verified_result_becomes_a_data_frame(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "running", shards=(1, 2))
    bench.domains["north"].release(request, {"counts": TABLE})

    submission.wait()

    frame = submission.results["north"]["counts"]
    assert frame.to_dict("list") == {"camera": ["cam1", "cam2"], "n": [7, 1]}
    assert submission.results["north"].approved_by == "olga"
    assert submission.results.table("counts").columns[0] == "domain"
    assert submission.finished


@pytest.mark.parametrize("trouble", [UnreachableError, StateError])
def test_waiting_goes_on_while_the_gateway_is_away_or_its_disk_is_full(sent, trouble):
    bench, submission, request, _ = sent
    tries = []

    def answers() -> None:
        tries.append(1)
        if len(tries) <= 2:
            raise trouble("the gateway cannot", next_step="later")
        bench.domains["north"].release(request, {"counts": TABLE})

    bench.exchange.meanwhile.append(answers)
    submission.wait()

    assert len(tries) == 3
    assert submission.finished


def test_results_survive_a_restart_of_the_kernel(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.wait()

    again = bench.again().job(submission.id[:5])

    assert len(again.results["north"]["counts"]) == 2
    assert bench.again().job(request.job_digest).id == submission.id


def test_the_same_result_twice_changes_nothing(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.wait()
    other = TABLE.replace(b"7", b"8")
    bench.domains["north"].release(request, {"counts": other})
    submission.refresh()

    assert submission.results["north"]["counts"]["n"].tolist() == [7, 1]


def test_the_log_comes_only_when_it_was_released(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].release(request, {"counts": TABLE, "log": b"hello\n"})
    submission.wait()

    assert submission.results["north"].log == "hello\n"
    assert list(submission.results["north"]) == ["counts"]


def test_a_release_names_everybody_who_reviewed_and_its_price(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].release(
        request, {"counts": TABLE}, approved_by="rule counting", released_by="north-owner, carol"
    )
    submission.wait()

    result = submission.results["north"]
    assert result.approved_by == "rule counting"
    assert result.released_by == "north-owner, carol"
    assert (result.price.releases, result.price.rows) == (1, 10)
    assert "1 release, 10 rows" in repr(result)
    assert submission.summary()["north"]["jobs"][0]["price"] == result.price.to_mapping()


def test_a_result_from_before_there_were_prices_is_still_read(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.wait()
    kept = bench.session.store.result(request.job_id)
    del kept.release["body"]["price"]

    result = DomainResult(request, kept, renderer=bench.session.renderer)

    assert result.price is None
    assert "released by" in repr(result)


# ---------------------------------------------------------------------------- the attacks


def tampered_output(bench, request):
    body = bench.domains["north"].release_body(request, {"counts": TABLE})
    statement = bench.domains["north"].keyring.sign("release", body).to_mapping()
    changed = TABLE.replace(b"7", b"9")
    bench.domains["north"].send_result(request, statement, {"counts": changed})


def wrong_signer(bench, request, keys):
    body = bench.domains["north"].release_body(request, {"counts": TABLE})
    statement = keys["mallory"].sign("release", body).to_mapping()
    bench.domains["north"].send_result(request, statement, {"counts": TABLE})


def broken_signature(bench, request):
    body = bench.domains["north"].release_body(request, {"counts": TABLE})
    statement = bench.domains["north"].keyring.sign("release", body).to_mapping()
    statement["body"]["approved_by"] = "somebody"
    bench.domains["north"].send_result(request, statement, {"counts": TABLE})


def another_kind(bench, request):
    body = bench.domains["north"].release_body(request, {"counts": TABLE})
    statement = bench.domains["north"].keyring.sign("decision", body).to_mapping()
    bench.domains["north"].send_result(request, statement, {"counts": TABLE})


def another_job_digest(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, job_digest="sha256:" + "0" * 64)


def another_dataset_version(bench, request):
    other = "sha256:" + "3" * 64
    bench.domains["north"].release(request, {"counts": TABLE}, dataset_version=other)


def another_domain(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, domain="east")


def an_undeclared_output(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE, "frames": b"\xff\xd8\xff"})


def a_missing_output(bench, request):
    bench.domains["north"].release(request, {})


def too_many_rows(bench, request):
    rows = [["cam1", n] for n in range(11)]
    table = canonical({"columns": {"camera": "text", "n": "int"}, "rows": rows})
    bench.domains["north"].release(request, {"counts": table})


def a_text_as_long_as_a_picture(bench, request):
    table = {"columns": {"camera": "text", "n": "int"}, "rows": [["x" * 81, 1]]}
    bench.domains["north"].release(request, {"counts": canonical(table)})


def other_columns(bench, request):
    table = {"columns": {"camera": "text", "m": "int"}, "rows": []}
    bench.domains["north"].release(request, {"counts": canonical(table)})


def not_json(bench, request):
    bench.domains["north"].release(request, {"counts": b"\x80\x04pickle"})


def unknown_facts(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, facts={"pixels": "aGVsbG8="})


def a_field_too_many(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, note="hello")


def no_price(bench, request):
    body = bench.domains["north"].release_body(request, {"counts": TABLE})
    del body["price"]
    statement = bench.domains["north"].keyring.sign("release", body).to_mapping()
    bench.domains["north"].send_result(request, statement, {"counts": TABLE})


def a_price_of_text(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, price="much")


def a_price_below_nothing(bench, request):
    price = {**Amount().to_mapping(), "releases": -1}
    bench.domains["north"].release(request, {"counts": TABLE}, price=price)


def a_price_beyond_bounds(bench, request):
    price = {**Amount(releases=1).to_mapping(), "bits": 1 << 70}
    bench.domains["north"].release(request, {"counts": TABLE}, price=price)


def a_release_that_is_not_counted(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, price=Amount().to_mapping())


def approved_by_nobody(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, approved_by="")


def approved_by_a_sentence(bench, request):
    bench.domains["north"].release(request, {"counts": TABLE}, approved_by="olga, <b>Carol</b>")


def released_by_a_crowd(bench, request):
    crowd = ", ".join(f"olga{n}" for n in range(100))
    bench.domains["north"].release(request, {"counts": TABLE}, released_by=crowd)


def no_release_at_all(bench, request):
    bench.domains["north"].send_result(request, {}, {"counts": TABLE})


@pytest.mark.attack
@pytest.mark.parametrize(
    "attack",
    [
        tampered_output, broken_signature, another_kind, another_job_digest,
        another_dataset_version, another_domain, an_undeclared_output, a_missing_output,
        too_many_rows, a_text_as_long_as_a_picture, other_columns, not_json, unknown_facts,
        a_field_too_many, no_release_at_all, no_price, a_price_of_text, a_price_below_nothing,
        a_price_beyond_bounds, a_release_that_is_not_counted, approved_by_nobody,
        approved_by_a_sentence, released_by_a_crowd,
    ],
)  # fmt: skip
def test_a_result_that_does_not_fit_is_never_shown(sent, attack):
    bench, submission, request, _ = sent
    attack(bench, request)
    bench.domains["north"].say(request.job_id, "released")

    submission.wait(timeout=5)

    assert not submission.results
    with pytest.raises(TrustError):
        submission.results["north"]
    assert len(bench.session.store.quarantined()) == 1
    assert submission.finished


@pytest.mark.attack
def test_a_release_signed_with_another_key_is_never_shown(sent, keys):
    bench, submission, request, _ = sent
    wrong_signer(bench, request, keys)
    submission.refresh()

    assert not submission.results
    assert "another key" in bench.session.store.quarantined()[0][2]


def test_a_good_result_after_a_bad_one_is_taken(sent):
    bench, submission, request, _ = sent
    tampered_output(bench, request)
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.refresh()

    assert submission.results["north"]["counts"]["n"].tolist() == [7, 1]


@pytest.mark.attack
def test_another_domain_cannot_speak_about_our_job(sent):
    bench, submission, request, _ = sent
    bench.domains["east"].say(request.job_id, "rejected", "no")
    bench.domains["east"].release(request, {"counts": TABLE})
    submission.refresh()

    assert submission.state == {"north": "sent"}
    assert not submission.results
    assert submission.jobs["north"].problem == ""


@pytest.mark.attack
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"job_id": 5},
        {"state": "flying", "seq": 1},
        {"state": "running", "seq": True},
        {"state": "running", "seq": 1, "shards": [3, 1]},
        {"state": "running", "seq": 1, "reasons": "no"},
        {"state": ["running"], "seq": 1},
    ],
)
def test_a_malformed_letter_stops_no_other(sent, body):
    bench, submission, request, _ = sent
    bench.domains["north"].send("job.state", {"job_id": request.job_id, **body})
    bench.domains["north"].say(request.job_id, "approved")
    submission.refresh()

    assert submission.state == {"north": "approved"}
    assert len(bench.session.store.quarantined()) == 1


def test_an_older_state_never_overwrites_a_newer_one(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "running", seq=5)
    bench.domains["north"].say(request.job_id, "approved", seq=3)
    submission.refresh()

    assert submission.state == {"north": "running"}


@pytest.mark.attack
def test_a_corrupt_envelope_is_put_aside(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "running")
    box = bench.exchange.boxes["alice"]
    from dataclasses import replace

    envelope = bytearray(box[0].envelope)
    envelope[len(envelope) // 2] ^= 1
    box[0] = replace(box[0], envelope=bytes(envelope))
    bench.domains["north"].say(request.job_id, "produced")
    submission.refresh()

    assert submission.state == {"north": "produced"}


# ------------------------------------------------------------------- how a job may end


def test_a_rejected_job_says_why(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "rejected", "limit wall_seconds is above")
    submission.wait()

    with pytest.raises(DeniedError, match="limit wall_seconds is above"):
        submission.results["north"]
    assert "limit wall_seconds" in repr(submission)


def spent_reason() -> str:
    """What a node says when a budget has not enough left."""
    week = Budget(name="week", per="dataset", period_days=7, releases=0)
    found = accounts([week], dataset="plaza", scientist="alice", project="p", at=1_800_000_000.0)
    return against(Amount(releases=1), [(found[0], Amount())])[0]


@pytest.mark.parametrize(
    ("reason", "next_step"),
    [
        (spent_reason(), "whole again on 2027-01-21"),
        ("20 of your jobs wait for review here already, which is the most", "cancel some"),
        ("the policy has no budget for dataset plaza", "put a budget for the dataset"),
        ("output counts needs labels for each text column", "declare the outputs"),
        ("limit wall_seconds is above what the policy allows", "session.cost(job, datasets)"),
        ("the approval was withdrawn: too many", "submit it again"),
    ],
)
def test_what_to_do_after_a_rejection_depends_on_the_reason(sent, reason, next_step):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "rejected", reason)
    submission.wait()

    with pytest.raises(DeniedError) as denied:
        submission.results["north"]
    assert reason in denied.value.message
    assert next_step in denied.value.next_step


@pytest.mark.parametrize(
    "reason",
    [
        void(1.0, now=2.0, stale=False, reviews=Reviews()),
        void(0.0, now=2.0, stale=True, reviews=Reviews()),
        "the approval was withdrawn: I changed my mind",
    ],
)
def test_an_approval_that_holds_no_more_is_told_apart_from_a_no(sent, reason):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "approved")
    submission.refresh()
    bench.domains["north"].say(request.job_id, "rejected", reason)
    submission.wait()

    assert "approval void" in repr(submission)
    assert f"north: {reason}" in repr(submission)
    with pytest.raises(DeniedError, match="the approval"):
        submission.results["north"]


@pytest.mark.parametrize(
    ("state", "error"), [("withheld", DeniedError), ("failed", JobFailedError)]
)
def test_other_ends_have_their_error(sent, state, error):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, state, "memory (1024 MiB)")
    submission.wait()

    with pytest.raises(error, match="memory"):
        submission.results["north"]


def test_an_unfinished_job_has_no_result_yet(sent):
    _, submission, _, _ = sent

    with pytest.raises(JobFailedError, match="not finished"):
        submission.results["north"]
    with pytest.raises(UnknownNameError, match="nroth"):
        submission.results["nroth"]


def test_waiting_for_a_person_says_for_whom_and_what_they_do(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].say(request.job_id, "screened")
    submission.wait(timeout=0)
    submission.refresh()
    digest = request.job_digest.removeprefix("sha256:")[:12]

    assert f"darkroom review approve {digest}" in submission.advice()[0]
    assert "north-owner" in submission.advice()[0]

    bench.domains["north"].say(request.job_id, "produced")
    submission.refresh()
    assert f"darkroom release approve {request.job_id}" in submission.advice()[0]


def test_cancel_asks_every_domain_that_is_not_finished(sent):
    bench, submission, request, _ = sent
    submission.cancel()

    (letter,) = bench.domains["north"].inbox()
    assert (letter.kind, letter.body) == ("job.cancel", {"job_id": request.job_id})
    bench.domains["north"].say(request.job_id, "cancelled")
    assert submission.wait().state == {"north": "cancelled"}


def test_a_gateway_that_is_away_loses_nothing(bench):
    dataset = bench.dataset()
    profiles = bench.session.catalogue.profiles()
    bench.session.catalogue.profiles = lambda: profiles
    bench.exchange.down = True

    submission = count.submit(dataset, threshold=0.5)

    assert submission.state == {"north": "queued"}
    assert "kept here" in bench.said[-1]
    submission.wait(timeout=3)
    bench.exchange.down = False
    bench.again().job(submission.id).refresh()
    (letter,) = bench.domains["north"].inbox()
    assert request_in(letter).parameters == {"threshold": 0.5}
    submission.refresh()
    assert bench.domains["north"].inbox() == []  # sent once


def test_a_gateway_whose_disk_is_full_does_not_make_people_submit_twice(bench, monkeypatch):
    dataset = bench.dataset()

    def send(self, letter):
        raise StateError("the gateway's store failed: SQLITE_FULL", next_step="make room")

    with monkeypatch.context() as now:
        now.setattr(type(bench.session.post), "send", send)
        submission = count.submit(dataset, threshold=0.5)

    assert submission.state == {"north": "queued"}
    assert "SQLITE_FULL" in bench.said[-1]
    submission.refresh()
    assert len(bench.domains["north"].inbox()) == 1


def test_a_bounced_job_fails_with_the_reason(sent):
    bench, submission, _, letter = sent
    from darkroom.ports import Parcel

    bench.exchange.boxes["alice"] = [
        Parcel(cursor=99, id=letter.id, sender="alice", sent_at=0.0, envelope=b"",
               bounced="the mailbox did not collect it in time")
    ]  # fmt: skip
    submission.wait()

    with pytest.raises(JobFailedError, match="did not collect it"):
        submission.results["north"]


def test_a_domain_that_sends_no_receipt_still_signs_its_release(sent):
    bench, submission, request, _ = sent
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.wait()

    assert submission.receipts() == {}
    result = submission.results["north"]
    assert (result.receipt, result.release["kind"]) == (None, "release")
    assert json.loads(json.dumps(result.release)) == result.release
