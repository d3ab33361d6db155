import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.site_policy import SitePolicy
from darkroom.policy.owner_word import DECISIONS, decide, succeeds
from darkroom.policy.transitions import FINAL, OWNERS, State, may_move


STATES: tuple[str, ...] = State.__args__
CODE, OUTPUT = "sha256:" + "a" * 64, "sha256:" + "b" * 64
DIGESTS = {"code": CODE, "output": OUTPUT}
JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just([]) | st.just({})


@pytest.mark.parametrize("key", DECISIONS)
def test_a_decision_on_the_right_digest_moves_the_job_along_the_table(key):
    needed, target = DECISIONS[key]
    said = {"subject": key[0], "verdict": key[1], "digest": DIGESTS[key[0]]}
    assert decide(said, needed, DIGESTS).target == target
    assert may_move(needed, target)
    assert OWNERS[needed] == "data owner"


@pytest.mark.parametrize("key", DECISIONS)
@pytest.mark.parametrize("state", STATES)
def test_it_counts_in_one_state_only(key, state):
    said = {"subject": key[0], "verdict": key[1], "digest": DIGESTS[key[0]]}
    effect = decide(said, state, DIGESTS)
    assert (effect.target is not None) == (state == DECISIONS[key][0])
    assert bool(effect.against) != bool(effect.target)


@given(subject=JSON, verdict=JSON, digest=JSON, state=st.sampled_from(STATES))
def test_nothing_else_does_anything(subject, verdict, digest, state):
    effect = decide({"subject": subject, "verdict": verdict, "digest": digest}, state, DIGESTS)
    assert effect.target is None  # no generated text is a digest
    assert effect.against


@given(digest=JSON)
def test_without_an_output_there_is_none_to_release(digest):
    said = {"subject": "output", "verdict": "release", "digest": digest}
    assert decide(said, "produced", {"code": CODE}).target is None


def test_no_decision_leaves_an_end():
    assert not {needed for needed, _ in DECISIONS.values()} & FINAL


@given(new=st.integers(1, 50), old=st.integers(0, 50), same=st.booleans())
def test_a_policy_follows_only_with_a_higher_version_for_the_same_domain(new, old, same):
    policy = SitePolicy(version=new, domain="north" if same else "east")
    against = succeeds(policy, domain="north", version=old)
    assert (against == "") == (same and new > old)
