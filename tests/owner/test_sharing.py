"""The next policy differs from the last one in exactly what was said."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.owner.sharing import with_access, without_dataset


NAMES = st.sampled_from(["plaza", "yard", "clip"])
PEOPLE = st.sampled_from(["alice", "bob", "carol"])
GRANTS = st.lists(
    st.builds(
        Grant,
        scientist=PEOPLE,
        datasets=st.lists(NAMES, min_size=1, unique=True).map(tuple),
        tiers=st.sampled_from([("mock",), ("reviewed",), ("reviewed", "mock")]),
    ),
    unique_by=lambda grant: grant.scientist,
)
POLICIES = st.builds(
    SitePolicy, version=st.just(3), domain=st.just("north"), grants=GRANTS.map(tuple)
)


@given(POLICIES, PEOPLE, st.lists(NAMES))
def test_access_is_added_to_one_scientist_and_nothing_is_taken_or_widened(policy, who, datasets):
    after = with_access(policy, who, datasets)

    for grant in policy.grants:
        now = after.grant_of(grant.scientist)
        assert grant.tiers == now.tiers
        added = set(now.datasets) - set(grant.datasets)
        assert set(grant.datasets) <= set(now.datasets)
        assert added <= (set(datasets) if grant.scientist == who else set())
    now = after.grant_of(who)
    assert set(datasets) <= set(now.datasets if now else ())
    assert with_access(after, who, datasets) == after


@given(POLICIES, NAMES)
def test_a_dataset_is_taken_from_everybody_and_nothing_else_changes(policy, dataset):
    after = without_dataset(policy, dataset)

    for grant in policy.grants:
        now = after.grant_of(grant.scientist)
        left = [d for d in grant.datasets if d != dataset]
        assert left == list(now.datasets if now else ())
        assert now is None or grant.tiers == now.tiers
