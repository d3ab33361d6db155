"""The checkers of a soak find what is planted, and nothing in what is whole."""

from dataclasses import replace

import pytest

from darkroom.model.amount import Amount
from darkroom.model.budget import DAY, Budget
from darkroom.policy.ledger import Entry
from tests.soak.invariants import Arrival, Asked, Found, Held, doubled, lost, overspent, unpaid


JOB, MOCKED, REFUSED = "1" * 32, "2" * 32, "3" * 32
NOON = 20_000.5 * DAY
SCARCE = Budget(name="scarce", per="dataset", period_days=1, datasets=("yard",), releases=2)
RESERVED = Entry(
    reservation=JOB, kind="reserve", at=NOON, dataset="yard", scientist="alice",
    project="soak", amount=Amount(releases=1), policy_version=1,
)  # fmt: skip
SETTLED = replace(RESERVED, kind="settle")
DOMAIN = Held(
    domain="north",
    jobs={JOB: ("released", "reviewed"), MOCKED: ("released", "mock")},
    events=[("output-released", JOB), ("output-released", MOCKED)],
    entries=[RESERVED, SETTLED],
    budgets=[SCARCE],
)
ASKED = Asked(job_id=JOB, scientist="alice", domain="north", state="released", collected=True)
WHOLE = Found(
    asked=[
        ASKED,
        replace(ASKED, job_id=MOCKED),
        replace(ASKED, job_id=REFUSED, state="rejected", collected=False),
    ],
    told=frozenset({JOB, MOCKED, REFUSED}),
    arrivals=[Arrival(job_id=JOB, letter="a", release="x")] * 2,  # its receipt was cut off once
    domains=[DOMAIN],
    mail_sent=["l1", "l2"],
    mail_came=["l2", "l1"],
)


def test_nothing_is_found_in_what_is_whole():
    assert lost(WHOLE) == doubled(WHOLE) == []
    assert overspent([DOMAIN]) == unpaid([DOMAIN]) == []


def _asked(**changes):
    return replace(WHOLE, asked=[replace(ASKED, **changes), *WHOLE.asked[1:]])


def _domain(**changes):
    return replace(WHOLE, domains=[replace(DOMAIN, **changes)])


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        (_asked(state="running"), "has no end"),
        (_asked(collected=False), "no result came"),
        (_asked(state="failed"), "but released at the domain"),
        (_domain(jobs={MOCKED: ("released", "mock")}), "but unknown at the domain"),
        (replace(WHOLE, asked=WHOLE.asked[1:]), "no store has it"),
        (_domain(jobs={**DOMAIN.jobs, "4" * 32: ("produced", "reviewed")}), "has no end: produced"),
        (_domain(unsent=["job.result"]), "a job.result was never sent"),
        (replace(WHOLE, mail_came=["l1"]), "letter l2 never arrived"),
    ],
)
def test_a_loss_is_found(planted, words):
    (problem,) = lost(planted)
    assert words in problem


def test_what_never_reached_the_domain_and_was_said_so_is_an_end():
    gone = _asked(state="failed", collected=False, undelivered=True)
    there = replace(DOMAIN, jobs={MOCKED: DOMAIN.jobs[MOCKED]})
    assert lost(replace(gone, domains=[there])) == []


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        (_domain(entries=[RESERVED, RESERVED, SETTLED]), "2 x reserve"),
        (_domain(entries=[RESERVED, SETTLED, SETTLED]), "2 x settle"),
        (_domain(entries=[RESERVED, SETTLED, replace(SETTLED, kind="refund")]), "given back"),
        (_domain(events=[*DOMAIN.events, DOMAIN.events[0]]), "released 2 times"),
        (
            replace(
                WHOLE, arrivals=[*WHOLE.arrivals, Arrival(job_id=JOB, letter="b", release="x")]
            ),
            "2 letters",
        ),
        (
            replace(
                WHOLE, arrivals=[*WHOLE.arrivals, Arrival(job_id=JOB, letter="a", release="y")]
            ),
            "2 results",
        ),
        (replace(WHOLE, mail_came=["l1", "l2", "l2"]), "letter l2 came 2 times"),
    ],
)
def test_a_double_is_found(planted, words):
    (problem,) = doubled(planted)
    assert words in problem


def test_an_account_above_its_cap_is_found_also_when_it_came_down_again():
    entries = [replace(RESERVED, reservation=str(n)) for n in range(3)]
    entries.append(replace(entries[0], kind="refund"))
    (problem,) = overspent([replace(DOMAIN, entries=entries)])
    assert "scarce of dataset yard" in problem
    assert "3 releases" in problem


def test_another_period_dataset_or_a_refund_is_room():
    others = [
        replace(RESERVED, reservation="a"),
        replace(RESERVED, reservation="a", kind="refund"),
        replace(RESERVED, reservation="b"),
        replace(RESERVED, reservation="c"),
        replace(RESERVED, reservation="d", at=NOON + DAY),
        replace(RESERVED, reservation="e", dataset="plaza"),
    ]
    assert overspent([replace(DOMAIN, entries=others)]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entries": []}, "was released for []"),
        ({"entries": [RESERVED]}, "was released for"),
        (
            {"entries": [RESERVED], "jobs": {**DOMAIN.jobs, JOB: ("failed", "reviewed")}},
            "its charge is open",
        ),
        ({"entries": [*DOMAIN.entries, replace(RESERVED, reservation=MOCKED)]}, "on mock"),
        ({"entries": [*DOMAIN.entries, replace(RESERVED, reservation="9:log")]}, "no such job"),
    ],
)
def test_a_result_without_its_charge_is_found(changes, words):
    (problem,) = unpaid([replace(DOMAIN, **changes)])
    assert words in problem
