"""Every delivery is dealt with, and a bad one never stops the next."""

import pytest

from darkroom.errors import StateError
from darkroom.model.letter import KINDS
from darkroom.post import Delivery
from tests.node.village import Village


def test_everything_that_may_be_said_to_a_domain_is_taken(village):
    ours = {kind for kind, (_, recipient) in KINDS.items() if recipient == "domain"}
    assert village.node.service._intake.kinds == ours


def test_a_corrupt_envelope_is_put_aside(village):
    village.in_force()
    village.alice.relay.send("north", "0" * 32, b"not an envelope", expires_in=10)
    request = village.submitted()

    assert village.state_of(request.job_id) == "screened"
    (aside,) = village.store.quarantined()
    assert aside[1] == "alice"
    assert "letter-quarantined" in village.events()


def test_an_envelope_under_another_key_than_the_pinned_one_is_put_aside(village):
    from darkroom.adapters.pysyft.keyring import SycKeyring
    from tests.node.village import Person

    village.in_force()
    village.exchange.identities.pop("alice")
    thief = Person(
        SycKeyring.generate("alice", "scientist"),
        village.exchange,
        village.clock,
        village.alice.pins,
    )
    request = village.request()
    village.submit(request, thief)
    village.settle()

    assert village.store.job(request.job_id) is None
    assert len(village.store.quarantined()) == 1


def test_a_stranger_is_put_aside(village):
    dave = village.person("dave", "scientist")
    village.relay.admit("dave")
    village.submit(village.request(), dave)
    village.settle()

    assert village.store.jobs() == []
    assert "not pinned" in village.store.quarantined()[0][2]


def test_a_bug_of_ours_does_not_make_a_letter_a_poison_pill(village, monkeypatch):
    village.in_force()
    intake = village.node.service._intake

    def broken(_letter):
        raise RuntimeError("secret value")

    monkeypatch.setitem(intake._takers, "job.cancel", broken)
    village.alice.say("job.cancel", {"job_id": "0" * 32})
    request = village.submitted()

    assert village.state_of(request.job_id) == "screened"
    assert village.store.quarantined()[0][2] == "could not be handled: RuntimeError"


def test_a_full_disk_leaves_a_letter_at_the_gateway(village, monkeypatch):
    village.in_force()
    request = village.request()
    village.submit(request)
    full = StateError("database or disk is full", next_step="make room")
    with monkeypatch.context() as patch:
        patch.setattr(type(village.store), "first_time", raising(full))
        with pytest.raises(StateError):
            village.poll()
    assert len(village.exchange.mailboxes["north"]) == 1
    village.settle()

    assert village.state_of(request.job_id) == "screened"


def raising(error):
    def function(*_args):
        raise error

    return function


def test_the_quarantine_has_an_end(village, monkeypatch):
    from darkroom.adapters.sqlite import node_store

    monkeypatch.setattr(node_store, "MAX_QUARANTINED", 3)
    for number in range(10):
        village.store.quarantine(float(number), "x" * 500, "y" * 5000)

    kept = village.store.quarantined()
    assert [at for at, _, _ in kept] == [7.0, 8.0, 9.0]
    assert all(len(sender) <= 64 and len(reason) <= 500 for _, sender, reason in kept)


def test_our_own_letter_that_came_back_is_noted(village):
    intake = village.node.service._intake
    intake.take(Delivery(1, problem="came back: expired", envelope_id="e" * 32, bounced=True))

    assert village.events() == ["letter-bounced"]


def test_ids_are_forgotten_only_when_no_letter_can_come_with_them(tmp_path):
    village = Village(tmp_path).in_force()
    letter = village.submit(village.request())
    village.settle()
    village.clock.forward(700)
    village.poll()
    assert not village.store.first_time("alice", letter.id, 0.0)
    village.clock.forward(30 * 86_400)
    village.poll()
    assert village.store.first_time("alice", letter.id, 0.0)
    village.store.close()
