"""A policy in plain words, before it is signed. Pure."""

from darkroom.model.airlock import Airlock
from darkroom.model.amount import UNITS
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.view import limit_rows
from darkroom.policy.consistency import open_to_one


ANY = "any"


def policy_sheet(policy: SitePolicy) -> Sheet:
    """What a policy allows, and what follows from it."""
    return Sheet(
        title=f"Policy {policy.version} of {policy.domain}",
        lead="Everything that is not named here is refused."
        if policy.grants
        else "It allows nothing: no scientist is named.",
        alerts=policy_alerts(policy),
        sections=(
            Section(
                heading="Who may ask for what",
                columns=("scientist", "datasets", "tiers", "projects") if policy.grants else (),
                rows=tuple(map(_grant_row, policy.grants)),
            ),
            Section(
                heading="Jobs that run without review",
                note="The first rule that admits a job decides."
                if policy.rules
                else "None: you read every job.",
                columns=("rule", "admits", "for", "with", "its outputs") if policy.rules else (),
                rows=tuple(map(rule_row, policy.rules)),
            ),
            Section(heading="Who reviews the others", rows=_review_rows(policy.reviews)),
            Section(
                heading="The most that is reserved in a period",
                note="A job is charged for what it declares, before it runs; "
                "an output that you withhold is charged too. "
                "What waits over the end of its period leaves in a later one."
                if policy.budgets
                else "No budget: nothing that rests on footage leaves.",
                columns=("budget", "of each", "counts", "every", *UNITS) if policy.budgets else (),
                rows=tuple(map(budget_row, policy.budgets)),
            ),
            Section(heading="What every output must fit", rows=_airlock_rows(policy.airlock)),
            Section(
                heading="The most that one worker of a job may use",
                rows=limit_rows(policy.limits),
            ),
            Section(
                heading="Keys",
                rows=(
                    (
                        "keys that lie on the Hub",
                        "accepted" if policy.hosted_identities else "refused",
                    ),
                ),
            ),
        ),
    )


def policy_alerts(policy: SitePolicy) -> tuple[str, ...]:
    """What an owner should not sign without having seen it."""
    alerts = [
        f"what the rule {rule.name} admits runs on private footage and its outputs leave "
        "without anybody looking at them"
        for rule in policy.rules
        if rule.code_digest and rule.release == "auto"
    ]
    alerts += [
        f"the rule {rule.name} lets the scientist choose {', '.join(free)} freely: any value "
        "gets in, as if it were code"
        for rule in policy.rules
        if (free := [n for n, allowed in sorted(rule.parameters.items()) if allowed.anything])
    ]
    alerts += [
        f"one scientist can use up {', '.join(units)} of the budget {budget.name} before the "
        "others: no budget per scientist over the same datasets is tighter"
        for budget, units in open_to_one(policy)
    ]
    if policy.airlock.free_text:
        alerts.append(
            "text columns may hold any text: a reviewer sees it, a program cannot judge it"
        )
    if policy.reviews.keep_on_new_version:
        alerts.append("an approval outlives the footage that it was given for")
    if policy.hosted_identities:
        alerts.append("scientists whose keys lie on the Hub are accepted: its operator can ask too")
    return tuple(alerts)


def named(names: tuple[str, ...], everything: str) -> str:
    """Names in a row; none of them means everything."""
    return ", ".join(names) or everything


def _grant_row(grant: Grant) -> tuple[str, ...]:
    return (
        grant.scientist,
        ", ".join(grant.datasets),
        ", ".join(grant.tiers),
        named(grant.projects, ANY),
    )


def rule_row(rule: ApprovalRule) -> tuple[str, ...]:
    """A rule in five cells: name, admits, for, with, outputs."""
    return (
        rule.name,
        "any code, on generated footage only" if rule.tier else f"the code {rule.code_digest}",
        f"{named(rule.scientists, 'everybody')} on {named(rule.datasets, 'every dataset')}, "
        "where a grant says so",
        "; ".join(f"{n}: {allowed_words(a)}" for n, a in sorted(rule.parameters.items()))
        or ("any parameters" if rule.tier else "no parameters"),
        _outputs_words(rule),
    )


