"""Two votes are of two people, and nobody votes on their own: whatever names and keys they use."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.reviews import Reviewer, Reviews
from darkroom.policy.owner_word import Vote, counted, decide, overtaken, recount
from darkroom.policy.people import Person, alike, is_author, people


NOW, LATER = 1_000_000.0, 2_000_000.0
CODE, OUTPUT, OTHER = ("sha256:" + c * 64 for c in "abc")
NAMES = ["olga", "carol", "dan", "erik"]
KEYS = ["k1", "k2", "k3", "k4", "k5"]

keys = st.frozensets(st.sampled_from(KEYS), max_size=3)
persons = st.builds(
    lambda name, scientist, own: Person(
        name=name, scientist=scientist, key=min(own, default=""), keys=own
    ),
    st.sampled_from(NAMES),
    st.sampled_from(["", "alice", "caro"]),
    keys,
)
towns = st.lists(persons, min_size=1, max_size=4, unique_by=lambda p: p.name).map(
    lambda found: {person.name: person for person in found}
)
authors = st.builds(
    lambda name, own: Person(name=name, keys=own), st.sampled_from(["alice", "caro", "dan"]), keys
)
ballots = st.lists(
    st.builds(
        lambda by, subject, digest, until, key: Vote(
            by=by, subject=subject, digest=digest, until=until, key=key
        ),
        st.sampled_from(NAMES),
        st.sampled_from(["code", "output"]),
        st.sampled_from([CODE, OUTPUT]),
        st.sampled_from([NOW, LATER]),
        st.sampled_from([*KEYS, ""]),
    ),
    max_size=8,
).map(tuple)


def count(votes, voters, author, *, subject="code", digest=CODE, settled=False):
    return counted(
        votes, subject=subject, digest=digest, author=author, voters=voters, now=NOW,
        settled=settled,
    )  # fmt: skip


@given(ballots, towns, authors, st.booleans())
def test_no_two_votes_that_count_are_one_persons(votes, voters, author, settled):
    found = count(votes, voters, author, settled=settled)
    for vote in found:
        also = {p.name for p in alike(voters[vote.by], voters)}
        assert [v.by for v in found if v.by in also] == [vote.by]


@given(ballots, towns, authors, st.booleans())
def test_no_vote_that_counts_is_the_authors(votes, voters, author, settled):
    for vote in count(votes, voters, author, settled=settled):
        voter = voters[vote.by]
        assert author.name not in (voter.name, voter.scientist)
        assert not author.keys & voter.keys


@given(ballots, towns, authors)
def test_a_vote_that_waits_counts_under_the_key_of_today_only(votes, voters, author):
    found = count(votes, voters, author)
    assert all(vote.key in ("", voters[vote.by].key) for vote in found)
    assert set(found) <= set(votes)
    assert not set(overtaken(found, voters))
    assert not {v.by for v in found} & ({v.by for v in votes} - set(voters))


@given(ballots, towns, authors)
def test_what_changes_leaves_no_vote_behind(votes, voters, author):
    assert count(votes, voters, author, digest=OTHER) == ()
    code, output = count(votes, voters, author), count(votes, voters, author, subject="output")
    assert not set(code) & set(output)
    for gone in {vote.by for vote in code}:
        left = {name: person for name, person in voters.items() if name != gone}
        assert gone not in {v.by for v in count(votes, left, author)}


@given(ballots, towns, authors, st.integers(1, 5))
def test_enough_is_as_many_different_people_as_the_policy_says(votes, voters, author, needed):
    reviews = Reviews(
        reviewers=tuple(
            Reviewer(name=f"r{n}", fingerprint="sha256:" + str(n) * 64) for n in range(4)
        ),
        code=needed,
    )
    said = recount(
        "code", digest=CODE, author=author, voters=voters, votes=votes, reviews=reviews, now=NOW
    )
    assert (said.target == "approved") == (len(count(votes, voters, author)) >= needed)


@given(ballots, towns, authors, st.sampled_from(NAMES))
def test_saying_it_again_makes_no_second_vote(votes, voters, author, name):
    voter = voters.get(name, Person(name=name))
    reviews = Reviews(
        reviewers=tuple(
            Reviewer(name=f"r{n}", fingerprint="sha256:" + str(n) * 64) for n in range(4)
        ),
        code=5,
    )
    body = {
        "subject": "code", "verdict": "approve", "digest": CODE, "decided_at": NOW,
        "expires_at": LATER,
    }  # fmt: skip
    more = {
        "state": "screened", "digests": {"code": CODE}, "author": author, "voter": voter,
        "voters": voters, "reviews": reviews, "now": NOW,
    }  # fmt: skip
    once = decide(body, votes=votes, **more)
    if once.against:
        assert is_author(voter, author, voters)
        return
    again = decide(body, votes=once.votes, **more)
    assert {v.by for v in again.votes} == {v.by for v in once.votes}
    also = {p.name for p in alike(voter, voters)}
    assert [v.by for v in again.votes if v.by in also] == [name]


def test_one_person_is_found_through_a_third_name():
    olga = Person(name="olga", keys=frozenset({"a"}))
    carol = Person(name="carol", keys=frozenset({"a", "b"}))
    dan = Person(name="dan", keys=frozenset({"b"}))
    voters = {p.name: p for p in (olga, dan, carol)}
    votes = tuple(Vote(by=n, subject="code", digest=CODE, until=LATER) for n in ("olga", "dan"))

    assert {p.name for p in alike(olga, voters)} == {"olga", "carol", "dan"}
    assert [v.by for v in count(votes, voters, Person(name="alice"))] == ["olga"]


def test_an_approval_that_was_complete_outlives_a_hand_over_and_one_that_waits_does_not():
    carol = Person(name="carol", key="new", keys=frozenset({"old", "new"}))
    vote = Vote(by="carol", subject="code", digest=CODE, until=LATER, key="old")
    alice = Person(name="alice")

    assert count((vote,), {"carol": carol}, alice) == ()
    assert count((vote,), {"carol": carol}, alice, settled=True) == (vote,)
    assert overtaken((vote,), {"carol": carol}) == ("carol",)
    assert overtaken((vote,), {}) == ("carol",)


def test_a_person_has_the_keys_of_both_their_names():
    reviews = Reviews(
        reviewers=(Reviewer(name="carol", fingerprint=CODE, scientist="caro"),),
        owner_as_scientist="ola",
    )
    known = {"carol": frozenset({"c1"}), "caro": frozenset({"c2"}), "ola": frozenset({"o"})}
    found = people(
        "olga", reviews, key=lambda n: f"key of {n}", keys=lambda n: known.get(n, frozenset())
    )

    assert found["carol"].keys == {"c1", "c2"}
    assert (found["olga"].keys, found["olga"].key) == ({"o"}, "key of olga")
