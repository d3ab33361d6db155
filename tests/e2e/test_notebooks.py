"""Every notebook runs headlessly; the owner's notebook decides on a job that waits."""

import json
import shutil
from typing import Any

import nbformat
import pytest

import darkroom as dr
from darkroom.bootstrap.local_stack import LocalStack
from darkroom.bootstrap.notebook_run import NotebookRun, run_notebook
from darkroom.config import REPOSITORY
from darkroom.errors import UnknownNameError
from darkroom.model.withheld import TEXT, TOO_WIDE
from tests.e2e.conftest import DemoRun


pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
NOTEBOOKS = (
    "00_start_here",
    "01_the_mock_data",
    "02_remote_detection",
    "03_remote_training",
    "04_pysyft_client",
    "11_policy_and_budget",
    "12_try_to_steal_a_frame",
    "20_the_auditors_desk",
)
NOT_DECLARED = "returned something else than the outputs it declares"


@dr.job(outputs={"facts": dr.Scalars(names=("frames",))})
def how_many(data, params):
    """Count the frames."""
    return {"facts": {"frames": data.count()}}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_demo_left_an_executed_notebook_and_its_page(demo_run: DemoRun, name: str):
    executed = nbformat.read(demo_run.root / "notebooks" / f"{name}.ipynb", as_version=4)
    assert not [
        output
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]
    page = (demo_run.root / "notebooks" / f"{name}.html").read_text()
    assert "<table" in page
    kept = REPOSITORY / "build" / "notebooks"
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copy(demo_run.root / "notebooks" / f"{name}.html", kept)


def test_executed_notebooks_warn_of_nothing(demo_run: DemoRun):
    for path in (demo_run.root / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", ()):
                assert output.get("name") != "stderr", (path.name, output["text"][:500])


@pytest.fixture(scope="module")
def theft(demo_run: DemoRun) -> dict[str, Any]:
    """What notebook 12 wrote down, under owners who approve and release everything."""
    path = demo_run.root / "reports" / "12_try_to_steal_a_frame.json"
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("attempt", "state", "said"),
    [
        ("a frame as a layer of bytes", "failed", NOT_DECLARED),
        ("a frame as small floats", "failed", NOT_DECLARED),
        ("a frame in base64", "failed", TEXT),
        ("a pixel a column", "not sent", TOO_WIDE),
        ("a pixel as the name of an error", "failed", "ended with Exception"),
    ],
)
def test_no_frame_leaves_as_a_file_a_text_a_wide_table_or_an_error(theft, attempt, state, said):
    (found,) = [each for each in theft["attempts"] if each["attempt"] == attempt]
    assert (found["state"], found["came"]) == (state, "nothing")
    assert said in found["said"]
    assert "Pixel" not in found["said"]


def test_a_job_beside_the_cameras_finds_no_other_way_out(theft):
    assert {door: theft[door] for door in ("doors", "files", "variables", "processes")} == {
        "doors": 0, "files": 0, "variables": 0, "processes": 0,
    }  # fmt: skip
    assert theft["log"] is None


def test_what_an_owner_let_through_was_paid_for(theft):
    (small,) = [each for each in theft["attempts"] if each["attempt"] == "192 averages"]
    assert small["state"] == "released"
    assert theft["price_bits"] > 192 * 8
    before, after = theft["left_bits"]
    assert before["week"] - after["week"] == theft["price_bits"]


def test_an_auditor_traces_the_model_and_finds_what_the_notebook_forged(demo_run: DemoRun):
    found = json.loads((demo_run.root / "reports" / "20_the_auditors_desk.json").read_text())
    assert (found["audited"], found["holds"], found["receipts"]["refused"]) == ("south", True, 0)
    assert found["model"] == demo_run.report["training"]["model_digest"]
    assert found["used_again"] == ["compare"]
    entry, doubt = found["forged_entry"], found["first_in_doubt"]
    assert all(entries[0] == entry for entries in doubt["careless"].values())
    assert doubt["careful"].pop("the file itself") == doubt["torn"].pop("the file itself") == []
    assert len(doubt["careful"]) == len(doubt["torn"]) == 2  # gateway, receipts
    assert all(0 < entries[0] <= entry for entries in doubt["careful"].values())
    assert all(entries[0] == entry for entries in doubt["torn"].values())
    assert sorted(found["forged_receipts"]) == [
        "another-name.receipt.json", "lower-price.receipt.json", "stranger.receipt.json",
    ]  # fmt: skip
    assert found["erased"] == {"told": True, "silent": entry}


def test_results_survive_the_kernel_and_a_restart_of_everything(
    demo_run: DemoRun, reopened: LocalStack
):
    session = dr.connect(reopened.plan.home("alice"), run_log="", progress="quiet")
    names = {submission.name for submission in session.jobs}
    assert {"how_bright", "greedy", "count_and_measure", "adapt", "compare"} <= names
    counted = next(s for s in session.jobs if s.name == "count_and_measure")
    assert {"north", "east", "south"} == set(counted.results.table("counts")["domain"])


def test_a_job_waits_for_the_owner_who_decides_in_a_notebook(reopened: LocalStack, tmp_path):
    session = dr.connect(reopened.plan.home("alice"), run_log="", progress="quiet")
    submission = how_many.submit(session.domains["east"].datasets["yard"])
    while submission.state["east"] != "screened":
        submission.wait(timeout=1)
    assert any("review approve" in line for line in submission.advice())
    question = "Why the frames and not the minutes?"
    steps = ({"question": question}, {"verdict": "approve"}, {"letting_go": "release"})
    for number, parameters in enumerate(steps):
        report = tmp_path / f"{number}.json"
        run_notebook(
            NotebookRun(
                notebook=REPOSITORY / "notebooks" / "10_the_owners_review.ipynb",
                output=REPOSITORY / "build" / "notebooks" / "10_the_owners_review.ipynb",
                parameters={
                    "state": str(reopened.plan.owner_state("east")),
                    "report": str(report),
                    **parameters,
                },
                environment=reopened.environment(),
            )
        )
        decided = json.loads(report.read_text())["decided"]
        if number == 0:
            assert decided == []
            while not submission.questions["east"]:
                submission.wait(timeout=1)
            assert [said.text for said in submission.questions["east"]] == [question]
            continue
        assert len(decided) == 1
        wanted = "produced" if number == 1 else "released"
        while submission.state["east"] != wanted:
            submission.wait(timeout=1)
    assert submission.results["east"]["facts"]["frames"] > 0


def test_an_unknown_domain_or_dataset_is_named_with_what_there_is(reopened: LocalStack):
    session = dr.connect(reopened.plan.home("alice"), run_log="", progress="quiet")
    with pytest.raises(UnknownNameError, match="north"):
        session.domains["nord"]
    with pytest.raises(UnknownNameError, match="plaza"):
        session.domains["north"].datasets["plazza"]
