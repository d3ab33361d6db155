"""HOP 6: the price of a job is taken as it is admitted, and closed as it ends, however."""

from dataclasses import replace

import pytest

from darkroom.model.amount import Amount
from darkroom.model.budget import DAY, Budget
from darkroom.model.output import Scalars
from darkroom.model.quote import MAX_ACCOUNTS, Quote
from darkroom.node.quote import MAX_WAITING
from darkroom.policy.disclosure import MAX_LOG
from darkroom.policy.ledger import accounts
from darkroom.policy.price import ENDING_BITS, price
from darkroom.ports import Outcome
from tests.node.village import rule, spec


ONE = ENDING_BITS + 64  # bits of a job that declares one number
WEEKLY = Budget(name="weekly", per="dataset", period_days=7, releases=3)


def last(village, request):
    entry = village.store.reservation(request.job_id)
    return entry and entry.kind


def releases_left(village, budget=WEEKLY):
    (account,) = accounts(
        (budget,), dataset="plaza", scientist="alice", project="counting",
        at=village.clock.now(),
    )  # fmt: skip
    return budget.left(village.store.spent(account))["releases"]


def test_a_job_that_waits_for_the_owner_holds_its_price(village):
    village.in_force(budgets=(WEEKLY,))
    request = village.submitted()

    assert last(village, request) == "reserve"
    assert releases_left(village) == 2
    assert (
        village.job(request.job_id).price
        == price(request.spec, village.policy().airlock).to_mapping()
    )


def test_what_a_budget_does_not_hold_is_rejected_with_the_account_and_its_end(village):
    village.in_force(budgets=(WEEKLY,))
    for _ in range(3):
        village.submitted()
    fourth = village.submitted()

    assert village.state_of(fourth.job_id) == "rejected"
    assert "budget weekly of dataset plaza" in village.job(fourth.job_id).reasons[0]
    assert last(village, fourth) is None
    assert len(village.owner.letters("review.request")) == 3


def test_two_scientists_share_the_account_of_a_dataset(village):
    village.in_force(budgets=(WEEKLY,))
    asked = []
    for person in (village.alice, village.bob, village.alice, village.bob):
        asked.append(village.request(person))
        village.submit(asked[-1], person)
    village.settle()

    states = [village.state_of(request.job_id) for request in asked]
    assert states == ["screened", "screened", "screened", "rejected"]


def test_the_same_letter_twice_is_charged_once(village):
    village.in_force(budgets=(WEEKLY,))
    request = village.request()
    for _ in range(3):
        village.submit(request)
    village.settle()

    assert releases_left(village) == 2


def test_a_released_job_is_settled(village):
    village.in_force(budgets=(WEEKLY,))
    request = village.produced()
    village.release(request.job_id)
    village.settle()

    assert (last(village, request), releases_left(village)) == ("settle", 2)


def test_a_withheld_output_still_costs(village):
    village.in_force(budgets=(WEEKLY,))
    request = village.produced()
    village.release(request.job_id, "withhold")
    village.settle()

    assert (last(village, request), releases_left(village)) == ("settle", 2)


def test_a_job_that_failed_still_costs(village):
    village.in_force(budgets=(WEEKLY,))
    village.sandbox.job = lambda _: Outcome(status="failed", seconds=0.1, error_class="ValueError")
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert (last(village, request), releases_left(village)) == ("settle", 2)


def reject(village, request):
    village.decide(request.job_id, "code", "reject", request.job_digest)


def cancel(village, request):
    village.alice.say("job.cancel", {"job_id": request.job_id})


@pytest.mark.parametrize("end", [reject, cancel])
def test_what_never_started_is_given_back(village, end):
    village.in_force(budgets=(WEEKLY,))
    request = village.submitted()
    end(village, request)
    village.settle()

    assert (last(village, request), releases_left(village)) == ("refund", 3)


def test_a_job_that_was_interrupted_keeps_its_one_reservation(village):
    village.in_force(budgets=(WEEKLY,))
    tries = iter([RuntimeError("lost"), RuntimeError("lost")])

    def lost_twice(_):
        for error in tries:
            raise error
        return {"counts": {"frames": 1}}

    village.sandbox.job = lost_twice
    request = village.approved()
    for _ in range(8):
        village.settle()
        village.clock.forward(120)
    village.settle()

    assert village.state_of(request.job_id) == "produced"
    assert (last(village, request), releases_left(village)) == ("reserve", 2)


def test_a_started_job_gives_nothing_back_even_when_it_is_cancelled_between_two_tries(village):
    village.in_force(budgets=(WEEKLY,))

    def lost(_):
        raise RuntimeError("lost")

    village.sandbox.job = lost
    request = village.approved()
    village.node.service.work_once()
    assert village.state_of(request.job_id) == "approved"
    cancel(village, request)
    village.poll()

    assert village.state_of(request.job_id) == "cancelled"
    assert (last(village, request), releases_left(village)) == ("settle", 2)


