from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.policy.owner_word import (
    AHEAD,
    DAY,
    DECISIONS,
    LAST_DATE,
    YES,
    Effect,
    Vote,
    decide,
    read_votes,
    recount,
    succeeds,
    void,
)
from darkroom.policy.people import Person, people
from darkroom.policy.transitions import FINAL, OWNERS, State, may_move


STATES: tuple[str, ...] = State.__args__
CODE, OUTPUT = "sha256:" + "a" * 64, "sha256:" + "b" * 64
DIGESTS = {"code": CODE, "output": OUTPUT}
JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just([]) | st.just({})
NOW = 1_000_000.0
ONE = Reviews()
TWO = Reviews(
    code=2,
    release=2,
    reviewers=(
        Reviewer(name="carol", fingerprint=CODE, scientist="caro"),
        Reviewer(name="dan", fingerprint=OUTPUT),
    ),
)


def said(subject, verdict, digest=None, **more):
    digest = DIGESTS.get(subject) if digest is None else digest
    return {"subject": subject, "verdict": verdict, "digest": digest, "decided_at": NOW, **more}


def heard(decision, state, *, by="olga", submitter="alice", votes=(), reviews=ONE, now=NOW):
    voters = people("olga", reviews)
    return decide(
        decision, state=state, digests=DIGESTS, author=Person(name=submitter),
        voter=voters.get(by, Person(name=by)), voters=voters, votes=votes, reviews=reviews,
        now=now,
    )  # fmt: skip


@pytest.mark.parametrize("key", DECISIONS)
def test_a_decision_on_the_right_digest_moves_the_job_along_the_table(key):
    for needed, target in DECISIONS[key].items():
        assert heard(said(*key), needed).target == target
        assert may_move(needed, target)
        assert key[1] == "withdraw" or OWNERS[needed] == "data owner"


@pytest.mark.parametrize("key", DECISIONS)
@pytest.mark.parametrize("state", STATES)
def test_it_counts_in_its_states_only(key, state):
    effect = heard(said(*key), state)
    assert (effect.target is not None) == (state in DECISIONS[key])
    assert bool(effect.against) != bool(effect.target)


@given(subject=JSON, verdict=JSON, digest=JSON, state=st.sampled_from(STATES))
def test_nothing_else_does_anything(subject, verdict, digest, state):
    effect = heard({"subject": subject, "verdict": verdict, "digest": digest}, state)
    assert effect.target is None  # no generated text is a digest
    assert effect.against


@pytest.mark.parametrize("verdict", ["approve", "reject", "withdraw"])
def test_another_digest_does_nothing(verdict):
    state = next(iter(DECISIONS["code", verdict]))
    assert "another digest" in heard(said("code", verdict, OUTPUT), state).against


@given(digest=JSON)
def test_without_an_output_there_is_none_to_release(digest):
    decision = {**said("output", "release"), "digest": digest}
    voters = people("olga", ONE)
    effect = decide(
        decision, state="produced", digests={"code": CODE}, author=Person(name="alice"),
        voter=voters["olga"], voters=voters, votes=(), reviews=ONE, now=NOW,
    )  # fmt: skip
    assert effect.target is None


def test_no_decision_leaves_an_end():
    assert not {state for ways in DECISIONS.values() for state in ways} & FINAL


# ------------------------------------------------------------------------- several people


def test_the_second_yes_decides():
    first = heard(said("code", "approve"), "screened", reviews=TWO)
    assert (first.target, first.against, first.needed, len(first.votes)) == (None, "", 2, 1)
    second = heard(said("code", "approve"), "screened", by="carol", votes=first.votes, reviews=TWO)
    assert (second.target, [v.by for v in second.votes]) == ("approved", ["olga", "carol"])


def test_the_same_person_twice_is_one():
    first = heard(said("code", "approve"), "screened", reviews=TWO)
    again = heard(said("code", "approve"), "screened", votes=first.votes, reviews=TWO)
    assert (again.target, len(again.votes)) == (None, 1)


@pytest.mark.parametrize(("subject", "verdict"), [("code", "reject"), ("output", "withhold")])
def test_one_no_is_a_no(subject, verdict):
    (state,) = DECISIONS[subject, verdict]
    assert heard(said(subject, verdict), state, by="dan", reviews=TWO).target


