"""Whether a policy says one thing: rules that cannot apply, promises without a cap. Pure.

The constructor of `SitePolicy` checks each part; here the parts are held against each other.
A policy that contradicts itself is neither signed nor put in force.
"""

from collections.abc import Collection, Iterator, Sequence

from darkroom.errors import SpecError
from darkroom.model.amount import UNITS
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.site_policy import SitePolicy


CHARGED = ("reviewed",)  # tiers that touch private footage
# Every release counts in both: a cap on rows alone lets models out without end.
CAPPING = ("releases", "bits")


class UnsoundPolicyError(SpecError):
    """A proposal that cannot be signed.

    Args:
        faults: all that is wrong with it, at least one.
    """

    def __init__(self, faults: Sequence[SpecError]) -> None:
        first, more = faults[0], len(faults) - 1
        super().__init__(
            first.message + (f" (and {more} more)" if more else ""),
            next_step=first.next_step,
            where=first.where,
        )
        self.faults = tuple(faults)


def contradictions(policy: SitePolicy) -> list[SpecError]:
    """Everything that does not fit together; each error carries `where`."""
    return [
        *_uncapped(policy),
        *_idle_rules(policy),
        *_shadowed_rules(policy),
        *_idle_budgets(policy),
        *_same_people(policy),
        *_own_reviews(policy),
    ]


def require_consistent(policy: SitePolicy) -> SitePolicy:
    """The policy itself.

    Raises:
        SpecError: the first contradiction, with `where`.
    """
    for error in contradictions(policy):
        raise error
    return policy


def open_to_one(policy: SitePolicy) -> Iterator[tuple[Budget, tuple[str, ...]]]:
    """Budgets per dataset that one scientist can use up before others who share it, and in which
    units. No contradiction: an owner may want it so.
    """
    people = [set(grant.datasets) for grant in policy.grants if set(grant.tiers) & set(CHARGED)]
    for budget in policy.budgets:
        shared = {
            dataset
            for datasets in people
            for dataset in datasets
            if budget.covers(dataset) and sum(dataset in other for other in people) > 1
        }
        units = tuple(
            unit
            for unit in UNITS
            if budget.cap(unit)
            and not all(
                any(_tighter(one, budget, unit, dataset) for one in policy.budgets)
                for dataset in shared
            )
        )
        if budget.per == "dataset" and shared and units:
            yield budget, units


