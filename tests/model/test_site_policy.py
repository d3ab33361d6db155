import json

import pytest
from hypothesis import given, settings

from darkroom.errors import SpecError
from darkroom.model.site_policy import Grant, SitePolicy
from tests.model.shapes import JSON, POLICIES


@settings(max_examples=30, deadline=None)
@given(POLICIES)
def test_a_policy_survives_the_wire(policy):
    assert SitePolicy.from_mapping(json.loads(json.dumps(policy.to_mapping()))) == policy


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        SitePolicy.from_mapping(value)


def test_the_smallest_policy_allows_nothing():
    policy = SitePolicy.from_mapping({"version": 1, "domain": "north"})
    assert (policy.grants, policy.approve, policy.release) == ((), (), "owner")
    assert policy.hosted_identities is False


GRANT = {"scientist": "alice", "datasets": ["plaza"], "tiers": ["reviewed"]}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0}, {"version": True}, {"version": "1"}, {"version": 1.0}, {"domain": "N"},
        {"relase": "auto"}, {"release": "always"}, {"release": None}, {"release": ["auto"]},
        {"approve": ["sha256:1"]}, {"approve": "sha256:" + "0" * 64}, {"approve": [7]},
        {"approve": 7}, {"grants": 7}, {"grants": [7]}, {"grants": {"alice": GRANT}},
        {"grants": [GRANT, GRANT]}, {"grants": [{**GRANT, "tiers": ["root"]}]},
        {"grants": [{**GRANT, "tiers": []}]}, {"grants": [{**GRANT, "datasets": []}]},
        {"grants": [{**GRANT, "datasets": "plaza"}]}, {"grants": [{**GRANT, "more": 1}]},
        {"grants": [{**GRANT, "tiers": "reviewed"}]}, {"grants": [{**GRANT, "tiers": [[]]}]},
        {"limits": {"memory_mib": 0}}, {"limits": {"network": 1}}, {"limits": 7},
        {"hosted_identities": "no"}, {"hosted_identities": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_policy_with_a_mistake_is_refused_with_the_next_step(change):
    with pytest.raises(SpecError) as caught:
        SitePolicy.from_mapping({"version": 1, "domain": "north", **change})
    assert caught.value.next_step


def test_a_grant_names_somebody():
    with pytest.raises(SpecError):
        Grant(scientist="", datasets=("a",), tiers=("reviewed",))
