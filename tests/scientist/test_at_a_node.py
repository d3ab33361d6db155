"""The SDK against a real node: what it quotes is what it charges, and mock waits for nobody."""

from collections.abc import Iterator

import pytest

import darkroom
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.scientist_display import ScientistRenderer
from darkroom.display.progress import Quiet
from darkroom.errors import DeniedError, JobFailedError
from darkroom.model.amount import NOTHING
from darkroom.model.approval_rule import ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.canonical import canonical
from darkroom.ports import Outcome
from darkroom.scientist.advice import headline
from darkroom.scientist.catalogue import Catalogue
from darkroom.scientist.collect import Collector
from darkroom.scientist.mock_run import MockOutcome
from darkroom.scientist.session import Session
from tests.node.village import Village
from tests.scientist.conftest import NoMocks, OneOutcome


WEEK = Budget(name="week", per="dataset", period_days=7, releases=2, rows=1000)
EACH = Budget(name="each", per="scientist", period_days=1, bits=100_000)
REHEARSAL = ApprovalRule(name="rehearsal", tier="mock")
COUNTS = canonical({"columns": {"camera": "text", "n": "int"}, "rows": [["cam0", 2]]})


@darkroom.job(
    outputs={
        "counts": darkroom.Table(
            columns={"camera": "text", "n": "int"},
            max_rows=9,
            counts=["n"],
            labels={"camera": ["cam0", "cam1", "cam2"]},
            bounds={"n": (0, 1000)},
        )
    }
)
def count(data, params):
    return {"counts": [(camera.id, data.count(camera=camera.id)) for camera in data.cameras]}


@pytest.fixture
def village(tmp_path) -> Iterator[Village]:
    village = Village(tmp_path).in_force(budgets=(WEEK, EACH), rules=(REHEARSAL,))
    village.sandbox.job = lambda request: {"counts": [("cam0", 7)]}
    yield village
    village.store.close()


@pytest.fixture
def session(village, tmp_path) -> Session:
    """Alice's; while she waits, the domain works."""
    alice, relay = village.alice, village.alice.relay
    look = relay.receive

    def receive(*, wait: float):
        village.settle()
        letters = look(wait=0)
        if not letters:
            village.clock.forward(wait)
        return letters

    relay.receive = receive
    store, verifier = SqliteScientistStore(tmp_path / "jobs.sqlite"), SycVerifier()
    village.node.presence.publish()
    return Session(
        identity=alice.keyring.identity,
        gateway="http://127.0.0.1:1",
        catalogue=Catalogue(relay=relay, verifier=verifier, pins=alice.pins),
        post=alice.post,
        collector=Collector(
            post=alice.post, pins=alice.pins, store=store, verifier=verifier, clock=village.clock
        ),
        store=store,
        clock=village.clock,
        mocks=NoMocks(tmp_path),
        run_mock=OneOutcome(
            MockOutcome(status="done", seconds=0.1, frames=9, outputs={"counts": COUNTS})
        ),
        run_log=None,
        run_log_address="",
        renderer=ScientistRenderer(village.clock),
        progress=lambda title: Quiet(title, headline, village.clock.now),
        say=lambda line: None,
        pause=village.clock.forward,
    )


def released(village, session):
    """A job that people let through."""
    submission = count.submit(session.datasets("plaza"))
    village.settle()
    request = submission.jobs["north"].request
    village.approve(request)
    village.settle()
    village.release(request.job_id)
    return submission.wait(timeout=60)


def test_the_quote_is_the_charge_and_the_remainder_sinks(village, session):
    before = session.cost(count)["north"]
    submission = released(village, session)
    after = session.cost(count)["north"]

    assert before.verdict == "review"
    assert before.affordable
    assert submission.results["north"].price == before.price
    assert [a.left["releases"] for e in (before, after) for a in e.accounts[:1]] == [2, 1]
    spent = before.accounts[1].left["bits"] - after.accounts[1].left["bits"]
    assert spent == before.price.bits
    assert after.accounts[0].holder == "plaza"
    assert after.accounts[1].holder == "alice"


