"""What may never happen, told from the outside. Pure: rows of databases in, sentences out.

The sums are made here anew; nothing of the ledger's own arithmetic is used.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.model.budget import DAY, Budget
from darkroom.policy.ledger import Entry
from darkroom.policy.transitions import FINAL


MOCK = "mock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job as its scientist's store has it.

    Attributes:
        collected: its result was verified and is there.
        undelivered: the gateway never had it, or sent it back.
        why: the first reason that its scientist was given, or "".
    """

    job_id: str
    scientist: str
    domain: str
    state: str
    collected: bool = False
    undelivered: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A result as it came in at a scientist: which letter, and the digest of its release."""

    job_id: str
    letter: str
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a node's database holds.

    Attributes:
        jobs: id -> (state, tier).
        events: (event, job id), oldest first.
        entries: the ledger.
        unsent: kinds of the letters in the outbox.
    """

    domain: str
    jobs: Mapping[str, tuple[str, str]]
    events: Sequence[tuple[str, str]]
    entries: Sequence[Entry]
    budgets: Sequence[Budget]
    unsent: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that was collected at the end.

    Attributes:
        told: ids of the jobs that `submit` returned to somebody.
    """

    asked: Sequence[Asked]
    told: frozenset[str]
    arrivals: Sequence[Arrival]
    domains: Sequence[Held]
    mail_sent: Sequence[str] = ()
    mail_came: Sequence[str] = field(default=())


def lost(found: Found) -> list[str]:
    """What was asked and has no end, or another end at the domain than at the scientist."""
    domains = {held.domain: held for held in found.domains}
    problems = [f"{job}: submit returned it, no store has it"
                for job in sorted(found.told - {a.job_id for a in found.asked})]  # fmt: skip
    for asked in found.asked:
        state, _ = domains[asked.domain].jobs.get(asked.job_id, ("", ""))
        who = f"{asked.job_id} ({asked.scientist} at {asked.domain})"
        if asked.state not in FINAL:
            problems.append(f"{who}: has no end: {asked.state}, at the domain {state or 'unknown'}")
        elif asked.state == "released" and not asked.collected:
            problems.append(f"{who}: released, and no result came")
        elif asked.undelivered and not state:
            pass  # never sent, and told so: an end
        elif state not in ("", asked.state) or (not state and asked.state != "rejected"):
            problems.append(f"{who}: {asked.state}, but {state or 'unknown'} at the domain")
    known = {asked.job_id for asked in found.asked}
    for held in found.domains:
        problems += [
            f"{job} at {held.domain}: has no end: {state}"
            for job, (state, _) in held.jobs.items()
            if state not in FINAL and job not in known
        ]
        problems += [f"{held.domain}: a {kind} was never sent" for kind in held.unsent]
    missing = Counter(found.mail_sent) - Counter(found.mail_came)
    problems += [f"letter {letter} never arrived" for letter in missing]
    return problems


def doubled(found: Found) -> list[str]:
    """What was charged, released or delivered more than once."""
    problems = []
    for held in found.domains:
        steps = Counter((entry.reservation, entry.kind) for entry in held.entries)
        problems += [
            f"{held.domain}: {count} x {kind} of {reservation}"
            for (reservation, kind), count in steps.items()
            if count > 1
        ]
        problems += [
            f"{held.domain}: {name} was settled and given back"
            for name, kind in steps
            if kind == "settle" and (name, "refund") in steps
        ]
        released = Counter(job for event, job in held.events if event == "output-released")
        problems += [
            f"{held.domain}: {job} released {count} times"
            for job, count in released.items()
            if count > 1
        ]
    letters: dict[str, set[str]] = defaultdict(set)
    releases: dict[str, set[str]] = defaultdict(set)
    for arrival in found.arrivals:  # one letter may be read again, when its receipt was cut off
        letters[arrival.job_id].add(arrival.letter)
        releases[arrival.job_id].add(arrival.release)
    problems += [
        f"{job}: {len(letters[job])} letters with {len(releases[job])} results came"
        for job in letters
        if len(letters[job]) > 1 or len(releases[job]) > 1
    ]
    came = Counter(found.mail_came)
    problems += [
        f"letter {letter} came {count} times" for letter, count in came.items() if count > 1
    ]
    return problems


def overspent(domains: Iterable[Held]) -> list[str]:
    """Accounts that were above a cap at any moment."""
    problems = []
    for held in domains:
        for budget in held.budgets:
            problems += [f"{held.domain}: {what}" for what in _above(budget, held.entries)]
    return problems


def _above(budget: Budget, entries: Iterable[Entry]) -> list[str]:
    sums: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    worst: dict[tuple[str, int, str], int] = {}
    for entry in entries:
        if budget.datasets and entry.dataset not in budget.datasets:
            continue
        holder = {"dataset": entry.dataset, "scientist": entry.scientist,
                  "project": entry.project}[budget.per]  # fmt: skip
        period = int(entry.at // (budget.period_days * DAY))
        sign = {"reserve": 1, "refund": -1, "settle": 0}[entry.kind]
        for unit in ("releases", "rows", "bits"):
            total = sums[holder, period][unit] + sign * getattr(entry.amount, unit)
            sums[holder, period][unit] = total
            cap = getattr(budget, unit)
            if cap is not None and total > cap:
                worst[holder, period, unit] = max(worst.get((holder, period, unit), 0), total)
    return [
        f"{budget.name} of {budget.per} {holder}, period {period}: {total} {unit}"
        for (holder, period, unit), total in worst.items()
    ]


def unpaid(domains: Iterable[Held]) -> list[str]:
    """Results of private footage without a charge, charges that no end closed."""
    problems = []
    for held in domains:
        steps = {(entry.reservation, entry.kind) for entry in held.entries}
        for job, (state, tier) in held.jobs.items():
            paid = {kind for kind in ("reserve", "settle", "refund") if (job, kind) in steps}
            if tier == MOCK and paid:
                problems.append(f"{held.domain}: {job} on mock was charged")
            elif state == "released" and tier != MOCK and paid != {"reserve", "settle"}:
                problems.append(f"{held.domain}: {job} was released for {sorted(paid)}")
            elif state in FINAL and paid == {"reserve"}:
                problems.append(f"{held.domain}: {job} is {state}, its charge is open")
        problems += [
            f"{held.domain}: {name} is charged, and there is no such job"
            for name in sorted({name.partition(":")[0] for name, _ in steps} - set(held.jobs))
        ]
    return problems
