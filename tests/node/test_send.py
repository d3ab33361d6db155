"""The outbox: in order, again until it is there, and never twice."""

import errno
import secrets

import pytest

from darkroom.errors import EnvelopeError, StateError, UnknownNameError, UnreachableError
from darkroom.model.letter import Letter
from darkroom.model.outgoing import Outgoing
from darkroom.post import codec
from darkroom.post.timing import MAX_AGE
from tests.node.village import CODE


def test_what_is_decided_while_the_gateway_is_away_is_delivered_later(village):
    village.in_force()
    request = village.approved()
    village.exchange.up = False
    village.node.service.work_once()
    assert village.state_of(request.job_id) == "produced"
    village.restart()
    village.exchange.up = True
    village.settle()

    assert len(village.owner.letters("release.request", request.job_id)) == 1


def test_a_result_that_waited_for_weeks_is_still_fresh_when_it_leaves(village):
    village.in_force()
    request = village.produced()
    village.alice.read()
    village.release(request.job_id)
    village.poll()
    village.clock.forward(2 * MAX_AGE)
    village.settle()

    assert len(village.alice.letters("job.result", request.job_id)) == 1


def test_a_full_mailbox_blocks_its_owner_only(village):
    village.in_force()
    village.exchange.full.add("alice")
    request = village.submitted()
    assert len(village.owner.letters("review.request", request.job_id)) == 1
    waiting = village.store.outgoing()
    assert {outgoing.letter.recipient for outgoing in waiting} == {"alice"}
    village.exchange.full.clear()
    assert village.node.service.send_once() is not None  # not yet: it rests

    village.clock.forward(300)
    village.settle()
    assert village.store.outgoing() == []


def test_letters_to_one_recipient_keep_their_order(village):
    village.in_force()
    village.exchange.full.add("alice")
    request = village.produced()
    village.release(request.job_id)
    village.settle()
    village.exchange.full.clear()
    for _ in range(3):
        village.clock.forward(300)
        village.settle()

    states = [letter.body["state"] for letter in village.alice.letters("job.state")]
    assert states == ["screened", "approved", "running", "produced", "released"]


@pytest.mark.parametrize(
    "trouble",
    [
        StateError("the gateway's store failed: SQLITE_FULL", next_step="make room"),
        UnknownNameError("nobody is registered here as olga", next_step="enrol"),
        OSError(errno.EIO, "the disk cannot be read"),
    ],
    ids=["the gateway's disk is full", "the owner comes later", "a disk that rests"],
)
def test_a_letter_waits_for_what_passes(village, monkeypatch, trouble):
    village.in_force()
    plain, lasts = type(village.node.service._sender._post).send, True

    def send(self, letter, **more):
        if lasts and letter.sender == "north" and letter.recipient == "olga":
            raise trouble
        plain(self, letter, **more)

    monkeypatch.setattr(type(village.node.service._sender._post), "send", send)
    request = village.submitted()
    assert village.store.given_up() == []

    lasts = False
    village.clock.forward(300)
    village.settle()
    assert len(village.owner.letters("review.request", request.job_id)) == 1


@pytest.mark.parametrize(
    "trouble",
    [UnknownNameError("nobody is registered here as alice", next_step="-"), FileNotFoundError()],
)
def test_a_letter_does_not_wait_for_what_never_comes(village, monkeypatch, trouble):
    village.in_force()
    plain = type(village.node.service._sender._post).send

    def send(self, letter, **more):
        if letter.sender == "north" and letter.recipient == "alice":
            raise trouble
        plain(self, letter, **more)

    monkeypatch.setattr(type(village.node.service._sender._post), "send", send)
    request = village.submitted()

    assert {o.letter.recipient for o in village.store.given_up()} == {"alice"}
    assert len(village.owner.letters("review.request", request.job_id)) == 1


def test_a_letter_that_cannot_be_sent_is_given_up_and_stops_nobody(village, monkeypatch):
    village.in_force()
    plain = type(village.node.service._sender._post).send

    def send(self, letter, **more):
        if letter.kind == "review.request":
            raise EnvelopeError("too large", next_step="nothing")
        plain(self, letter, **more)

    monkeypatch.setattr(type(village.node.service._sender._post), "send", send)
    village.submitted()

    assert [o.letter.kind for o in village.store.given_up()] == ["review.request"]
    assert "letter-given-up" in village.events()
    said = [letter.body["text"] for letter in village.owner.letters("owner.notice")]
    assert len([text for text in said if "review.request" in text and "too large" in text]) == 1
    assert len(village.alice.letters("job.state")) == 1


