"""What a new policy changes, in plain words: what it allows that was not allowed, and back.

Each change is compared by what it means, not by its text: a smaller `min_count` allows
more, a smaller `max_rows` less. What can be either is said to be both. Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from darkroom.model.airlock import Airlock
from darkroom.model.amount import UNITS
from darkroom.model.approval_rule import ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.reviews import Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.owner.policy_view import (
    AIRLOCK,
    airlock_words,
    budget_row,
    cap_words,
    days,
    named,
    people,
    policy_alerts,
    reviewer_words,
    rule_row,
)
from darkroom.owner.sheet import Section, Sheet
from darkroom.policy.consistency import admits_all


Effect = Literal["more", "less", "both"]
NONE = "–"
LOOSER = ("owner", "auto")  # from, to
_HEADINGS: dict[Effect, tuple[str, str]] = {
    "more": ("Allowed that was not", "+"),
    "both": ("Changed: some of it allows more", "±"),
    "less": ("Not allowed any more", "-"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between two policies.

    Attributes:
        effect: whether the new policy allows more, less, or both.
        what: what is meant.
        was, becomes: in words.
    """

    effect: Effect
    what: str
    was: str = NONE
    becomes: str = NONE


def policy_changes(old: SitePolicy | None, new: SitePolicy) -> tuple[Change, ...]:
    """Every difference, versions aside. With no old policy nothing was allowed."""
    before = old or replace(new, grants=(), rules=(), hosted_identities=False)
    return (
        *_grants(before, new),
        *_rules(before.rules, new.rules),
        *_reviews(before.reviews, new.reviews),
        *_budgets(before.budgets, new.budgets),
        *_airlock(before.airlock, new.airlock),
        *_limits(before, new),
        *_switch("keys that lie on the Hub", before.hosted_identities, new.hosted_identities),
    )


def diff_sheet(old: SitePolicy | None, new: SitePolicy) -> Sheet:
    """The differences, what is newly allowed first."""
    changes = policy_changes(old, new)
    counts = {effect: sum(c.effect == effect for c in changes) for effect in _HEADINGS}
    known = policy_alerts(old) if old else ()
    since = f"policy {old.version}" if old else "no policy at all"
    return Sheet(
        title=f"Policy {new.version} of {new.domain}, against {since}",
        lead="; ".join(f"{heading}: {counts[e]}" for e, (heading, _) in _HEADINGS.items())
        if changes
        else "It says the same.",
        alerts=tuple(alert for alert in policy_alerts(new) if alert not in known),
        sections=tuple(
            Section(
                heading=heading,
                columns=("", "what", "was", "becomes"),
                rows=tuple((mark, c.what, c.was, c.becomes) for c in changes if c.effect == effect),
            )
            for effect, (heading, mark) in _HEADINGS.items()
            if counts[effect]
        ),
    )


# ------------------------------------------------------------------------------ the parts


def _grants(old: SitePolicy, new: SitePolicy) -> Iterator[Change]:
    names = dict.fromkeys(g.scientist for g in (*old.grants, *new.grants))
    for name in names:
        was, becomes = old.grant_of(name), new.grant_of(name)
        before, after = _pairs(was), _pairs(becomes)
        for dataset, tier in sorted(after - before):
            yield Change(effect="more", what=f"{name} on {dataset}", becomes=f"tier {tier}")
        for dataset, tier in sorted(before - after):
            yield Change(effect="less", what=f"{name} on {dataset}", was=f"tier {tier}")
        if was and becomes:
            yield from _set(
                f"projects of {name}", was.projects, becomes.projects, everything="any project"
            )


def _pairs(grant: Grant | None) -> set[tuple[str, str]]:
    return {(d, t) for d in grant.datasets for t in grant.tiers} if grant else set()


def _rules(old: tuple[ApprovalRule, ...], new: tuple[ApprovalRule, ...]) -> Iterator[Change]:
    """By content, then by name: what a rule is called changes nothing."""
    before, after = [_unnamed(r) for r in old], [_unnamed(r) for r in new]
    gone = {r.name: r for r, content in zip(old, before, strict=True) if content not in after}
    what = "runs without review"
    for rule, content in zip(new, after, strict=True):
        if content in before:
            continue
        was = gone.pop(rule.name, None)
        if was is None:
            yield Change(effect="more", what=what, becomes=_rule_words(rule))
        else:
            yield Change(
                effect=_effect(
                    grows=not admits_all(was, rule) or (was.release, rule.release) == LOOSER,
                    shrinks=not admits_all(rule, was) or (rule.release, was.release) == LOOSER,
                ),
                what=what,
                was=_rule_words(was),
                becomes=_rule_words(rule),
            )
    for rule in gone.values():
        yield Change(effect="less", what=what, was=_rule_words(rule))
    if [c for c in after if c in before] != [c for c in before if c in after]:
        yield Change(effect="both", what="which rule comes first", becomes="another order")


def _unnamed(rule: ApprovalRule) -> dict[str, Any]:
    return {**rule.to_mapping(), "name": ""}


def _rule_words(rule: ApprovalRule) -> str:
    _, admits, whom, values, outputs = rule_row(rule)
    return f"{admits}, for {whom}, with {values}; its outputs {outputs}"


