"""What a node does is in its log, and the gateway hears how far the log has grown."""

from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import ForkError, StateError
from darkroom.model.audit_entry import AuditProof
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node.audit import SHOW_EVERY, Audit
from darkroom.node.refusals import LEFT_OUT, TOLD_ONE_BY_ONE
from tests.node.village import Village


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    yield village
    village.store.close()


def shown(village) -> list[TreeHead]:
    return [TreeHead.from_body(head.body) for head in village.relay.heads("north")]


def audit(village) -> Audit:
    return Audit(
        store=village.store, keyring=village.keyring, relay=village.relay, clock=village.clock,
        say=village.said.append,
    )  # fmt: skip


def minute(village) -> None:
    village.clock.forward(SHOW_EVERY + 1)
    village.poll()


def test_a_job_from_its_submission_to_its_release_is_in_the_log(village):
    request = village.in_force().produced()
    village.release(request.job_id)
    village.settle()
    assert village.events(request.job_id) == [
        "job-received", "job-screened", "owner-decided", "job-approved", "job-started",
        "job-produced", "owner-decided", "output-released",
    ]  # fmt: skip
    village.store.verify()


def test_a_release_is_proved_to_be_in_a_signed_head(village):
    request = village.in_force().produced()
    village.release(request.job_id)
    village.settle()
    with village.store.transaction():
        proof = audit(village).prove(request.job_id, "output-released")
    assert proof.holds
    assert (proof.entry.event, proof.entry.job_id) == ("output-released", request.job_id)
    SycVerifier().check_statement(proof.head, KIND, village.keyring.identity)
    assert village.store.last_head() == proof.head
    assert AuditProof.from_mapping(proof.to_mapping()).to_mapping() == proof.to_mapping()
    with pytest.raises(StateError, match="has no output-withheld"):
        audit(village).prove(request.job_id, "output-withheld")


def test_no_head_is_signed_twice_over_the_same_log(village):
    village.in_force()
    first = audit(village).head()
    village.clock.forward(5)
    assert audit(village).head() == first
    village.store.add_event(1.0, "x")
    assert audit(village).head() != first


def test_the_gateway_is_shown_a_log_that_grew_once_a_minute(village):
    village.in_force()
    minute(village)
    before = shown(village)
    assert before[-1].size == village.store.audit_size()
    village.submitted()
    village.poll()
    assert shown(village) == before  # not yet
    minute(village)
    assert shown(village)[-1].size == village.store.audit_size()
    count = len(shown(village))
    minute(village)
    assert len(shown(village)) == count  # nothing new


def test_what_was_shown_is_known_after_a_restart(village):
    village.in_force()
    minute(village)
    village.restart()
    village.submitted()
    minute(village)
    assert shown(village)[-1].size == village.store.audit_size()
    assert village.exchange.forks == []


def test_a_gateway_that_is_away_hears_it_later(village):
    village.in_force()
    minute(village)
    village.submitted()
    village.exchange.up = False
    village.clock.forward(SHOW_EVERY + 1)
    with pytest.raises(Exception, match="away"):
        village.poll()
    village.exchange.up = True
    village.poll()
    assert shown(village)[-1].size == village.store.audit_size()


def test_a_last_head_is_shown_at_the_end(village):
    village.in_force()
    minute(village)
    village.store.add_event(1.0, "x")
    assert audit(village).show(ending=True)
    assert shown(village)[-1].size == village.store.audit_size()


def test_a_database_put_back_from_a_copy_is_refused_and_both_heads_are_kept(village, tmp_path):
    village.in_force()
    minute(village)
    copy = (village.state / "node.db", tmp_path / "copy.db")
    village.store._rows("PRAGMA wal_checkpoint(TRUNCATE)")
    copy[1].write_bytes(copy[0].read_bytes())
    village.submitted()
    minute(village)
    held = shown(village)[-1]
    village.store.close()
    for leftover in village.state.glob("node.db*"):
        leftover.unlink()
    copy[0].write_bytes(copy[1].read_bytes())
    village.start()
    minute(village)
    assert "fewer than" in " ".join(village.said)
    assert village.events()[-1] == "witness-refused"
    refused = village.exchange.forks[0][1]
    SycVerifier().check_statement(refused, KIND, village.keyring.identity)
    assert TreeHead.from_body(refused.body).size < held.size
    assert shown(village)[-1] == held
    for _ in range(3):
        minute(village)  # not a complaint a minute, although the log goes on and its numbers change
    assert village.events().count("witness-refused") == 1
    assert sum("does not take the head" in said for said in village.said) == 1


def refusing(village, monkeypatch, errors) -> None:
    """A gateway that refuses each head with the next of these, and takes it where that is None."""

    take = village.relay.witness

    def witness(*args, **more):
        if (error := next(errors, None)) is not None:
            raise error
        take(*args, **more)

    monkeypatch.setattr(village.relay, "witness", witness)


def fork(words: str) -> ForkError:
    return ForkError(words, next_step="look at the log")


def test_a_gateway_that_refuses_in_other_words_each_time_is_heard_once(village, monkeypatch):
    village.in_force()
    refusing(village, monkeypatch, (fork(f"{n} entries are missing") for n in range(20)))
    for _ in range(20):
        minute(village)
    assert village.events().count("witness-refused") == 1
    assert sum("does not take the head" in said for said in village.said) == 1


def test_a_gateway_that_refuses_and_takes_in_turn_fills_no_log(village, monkeypatch):
    village.in_force()
    turns = 2 * TOLD_ONE_BY_ONE
    refusing(village, monkeypatch, (None if n % 2 else fork(f"no {n}") for n in range(2 * turns)))
    for _ in range(turns):
        village.store.add_event(1.0, "x")
        minute(village)
        minute(village)
    assert village.events().count("witness-refused") == TOLD_ONE_BY_ONE
    village.clock.forward(86_400)
    village.poll()
    (left,) = [about for event, _, about in village.store.events(None) if event == LEFT_OUT]
    assert (left["what"], left["count"]) == ("answers of the witness", turns - TOLD_ONE_BY_ONE)


def test_a_new_epoch_is_taken_with_a_shorter_log(village):
    village.in_force()
    minute(village)
    village.store.open_epoch(2, village.clock.now())
    village.store.add_event(1.0, "epoch-opened", "", {"epoch": 2})
    minute(village)
    assert shown(village)[-1].epoch == 2
    assert village.exchange.forks == []


def test_a_strange_last_head_of_the_gateway_stops_nothing(village):
    village.in_force()
    minute(village)
    (last,) = village.exchange.heads["north"][-1:]
    village.exchange.heads["north"].append(replace(last, body={**last.body, "size": 10**6}))
    village.restart()
    request = village.submitted()
    assert village.state_of(request.job_id) == "screened"
    assert any("does not take the head" in said for said in village.said)
