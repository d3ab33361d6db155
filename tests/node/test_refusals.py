"""Whoever is refused without end makes neither the log grow without end nor the owner's mail."""

import json
import secrets

import pytest

from darkroom.node import refusals
from darkroom.node.refusals import LEFT_OUT, TOLD_ONE_BY_ONE
from darkroom.post import Delivery
from tests.node.test_enrol import ask
from tests.node.village import invitation, invited


MANY = 3 * TOLD_ONE_BY_ONE
A_DAY = 86_400.0


def answers(person):
    person.say("job.answer", {"job_id": secrets.token_hex(16), "text": "x"})


def cancels(person):
    person.say("job.cancel", {"job_id": secrets.token_hex(16)})


def quotes(person):
    person.say("job.quote", {})


def submits(person):
    person.say("job.submit", {"x": 1})


def left_out(village):
    return [about for event, _, about in village.store.events(None) if event == LEFT_OUT]


@pytest.mark.parametrize("refused", [answers, cancels, quotes, submits])
def test_the_first_refusals_of_a_day_are_told_and_the_others_counted(village, refused):
    village.in_force()
    before = village.store.audit_size()
    for _ in range(MANY):
        refused(village.alice)
    village.settle()
    assert village.store.audit_size() == before + TOLD_ONE_BY_ONE

    village.restart()  # what was counted is not forgotten
    refused(village.alice)
    refused(village.bob)  # who has a count of his own
    village.settle()
    assert village.store.audit_size() == before + TOLD_ONE_BY_ONE + 1

    village.clock.forward(A_DAY)
    village.poll()
    (said,) = left_out(village)
    assert said["sender"] == "alice"
    assert said["what"] == "refused letters"
    assert said["count"] == MANY + 1 - TOLD_ONE_BY_ONE
    village.poll()
    assert len(left_out(village)) == 1

    refused(village.alice)
    village.settle()
    assert village.store.audit_size() == before + TOLD_ONE_BY_ONE + 3


def test_of_denied_jobs_so_many_are_kept_a_day_and_all_are_told(village, monkeypatch):
    monkeypatch.setattr(refusals, "DENIED_ONE_BY_ONE", 2)
    village.in_force()
    jobs = [village.submitted(dataset="garage") for _ in range(4)]
    size = village.store.audit_size()

    kept = [village.store.job(job.job_id) for job in jobs]
    assert [record and record.state for record in kept] == ["rejected", "rejected", None, None]
    said = [village.alice.letters("job.state", job.job_id)[-1].body for job in jobs]
    assert {"rejected"} == {body["state"] for body in said}
    assert said[0]["reasons"] == said[3]["reasons"]

    assert village.state_of(village.submitted().job_id) == "screened"  # a good one is not kept out
    village.clock.forward(A_DAY)
    village.poll()
    (left,) = left_out(village)
    assert (left["sender"], left["what"], left["count"]) == ("alice", "denied jobs", 2)
    assert village.store.audit_size() > size
    assert village.submitted(dataset="garage").job_id in {
        record.job_id for record in village.store.jobs("rejected")
    }


def test_names_that_a_gateway_makes_up_share_one_count(village):
    before = village.store.audit_size()
    intake = village.node.service._intake
    for number in range(MANY):
        intake.take(Delivery(number, problem="no envelope", sender=f"nobody{number}"))
        intake.take(Delivery(number, problem="expired", envelope_id="e" * 32, bounced=True))

    assert village.store.audit_size() == before + TOLD_ONE_BY_ONE
    village.clock.forward(A_DAY)
    village.poll()
    (said,) = left_out(village)
    assert said["sender"] == "not enrolled"
    assert said["count"] == 2 * MANY - TOLD_ONE_BY_ONE
    assert "nobody" not in json.dumps(said)


def test_changes_have_a_count_of_their_own_for_each_thing_and_name_nobody(village):
    counted = refusals.Refusals(village.store, village.clock)
    with village.store.transaction():
        told = [counted.tells_change("changes of x") for _ in range(MANY)]
        assert told == [True] * TOLD_ONE_BY_ONE + [False] * (MANY - TOLD_ONE_BY_ONE)
        assert counted.tells_change("changes of y")
        assert counted.tells("nobody")
    village.clock.forward(A_DAY)
    village.poll()
    (said,) = left_out(village)
    assert (said["what"], said["count"]) == ("changes of x", MANY - TOLD_ONE_BY_ONE)
    assert "sender" not in said


def test_the_owner_hears_of_a_few_wrong_proofs_a_day(village):
    carol = village.person("carol", "scientist")
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    before, heard = village.store.audit_size(), len(village.owner.letters("owner.notice"))
    for _ in range(MANY):
        ask(carol, offer, proof="0" * 64)
    village.settle()

    assert village.store.audit_size() == before + TOLD_ONE_BY_ONE
    assert len(village.owner.letters("owner.notice")) == heard + TOLD_ONE_BY_ONE
    ask(carol, offer)  # and the right one is not kept out
    village.settle()
    assert village.store.get("carol") is not None