def _outputs_words(rule: ApprovalRule) -> str:
    if rule.tier:
        return "leave: nothing private is in them"
    return "leave at once" if rule.release == "auto" else "wait for a person"


def allowed_words(allowed: Allowed) -> str:
    """The values of a parameter: `1 to 5`, `a, b`, `anything`."""
    if allowed.anything:
        return "anything"
    if allowed.one_of:
        return ", ".join(map(repr, allowed.one_of))
    if allowed.minimum is None:
        return f"at most {allowed.maximum}"
    if allowed.maximum is None:
        return f"at least {allowed.minimum}"
    return f"{allowed.minimum} to {allowed.maximum}"


def _review_rows(reviews: Reviews) -> tuple[tuple[str, str], ...]:
    own = "the owner"
    if reviews.owner_as_scientist:
        own += f" (the scientist {reviews.owner_as_scientist}: not of their own jobs)"
    return (
        ("reviewers", "; ".join((own, *map(reviewer_words, reviews.reviewers)))),
        ("to approve code", people(reviews.code)),
        ("to release outputs", people(reviews.release)),
        ("an approval holds", days(reviews.approval_days)),
        ("new dataset version", "approvals hold" if reviews.keep_on_new_version else "voids them"),
        ("jobs of one scientist that wait", f"at most {reviews.max_pending:,}"),
    )


def reviewer_words(reviewer: Reviewer) -> str:
    """A reviewer, and whose jobs they do not review."""
    own = f", the scientist {reviewer.scientist}: not of their own jobs"
    return f"{reviewer.name} ({reviewer.fingerprint}{own if reviewer.scientist else ''})"


def people(count: int) -> str:
    """`1 person`, `2 people`."""
    return "1 person" if count == 1 else f"{count:,} different people"


def days(count: int) -> str:
    """`1 day`, `7 days`."""
    return "1 day" if count == 1 else f"{count:,} days"


def budget_row(budget: Budget) -> tuple[str, ...]:
    """A budget: name, per, what it covers, period, and a cell for each unit."""
    caps = (budget.cap(unit) for unit in UNITS)
    return (
        budget.name,
        budget.per,
        named(budget.datasets, "all datasets"),
        days(budget.period_days),
        *(cap_words(cap) for cap in caps),
    )


def cap_words(cap: object) -> str:
    """A cap, or that there is none."""
    if cap is None:
        return "no cap"
    return f"{cap:,}" if isinstance(cap, int) else str(cap)


def _airlock_rows(airlock: Airlock) -> tuple[tuple[str, str], ...]:
    return tuple(
        (label, airlock_words(name, getattr(airlock, name))) for name, label in AIRLOCK.items()
    )


AIRLOCK = {
    "max_rows": "rows of a table",
    "max_columns": "columns of a table",
    "min_count": "smallest count",
    "round_counts": "counts",
    "decimals": "other numbers",
    "free_text": "text that is no declared label",
    "models": "models",
    "max_model_kib": "size of a model",
    "log": "what a job printed",
}


def airlock_words(name: str, value: object) -> str:
    """One value of the airlock, in words."""
    match name, value:
        case (("max_rows" | "max_columns"), int()):
            return f"at most {value:,}"
        case "max_model_kib", int():
            return f"at most {value:,} KiB"
        case "min_count", int():
            return "any" if value == 1 else f"{value:,}; what rests on fewer is left out"
        case "round_counts", int():
            return "exact" if value == 1 else f"to the nearest {value:,}"
        case "decimals", int():
            return f"{value} digits after the point"
        case "models", tuple():
            return named(value, "none leaves")
        case "log", bool():
            return "may be released by a person" if value else "never leaves"
    return "may leave" if value else "never leaves"
