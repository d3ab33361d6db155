"""T9, T10: many small questions, one large answer. The budget ends it, whoever asks."""

import secrets
import threading
from dataclasses import replace

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.budget import DAY, Budget
from darkroom.model.site_policy import Grant
from darkroom.node.charge import Charge
from darkroom.policy import screening
from darkroom.policy.price import price
from tests.node.village import rule, spec


CAP = 5
WEEKLY = Budget(name="weekly", per="dataset", period_days=7, releases=CAP)
SECRET = 37  # how many frames of camera 2 hold a person


def allow_everything(village, budget=WEEKLY, **more):
    """The careless owner: known code runs and leaves without anybody looking."""
    village.in_force(budgets=(budget,), rules=(rule(spec().code_digest),), **more)


def ask(village, person=None, **more):
    person = person or village.alice
    request = village.request(person, **more)
    village.submit(request, person)
    village.settle()
    return request


def answers(village):
    return village.store.count_jobs().get("released", 0)


@pytest.fixture
def unlimited(monkeypatch):
    """The control is off: nothing is ever spent."""
    monkeypatch.setattr(Charge, "_spent", lambda *_: ())


def noisy(village):
    """Each answer is off by something; a thousand of them are not."""
    village.sandbox.job = lambda _: {"counts": {"frames": SECRET + secrets.randbelow(41) - 20}}


# ---------------------------------------------------------- averaging and differencing


@pytest.mark.attack("T9", control="off")
def test_without_a_budget_a_repeated_question_averages_the_noise_away(village, unlimited):
    allow_everything(village)
    noisy(village)
    for _ in range(60):
        ask(village)

    values = [
        int(letter.attachments["output/counts"].split(b":")[1].rstrip(b"}"))
        for letter in village.alice.letters("job.result")
    ]
    assert len(values) == 60
    assert abs(sum(values) / len(values) - SECRET) < 8


@pytest.mark.attack("T9", control="on")
def test_repeated_releases_end_at_the_cap(village):
    allow_everything(village)
    noisy(village)
    requests = [ask(village) for _ in range(3 * CAP)]

    assert answers(village) == CAP
    denied = [village.job(r.job_id) for r in requests[CAP:]]
    assert {record.state for record in denied} == {"rejected"}
    assert all("budget weekly of dataset plaza" in record.reasons[0] for record in denied)


@pytest.mark.attack("T9", control="off")
def test_without_one_account_two_scientists_have_twice_as_much(village):
    each = Budget(name="each", per="scientist", period_days=7, releases=CAP)
    shared = replace(WEEKLY, releases=1000)
    village.in_force(budgets=(each, shared), rules=(rule(spec().code_digest),))
    for _ in range(CAP):
        ask(village, village.alice)
        ask(village, village.bob)

    assert answers(village) == 2 * CAP


@pytest.mark.attack("T9", control="on")
def test_two_colluding_scientists_share_the_account_of_the_dataset(village):
    allow_everything(village)
    for _ in range(CAP):
        ask(village, village.alice)
        ask(village, village.bob)

    assert answers(village) == CAP


@pytest.mark.attack("T9", control="on")
@pytest.mark.parametrize(
    "disguise",
    [
        lambda n: {"project": f"project-{n}"},
        lambda n: {"name": f"name-{n}"},
        lambda n: {"job_id": f"{n:032x}"},
    ],
    ids=["another project", "another name", "another id"],
)
def test_no_disguise_opens_another_account(village, disguise):
    names = [rule(spec(name=f"name-{n}").code_digest) for n in range(2 * CAP)]
    village.in_force(budgets=(WEEKLY,), rules=(rule(spec().code_digest), *names))
    for number in range(2 * CAP):
        ask(village, **disguise(number))

    assert answers(village) == CAP


@pytest.mark.attack("T9", control="on")
def test_a_budget_per_project_is_none_where_projects_are_free(village):
    free = Budget(name="free", per="project", period_days=7, releases=CAP)
    village.sign_policy(village.policy(budgets=(WEEKLY, free)))
    village.settle()

    assert village.store.policy() is None
    assert any(
        "caps nothing" in letter.body["text"] for letter in village.owner.letters("owner.notice")
    )


@pytest.mark.attack("T9", control="on")
def test_a_project_that_the_grant_does_not_name_is_denied(village):
    grants = (
        Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",), projects=("counting",)),
    )
    each = Budget(name="each", per="project", period_days=7, releases=CAP)
    village.in_force(budgets=(WEEKLY, each), grants=grants)

    assert village.state_of(ask(village, project="counting").job_id) == "screened"
    assert village.state_of(ask(village, project="other").job_id) == "rejected"


# ------------------------------------------------------------------- races and clocks