def _reviews(old: Reviews, new: Reviews) -> Iterator[Change]:
    yield from _number("votes to approve code", old.code, new.code, people, more=-1)
    yield from _number("votes to release outputs", old.release, new.release, people, more=-1)
    yield from _number("an approval holds", old.approval_days, new.approval_days, days)
    yield from _number("jobs of one scientist that wait", old.max_pending, new.max_pending)
    yield from _switch(
        "approvals outlive a new version", old.keep_on_new_version, new.keep_on_new_version
    )
    if old.owner_as_scientist != new.owner_as_scientist:
        yield Change(
            effect="both" if new.owner_as_scientist and old.owner_as_scientist else
            "less" if new.owner_as_scientist else "more",
            what="the owner's name as a scientist, whose jobs they do not review",
            was=old.owner_as_scientist or NONE,
            becomes=new.owner_as_scientist or NONE,
        )  # fmt: skip
    before, after = set(old.reviewers), set(new.reviewers)
    for reviewer in sorted(after - before, key=lambda r: r.name):
        yield Change(effect="more", what="may review", becomes=reviewer_words(reviewer))
    for reviewer in sorted(before - after, key=lambda r: r.name):
        yield Change(effect="less", what="may review", was=reviewer_words(reviewer))


def _budgets(old: tuple[Budget, ...], new: tuple[Budget, ...]) -> Iterator[Change]:
    """By name; a budget that is gone caps nothing any more."""
    before, after = {b.name: b for b in old}, {b.name: b for b in new}
    for name, budget in after.items():
        what = f"budget {name}"
        if name not in before:
            yield Change(effect="less", what=what, becomes=_budget_words(budget))
            continue
        was = before[name]
        if (was.per, was.period_days) != (budget.per, budget.period_days):
            yield Change(
                effect="both", what=what, was=_budget_words(was), becomes=_budget_words(budget)
            )
            continue
        yield from _set(
            f"{what} counts", was.datasets, budget.datasets, everything="all datasets", more=-1
        )
        for unit in UNITS:
            one, two = was.cap(unit), budget.cap(unit)
            if one != two:
                wider = two is None or (one is not None and two > one)
                yield Change(
                    effect="more" if wider else "less",
                    what=f"{what}: {unit}",
                    was=cap_words(one),
                    becomes=cap_words(two),
                )
    for name, budget in before.items():
        if name not in after:
            yield Change(effect="more", what=f"budget {name}", was=_budget_words(budget))


def _budget_words(budget: Budget) -> str:
    _, per, covers, period, *caps = budget_row(budget)
    capped = ", ".join(
        f"{unit} {cap}" for unit, cap in zip(UNITS, caps, strict=True) if cap != cap_words(None)
    )
    return f"of each {per}, over {covers}, every {period}: {capped}"


_COARSER = {"min_count", "round_counts"}  # the greater, the less leaves


def _airlock(old: Airlock, new: Airlock) -> Iterator[Change]:
    for field in fields(Airlock):
        name, label = field.name, AIRLOCK[field.name]
        was, becomes = getattr(old, name), getattr(new, name)
        if isinstance(was, tuple):
            yield from _set(label, was, becomes, everything="")
        else:

            def words(value: object, name: str = name) -> str:
                return airlock_words(name, value)

            yield from _number(label, was, becomes, words, more=-1 if name in _COARSER else 1)


def _limits(old: SitePolicy, new: SitePolicy) -> Iterator[Change]:
    before, after = asdict(old.limits), asdict(new.limits)
    for name, was in before.items():
        yield from _number(f"limit {name}", was, after[name])


# ------------------------------------------------------------------------- kinds of values


def _number(
    what: str,
    was: int,
    becomes: int,
    words: Callable[[int], str] = "{:,}".format,
    *,
    more: Literal[1, -1] = 1,
) -> Iterator[Change]:
    if was != becomes:
        yield Change(
            effect="more" if (becomes > was) == (more == 1) else "less",
            what=what,
            was=words(was),
            becomes=words(becomes),
        )


def _effect(*, grows: bool, shrinks: bool) -> Effect:
    if grows and shrinks:
        return "both"
    return "more" if grows else "less"


def _switch(what: str, was: bool, becomes: bool) -> Iterator[Change]:  # noqa: FBT001 - two states
    words = {True: "accepted", False: "refused"}
    yield from _number(what, int(was), int(becomes), lambda on: words[bool(on)])


def _set(
    what: str,
    was: tuple[str, ...],
    becomes: tuple[str, ...],
    *,
    everything: str,
    more: Literal[1, -1] = 1,
) -> Iterator[Change]:
    """Names; where `everything` has a name, a list without names stands for it."""
    before, after = set(was), set(becomes)
    if before == after:
        return
    grows, shrinks = bool(after - before), bool(before - after)
    if everything and not (before and after):
        grows, shrinks = not after, not before
    if more == -1:
        grows, shrinks = shrinks, grows
    yield Change(
        effect=_effect(grows=grows, shrinks=shrinks),
        what=what,
        was=named(was, everything or NONE),
        becomes=named(becomes, everything or NONE),
    )
