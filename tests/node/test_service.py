"""The threads: idle without work, awake with it, calm when the gateway is away."""

import threading
from contextlib import contextmanager

import pytest

from darkroom.errors import NameTakenError
from darkroom.node.bell import Bell
from darkroom.node.service import Backoff
from tests.node.village import SycKeyring, Village, spec


DEADLINE = 20.0


@contextmanager
def serving(village: Village):
    service = village.node.service
    failed: list[BaseException] = []

    def run() -> None:
        try:
            service.serve()
        except BaseException as error:  # noqa: BLE001 - shown to the test
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield failed
    finally:
        service.stop()
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
    village.sign_policy(village.policy(approve=(spec().code_digest,), release="auto"))
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
    from darkroom.node import service

    monkeypatch.setattr(service, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(service, "LONGEST_PAUSE", 0.02)
    village.exchange.up = False
    tries = threading.Semaphore(0)
    plain = village.relay.register

    def register(identity):
        tries.release()
        plain(identity)

    monkeypatch.setattr(village.relay, "register", register)
    with serving(village):
        for _ in range(5):
            assert tries.acquire(timeout=DEADLINE)
        village.exchange.up = True
        village.sign_policy(village.policy())
        await_letter(village.owner, "owner.notice")
    assert [line for line in village.said if "away" in line] == ["the gateway is away (next: wait)"]


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