@pytest.mark.parametrize(
    ("body", "size"),
    [({"x": "y" * codec.MAX_LETTER}, 1), ({}, codec.MAX_ATTACHMENT + 1)],
    ids=["body", "file"],
)
def test_what_no_letter_carries_does_not_hold_up_the_next_one(village, body, size):
    village.in_force()
    with (village.state / "large").open("wb") as file:
        file.truncate(size)
    big = Letter(
        id="ab" * 16, kind="release.request", sender="north", recipient="olga", sent_at=0.0,
        body=body,
    )  # fmt: skip
    village.store.queue(Outgoing(letter=big, files={"n": "large"}))
    request = village.submitted()

    assert len(village.owner.letters("review.request", request.job_id)) == 1
    assert village.store.outgoing() == []
    assert [given_up.letter.id for given_up in village.store.given_up()] == [big.id]


def test_a_notice_that_cannot_be_sent_makes_no_other_one(village, monkeypatch):
    village.in_force()

    def send(letter, **more):
        raise EnvelopeError("no", next_step="nothing")

    monkeypatch.setattr(village.node.service._sender._post, "send", send)
    village.submitted()
    village.settle()

    assert village.store.outgoing() == []
    kinds = [o.letter.kind for o in village.store.given_up()]
    assert kinds.count("owner.notice") == len(kinds) - kinds.count("owner.notice") > 0


def test_code_that_waits_to_be_shown_is_kept(village):
    village.in_force()
    village.exchange.full.add("olga")
    request = village.submitted()
    village.alice.say("job.cancel", {"job_id": request.job_id})
    village.settle()
    assert village.state_of(request.job_id) == "cancelled"
    village.restart()  # sweeps
    village.exchange.full.clear()
    village.clock.forward(600)
    village.settle()

    (asked,) = village.owner.letters("review.request", request.job_id)
    assert asked.attachments == {"code/job.py": CODE}
    village.restart()
    assert list((village.state / "code").iterdir()) == []


def test_outputs_are_removed_once_they_are_delivered(village):
    village.in_force()
    request = village.produced()
    village.exchange.full.add("alice")
    village.release(request.job_id)
    village.settle()
    village.restart()
    assert len(list((village.state / "outputs").iterdir())) == 1
    village.exchange.full.clear()
    village.clock.forward(600)
    village.settle()
    village.restart()

    assert list((village.state / "outputs").iterdir()) == []
    assert len(village.alice.letters("job.result", request.job_id)) == 1


def test_what_meets_a_gateway_that_is_away_stays_in_the_outbox(village):
    village.in_force()
    village.approved()
    waiting = len(village.store.outgoing())
    village.exchange.up = False
    with pytest.raises(UnreachableError):
        village.node.service.send_once()

    assert len(village.store.outgoing()) == waiting > 0


def test_a_row_that_names_a_file_of_anything_else_sends_none_of_it(village):
    village.in_force()
    (village.state / "secret").write_bytes(b"of the domain")
    job = "a" * 32
    for kind, place in (
        ("job.result", "secret"),
        ("job.result", f"outputs/{job}/../../secret"),
        ("job.result", str(village.state / "secret")),
        ("job.result", f"outputs/{'b' * 32}/counts"),
        ("review.request", f"code/{'c' * 64}/../../secret"),
        ("job.state", f"outputs/{job}/counts"),
    ):
        letter = Letter(
            id=secrets.token_hex(16), kind=kind, sender="north",
            recipient="olga" if kind == "review.request" else "alice",
            sent_at=village.clock.now(), body={"job_id": job},
        )  # fmt: skip
        village.store.queue(Outgoing(letter=letter, files={"output/counts": place}))
        village.node.service.send_once()
        (given_up,) = (o for o in village.store.given_up() if o.letter.id == letter.id)
        assert "none of its own" in given_up.problem