def test_a_question_is_answered_and_the_next_version_goes_through(village, session):
    submission = count.submit(session.datasets("plaza"))
    village.settle()
    former = submission.jobs["north"].request
    body = {"job_id": former.job_id, "digest": former.job_digest, "text": "Why?", "said_at": 0.0}
    said = village.owner.keyring.sign("question", body).to_mapping()
    village.owner.say("review.ask", {"question": said})
    village.settle()
    submission.refresh()
    assert submission.questions.open["north"].text == "Why?"
    submission.answer("To plan the bench.")
    village.settle()
    submission.refresh()
    assert [m.text for m in submission.questions] == ["Why?", "To plan the bench."]
    assert submission.questions.open == {}

    village.decide(
        former.job_id, "code", "request-changes", former.job_digest, reason="as a mock first"
    )
    village.settle()
    submission.refresh()
    assert "submission.revise(job)" in why(submission)
    later = submission.revise(count)
    village.settle()
    request = later.jobs["north"].request
    (asked,) = village.owner.letters("review.request", request.job_id)
    assert asked.body["supersedes"] == former.job_id


def why(submission):
    with pytest.raises(DeniedError) as denied:
        submission.results["north"]
    return denied.value.next_step


def test_asking_keeps_nothing_at_the_domain(village, session):
    for _ in range(5):
        session.cost(count)

    assert session.cost(count)["north"].accounts[0].left == {"releases": 2, "rows": 1000}
    assert not village.owner.letters("review.request")


def test_an_empty_budget_is_said_before_and_after(village, session):
    released(village, session)
    released(village, session)

    cost = session.cost(count)
    refused = count.submit(session.datasets("plaza")).wait(timeout=60)

    assert cost.verdicts == {"north": "deny"}
    assert not cost.affordable
    assert "not enough releases" in repr(cost)
    with pytest.raises(DeniedError, match="budget week of dataset plaza") as denied:
        refused.results["north"]
    until = cost.to_dict()["north"]["accounts"][0]["until"]
    assert f"whole again on {until}" in denied.value.next_step


def test_a_rehearsal_is_free_and_brings_its_log_without_a_person(village, session):
    cost = session.cost(count, tier="mock")
    submission = count.submit(session.datasets("plaza"), tier="mock").wait(timeout=60)

    assert cost["north"].rule == "rehearsal"
    assert cost["north"].price == NOTHING
    result = submission.results["north"]
    assert result["counts"]["n"].tolist() == [7]
    assert "printed by the job" in result.log
    assert result.released_by == "rule rehearsal"
    assert session.cost(count)["north"].accounts[0].left["releases"] == 2
    assert not village.owner.letters("release.request")


def test_a_rehearsal_that_fails_says_with_what(village, session):
    village.sandbox.job = lambda request: Outcome(
        status="failed", seconds=0.1, error_class="ZeroDivisionError",
        log=b"Traceback ...\nZeroDivisionError: division by zero\n",
    )  # fmt: skip

    submission = count.submit(session.datasets("plaza"), tier="mock").wait(timeout=60)

    with pytest.raises(JobFailedError, match="division by zero"):
        submission.results["north"]


def test_an_approval_that_is_withdrawn_reads_as_such(village, session):
    submission = count.submit(session.datasets("plaza"))
    village.settle()
    request = submission.jobs["north"].request
    village.approve(request)
    village.poll()
    village.decide(request.job_id, "code", "withdraw", request.job_digest, reason="a mistake")
    submission.wait(timeout=60)

    assert "approval void" in repr(submission)
    with pytest.raises(DeniedError, match="the approval was withdrawn: a mistake"):
        submission.results["north"]


def test_somebody_without_a_grant_learns_nothing_of_the_budget(village, session):
    village.in_force(version=2, grants=(), budgets=(WEEK,))

    cost = session.cost(count)

    assert cost.verdicts == {"north": "deny"}
    assert cost["north"].accounts == ()
