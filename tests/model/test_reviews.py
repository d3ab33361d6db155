import pytest
from hypothesis import given

from darkroom.errors import SpecError
from darkroom.model.reviews import Reviewer, Reviews
from tests.model.shapes import JSON, reviews


CAROL = {"name": "carol", "fingerprint": "sha256:" + "c" * 64}
DAN = {"name": "dan", "fingerprint": "sha256:" + "d" * 64}


@given(reviews())
def test_reviews_survive_the_wire(rules):
    assert Reviews.from_mapping(rules.to_mapping()) == rules


@given(JSON.filter(lambda value: value != {}))
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        Reviews.from_mapping(value)


def test_alone_the_owner_reviews():
    alone = Reviews.from_mapping({})
    assert ((), 1, 1, False) == (
        alone.reviewers, alone.code, alone.release, alone.keep_on_new_version,
    )  # fmt: skip


def test_as_many_votes_as_people_are_possible():
    both = Reviews.from_mapping({"reviewers": [CAROL, DAN], "code": 3, "release": 3})
    assert Reviewer(**CAROL) == both.reviewers[0]


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        ({"code": 2}, ("code",)), ({"release": 2}, ("release",)), ({"code": 0}, ("code",)),
        ({"code": True}, ("code",)), ({"release": "1"}, ("release",)),
        ({"reviewers": [CAROL], "code": 3}, ("code",)),
        ({"approval_days": 0}, ("approval_days",)), ({"approval_days": 367}, ("approval_days",)),
        ({"max_pending": 0}, ("max_pending",)),
        ({"keep_on_new_version": 1}, ("keep_on_new_version",)),
        ({"owner_as_scientist": "O"}, ("owner_as_scientist",)),
        ({"owner_as_scientist": None}, ("owner_as_scientist",)),
        ({"reviewers": CAROL}, ("reviewers",)), ({"reviewers": [7]}, ("reviewers", 0)),
        ({"reviewers": [CAROL, CAROL]}, ("reviewers",)),
        ({"reviewers": [CAROL, {**DAN, "name": "carol"}]}, ("reviewers",)),
        ({"reviewers": [CAROL, {**CAROL, "name": "dan"}]}, ("reviewers",)),
        ({"reviewers": [{"name": "carol"}]}, ("reviewers", 0)),
        ({"reviewers": [{**CAROL, "name": 7}]}, ("reviewers", 0, "name")),
        ({"reviewers": [CAROL, {**DAN, "fingerprint": "d"}]}, ("reviewers", 1, "fingerprint")),
        ({"reviewers": [{**CAROL, "fingerprint": None}]}, ("reviewers", 0, "fingerprint")),
        ({"reviewers": [{**CAROL, "scientist": "C"}]}, ("reviewers", 0, "scientist")),
        ({"reviewers": [{**CAROL, "scientist": 0}]}, ("reviewers", 0, "scientist")),
        ({"reviewers": [{**CAROL, "key": 1}]}, ("reviewers", 0, "key")),
        ({"reader": "carol"}, ("reader",)),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_refused_with_its_place(given_, where):
    with pytest.raises(SpecError) as caught:
        Reviews.from_mapping(given_)
    assert where == caught.value.where
    assert caught.value.next_step