def _tighter(one: Budget, all_of_them: Budget, unit: str, dataset: str) -> bool:
    """Whether a scientist meets the cap of `one` before they used up a dataset's."""
    cap, whole = one.cap(unit), all_of_them.cap(unit)
    if one.per != "scientist" or not one.covers(dataset) or cap is None or whole is None:
        return False
    days, long = one.period_days, all_of_them.period_days
    aligned = days % long == 0 or long % days == 0
    periods = -(-long // days) + (not aligned)  # of `one`, that one of the other can touch
    return cap * periods < whole


def strangers(policy: SitePolicy, *, domain: str, datasets: Collection[str]) -> Iterator[SpecError]:
    """What a policy names and its domain does not have; each error carries `where`."""
    if policy.domain != domain:
        yield SpecError(
            f"the policy is for {policy.domain}, domain.yaml is of {domain}",
            next_step="mend `domain:`, or name the right domain.yaml",
            where=("domain",),
        )
    named = {
        "grants": [grant.datasets for grant in policy.grants],
        "rules": [rule.datasets for rule in policy.rules],
        "budgets": [budget.datasets for budget in policy.budgets],
    }
    for what, entries in named.items():
        for index, names in enumerate(entries):
            for name in names:
                if name not in datasets:
                    yield SpecError(
                        f"domain.yaml has no dataset {name}",
                        next_step=f"use datasets of: {', '.join(sorted(datasets)) or 'none'}",
                        where=(what, index, "datasets"),
                    )


def _uncapped(policy: SitePolicy) -> list[SpecError]:
    found = []
    for index, grant in enumerate(policy.grants):
        if not set(grant.tiers) & set(CHARGED):
            continue
        for dataset in grant.datasets:
            if any(_caps(budget, dataset) for budget in policy.budgets):
                continue
            found.append(
                SpecError(
                    f"{grant.scientist} may ask for {dataset} without end: no budget per "
                    f"dataset caps its {' or '.join(CAPPING)}",
                    next_step=f"add a budget with per: dataset and {' or '.join(CAPPING)}",
                    where=("grants", index, "datasets"),
                )
            )
        if not grant.projects and any(b.per == "project" for b in policy.budgets):
            found.append(
                SpecError(
                    f"{grant.scientist} may name any project, so a budget per project caps nothing",
                    next_step="list projects in the grant",
                    where=("grants", index),
                )
            )
    return found


def _caps(budget: Budget, dataset: str) -> bool:
    return (
        budget.per == "dataset"
        and budget.covers(dataset)
        and any(budget.cap(unit) is not None for unit in CAPPING)
    )


def _idle_rules(policy: SitePolicy) -> list[SpecError]:
    found = []
    for index, rule in enumerate(policy.rules):
        tier = rule.tier or "reviewed"
        grants = [
            g
            for g in policy.grants
            if tier in g.tiers
            and (not rule.scientists or g.scientist in rule.scientists)
            and (not rule.datasets or set(rule.datasets) & set(g.datasets))
        ]
        if not grants:
            found.append(
                SpecError(
                    f"the rule {rule.name} is for nobody: no grant gives its scientists the "
                    f"tier {tier} on its datasets",
                    next_step="add the grant, or remove the rule",
                    where=("rules", index),
                )
            )
            continue
        for what, named, granted in (
            ("scientists", rule.scientists, {g.scientist for g in grants}),
            ("datasets", rule.datasets, {d for g in grants for d in g.datasets}),
        ):
            found += [
                SpecError(
                    f"the rule {rule.name} names {name}, for which no grant gives the tier {tier}",
                    next_step="mend the name, add the grant, or remove it here",
                    where=("rules", index, what),
                )
                for name in named
                if name not in granted
            ]
    return found


def _shadowed_rules(policy: SitePolicy) -> list[SpecError]:
    """The first rule that admits a job decides: one behind it may never be asked."""
    return [
        SpecError(
            f"the rule {rule.name} never applies: {first.name} above it admits the same jobs",
            next_step="put the narrower rule first, or remove one of them",
            where=("rules", index),
        )
        for index, rule in enumerate(policy.rules)
        for first in [next((r for r in policy.rules[:index] if admits_all(r, rule)), None)]
        if first is not None
    ]


def admits_all(wide: ApprovalRule, narrow: ApprovalRule) -> bool:
    """Whether one rule admits whatever the other one admits."""
    return (
        (wide.tier, wide.code_digest) == (narrow.tier, narrow.code_digest)
        and _covers(wide.scientists, narrow.scientists)
        and _covers(wide.datasets, narrow.datasets)
        and all(
            name in wide.parameters and _includes(wide.parameters[name], allowed)
            for name, allowed in narrow.parameters.items()
        )
    )


def _covers(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _includes(wide: Allowed, narrow: Allowed) -> bool:
    if wide.anything:
        return True
    if narrow.one_of:
        return all(map(wide.holds, narrow.one_of))
    if narrow.anything or wide.one_of:
        return False
    low = wide.minimum is None or (narrow.minimum is not None and wide.minimum <= narrow.minimum)
    high = wide.maximum is None or (narrow.maximum is not None and narrow.maximum <= wide.maximum)
    return low and high


def _idle_budgets(policy: SitePolicy) -> list[SpecError]:
    granted = {d for g in policy.grants for d in g.datasets}
    return [
        SpecError(
            f"the budget {budget.name} covers {name}, which nobody may use",
            next_step="mend the name, or remove it",
            where=("budgets", index, "datasets"),
        )
        for index, budget in enumerate(policy.budgets)
        for name in budget.datasets
        if name not in granted
    ]


def _same_people(policy: SitePolicy) -> list[SpecError]:
    """Two votes are of two people, and a name on the wire is one identity's."""
    reviews = policy.reviews
    scientists = {grant.scientist for grant in policy.grants}
    seen = {reviews.owner_as_scientist} - {""}
    found = []
    for index, reviewer in enumerate(reviews.reviewers):
        where = ("reviews", "reviewers", index)
        if reviewer.scientist in seen:
            found.append(
                SpecError(
                    f"{reviewer.name} is the scientist {reviewer.scientist}, and so is another "
                    "reviewer: one person has one vote",
                    next_step="name each person once",
                    where=(*where, "scientist"),
                )
            )
        if reviewer.name in scientists:
            found.append(
                SpecError(
                    f"{reviewer.name} is a reviewer and has a grant under the same name: one "
                    "identity cannot be both",
                    next_step="give them a second identity, and name the first as `scientist`",
                    where=(*where, "name"),
                )
            )
        seen |= {reviewer.scientist} - {""}
    return found


def _own_reviews(policy: SitePolicy) -> list[SpecError]:
    """With nobody left who may review a scientist's jobs, these wait for ever."""
    reviews = policy.reviews
    people = [reviews.owner_as_scientist, *(r.scientist for r in reviews.reviewers)]
    found = []
    for index, grant in enumerate(policy.grants):
        others = sum(person != grant.scientist for person in people)
        if "reviewed" in grant.tiers and others < max(reviews.code, reviews.release):
            found.append(
                SpecError(
                    f"{grant.scientist} reviews too, and without them there are {others} people "
                    f"for {max(reviews.code, reviews.release)} votes",
                    next_step="name another reviewer, or ask for fewer votes",
                    where=("grants", index),
                )
            )
    return found
