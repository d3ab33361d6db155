"""A domain changes its keys: the session follows, and what came before still verifies."""

import pytest

from darkroom.errors import StateError, TrustError, UnknownNameError
from darkroom.post import Post
from tests.scientist.conftest import MemoryRelay, request_in
from tests.scientist.test_collect import TABLE, count


@pytest.fixture
def sent(bench):
    """A submission to north, and the request as north got it."""
    submission = count.submit(bench.dataset(), threshold=0.3)
    (letter,) = bench.domains["north"].inbox()
    return bench, submission, request_in(letter)


def rotated(bench) -> None:
    """North's next process, registered and published."""
    north, exchange = bench.domains["north"], bench.exchange
    fresh = north.keyring.having(now=bench.clock.now).rotated(at=bench.clock.now())
    exchange.identities["north"], exchange.chains["north"] = fresh.identity, fresh.handovers
    exchange.profiles["north"] = fresh.sign("profile", exchange.profiles["north"].body)
    exchange.cards["north"] = [fresh.sign("card", c.body) for c in exchange.cards["north"]]
    north.post = Post(
        relay=MemoryRelay(exchange, "north"), keyring=fresh, clock=bench.clock,
        verifier=bench.session.collector._verifier, pins=north.post._pins,
    )  # fmt: skip
    north.keyring = fresh
    bench.clock.time += 1


def test_a_result_that_was_under_way_and_one_under_the_new_keys_are_collected(sent):
    bench, first, request = sent
    north = bench.domains["north"]
    north.release(request, {"counts": TABLE})
    second = count.submit(bench.dataset(), threshold=0.4)
    (letter,) = north.inbox()
    rotated(bench)
    north.release(request_in(letter), {"counts": TABLE})

    for submission in (first, second):
        assert len(submission.wait(timeout=10).results["north"]["counts"]) == 2
    assert bench.session.catalogue.domains()["north"] == north.keyring.identity


def test_releases_of_both_keys_verify_afterwards(sent):
    bench, first, request = sent
    north = bench.domains["north"]
    north.release(request, {"counts": TABLE})
    first.wait(timeout=10)
    rotated(bench)
    second = count.submit(bench.dataset(), threshold=0.4)
    (letter,) = north.inbox()
    north.release(request_in(letter), {"counts": TABLE})
    second.wait(timeout=10)

    first.verify()
    second.verify()
    keys = {s.results["north"].release["key"] for s in (first, second)}
    assert len(keys) == 2


def test_a_result_that_was_changed_here_does_not_verify(sent):
    bench, submission, request = sent
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.wait(timeout=10)
    bench.session.store._db.execute("UPDATE output SET data = ?", (TABLE.replace(b"7", b"8"),))

    with pytest.raises(TrustError):
        submission.verify()


def test_a_result_under_the_old_key_that_comes_after_the_hand_over_does_not_count(sent):
    """Even when it lies here already: what counts is when it was taken in."""
    bench, submission, request = sent
    north = bench.domains["north"]
    north.release(request, {"counts": TABLE})
    submission.wait(timeout=10)
    rotated(bench)
    north.send("handover.domain", {})
    submission.refresh()
    submission.verify()
    bench.session.store._db.execute("UPDATE result SET received_at = ?", (bench.clock.now() + 1,))

    with pytest.raises(TrustError, match="another key"):
        submission.verify()


def test_no_result_is_none_to_verify(sent):
    bench, submission, request = sent

    assert submission.verify() is submission  # nothing there, nothing wrong
    with pytest.raises(UnknownNameError):
        bench.session.collector.verify(request.job_id)


def test_profiles_and_cards_under_the_new_keys_are_read_before_any_letter_came(bench):
    before = bench.domains["north"].keyring.identity
    rotated(bench)

    assert bench.dataset().name == "plaza"
    assert bench.session.catalogue.problems["north"] == []
    assert bench.session.catalogue.domains()["north"] == before  # only letters move the pin


def test_profiles_under_keys_of_the_gateway_are_left_out(bench, keys):
    fresh = keys["mallory"]
    bench.exchange.identities["north"] = fresh.identity
    bench.exchange.chains["north"] = fresh.rotated(at=1.0).handovers
    bench.exchange.profiles["north"] = fresh.sign("profile", bench.exchange.profiles["north"].body)

    assert "north" not in bench.session.domains
    assert "another key" in bench.session.catalogue.problems["north"][0]


def test_a_job_is_sealed_for_the_keys_of_today(bench):
    dataset = bench.dataset()
    rotated(bench)
    rotated(bench)
    north = bench.domains["north"]
    north.keyring._opening.clear()  # weeks later: former keys are forgotten
    count.submit(dataset, threshold=0.3)

    assert len(north.inbox()) == 1


def test_the_letter_that_says_so_is_no_job(sent):
    bench, submission, _ = sent
    rotated(bench)
    bench.domains["north"].send("handover.domain", {})
    submission.refresh()

    assert bench.session.store.quarantined() == []
    assert bench.session.catalogue.domains()["north"] == bench.domains["north"].keyring.identity


def test_keys_that_another_notebook_changed_fail_no_job(bench, monkeypatch):
    """The gateway refuses this process's login; the letter waits for the next one."""
    dataset = bench.dataset()

    def refuse(*_args, **_named):
        raise StateError("the gateway knows other keys", next_step="start this kernel again")

    monkeypatch.setattr(MemoryRelay, "send", refuse)
    submission = count.submit(dataset, threshold=0.3)  # it is kept: nobody need ask twice
    with pytest.raises(StateError, match="other keys"):
        submission.refresh()
    monkeypatch.undo()
    assert submission.state == {"north": "queued"}
    submission.refresh()

    assert submission.state == {"north": "sent"}
