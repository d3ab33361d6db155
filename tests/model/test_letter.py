import pytest

from darkroom.errors import EnvelopeError, SpecError
from darkroom.model.letter import KINDS, Letter


GOOD = {
    "id": "0" * 32, "kind": "job.submit", "sender": "alice", "recipient": "north",
    "sent_at": 1.0, "body": {},
}  # fmt: skip


def test_the_complete_list_of_what_may_be_said():
    """A new verb is a decision: none of these starts anything by itself."""
    assert KINDS == {
        "enrol.request": ("scientist", "domain"),
        "enrol.accepted": ("domain", "scientist"),
        "job.submit": ("scientist", "domain"),
        "pysyft.submit": ("scientist", "domain"),
        "job.cancel": ("scientist", "domain"),
        "job.quote": ("scientist", "domain"),
        "job.quoted": ("domain", "scientist"),
        "job.state": ("domain", "scientist"),
        "job.result": ("domain", "scientist"),
        "release.stale": ("domain", "scientist"),
        "owner.invitation": ("owner", "domain"),
        "owner.policy": ("owner", "domain"),
        "owner.decision": ("owner", "domain"),
        "owner.override": ("owner", "domain"),
        "domain.restored": ("domain", "scientist"),
        "review.ask": ("owner", "domain"),
        "job.answer": ("scientist", "domain"),
        "job.message": ("domain", "scientist"),
        "review.message": ("domain", "owner"),
        "budget.ask": ("owner", "domain"),
        "budget.state": ("domain", "owner"),
        "review.request": ("domain", "owner"),
        "release.request": ("domain", "owner"),
        "owner.notice": ("domain", "owner"),
        "handover.scientist": ("scientist", "domain"),
        "handover.owner": ("owner", "domain"),
        "handover.domain": ("domain", "scientist"),
        "handover.node": ("domain", "owner"),
    }


def test_a_letter():
    assert Letter(**GOOD).attachments == {}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "0" * 31}, {"id": "G" * 32}, {"id": None}, {"id": 7},
        {"kind": "job.run"}, {"kind": ""}, {"kind": None}, {"kind": ["job.submit"]},
        {"body": []}, {"body": None}, {"body": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_letter_is_refused(change):
    with pytest.raises(EnvelopeError):
        Letter(**{**GOOD, **change})


@pytest.mark.parametrize("field", ["sender", "recipient"])
@pytest.mark.parametrize("value", ["", "Alice", None, 7])
def test_a_letter_names_two_identities(field, value):
    with pytest.raises(SpecError):
        Letter(**{**GOOD, field: value})
