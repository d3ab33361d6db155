"""The threads: idle without work, awake with it, calm when the gateway is away."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import IsolationError, NameTakenError, StateError
from darkroom.node import backoff
from darkroom.node.backoff import Backoff
from darkroom.node.bell import Bell
from darkroom.node.claims import Claims
from darkroom.node.walls import AGAIN
from tests.node.village import SycKeyring, Village, rule, spec


DEADLINE = 20.0


@contextmanager
def serving(village: Village):
    serves = village.node.service
    failed: list[BaseException] = []

    def run() -> None:
        try:
            serves.serve()
        except BaseException as error:  # noqa: BLE001 - shown to the test
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield failed
    finally:
        serves.stop()
        with village.exchange.changed:
            village.exchange.changed.notify_all()
        thread.join(DEADLINE)
        assert not thread.is_alive()


def await_letter(person, kind, job_id=""):
    changed = person.exchange.changed
    with changed:
        assert changed.wait_for(lambda: person.letters(kind, job_id), DEADLINE), person.got
    return person.letters(kind, job_id)[0]


def test_a_job_goes_through_all_threads(village):
    village.sign_policy(village.policy(rules=(rule(spec().code_digest),)))
    with serving(village):
        await_letter(village.owner, "owner.notice")
        requests = [village.request() for _ in range(4)]
        for request in requests:
            village.submit(request)
        for request in requests:
            await_letter(village.alice, "job.result", request.job_id)
    assert village.store.count_jobs() == {"released": 4}
    assert "north is ready" in village.said


def test_a_gateway_that_is_away_is_said_once_and_waited_for(village, monkeypatch):
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE", 0.02)
    village.exchange.up = False
    tries = threading.Semaphore(0)
    plain = village.relay.register

    def register(*identity):
        tries.release()
        plain(*identity)

    monkeypatch.setattr(village.relay, "register", register)
    with serving(village):
        for _ in range(5):
            assert tries.acquire(timeout=DEADLINE)
        village.exchange.up = True
        village.sign_policy(village.policy())
        await_letter(village.owner, "owner.notice")
    assert [line for line in village.said if "away" in line] == ["the gateway is away (next: wait)"]


@pytest.mark.parametrize("call", ["receive", "send"])
def test_an_answer_that_nobody_foresaw_ends_no_thread_and_is_said_once(village, monkeypatch, call):
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE", 0.02)
    tries, over = threading.Semaphore(0), threading.Event()
    plain = getattr(village.relay, call)

    def strange(*args, **more):
        tries.release()
        if not over.is_set():
            raise OverflowError("int too large to convert to float")
        return plain(*args, **more)

    village.sign_policy(village.policy())
    monkeypatch.setattr(village.relay, call, strange)
    with serving(village):
        for _ in range(3):
            assert tries.acquire(timeout=DEADLINE)
        assert village.node.service.lost_threads() == []
        over.set()
        await_letter(village.owner, "owner.notice")
    assert village.said.count("OverflowError: trying again") == 1


def test_a_second_node_of_the_same_name_stops_with_the_reason(village):
    village.exchange.identities["north"] = SycKeyring.generate("north", "domain").identity
    with serving(village) as failed:
        pass_by = threading.Event()
        for _ in range(1000):
            if failed:
                break
            pass_by.wait(0.01)
        assert isinstance(failed[0], NameTakenError)


def test_the_bell_is_never_missed():
    bell = Bell()
    heard = bell.rings
    bell.ring()
    bell.wait(heard)  # returns at once: it rang after we looked


def test_waiting_for_the_bell_ends():
    Bell().wait(0, timeout=0.01)


def test_pauses_grow_and_have_an_end():
    backoff = Backoff()
    pauses = [backoff.next() for _ in range(12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.5, 60.0)
    backoff.reset()
    assert backoff.next() == 0.5


class Waits(NamedTuple):
    """What `Claims` reads of a job."""

    job_id: str
    submitter: str
    request: SimpleNamespace


def waits(number, submitter, tier="reviewed"):
    request = SimpleNamespace(spec=SimpleNamespace(tier=tier))
    return Waits(f"{number:032x}", submitter, request)


def taken(claims, queue):
    return int(claims.take(queue, 0.0).job_id, 16)


def test_submitters_take_turns_private_jobs_first_and_then_the_oldest():
    queue = [waits(0, "alice", "mock"), waits(1, "alice"), waits(2, "alice"), waits(3, "bob")]
    claims = Claims()
    assert [taken(claims, queue) for _ in queue] == [1, 3, 2, 0]


def test_two_hundred_mock_jobs_do_not_stand_before_one_private_job():
    queue = [waits(n, "alice", "mock") for n in range(200)]
    claims = Claims()
    first = taken(claims, queue)
    claims.give_back(f"{first:032x}")
    assert taken(claims, [*queue[1:], waits(200, "bob")]) == 200


@given(st.data())
def test_whoever_has_nothing_running_is_served_within_a_round(data):
    people = ["alice", "bob", "carol", "dan"][: data.draw(st.integers(1, 4))]
    tiers = st.sampled_from(["mock", "reviewed"])
    queue = [
        waits(n, data.draw(st.sampled_from(people)), data.draw(tiers))
        for n in range(data.draw(st.integers(4, 20)))
    ]
    claims = Claims()
    passed_over = dict.fromkeys(people, 0)
    while job := claims.take(queue, 0.0):
        queue.remove(job)
        idle = {j.submitter for j in queue} - {*claims.taken.values()}
        passed_over = {p: passed_over[p] + 1 if p in idle else 0 for p in people}
        assert max(passed_over.values()) < len(people)
        for done in data.draw(st.sets(st.sampled_from(sorted(claims.taken)))):
            claims.give_back(done)
    assert queue == []


def test_whatever_a_run_raises_the_worker_goes_on(village, monkeypatch):
    village.in_force()
    bad, good = village.submitted(), village.submitted()
    plain = village.sandbox.run

    def run(task, **more):
        if task.task_id.startswith(bad.job_id):
            raise RuntimeError("private value")
        return plain(task, **more)

    monkeypatch.setattr(village.sandbox, "run", run)
    village.approve(bad)
    village.approve(good)
    for _ in range(5):
        village.settle()
        village.clock.forward(600)

    assert village.state_of(good.job_id) == "produced"
    assert village.job(bad.job_id).reasons == ("lost its worker 3 times",)
    assert not any("private" in line for line in village.said)


@pytest.mark.parametrize("state", ["approved", "running"])
def test_what_waits_at_an_unfit_node_is_told_once_at_start(village, state):
    village.in_force()
    request = village.approved()
    village.sandbox.fit = False
    village.restart()
    for _ in range(2):
        village.node.service._tell_waiting()
    village.settle()

    told = [
        letter
        for letter in village.alice.letters("job.state", request.job_id)
        if "cannot isolate" in str(letter.body)
    ]
    assert len(told) == 1


def test_walls_that_failed_are_tried_again_and_jobs_go_on(village, monkeypatch):
    """A disk that was full for a while must not stop a domain until somebody restarts it."""
    village.in_force()
    request = village.approved()
    plain, village.sandbox.fit = village.sandbox.run, False

    def run(task, **more):
        raise IsolationError("No space left on device", next_step="make room")

    monkeypatch.setattr(village.sandbox, "run", run)
    village.settle()
    assert village.state_of(request.job_id) == "approved"
    assert not village.node.walls.fit

    monkeypatch.setattr(village.sandbox, "run", plain)
    village.sandbox.fit = True
    village.settle()
    assert village.state_of(request.job_id) == "approved"  # not before a minute is over
    assert 0 < village.node.walls.again_in() <= AGAIN

    village.clock.forward(AGAIN)
    village.settle()
    assert village.node.walls.fit
    assert village.node.walls.again_in() is None
    assert village.state_of(request.job_id) == "produced"


def test_a_full_disk_while_walls_are_tried_leaves_no_job_running(village, monkeypatch):
    village.in_force()
    request = village.approved()
    plain = type(village.store).set_fact

    def set_fact(self, name, value):
        if name == "isolation":
            raise StateError("database or disk is full", next_step="make room")
        plain(self, name, value)

    def run(task, **more):
        raise IsolationError("No space left on device", next_step="make room")

    monkeypatch.setattr(type(village.store), "set_fact", set_fact)
    monkeypatch.setattr(village.sandbox, "run", run)
    village.settle()

    assert village.state_of(request.job_id) == "approved"


def test_a_sandbox_that_cannot_even_be_tried_is_an_unfit_one(village, monkeypatch):
    def broken():
        raise IsolationError("bwrap is not installed", next_step="install it")

    monkeypatch.setattr(village.sandbox, "probe", broken)

    assert village.node.walls.probe().fit is False
    assert "cannot isolate jobs" in village.node.walls.why_unfit()
    assert village.store.fact("isolation")["layers"] == {"sandbox": "bwrap is not installed"}


class FailsOnce:
    """Raises at the first call, and is what it stands for from then on."""

    def __init__(self, plain, error):
        self.plain, self.error, self.calls = plain, error, 0

    def __call__(self, *arguments, **more):
        self.calls += 1
        if self.calls == 1:
            raise self.error
        return self.plain(*arguments, **more)


FULL = StateError("database or disk is full", next_step="make room")


@pytest.mark.parametrize(
    ("step", "error", "said"),
    [
        ("poll_once", OSError("a private path"), "OSError: trying again"),
        ("poll_once", FULL, "database or disk is full (next: make room)"),
        ("work_once", FULL, "database or disk is full (next: make room)"),
        ("send_once", FULL, None),  # the poller would say it
    ],
)
def test_whatever_fails_once_is_said_and_tried_again(village, monkeypatch, step, error, said):
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE", 0.02)
    failing = FailsOnce(getattr(village.node.service, step), error)
    monkeypatch.setattr(village.node.service, step, failing)
    village.sign_policy(village.policy(rules=(rule(spec().code_digest),)))
    with serving(village):
        await_letter(village.owner, "owner.notice")
        request = village.request()
        village.submit(request)
        await_letter(village.alice, "job.result", request.job_id)

    assert failing.calls > 1
    assert said is None or said in village.said
    assert not any("private" in line for line in village.said)


def test_a_full_disk_delays_the_end_of_a_lost_run_and_leaves_none_running(village, monkeypatch):
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    village.in_force()
    request = village.approved()
    village.sandbox.broken = 1
    plain = village.node.runner.interrupted
    calls = []

    def interrupted(job_id, *, lost):
        calls.append(job_id)
        if len(calls) < 3:
            raise FULL
        plain(job_id, lost=lost)

    monkeypatch.setattr(village.node.runner, "interrupted", interrupted)
    assert village.node.service.work_once()

    assert village.state_of(request.job_id) == "approved"
    assert any("disk is full" in line for line in village.said)


def test_a_node_that_stops_leaves_the_rest_of_its_letters_at_the_gateway(village):
    village.in_force()
    for _ in range(2):
        village.submit(village.request())
    village.node.service.stop()

    assert village.poll() == 0
    assert len(village.exchange.mailboxes["north"]) == 2


def test_a_run_that_is_lost_while_the_disk_is_full_and_the_node_stops_is_settled_at_the_next_start(
    village, monkeypatch
):
    village.in_force()
    request = village.approved()
    village.sandbox.broken = 1

    def full(job_id, *, lost):
        village.node.service.stop()
        raise FULL

    monkeypatch.setattr(village.node.runner, "interrupted", full)
    village.node.service.work_once()
    assert village.state_of(request.job_id) == "running"
    village.restart()

    assert village.state_of(request.job_id) == "approved"
