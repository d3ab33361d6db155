"""The box of PySyft's client over time: restarts, outages, two notebooks, and hundreds of jobs."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import syft as sy

from darkroom.adapters.pysyft.box import A_WHILE
from darkroom.bootstrap.pysyft_scientist import archived, session_of, wait
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


def tree(bench: PysyftBench, name: str) -> dict[str, bytes]:
    folder = bench.box / NORTH / "app_data/job/inbox/alice@darkroom/v1" / name
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("log_in", [True, False], ids=["the next kernel", "this kernel"])
def test_a_box_that_somebody_deleted_comes_back(bench, log_in):
    bench.done("finished")
    pending = bench.submit("pending")
    bench.village.settle()
    assert bench.job("pending").status == "pending"
    before = {name: tree(bench, name) for name in ("finished", "pending")}
    assert len(before["pending"]) == 4  # main.py, darkroom.json, run.sh, config.yaml

    shutil.rmtree(bench.box)
    if log_in:
        bench.client = bench.again()
    quietly(bench.client.sync)

    jobs = {job.name: job for job in quietly(lambda: bench.client.jobs)}
    assert {n: job.status for n, job in jobs.items()} == {"finished": "done", "pending": "pending"}
    (output,) = jobs["finished"].output_paths
    assert json.loads(output.read_text()) == {"n": 3}
    assert {name: tree(bench, name) for name in before} == before
    bench.let_through(pending)
    assert bench.job("pending").status == "done"


@pytest.mark.parametrize("kept", [None, b"not a message"], ids=["of an older release", "damaged"])
def test_a_job_that_cannot_come_back_is_named_with_its_place(bench, kept):
    bench.done("job")
    records = bench.connection.box.records
    (record,) = records.all()
    records.drop_message(record)
    if kept is not None:
        records.keep_message(record, kept)
    path = records.path(record.datasite, record.name)
    long_ago = path.stat().st_mtime - 2 * A_WHILE
    os.utime(path, (long_ago, long_ago))

    shutil.rmtree(bench.box)
    bench.client = bench.again()
    for _ in range(2):
        quietly(bench.client.sync)

    (line,) = [line for line in bench.said if "deleted from the SyftBox" in line]
    assert line.startswith(f"job at {NORTH}")
    assert "darkroom.pysyft.session_of(client).jobs" in line
    assert [submission.name for submission in session_of(bench.client).jobs] == ["job"]
    assert list(records.folder.glob("*/*")) == []
    bench.submit("job")  # the name is free again


def test_a_message_about_another_job_puts_nothing_into_the_box(bench):
    bench.submit("one")
    bench.submit("two")
    records = bench.connection.box.records
    one, two = sorted(records.all(), key=lambda record: record.name)
    records.keep_message(one, records.message(two))

    shutil.rmtree(bench.box)
    bench.client = bench.again()
    quietly(bench.client.sync)

    assert inbox(bench) == ["two"]


def test_a_job_that_was_not_sent_leaves_no_message(bench):
    bench.connection.lab.session.post.write = None  # the last step before it is sent
    with pytest.raises(TypeError):
        bench.submit("job")

    records = bench.connection.box.records
    assert [path for path in records.folder.rglob("*") if path.is_file()] == []
    assert inbox(bench) == []


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
    assert sorted(p.suffix for p in (bench.folder / "box-jobs" / NORTH).iterdir()) == [
        ".json", ".json", ".message", ".message",
    ]  # fmt: skip
    with pytest.raises(UnknownNameError):
        old["job 9"]

    bench.submit("job 0", code)  # the name is free again
    assert bench.job("job 0").status == "received"


def test_a_job_that_leaves_the_box_says_where_it_is(bench, monkeypatch):
    monkeypatch.setattr("darkroom.adapters.pysyft.box.KEPT", 1)
    code = bench.code()
    for name in ("old", "new"):
        bench.done(name, code)
    for _ in range(4):
        quietly(bench.client.sync)

    (line,) = [line for line in bench.said if "archived(client)" in line]
    assert line.startswith("1 finished job moved from client.jobs to darkroom.pysyft.archived(")
    there = r"darkroom\.pysyft\.archived\(client\)\['old'\]"
    with pytest.raises(UnknownNameError, match="'old' is finished and not in the box") as unknown:
        wait(bench.client, "old")
    assert unknown.value.next_step == "see darkroom.pysyft.archived(client)['old']"
    with pytest.raises(ValueError, match=rf"'old' not found: it is finished and archived.*{there}"):
        bench.job("old")
    with pytest.raises(UnknownNameError, match="no job in the box is called 'older'"):
        wait(bench.client, "older")
    with pytest.raises(ValueError, match=r"'older' not found$"):
        bench.job("older")


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
