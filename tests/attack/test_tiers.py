"""T9 to T15, T27: tiers and purposes that this house does not offer are refused at its door."""

import pytest

from tests.attack.worlds import slip, slip_job
from tests.node.village import FILES


def refused(village, job_id: str) -> bool:
    village.settle()
    states = village.alice.letters("job.state", job_id)
    return (
        village.store.job(job_id) is None
        and [letter.body["state"] for letter in states] == ["rejected"]
        and village.sandbox.started == []
        and not village.owner.letters("review.request")
    )


@pytest.mark.attack("T11", "T12", "T13", "T14", "T15", "T9", control="on")
@pytest.mark.parametrize(
    "tier", ["query", "federated", "round", "secure-sum", "private", "Reviewed", "reviewed ", ""]
)
def test_a_job_of_a_tier_that_is_not_offered_is_refused(village, tier):
    """Private queries, federated rounds and secure sums: nothing here may claim to do them."""
    village.in_force()

    assert refused(village, slip_job(village, FILES, tier=tier))


@pytest.mark.attack("T27", control="on")
@pytest.mark.parametrize(
    "field", ["purpose", "identify", "query_image", "privacy", "epsilon", "round", "cohort"]
)
def test_a_purpose_that_the_house_does_not_know_is_refused(village, field):
    """A search for a person by picture, for instance, has no field that it could be said in."""
    village.in_force()

    assert refused(village, slip_job(village, FILES, **{field: "identify"}))


@pytest.mark.attack("T27", "T7", control="on")
@pytest.mark.parametrize("kind", ["embedding", "crop", "track", "image"])
def test_an_output_that_would_tell_a_person_is_refused(village, kind):
    village.in_force()

    job_id = slip_job(village, FILES, outputs={"people": {"type": kind}})

    assert refused(village, job_id)


@pytest.mark.attack("T2", "T27", control="on")
def test_code_cannot_be_sent_by_a_second_way(village):
    """Regression 6: a job without declared code whose code travels elsewhere in the letter."""
    village.in_force()
    request = village.request().to_mapping()
    for more in ({"code/extra.py": b"evil"}, {"files/run.sh": b"evil"}, {"run.sh": b"evil"}):
        slip(
            village,
            {"request": request, "mock": {"code": "evil()"}},
            {f"code/{p}": d for p, d in FILES.items()} | more,
        )
        village.settle()

    assert village.sandbox.started == []
    assert not village.owner.letters("review.request")