def test_a_new_period_is_a_new_account_and_a_clock_set_back_opens_no_old_one(village):
    village.in_force(budgets=(WEEKLY,))
    for _ in range(3):
        village.submitted()
    village.clock.forward(7 * DAY)
    assert village.state_of(village.submitted().job_id) == "screened"
    village.clock.forward(-14 * DAY)  # a week in which nothing was spent
    for _ in range(2):
        assert village.state_of(village.submitted().job_id) == "screened"

    assert village.state_of(village.submitted().job_id) == "rejected"


def test_a_new_policy_with_another_name_and_period_forgets_nothing(village):
    village.in_force(budgets=(WEEKLY,))
    for _ in range(3):
        village.submitted()
    renamed = Budget(name="monthly", per="dataset", period_days=28, releases=3)
    village.in_force(version=2, budgets=(renamed,))

    assert village.state_of(village.submitted().job_id) == "rejected"


def test_work_on_mock_costs_nothing(village):
    from darkroom.model.approval_rule import ApprovalRule

    village.in_force(budgets=(WEEKLY,), rules=(ApprovalRule(name="rehearsal", tier="mock"),))
    request = village.submitted(tier="mock")

    assert village.state_of(request.job_id) == "released"
    assert (last(village, request), releases_left(village)) == (None, 3)


def test_the_log_costs_when_it_leaves(village):
    bits = Budget(name="bits", per="dataset", period_days=7, bits=ONE + 8 * MAX_LOG)
    village.in_force(budgets=(bits,))
    request = village.produced()
    village.release(request.job_id, with_log=True)
    village.settle()

    (result,) = village.alice.letters("job.result", request.job_id)
    assert "output/log" in result.attachments
    paid = Amount.from_mapping(result.body["release"]["body"]["price"])
    assert paid == Amount(releases=1, rows=1, bits=ONE + 8 * MAX_LOG)


def test_a_log_that_is_not_paid_for_stays_and_so_does_the_output_until_the_owner_says_again(
    village,
):
    bits = Budget(name="bits", per="dataset", period_days=7, bits=ONE + 8 * MAX_LOG - 1)
    village.in_force(budgets=(bits,))
    request = village.produced()
    village.release(request.job_id, with_log=True)
    village.settle()
    assert village.state_of(request.job_id) == "produced"
    assert village.alice.letters("job.result") == []
    assert any("not paid for" in n.body["text"] for n in village.owner.letters("owner.notice"))

    village.release(request.job_id)
    village.settle()
    assert village.state_of(request.job_id) == "released"


def test_a_policy_may_keep_logs_for_good(village):
    from darkroom.model.airlock import Airlock

    village.in_force(airlock=Airlock(log=False))
    request = village.produced()
    village.release(request.job_id, with_log=True)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


def test_a_job_admitted_by_a_rule_is_charged_like_any_other(village):
    village.in_force(budgets=(WEEKLY,), rules=(rule(spec().code_digest),))
    states = [village.state_of(village.submitted().job_id) for _ in range(4)]

    assert states == ["released", "released", "released", "rejected"]


def test_a_new_lower_cap_denies_what_comes_and_leaves_what_was_admitted(village):
    village.in_force(budgets=(WEEKLY,))
    waiting = [village.submitted() for _ in range(2)]
    lower = Budget(name="weekly", per="dataset", period_days=7, releases=1)
    village.in_force(version=2, budgets=(lower,))

    assert [village.state_of(r.job_id) for r in waiting] == ["screened", "screened"]
    assert village.state_of(village.submitted().job_id) == "rejected"
    assert releases_left(village, lower) == 0


# ------------------------------------------------------------------------------- asking


def quoted(village, request, by=None):
    by = by or village.alice
    by.say("job.quote", {"request": request.to_mapping()})
    village.settle()
    return by.letters("job.quoted", request.job_id)[-1].body


def test_a_quote_tells_price_remainder_and_verdict_and_keeps_nothing(village):
    village.in_force(budgets=(WEEKLY,))
    village.submitted()
    request = village.request()
    said = quoted(village, request)

    assert (said["decision"], said["policy_version"]) == ("review", 1)
    assert said["price"] == Amount(releases=1, rows=1, bits=ONE).to_mapping()
    (account,) = said["accounts"]
    assert (account["budget"], account["holder"], account["left"]) == (
        "weekly", "plaza", {"releases": 2},
    )  # fmt: skip
    assert village.store.job(request.job_id) is None
    assert releases_left(village) == 2


