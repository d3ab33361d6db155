"""Before anything is submitted: price, what is left, and what each domain would decide."""

import io
import json
from dataclasses import replace
from fractions import Fraction

import pytest

import darkroom
from darkroom.display.progress import Lines
from darkroom.errors import (
    InputError,
    QuotaError,
    SpecError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.airlock import Airlock
from darkroom.model.amount import Amount
from darkroom.model.quote import KEPT_SECONDS
from darkroom.policy.price import price
from darkroom.scientist.advice import headline
from darkroom.scientist.cost import Cost
from tests.scientist.conftest import a_profile, request_in
from tests.scientist.test_collect import count


ENDS = 1_795_651_200  # 2026-11-26
WEEK = {
    "budget": "plaza-week", "per": "dataset", "holder": "plaza", "ends": ENDS,
    "left": {"releases": 59, "rows": 199_000},
}  # fmt: skip
MINE = {
    "budget": "each", "per": "scientist", "holder": "alice", "ends": ENDS + 86_400,
    "left": {"bits": 50_000},
}  # fmt: skip


def quoted(letter, **changed):
    """What a domain answers to a question."""
    request = request_in(letter)
    return {
        "job_id": request.job_id,
        "decision": "review",
        "reasons": ["no rule approves this job: the data owner decides"],
        "rule": "",
        "policy_version": 3,
        "price": price(request.spec, Airlock()).to_mapping(),
        "accounts": [WEEK, MINE],
        **changed,
    }


@pytest.fixture
def answering(bench):
    """Both domains answer while the scientist waits; the test changes what they say."""
    bench.changed = {"north": {}, "east": {}}
    bench.asked = []

    def answer():
        for name, domain in bench.domains.items():
            for letter in domain.inbox():
                bench.asked.append(letter)
                if letter.kind == "job.quote" and name in bench.changed:
                    domain.send("job.quoted", quoted(letter, **bench.changed[name]))

    bench.exchange.meanwhile.append(answer)
    return bench


def north(bench, **how):
    return bench.session.cost(count, bench.dataset(), threshold=0.3, **how)


# ------------------------------------------------------------------------------ the answer


def test_it_says_price_remainder_and_verdict(answering):
    cost = north(answering, project="counting")

    entry = cost["north"]
    assert entry.price == Amount(releases=1, rows=10, bits=entry.price.bits)
    assert [a.budget for a in entry.accounts] == ["plaza-week", "each"]
    assert cost.verdicts == {"north": "review"}
    assert cost.affordable
    text = repr(cost)
    assert "Cost of count · project counting" in text
    assert "1 release, 10 rows, 17.5 kbit" in text
    assert "plaza-week of dataset plaza" in text
    assert "59 releases, 199,000 rows" in text
    assert "2026-11-26" in text
    assert "waits for north-owner" in text
    assert "no rule approves this job" in text


def test_one_letter_is_sent_with_a_fresh_id_and_nothing_runs(answering):
    north(answering, project="counting")
    north(answering, project="counting")

    first, second = answering.asked
    assert first.body.keys() == {"request"}
    assert not first.attachments
    assert request_in(first).project == "counting"
    assert request_in(first).parameters == {"threshold": 0.3}
    assert request_in(first).job_id != request_in(second).job_id
    assert answering.runner.tasks == []
    assert len(answering.session.jobs) == 0


def test_the_job_itself_is_asked_in_the_words_of_submit(answering):
    cost = count.cost(answering.dataset(), threshold=0.3, project="counting", on_mock={"x": 1})

    assert cost["north"].verdict == "review"


def test_without_datasets_every_domain_is_asked(answering):
    answering.changed["east"] = {"decision": "approve", "rule": "counting"}

    cost = answering.session.cost(count, threshold=0.3)

    assert cost.verdicts == {"east": "approve", "north": "review"}
    assert cost["east"].rule == "counting"
    assert "approved by rule counting" in repr(cost)


def test_a_rule_on_mock_is_free(answering):
    free = Amount().to_mapping()
    answering.changed["north"] = {
        "decision": "approve", "rule": "rehearse", "price": free, "accounts": [],
    }  # fmt: skip

    cost = north(answering, tier="mock")

    assert request_in(answering.asked[0]).spec.tier == "mock"
    assert cost.affordable
    assert "free" in repr(cost)


def test_what_is_missing_is_named(answering):
    scarce = {**WEEK, "left": {"releases": 0, "rows": 199_000}}
    reason = "the budget plaza-week of dataset plaza has not enough releases left until 2026-11-26"
    answering.changed["north"] = {"decision": "deny", "reasons": [reason], "accounts": [scarce]}

    cost = north(answering)

    assert not cost.affordable
    assert "0 releases, 199,000 rows: not enough releases" in repr(cost)
    assert "would be rejected" in repr(cost)
    assert f"north: {reason}" in repr(cost)


def test_without_a_budget_of_the_dataset_nothing_is_affordable(answering):
    answering.changed["north"] = {"accounts": [MINE]}

    assert not north(answering).affordable


def test_a_job_that_was_not_understood_has_no_price(answering):
    answering.changed["north"] = {
        "decision": "deny", "reasons": ["what is that?"], "price": None, "accounts": [],
    }  # fmt: skip

    cost = north(answering)

    assert not cost.affordable
    assert "not known" in repr(cost)
    assert cost.table()["bits"].isna().all()


def test_runs_that_fit_alone_may_not_fit_together(answering):
    once = north(answering)["north"]
    assert 2 * once.price.bits <= MINE["left"]["bits"] < 3 * once.price.bits

    def all_of(*datasets):
        entries = {name: replace(once, dataset=name) for name in datasets}
        return Cost(entries, job="count", project="p", renderer=answering.session.renderer)

    assert all_of("plaza", "quay").affordable
    cost = all_of("plaza", "quay", "gate")
    assert all(entry.affordable for entry in cost.values())
    assert not cost.affordable
    assert cost.short_together == ("each of scientist alice at north",)
    assert "not enough for all of it together: each of scientist alice" in repr(cost)


# ------------------------------------------------------------------------- how it is shown


def test_it_is_plain_json_and_a_data_frame(answering):
    answering.changed["north"] = {"accounts": [{**WEEK, "left": {"epsilon": "1/4", "releases": 3}}]}

    cost = north(answering)

    entry = json.loads(json.dumps(cost.to_dict()))["north"]
    assert entry["answered"]
    assert entry["policy_version"] == 3
    assert Amount.from_mapping(entry["price"]) == cost["north"].price
    assert entry["accounts"][0]["until"] == "2026-11-26"
    frame = cost.table()
    assert frame[["for", "verdict", "releases", "budget", "left_releases", "until"]].values.tolist(
    ) == [["north", "review", 1, "plaza-week", 3, "2026-11-26"]]  # fmt: skip
    assert frame["left_epsilon"][0] == float(Fraction(1, 4))
    assert frame["left_rows"].isna().all()


def test_in_a_notebook_it_is_one_table(answering):
    html = north(answering)._repr_html_()

    assert html.count("<table") == 1
    assert "waits for north-owner" in html


@pytest.mark.attack
def test_foreign_words_are_shown_and_do_nothing(answering):
    answering.changed["north"] = {
        "decision": "deny", "reasons": ["<script>alert(1)</script>\x1b[2J\u202eok"],
    }  # fmt: skip

    cost = north(answering)

    assert "<script>" not in cost._repr_html_()
    assert "\x1b" not in repr(cost)
    assert "\u202e" not in repr(cost)


# --------------------------------------------------------------------- a domain is silent


def test_a_silent_domain_gets_a_row_with_the_price_it_publishes(answering):
    del answering.changed["east"]
    ring = answering.domains["east"].keyring
    coarse = Airlock(decimals=1)
    profile = a_profile("east", airlock=coarse.to_mapping())
    answering.exchange.profiles["east"] = ring.sign("profile", profile)

    cost = count.cost(answering.session.datasets("plaza"), threshold=0.3, timeout=5)

    assert cost.verdicts == {"east": "unknown", "north": "review"}
    assert cost["east"].price == price(request_in(answering.asked[0]).spec, coarse)
    assert cost["east"].accounts == ()
    assert not cost.affordable
    assert "no answer within 5 s" in repr(cost)
    assert "what is left is not known" in repr(cost)
    assert not cost.to_dict()["east"]["answered"]


def test_without_a_published_airlock_the_price_is_not_guessed(answering):
    answering.changed.clear()

    cost = north(answering)

    assert cost["north"].price is None
    assert "not known" in repr(cost)


def test_waiting_ends_after_thirty_seconds(answering):
    answering.changed.clear()
    begin = answering.clock.time

    north(answering)

    assert answering.clock.time - begin == 30


def test_who_is_waited_for_is_shown_after_a_moment(bench):
    out = io.StringIO()
    bench.session.progress = lambda title: Lines(title, headline, bench.clock.now, out)

    bench.session.cost(count, bench.dataset(), threshold=0.3, timeout=10)

    assert out.getvalue().splitlines() == [
        "cost of count · north: asked (2 s)",
        "cost of count · north: no answer (10 s)",
    ]


def test_a_quick_answer_shows_no_progress(answering):
    def progress(title):
        raise AssertionError(title)

    answering.session.progress = progress

    assert north(answering).affordable


def test_a_gateway_that_is_away_for_a_moment_costs_only_time(answering):
    answer = answering.exchange.meanwhile.pop()

    def away():
        answering.exchange.meanwhile[:] = [answer]
        raise UnreachableError("the gateway does not answer", next_step="later")

    answering.exchange.meanwhile.append(away)

    assert north(answering).affordable


def test_a_gateway_that_is_away_is_said(bench):
    dataset = bench.dataset()
    bench.exchange.down = True

    with pytest.raises(UnreachableError):
        bench.session.cost(count, dataset, threshold=0.3)


def test_a_domain_out_of_reach_stops_no_other(answering, monkeypatch):
    send = answering.session.post.send

    def refuse(letter, **how):
        if letter.recipient == "east":
            raise QuotaError("the mailbox of east is full", next_step="later")
        send(letter, **how)

    monkeypatch.setattr(answering.session.post, "send", refuse)

    cost = answering.session.cost(count, threshold=0.3)

    assert cost["east"].problem == "the mailbox of east is full"
    assert cost["north"].verdict == "review"


# ------------------------------------------------------------------------ hostile answers


@pytest.mark.attack
@pytest.mark.parametrize(
    "changed",
    [
        {"decision": "yes"},
        {"price": {"releases": -1}},
        {"accounts": [{**WEEK, "left": {"rows": 10**30}}]},
        {"accounts": "none"},
        {"extra": 1},
        {"job_id": "f" * 32},
        {"job_id": None},
    ],
)
def test_a_malformed_answer_is_no_answer_and_put_aside(answering, changed):
    answering.changed["north"] = changed

    cost = north(answering, timeout=5)

    assert cost.verdicts == {"north": "unknown"}
    assert len(answering.session.store.quarantined()) == 1


@pytest.mark.attack
def test_another_domain_cannot_answer(answering):
    del answering.changed["north"]

    def answer():
        while answering.asked:
            answering.domains["east"].send("job.quoted", quoted(answering.asked.pop()))

    answering.exchange.meanwhile.append(answer)

    cost = north(answering, timeout=5)

    assert cost.verdicts == {"north": "unknown"}
    (_, sender, problem) = answering.session.store.quarantined()[0]
    assert sender == "east"
    assert "nothing that we asked" in problem


@pytest.mark.attack
def test_the_first_answer_counts(answering):
    answering.domains["north"].send("job.quoted", {"job_id": "f" * 32})  # nobody asked
    north(answering)
    letter = answering.asked[0]
    answering.domains["north"].send("job.quoted", quoted(letter, decision="approve"))
    answering.session.collector.collect(wait=0)

    kept = answering.session.store.quote(request_in(letter).job_id)
    assert kept["decision"] == "review"
    assert len(answering.session.store.quarantined()) == 2


@pytest.mark.attack
def test_an_answer_after_an_hour_answers_nothing(answering):
    answering.changed.clear()
    north(answering)
    answering.clock.time += KEPT_SECONDS
    answering.domains["north"].send("job.quoted", quoted(answering.asked[0]))
    answering.session.collector.collect(wait=0)

    assert "of late" in answering.session.store.quarantined()[0][2]


# ------------------------------------------------------------------- several at one home


def test_another_notebook_may_collect_the_answer(answering):
    other = answering.again()
    answer = answering.exchange.meanwhile.pop()

    def answered_elsewhere():
        answer()
        other.collector.collect(wait=0)

    answering.exchange.meanwhile.append(answered_elsewhere)

    assert north(answering).affordable


def test_other_letters_go_their_way_meanwhile(answering):
    submission = count.submit(answering.dataset(), threshold=0.3)
    (letter,) = answering.domains["north"].inbox()
    answering.domains["north"].say(request_in(letter).job_id, "screened")

    north(answering)

    assert submission.state == {"north": "screened"}


# ------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({}, SpecError, "'threshold' is missing"),
        ({"threshold": "high"}, SpecError, "not of type float"),
        ({"threshold": 0.1, "limit": 3}, SpecError, "not declared"),
        ({"threshold": 0.1, "project": "A b"}, SpecError, "project"),
        ({"threshold": 0.1, "tier": "query"}, SpecError, "tier"),
    ],
)
def test_what_submit_would_refuse_is_refused_before_anything_is_sent(answering, how, error, said):
    with pytest.raises(error, match=said):
        answering.session.cost(count, answering.dataset(), **how)
    assert answering.exchange.boxes.get("north", []) == []


@pytest.mark.parametrize("wrong", ["north/plaza", [1], [], 5])
def test_what_is_no_dataset_is_refused(bench, wrong):
    with pytest.raises(InputError, match="dataset"):
        bench.session.cost(count, wrong, threshold=0.1)
    with pytest.raises(InputError, match="dataset"):
        count.submit(wrong, threshold=0.1)


def test_the_same_dataset_twice_is_refused(bench):
    with pytest.raises(InputError, match="twice"):
        bench.session.cost(count, [bench.dataset(), bench.dataset()], threshold=0.1)


def test_what_is_no_job_is_refused(bench):
    with pytest.raises(InputError, match="a function is not a job"):
        bench.session.cost(lambda data, params: {}, bench.dataset())


def test_an_environment_that_is_not_offered_is_said(bench):
    job = darkroom.job(count.function, outputs=count.outputs, environment="tensorflow")

    with pytest.raises(UnknownNameError, match="offers no environment"):
        bench.session.cost(job, bench.dataset())


def test_names_of_arguments_cannot_be_parameters(bench):
    for name in ("tier", "timeout", "project"):
        with pytest.raises(InputError, match=name):
            darkroom.job(count.function, outputs=count.outputs, parameters={name: "int"})
