"""The box of PySyft's client over time: restarts, outages, two notebooks, and hundreds of jobs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import syft as sy

from darkroom.bootstrap.pysyft_scientist import archived
from darkroom.errors import UnknownNameError
from tests.scientist.pysyft_bench import NORTH, PysyftBench, at_the_village, inbox, quietly


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PysyftBench]:
    with at_the_village(tmp_path) as bench:
        yield bench


# ------------------------------------------------------- restarts, outages, two notebooks


def test_the_next_kernel_finds_everything(bench):
    bench.done("first")
    second = bench.submit("second")

    bench.client = bench.again()
    bench.let_through(second)

    assert [bench.job(name).status for name in ("first", "second")] == ["done", "done"]
    assert len(bench.job("first").output_paths) == 1


def test_a_job_is_kept_while_the_gateway_is_down(bench):
    quietly(bench.client.sync)
    bench.village.exchange.up = False
    request = bench.submit("job")
    assert bench.job("job").status == "received"
    assert "kept on this machine" in bench.job("job").review_reason
    assert len([line for line in bench.said if "kept here" in line]) == 1

    bench.village.exchange.up = True
    quietly(bench.client.sync)
    bench.let_through(request)

    assert bench.job("job").status == "done"


def test_an_outage_is_said_once_and_takes_nothing_away(bench):
    quietly(bench.client.sync)
    bench.village.exchange.up = False
    before = len(bench.said)

    for _ in range(5):
        bench.village.clock.forward(10)
        quietly(bench.client.sync)

    assert len(bench.said) == before + 1
    bench.client = bench.again()
    with pytest.warns(UserWarning, match="incompatible versions"):
        quietly(bench.client.sync)
    assert [d.name for d in bench.client.dataset_manager.get_all()] == ["detector", "plaza"]
    assert sy.resolve_dataset_file_path("plaza", client=bench.client).is_file()


def test_two_notebooks_on_one_folder(bench):
    other = bench.again()
    first = bench.submit("first")
    with pytest.raises(FileExistsError):
        quietly(other.submit_python_job, NORTH, str(bench.code()), job_name="first")
    quietly(other.submit_python_job, NORTH, str(bench.code()), job_name="second")
    bench.let_through(first)
    bench.let_through(bench.request("second"))

    for client in (bench.client, other):
        assert {j.name: j.status for j in quietly(lambda c=client: c.jobs)} == {
            "first": "done",
            "second": "done",
        }


def test_what_somebody_changed_in_the_box_is_mended(bench):
    job = bench.done("job")
    quietly(job.rerun)
    assert job.output_paths == []

    mended = bench.job("job")

    assert mended.status == "done"
    assert len(mended.output_paths) == 1


def test_a_clock_that_is_put_back_loses_nothing(bench):
    request = bench.submit("job")
    bench.village.settle()
    quietly(bench.client.sync)
    bench.village.clock.forward(-200)
    bench.let_through(request)

    assert bench.job("job").status == "done"


# ------------------------------------------------------------------------ bounded cost


def test_old_finished_jobs_leave_the_box(bench, monkeypatch):
    monkeypatch.setattr("darkroom.adapters.pysyft.box.KEPT", 2)
    monkeypatch.setattr("darkroom.adapters.pysyft.box.KEPT_MESSAGES", 3)
    code = bench.code()
    for number in range(5):
        bench.done(f"job {number}", code)
    for _ in range(2):  # shown as finished, then archived
        quietly(bench.client.sync)

    old = archived(bench.client)
    assert inbox(bench) == ["job 3", "job 4"]
    assert sorted(job.name for job in old) == ["job 0", "job 1", "job 2"]
    assert old["job 0"].status == "done"
    assert json.loads(old["job 0"].output_paths[0].read_text()) == {"n": 3}
    assert (old["job 0"].code_dir / "main.py").is_file()
    assert len(list((bench.folder / "box-event-messages").iterdir())) <= 4
    with pytest.raises(UnknownNameError):
        old["job 9"]

    bench.submit("job 0", code)  # the name is free again
    assert bench.job("job 0").status == "received"


def test_a_large_output_lies_in_the_box_whole(bench, monkeypatch):
    monkeypatch.setattr("darkroom.adapters.pysyft.scientist_connection.INLINE", 4)

    job = bench.done("job")

    assert json.loads(job.output_paths[0].read_text()) == {"n": 3}
    messages = (bench.folder / "box-event-messages").iterdir()
    assert not any("outputs/n.json" in message.read_text() for message in messages)


def test_an_idle_sync_renders_nothing_and_sends_nothing(bench):
    quietly(bench.client.sync)
    sent = len(bench.village.exchange.taken)
    asked = []
    bench.village.alice.relay.cards = lambda domain: asked.append(domain) or []

    for _ in range(3):
        quietly(bench.client.sync)

    assert asked == []
    assert len(bench.village.exchange.taken) == sent
