"""A policy in plain words, before it is signed. Pure."""

from darkroom.model.site_policy import SitePolicy
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.view import limit_rows


def policy_sheet(policy: SitePolicy) -> Sheet:
    """What a policy allows, and what follows from it."""
    alerts = []
    if policy.release == "auto" and policy.approve:
        alerts.append("outputs of the code digests below leave without anybody looking at them")
    if policy.hosted_identities:
        alerts.append("scientists whose keys lie on the Hub are accepted: its operator can ask too")
    return Sheet(
        title=f"Policy {policy.version} of {policy.domain}",
        lead="Everything that is not named here is refused."
        if policy.grants
        else "It allows nothing: no scientist is named.",
        alerts=tuple(alerts),
        sections=(
            Section(
                heading="Who may ask for what",
                columns=("scientist", "datasets", "tiers") if policy.grants else (),
                rows=tuple(
                    (g.scientist, ", ".join(g.datasets), ", ".join(g.tiers)) for g in policy.grants
                ),
            ),
            Section(
                heading="Code that runs without review",
                note="" if policy.approve else "None: you read every job.",
                rows=tuple(("code digest", value) for value in policy.approve),
            ),
            Section(
                heading="Outputs",
                rows=(
                    (
                        "release",
                        "by rule, for the code above"
                        if policy.release == "auto"
                        else "you release every output",
                    ),
                ),
            ),
            Section(
                heading="The most that one worker of a job may use",
                rows=limit_rows(policy.limits),
            ),
        ),
    )
