"""A camera's minute is forgotten at a real node: the SDK hears of it, and runs the job again."""

import json

import pytest

from darkroom.cli.receipt import lineage
from darkroom.scientist.results import StaleWarning
from tests.node.test_forget import WORDS, forgetting, order
from tests.scientist.test_at_a_node import count, released, session, village  # noqa: F401 - fixtures
from tests.scientist.test_receipts import home, run  # noqa: F401 - a fixture


def test_a_stale_result_is_run_again_without_what_was_forgotten(village, session):  # noqa: F811
    first = released(village, session)
    request = first.jobs["north"].request
    forgetting(village).order(order(words=WORDS))
    village.settle()
    first.refresh()

    with pytest.warns(StaleWarning, match=WORDS):
        result = first.results["north"]
    (new,) = village.footage.versions("plaza")
    assert result.replaced_by == new
    first.verify()  # it is still what the domain released

    second = first.again()
    village.settle()
    again = second.jobs["north"].request
    assert again.dataset_version == new
    assert again.spec == request.spec
    (asked,) = village.owner.letters("review.request", again.job_id)
    assert asked.body["supersedes"] == request.job_id
    village.approve(again)
    village.settle()
    village.release(again.job_id)
    second.wait(timeout=60)
    assert second.results["north"].stale == ""
    assert second.results["north"].facts["frames"] == 12  # 18 before
    assert session.cost(count).verdicts == {"north": "deny"}  # it was charged anew: 2 of 2


def test_lineage_says_what_is_stale(village, session, home):  # noqa: F811
    done = released(village, session)
    job = done.jobs["north"].request.job_id
    fresh = run(lineage, done.id, "--home", home)
    assert "STALE" not in fresh.output

    forgetting(village).order(order(words=WORDS))
    village.settle()
    done.refresh()
    assert f"STALE: what job {job[:8]} released: footage" in run(
        lineage, done.id, "--home", home
    ).output.replace("\n", " ")
    told = json.loads(run(lineage, done.id, "--home", home, "--json").output)
    assert [*told["stale"]] == [job]
