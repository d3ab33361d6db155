import json

import pytest
from hypothesis import given, settings

from darkroom.errors import SpecError
from darkroom.model.airlock import Airlock
from darkroom.model.reviews import Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from tests.model.shapes import JSON, POLICIES


@settings(max_examples=40, deadline=None)
@given(POLICIES)
def test_a_policy_survives_the_wire(policy):
    assert SitePolicy.from_mapping(json.loads(json.dumps(policy.to_mapping()))) == policy


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        SitePolicy.from_mapping(value)


def test_the_smallest_policy_allows_nothing():
    policy = SitePolicy.from_mapping({"version": 1, "domain": "north"})
    assert (policy.grants, policy.rules, policy.budgets) == ((), (), ())
    assert (policy.reviews, policy.airlock) == (Reviews(), Airlock())
    assert policy.hosted_identities is False


GRANT = {"scientist": "alice", "datasets": ["plaza"], "tiers": ["reviewed"]}
RULE = {"name": "known", "code_digest": "sha256:" + "0" * 64}
BUDGET = {"name": "week", "per": "dataset", "period_days": 7, "releases": 9}
CAROL = {"name": "carol", "fingerprint": "sha256:" + "1" * 64}

# What is changed -> where the error says it is.
MISTAKES = {
    "version 0": ({"version": 0}, ("version",)),
    "version true": ({"version": True}, ("version",)),
    "version as text": ({"version": "1"}, ("version",)),
    "version 1.0": ({"version": 1.0}, ("version",)),
    "domain": ({"domain": "N"}, ("domain",)),
    "newer schema": ({"schema": 2}, ("schema",)),
    "newer schema with new keys": ({"schema": 2, "moon": 1}, ("schema",)),
    "schema true": ({"schema": True}, ("schema",)),
    "schema 1.0": ({"schema": 1.0}, ("schema",)),
    "unknown key": ({"relase": "auto"}, ("relase",)),
    "old form": ({"approve": []}, ("approve",)),
    "grants a number": ({"grants": 7}, ("grants",)),
    "grants of numbers": ({"grants": [7]}, ("grants", 0)),
    "grants a mapping": ({"grants": {"alice": GRANT}}, ("grants",)),
    "grant twice": ({"grants": [GRANT, GRANT]}, ("grants", 1)),
    "grant without tiers key": ({"grants": [{"scientist": "a", "datasets": ["b"]}]}, ("grants", 0)),
    "unknown tier": ({"grants": [{**GRANT, "tiers": ["root"]}]}, ("grants", 0, "tiers")),
    "no tier": ({"grants": [{**GRANT, "tiers": []}]}, ("grants", 0, "tiers")),
    "tier a text": ({"grants": [{**GRANT, "tiers": "reviewed"}]}, ("grants", 0, "tiers")),
    "tiers of lists": ({"grants": [{**GRANT, "tiers": [[]]}]}, ("grants", 0, "tiers")),
    "no dataset": ({"grants": [GRANT, {**GRANT, "datasets": []}]}, ("grants", 1, "datasets")),
    "dataset a text": ({"grants": [{**GRANT, "datasets": "plaza"}]}, ("grants", 0, "datasets")),
    "dataset name": ({"grants": [{**GRANT, "datasets": ["Plaza"]}]}, ("grants", 0, "datasets")),
    "project name": ({"grants": [{**GRANT, "projects": [""]}]}, ("grants", 0, "projects")),
    "scientist name": ({"grants": [{**GRANT, "scientist": "Al"}]}, ("grants", 0, "scientist")),
    "key of a grant": ({"grants": [{**GRANT, "more": 1}]}, ("grants", 0, "more")),
    "rule twice": ({"rules": [RULE, RULE]}, ("rules", 1)),
    "rule in a rule": ({"rules": [{**RULE, "datasets": "all"}]}, ("rules", 0, "datasets")),
    "budget": ({"budgets": [{**BUDGET, "per": "planet"}]}, ("budgets", 0, "per")),
    "budget twice": ({"budgets": [BUDGET, BUDGET]}, ("budgets", 1)),
    "reviews": ({"reviews": 7}, ("reviews",)),
    "reviewer": (
        {"reviews": {"reviewers": [CAROL, {**CAROL, "name": "Dan"}]}},
        ("reviews", "reviewers", 1, "name"),
    ),
    "airlock": ({"airlock": {"decimals": 10}}, ("airlock", "decimals")),
    "limit 0": ({"limits": {"memory_mib": 0}}, ("limits", "memory_mib")),
    "unknown limit": ({"limits": {"network": 1}}, ("limits", "network")),
    "limits a number": ({"limits": 7}, ("limits",)),
    "hosted as text": ({"hosted_identities": "no"}, ("hosted_identities",)),
    "hosted as number": ({"hosted_identities": 1}, ("hosted_identities",)),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_refused_with_its_place_and_the_next_step(case):
    change, where = MISTAKES[case]
    with pytest.raises(SpecError) as caught:
        SitePolicy.from_mapping({"version": 1, "domain": "north", **change})
    assert where == caught.value.where
    assert caught.value.next_step


@pytest.mark.parametrize("missing", ["version", "domain"])
def test_a_policy_says_its_version_and_its_domain(missing):
    given = {"version": 1, "domain": "north"}
    del given[missing]
    with pytest.raises(SpecError, match=f"no {missing}"):
        SitePolicy.from_mapping(given)


def test_a_grant_names_somebody():
    with pytest.raises(SpecError):
        Grant(scientist="", datasets=("a",), tiers=("reviewed",))
    policy = SitePolicy.from_mapping({"version": 1, "domain": "north", "grants": [GRANT]})
    assert policy.grant_of("bob") is None
    assert ("plaza",) == policy.grant_of("alice").datasets