@pytest.mark.attack("T10", control="off")
def test_without_one_transaction_a_check_that_is_old_lets_too_much_through(village):
    """Everybody looks first and takes afterwards."""
    policy = village.policy(budgets=(WEEKLY,))
    village.in_force(budgets=(WEEKLY,))
    charge = Charge(store=village.store, clock=village.clock)
    requests = [village.request() for _ in range(3 * CAP)]
    looked = [charge.spent(request, policy) for request in requests]
    careless = Charge(store=village.store, clock=village.clock)
    for request, seen in zip(requests, looked, strict=True):
        careless._spent = lambda *_, seen=seen: seen  # type: ignore[method-assign]
        careless.reserve(request, price(request.spec, policy.airlock), policy)

    ((_, spent),) = charge.spent(requests[0], policy)
    assert spent.releases == 3 * CAP


@pytest.mark.attack("T10", control="on")
def test_thirty_two_threads_take_no_more_than_there_is(village):
    village.in_force(budgets=(WEEKLY,))
    policy = village.policy(budgets=(WEEKLY,))
    start = threading.Barrier(32)
    taken: list[str] = []

    def take(number: int) -> None:
        store = SqliteNodeStore(village.state / "node.db")
        charge = Charge(store=store, clock=village.clock)
        request = village.request(job_id=f"{number:032x}")
        start.wait(10)
        with store.transaction():
            if not charge.reserve(request, price(request.spec, policy.airlock), policy):
                taken.append(request.job_id)
        store.close()

    threads = [threading.Thread(target=take, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(taken) == CAP


@pytest.mark.attack("T10", control="off")
def test_by_the_wall_clock_a_week_comes_twice(village, monkeypatch):
    monkeypatch.setattr(Charge, "now", lambda self: self._clock.now())
    village.store._db.execute("DROP TRIGGER ledger_follows")
    allow_everything(village)
    for _ in range(CAP):
        ask(village)
    village.clock.forward(-7 * DAY)
    for _ in range(CAP):
        ask(village)

    assert answers(village) == 2 * CAP


@pytest.mark.attack("T10", control="on")
@pytest.mark.parametrize("back", [1, DAY, 7 * DAY, 365 * DAY])
def test_a_clock_that_is_set_back_opens_no_old_account(village, back):
    allow_everything(village)
    for _ in range(CAP):
        ask(village)
    village.clock.forward(-back)
    for _ in range(CAP):
        ask(village)

    assert answers(village) == CAP


@pytest.mark.attack("T10", control="on")
def test_what_is_withheld_or_fails_is_no_way_to_ask_for_nothing(village):
    village.in_force(budgets=(WEEKLY,))
    for _ in range(CAP):
        request = village.produced()
        village.release(request.job_id, "withhold")
        village.settle()

    assert village.state_of(ask(village).job_id) == "rejected"


# ----------------------------------------------------------- what is left, as an oracle


@pytest.mark.attack("T9", control="off")
def test_without_the_check_of_access_a_quote_tells_what_others_have_left(village, monkeypatch):
    monkeypatch.setattr(screening, "_access", lambda *_: [])
    only_alice = tuple(g for g in village.policy().grants if g.scientist == "alice")
    village.in_force(budgets=(WEEKLY,), grants=only_alice)
    for _ in range(CAP):
        village.submitted()

    assert "budget weekly" in quoted(village, village.bob)["reasons"][0]


@pytest.mark.attack("T9", control="on")
@pytest.mark.parametrize("spent", [0, CAP])
def test_a_quote_tells_nothing_of_budgets_that_one_may_not_draw_on(village, spent):
    only_alice = tuple(g for g in village.policy().grants if g.scientist == "alice")
    village.in_force(budgets=(WEEKLY,), grants=only_alice)
    for _ in range(spent):
        village.submitted()

    said = quoted(village, village.bob)
    assert said["reasons"] == ["the policy gives bob no access to dataset plaza"]
    assert said["accounts"] == []


@pytest.mark.attack("T9", control="on")
def test_a_quote_tells_nothing_of_the_project_of_another(village):
    each = Budget(name="each", per="project", period_days=7, releases=CAP)
    grants = tuple(replace(g, projects=(f"of-{g.scientist}",)) for g in village.policy().grants)
    village.in_force(budgets=(WEEKLY, each), grants=grants)

    said = quoted(village, village.bob, project="of-alice")
    assert said["reasons"] == ["the policy gives bob no project of-alice"]
    assert said["accounts"] == []


def quoted(village, person, **more):
    request = village.request(person, **more)
    person.say("job.quote", {"request": request.to_mapping()})
    village.settle()
    return person.letters("job.quoted", request.job_id)[-1].body