def test_a_quote_is_what_admission_does(village):
    village.in_force(budgets=(WEEKLY,))
    for _ in range(4):
        request = village.request()
        said = quoted(village, request)
        village.submit(request)
        village.settle()
        denied = village.state_of(request.job_id) == "rejected"
        assert denied == (said["decision"] == "deny")
        assert not denied or list(village.job(request.job_id).reasons) == said["reasons"]


def test_what_is_left_of_a_dataset_is_told_to_those_who_may_use_it(village):
    only_bob = tuple(g for g in village.policy().grants if g.scientist == "bob")
    village.in_force(budgets=(WEEKLY,), grants=only_bob)
    said = quoted(village, village.request())

    assert (said["decision"], said["accounts"]) == ("deny", [])


def test_nobody_asks_in_the_name_of_another(village):
    village.in_force(budgets=(WEEKLY,))
    said = quoted(village, village.request(village.bob), by=village.alice)

    assert (said["decision"], said["accounts"], said["price"]) == ("deny", [], None)


@pytest.mark.parametrize("asked", [None, 1, {}, {"job_id": "x"}, {"job_id": 7}])
def test_what_names_no_job_is_noted_and_not_answered(village, asked):
    village.alice.say("job.quote", {"request": asked})
    village.settle()

    assert village.alice.letters("job.quoted") == []
    assert "quote-refused" in village.events()


def test_a_malformed_request_is_answered_with_what_is_wrong(village):
    body = {**village.request().to_mapping(), "more": 1}
    village.alice.say("job.quote", {"request": body})
    village.settle()

    (answer,) = village.alice.letters("job.quoted")
    assert answer.body["decision"] == "deny"
    assert answer.body["reasons"]


def test_without_a_policy_a_quote_is_a_denial(village):
    said = quoted(village, village.request())
    assert (said["decision"], said["accounts"]) == ("deny", [])


def test_a_wide_declaration_is_priced_before_anything_runs(village):
    village.in_force()
    wide = village.request(outputs={"n": Scalars(names=tuple(f"n{i}" for i in range(9)))})
    assert quoted(village, wide)["price"]["rows"] == 9


def test_a_quote_names_no_more_accounts_than_its_reader_takes(village):
    more = tuple(replace(WEEKLY, name=f"weekly-{n}") for n in range(MAX_ACCOUNTS + 1))
    village.in_force(budgets=more)
    answer = quoted(village, village.request())
    answer.pop("job_id")
    assert len(Quote.from_mapping(answer).accounts) == MAX_ACCOUNTS


def test_who_asks_and_never_reads_fills_no_disk(village):
    village.in_force()
    village.exchange.full.add("alice")
    asked = [village.request() for _ in range(MAX_WAITING + 5)]
    for request in asked:
        village.alice.say("job.quote", {"request": request.to_mapping()})
    village.settle()
    waiting = [o.letter for o in village.store.outgoing() if o.letter.kind == "job.quoted"]

    assert [w.body["job_id"] for w in waiting] == [r.job_id for r in asked[-MAX_WAITING:]]
    assert quoted(village, village.request(village.bob), by=village.bob)


# ----------------------------------------------------------------------- the owner asks


def told(village, by=None):
    by = by or village.owner
    by.say("budget.ask", {})
    village.settle()
    return by.letters("budget.state")


def test_the_owner_reads_what_was_spent_of_each_account(village):
    each = Budget(name="each", per="scientist", period_days=1, releases=9, datasets=("plaza",))
    village.in_force(budgets=(WEEKLY, each))
    village.submitted()
    (state,) = told(village)

    assert [
        (a["budget"]["name"], a["holder"], a["spent"]["releases"]) for a in state.body["accounts"]
    ] == [("weekly", "plaza", 1), ("each", "alice", 1), ("each", "bob", 0)]
    assert state.body["policy_version"] == 1


def test_projects_are_those_that_the_grants_name(village):
    grants = tuple(replace(g, projects=("night", "day")) for g in village.policy().grants)
    per_project = Budget(name="each", per="project", period_days=1, rows=9)
    village.in_force(budgets=(WEEKLY, per_project), grants=grants)
    (state,) = told(village)

    assert [a["holder"] for a in state.body["accounts"]] == ["plaza", "day", "night"]


def test_without_a_policy_there_are_no_accounts(village):
    (state,) = told(village)
    assert (state.body["policy_version"], state.body["accounts"]) == (0, [])


def test_another_owner_is_not_told(village):
    stranger = village.person("oscar", "owner")
    with village.opened() as store:
        store.pin(stranger.keyring.identity)
    village.exchange.client("north").admit("oscar")

    assert told(village, stranger) == []
    assert "budget-refused" in village.events()