def vote(by, **more):
    return Vote(**{"by": by, "subject": "code", "digest": CODE, "until": NOW + DAY, **more})


NOT_COUNTED = {
    "on another digest": vote("carol", digest=OUTPUT),
    "on another subject": vote("carol", subject="output"),
    "expired": vote("carol", until=NOW),
    "of somebody who is no reviewer any more": vote("erik"),
}


@pytest.mark.parametrize("case", NOT_COUNTED)
def test_an_earlier_yes_does_not_count(case):
    effect = heard(said("code", "approve"), "screened", votes=(NOT_COUNTED[case],), reviews=TWO)
    assert (effect.target, [v.by for v in effect.votes]) == (None, ["olga"])


@pytest.mark.parametrize(("by", "submitter"), [("carol", "caro"), ("carol", "carol")])
def test_nobody_reviews_their_own(by, submitter):
    effect = heard(said("code", "approve"), "screened", by=by, submitter=submitter, reviews=TWO)
    assert effect.against == "nobody reviews their own job"


def test_a_yes_to_ones_own_that_was_kept_does_not_count_either():
    effect = heard(
        said("code", "approve"), "screened", submitter="caro", votes=(vote("carol"),), reviews=TWO
    )
    assert (effect.target, [v.by for v in effect.votes]) == (None, ["olga"])


def test_the_owner_who_submits_needs_another_reviewer():
    own = replace(ONE, owner_as_scientist="alice")
    assert "their own" in heard(said("code", "approve"), "screened", reviews=own).against


def test_a_no_to_ones_own_is_heard():
    assert heard(said("code", "reject"), "screened", by="carol", submitter="caro", reviews=TWO)


def test_a_name_in_both_lists_is_the_owner():
    doubled = replace(TWO, reviewers=(replace(TWO.reviewers[0], name="olga"),), code=1, release=1)
    assert people("olga", doubled) == {"olga": Person(name="olga")}


# ---------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("more", "until"),
    [
        ({}, NOW + 14 * DAY),
        ({"expires_at": NOW + DAY}, NOW + DAY),
        ({"expires_at": NOW + 99 * DAY}, NOW + 14 * DAY),
        ({"decided_at": NOW - DAY}, NOW + 13 * DAY),
    ],
)
def test_a_yes_holds_as_long_as_it_says_and_never_longer_than_the_policy(more, until):
    (mine,) = heard(said("code", "approve", **more), "screened").votes
    assert mine.until == until


@pytest.mark.parametrize(
    "more",
    [
        {"expires_at": NOW},
        {"decided_at": NOW - 14 * DAY},
        {"decided_at": None},
        {"decided_at": "now"},
        {"expires_at": "later"},
        {"decided_at": True},
    ],
)
def test_a_yes_without_a_future_does_nothing(more):
    effect = heard(said("code", "approve", **more), "screened")
    assert effect.target is None
    assert effect.against


@pytest.mark.parametrize(
    ("decided", "counts"), [(NOW + AHEAD, True), (NOW + AHEAD + 1, False), (LAST_DATE + 1, False)]
)
def test_a_clock_that_is_a_little_fast_is_forgiven_and_never_pays(decided, counts):
    effect = heard(said("code", "approve", decided_at=decided), "screened")
    assert (effect.target == "approved") is counts
    assert [vote.until for vote in effect.votes] == [NOW + 14 * DAY] * counts


@pytest.mark.parametrize("value", [True, False, None, 1, "yes"])
def test_the_log_goes_along_only_when_true_is_said(value):
    (mine,) = heard(said("output", "release", with_log=value), "produced").votes
    assert mine.with_log is (value is True)


def test_a_yes_is_needed_for_more_but_nothing_else_takes_several():
    assert {verdict for _, verdict in DECISIONS if verdict in YES} == {"approve", "release"}


@given(st.lists(st.builds(vote, st.sampled_from(["a", "b"]), until=st.floats(0, 9)), max_size=3))
def test_votes_survive_their_keeping(votes):
    assert read_votes(tuple(v.to_mapping() for v in votes)) == tuple(votes)


