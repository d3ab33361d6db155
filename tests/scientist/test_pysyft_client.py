"""PySyft's own client, unchanged, at the real node: submit, follow, read what was released."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import syft as sy
from syft.sync.version.exceptions import VersionMismatchError, VersionUnknownError
from syft_rds.client import SyftRDSClient

import darkroom
from darkroom.bootstrap.pysyft_scientist import session_of, wait
from darkroom.errors import (
    DeniedError,
    InputError,
    JobFailedError,
    OutputError,
    SpecError,
    UnknownNameError,
)
from darkroom.ports import Outcome
from tests.scientist.pysyft_bench import (
    DECLARED,
    NORTH,
    SCRIPT,
    PysyftBench,
    at_the_village,
    inbox,
    quietly,
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PysyftBench]:
    with at_the_village(tmp_path) as bench:
        yield bench


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[PysyftBench]:
    """With real runs on mock."""
    with at_the_village(tmp_path, quick=False) as bench:
        yield bench


# ------------------------------------------------------------------------ what there is


def test_it_is_the_stock_client(bench):
    assert type(bench.client) is SyftRDSClient
    assert bench.client.email == "alice@darkroom"
    assert session_of(bench.client).name == "alice"


def test_the_public_names_load_when_they_are_used():
    assert darkroom.pysyft.wait is wait
    assert "login_do" in dir(darkroom.pysyft)
    with pytest.raises(AttributeError, match="has no attribute 'login'"):
        _ = darkroom.pysyft.login


def test_logging_in_needs_an_enrolment(tmp_path):
    with pytest.raises(InputError, match="nobody has enrolled"):
        darkroom.pysyft.login_ds(tmp_path, run_log="")


def test_a_model_file_that_is_not_there_is_said_at_login(bench):
    bench.model.unlink()

    with pytest.raises(InputError, match=r"the model detector\.tflite cannot be read"):
        bench.again()


def test_another_client_is_none_of_ours():
    class Other:
        sync_engine = None

    with pytest.raises(InputError, match=r"no client of darkroom\.pysyft\.login_ds"):
        session_of(Other())


def test_the_pinned_domain_is_a_peer_already(bench, capsys):
    (peer,) = bench.client.peers

    assert (peer.email, peer.state.value) == (NORTH, "accepted")
    assert peer.version.syft_client_version == "0.10.0"
    assert peer.version.syft_client_install_source == "syft==0.10.0"
    bench.client.add_peer(NORTH)
    assert "Already have a connection" in capsys.readouterr().out
    assert [p.state.value for p in bench.client.peers] == ["accepted"]


def test_an_unknown_peer_needs_an_invitation(bench):
    with pytest.raises(UnknownNameError, match="no domain that you are enrolled at") as refused:
        quietly(bench.client.add_peer, "south@darkroom")

    assert "darkroom enrol" in refused.value.next_step
    assert [p.email for p in bench.client.peers] == [NORTH]


@pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated")  # PySyft's own HTML
def test_datasets_are_mocks_and_registered_models(bench, capsys):
    assert [d.name for d in bench.client.datasets.get_all()] == ["detector", "plaza"]
    plaza = bench.client.datasets.get("plaza", datasite=NORTH)
    path = sy.resolve_dataset_file_path("plaza", client=bench.client)
    model = sy.resolve_dataset_file_path("detector", client=bench.client)

    assert plaza.summary == "a square"
    assert path == plaza.mock_files[0]
    assert path.name == "manifest.json"
    assert all(file.is_file() for file in plaza.mock_files)
    assert darkroom.Dataset(path).count() == darkroom.Dataset(path.parent).count() > 0
    assert model.read_bytes() == bench.model.read_bytes()
    assert "plaza" in bench.client.datasets._repr_html_()
    assert "a square" in plaza._repr_html_()


def test_nothing_is_downloaded_twice_not_even_by_the_next_kernel(bench):
    quietly(bench.client.sync)
    path = bench.client.dataset_manager.get("plaza", datasite=NORTH).mock_files[0]
    written = path.stat().st_mtime_ns

    quietly(bench.client.sync)
    quietly(bench.again().sync)

    assert path.stat().st_mtime_ns == written
    assert len([line for line in bench.said if "rendering" in line]) == 1


# ------------------------------------------------------------------------------ one job


def test_a_job_from_submission_to_outputs(slow, capsys):
    slow.village.sandbox.job = lambda request: {"n": {"n": 3}}
    request = slow.submit("first")
    assert slow.job("first").status in ("received", "pending")

    slow.village.settle()
    pending = slow.job("first")
    slow.village.approve(request)
    slow.village.settle()
    produced = slow.job("first")
    slow.village.release(request.job_id, with_log=True)
    (done,) = quietly(wait, slow.client, "first", timeout=60)

    assert pending.status == "pending"
    assert "the data owner decides" in pending.review_reason
    assert produced.status == "running"
    assert "wait for the owner to release them" in produced.review_reason
    assert (done.status, done.review_reason) == ("done", "released by olga")
    (output,) = done.output_paths
    assert (output.name, json.loads(output.read_text())) == ("n.json", {"n": 3})
    assert "printed by the job" in str(done.stdout)
    receipt = json.loads((done.job_review_path / "release.json").read_text())
    assert receipt["body"]["job_digest"] == request.job_digest
    assert "first" in str(slow.client.job_client.jobs)
    assert "first" in slow.client.job_client.jobs._repr_html_()
    assert "first" in done._repr_html_()
    assert "printed by the job" in done.stdout._repr_html_()


def test_it_is_an_ordinary_submission_of_the_session(bench):
    bench.done("first")

    (submission,) = bench.session.jobs
    assert submission.name == "first"
    assert submission.state == {"north": "released"}
    assert submission.results["north"]["n"] == {"n": 3}
    assert bench.session.record(submission).privacy


def test_both_sides_see_the_same_digest(bench):
    request = bench.submit("first")
    bench.village.settle()

    assert bench.village.job(request.job_id).job_digest == request.job_digest
    assert bench.village.job(request.job_id).request == request


def test_what_it_gives_is_found_out_on_mock(slow, capsys):
    script = SCRIPT + (
        "import csv\n"
        "rows = [{'camera': c.id, 'frames': data.count(c.id)} for c in data.cameras]\n"
        "json.dump(rows, open('outputs/seen.json', 'w'))\n"
        "with open('outputs/list.csv', 'w') as file:\n"
        "    writer = csv.DictWriter(file, ['camera', 'frames'])\n"
        "    writer.writeheader(); writer.writerows(rows)\n"
        "assert sy.resolve_dataset_file_path('detector').read_bytes() == b'a registered model'\n"
    )
    request = slow.submit("open", slow.code(main__py=script))
    slow.village.sandbox.job = lambda _: {
        "n": {"n": 3}, "seen": [("cam0", 1)], "list": [("cam1", 2)],
    }  # fmt: skip
    slow.let_through(request)
    files = {p.name: p.read_text() for p in slow.job("open").output_paths}

    assert json.loads(files["seen.json"]) == [{"camera": "cam0", "frames": 1}]
    assert files["list.csv"] == "camera,frames\ncam1,2\n"
    assert request.spec.outputs["seen"].columns == {"camera": "text", "frames": "int"}
    assert any('"max_rows"' in line and "darkroom.json" in line for line in slow.said)
    assert "models/detector.tflite" in request.spec.files


def test_wait_for_several_shows_all(bench):
    requests = [bench.submit(name) for name in ("one", "two")]
    for request in requests:
        bench.let_through(request)

    jobs = quietly(wait, bench.client, "one", "two", timeout=60)

    assert {job.name: job.status for job in jobs} == {"one": "done", "two": "done"}
    assert quietly(wait, bench.client, timeout=0) != []
    with pytest.raises(UnknownNameError, match="no job in the box is called 'three'"):
        wait(bench.client, "three", timeout=0)


@pytest.mark.parametrize(
    ("outcome", "status", "says"),
    [
        ("reject", "rejected", "too curious"),
        ("withhold", "rejected", "the owner withheld the outputs"),
        ("fail", "failed", "ended with ValueError"),
        ("cancel", "rejected", "cancelled"),
    ],
)
def test_other_ends(bench, outcome, status, says):
    village = bench.village
    request = bench.submit("job")
    village.settle()
    if outcome == "reject":
        village.decide(request.job_id, "code", "reject", request.job_digest, reason="too curious")
    elif outcome == "cancel":
        bench.session.job(request.job_id).cancel()
    else:
        if outcome == "fail":
            village.sandbox.job = lambda _: Outcome(
                status="failed", seconds=0.1, error_class="ValueError"
            )
        village.approve(request)
        village.settle()
    if outcome == "withhold":
        village.release(request.job_id, verdict="withhold")
    village.settle()

    job = bench.job("job")

    assert job.status == status
    assert says in job.review_reason


# --------------------------------------------------------------------------- refused


def test_what_fails_on_mock_is_not_sent_and_its_name_is_free(slow):
    code = slow.code(main__py="import syft as sy\nsy.resolve_dataset_file_path('plaza')\n1 / 0\n")

    with pytest.raises(JobFailedError, match=r"line 3 of main.py: 1 / 0"):
        slow.submit("job", code)

    assert inbox(slow) == []
    assert len(slow.session.jobs) == 0
    slow.submit("job")
    assert inbox(slow) == ["job"]


def test_an_output_that_is_not_declared_names_the_cure(slow):
    code = slow.code(
        main__py=SCRIPT + "open('outputs/more.json', 'w').write('1')", darkroom__json=DECLARED
    )

    with pytest.raises(OutputError, match="holds a file that is not declared") as refused:
        slow.submit("job", code)

    assert "darkroom.json" in refused.value.next_step


def test_a_binary_is_refused_before_anything_is_copied(bench):
    code = bench.code(main__py=SCRIPT, detector__tflite=b"\x00\xff\xfe")

    with pytest.raises(InputError, match=r"detector.tflite is not text") as refused:
        bench.submit("job", code)

    assert "register" in refused.value.next_step
    assert inbox(bench) == []


def test_litter_is_left_out(bench):
    code = bench.code()
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "main.pyc").write_bytes(b"\x00\xff")

    request = bench.submit("job", code)

    assert sorted(request.spec.files) == [
        "code/darkroom.json", "code/main.py", "pysyft_job.py", "run.sh",
    ]  # fmt: skip


def test_a_bash_job_is_refused_at_once(bench):
    with pytest.raises(DeniedError, match="a bash job is run nowhere"):
        quietly(bench.client.submit_bash_job, NORTH, "echo hello")

    assert inbox(bench) == []


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ('{"modles": []}', r"darkroom.json has the unknown key 'modles'"),
        ('{"limits": {"memory": 1}}', r"darkroom.json: limits has the unknown key 'memory'"),
        ('{"dataset": "square"}', "no dataset 'square'"),
        ('{"models": ["other.tflite"]}', "registered no model of the name 'other.tflite'"),
    ],
)
def test_a_wrong_declaration_names_the_place(bench, declared, says):
    with pytest.raises(InputError, match=says):
        bench.submit("job", bench.code(main__py=SCRIPT, darkroom__json=declared))

    assert inbox(bench) == []


def test_a_name_that_is_taken_stays_with_its_job(bench):
    bench.submit("job")

    with pytest.raises(FileExistsError):
        bench.submit("job")

    assert inbox(bench) == ["job"]
    assert len(bench.session.jobs) == 1


def test_a_name_that_is_no_name_is_refused(bench):
    with pytest.raises(SpecError, match="job name"):
        bench.submit("../job")


def test_another_release_is_the_engines_own_error(bench):
    body = {**bench.village.node.presence.profile(), "pysyft": {"version": "0.11.0", "models": {}}}
    bench.village.exchange.profiles["north"] = bench.village.keyring.sign("profile", body)
    with pytest.warns(UserWarning, match="incompatible versions"):
        quietly(bench.client.sync, force_download_peer_state=True)

    with pytest.raises(VersionMismatchError, match=r"peer=0.11.0"):
        bench.submit("job")
    with pytest.raises(InputError, match=r"speaks syft 0\.11\.0, this client 0\.10\.0"):
        bench.submit("job", ignore_peer_version=True)
    assert inbox(bench) == []


@pytest.mark.parametrize("version", ["", "latest", "0.10", "1.2.3.4", "٠.١.٠"])
def test_a_version_that_is_none_is_unknown_and_stops_no_sync(bench, version):
    endpoint = {"version": version, "models": {}}
    body = {**bench.village.node.presence.profile(), "pysyft": endpoint}
    bench.village.exchange.profiles["north"] = bench.village.keyring.sign("profile", body)

    with pytest.warns(UserWarning, match="incompatible versions"):
        quietly(bench.client.sync, force_download_peer_state=True)

    with pytest.raises(VersionUnknownError):
        bench.submit("job")