@pytest.mark.parametrize(
    ("until", "stale", "keep", "words"),
    [
        (NOW + 1, False, False, ""),
        (NOW, False, False, "expired"),
        (0.0, False, False, ""),  # a rule's
        (NOW + 1, True, False, "newer version"),
        (0.0, True, False, "newer version"),
        (NOW + 1, True, True, ""),
        (NOW, True, True, "expired"),
    ],
)
def test_an_approval_ends_with_its_time_and_with_its_dataset(until, stale, keep, words):
    reviews = Reviews(keep_on_new_version=keep)
    found = void(until, now=NOW, stale=stale, reviews=reviews)
    assert (words in found) if words else (found == "")


# -------------------------------------------------------------------------------- policy


@given(new=st.integers(1, 50), old=st.integers(0, 50), same=st.booleans())
def test_a_policy_follows_only_with_a_higher_version_for_the_same_domain(new, old, same):
    policy = SitePolicy(version=new, domain="north" if same else "east")
    against = succeeds(policy, domain="north", version=old)
    assert (against == "") == (same and new > old)


def test_a_policy_that_contradicts_itself_does_not_follow():
    endless = (Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",)),)
    policy = SitePolicy(version=2, domain="north", grants=endless)
    assert "contradicts itself" in succeeds(policy, domain="north", version=1)


# -------------------------------------------------------------------------- what is kept


def test_a_yes_is_kept_with_what_it_was_said_to():
    (mine,) = heard(said("code", "approve"), "screened").votes
    fortnight = 14 * 24 * 60 * 60
    assert mine == Vote(by="olga", subject="code", digest=CODE, until=NOW + fortnight)


@pytest.mark.parametrize(
    ("code", "release"), [(1, 2), (2, 1)], ids=["easy to run", "easy to release"]
)
def test_code_and_outputs_take_their_own_number_of_people(code, release):
    reviews = replace(TWO, code=code, release=release)
    approved = heard(said("code", "approve"), "screened", reviews=reviews)
    released = heard(said("output", "release"), "produced", reviews=reviews)
    assert (approved.needed, released.needed) == (code, release)
    assert (approved.target is None, released.target is None) == (code > 1, release > 1)


def test_the_reason_says_which_states_it_takes():
    against = heard(said("code", "withdraw"), "released").against
    assert f"needs one that is {' or '.join(DECISIONS['code', 'withdraw'])}" in against


def test_the_last_date_is_the_last_one_that_a_calendar_has():
    assert datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp() == LAST_DATE


@pytest.mark.parametrize("more", [{"decided_at": 0}, {"expires_at": LAST_DATE}])
def test_the_first_and_the_last_date_are_dates(more):
    assert heard(said("code", "approve", **{"decided_at": 1, **more}), "screened", now=1.0).target


def test_a_clock_that_is_more_than_two_hours_fast_is_told():
    two_hours = 2 * 60 * 60
    late = said("code", "approve", decided_at=NOW + two_hours + 0.5)
    assert "dated ahead" in heard(late, "screened").against
    assert heard(said("code", "approve", decided_at=NOW + two_hours), "screened").target


# ------------------------------------------------------------------- under another policy


def counted_again(subject, votes, reviews, *, submitter="alice"):
    return recount(
        subject, digest=DIGESTS[subject], author=Person(name=submitter), voters=people("olga", reviews),
        votes=votes, reviews=reviews, now=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "target", "needs"),
    [("code", "approved", {"code": 2, "release": 1}),
     ("output", "released", {"code": 1, "release": 2})],
)  # fmt: skip
def test_the_votes_so_far_are_held_against_the_new_number(subject, target, needs):
    kept = tuple(vote(by, subject=subject, digest=DIGESTS[subject]) for by in ("olga", "carol"))
    reviews = replace(TWO, **needs)
    assert counted_again(subject, kept, reviews) == Effect(target=target, votes=kept, needed=2)
    assert counted_again(subject, kept[:1], reviews) == Effect(votes=kept[:1], needed=2)
    three = replace(reviews, code=3, release=3)
    assert counted_again(subject, kept, three) == Effect(votes=kept, needed=3)


@pytest.mark.parametrize("case", NOT_COUNTED)
def test_what_did_not_count_before_does_not_count_again(case):
    assert counted_again("code", (NOT_COUNTED[case],), TWO).votes == ()


@pytest.mark.parametrize("submitter", ["caro", "carol"])
def test_a_kept_yes_to_ones_own_does_not_count_again(submitter):
    assert counted_again("code", (vote("carol"),), TWO, submitter=submitter).votes == ()
