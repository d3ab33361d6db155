"""`darkroom batch run` here: real kernels, a real MLflow store, honest exit codes."""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import psutil
import pytest

from darkroom.adapters.batch.execution import Order, execute
from tests.batch.notebooks import a_home, a_notebook


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DARKROOM = Path(sys.executable).with_name("darkroom")
LEAK = "import os; print(open(os.environ['DARKROOM_KEYS']).read())"


@pytest.fixture(scope="module")
def desk(tmp_path_factory, robot):
    """A folder with a home, where MLflow's database lies."""
    folder = tmp_path_factory.mktemp("batch")
    a_home(folder / "home", robot)
    return folder


def batch(desk: Path, *words: object, run_log: bool = False) -> subprocess.Popen[str]:
    where = f"sqlite:///{desk / 'mlflow.db'}" if run_log else ""
    return subprocess.Popen(
        [DARKROOM, "batch", "run", *map(str, words), "--run-log", where,
         "--home", desk / "home", "--out", desk / "out"],
        cwd=desk,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def executed(desk: Path, name: str) -> str:
    return (desk / "out" / name).read_text()


@pytest.fixture(scope="module")
def runs(desk, robot):
    """Two batches in one run log, one after the other: what they said, and their runs."""
    fine = a_notebook(
        desk / "fine.ipynb",
        "from pathlib import Path; import os",
        "print('rate', rate * 2, name); (Path(os.environ['DARKROOM_HOME']) / 'seen').touch()",
        parameters="rate = 1\nname = 'x'",
    )
    bad = a_notebook(desk / "bad.ipynb", LEAK, "{}['a frame']", "print('never')")
    ends = []
    for words in ((fine, "-p", "rate", "0.5", "-r", "name", "007"), (bad,)):
        run = batch(desk, *words, run_log=True)
        said, complained = run.communicate()
        ends.append((run.returncode, said, complained))
    from mlflow.tracking import MlflowClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, about its database
        client = MlflowClient(f"sqlite:///{desk / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("batch").experiment_id
        found = {run.data.tags["notebook"]: run for run in client.search_runs([experiment])}
        kept = {
            name: {file.path for file in client.list_artifacts(run.info.run_id, "notebook")}
            for name, run in found.items()
        }
    return ends, found, kept


def test_progress_names_each_cell_and_the_exit_code_is_0(runs, desk):
    code, said, complained = runs[0][0]

    assert code == 0, complained
    assert "[3/4] from pathlib import Path" in said
    assert "completed: 4 of 4 code cells" in said
    assert "rate 1.0 007" in executed(desk, "fine.ipynb")
    assert (desk / "home" / "seen").exists()


def test_the_run_log_has_notebook_page_parameters_and_tags(runs, robot):
    _, found, kept = runs
    run = found["fine.ipynb"]

    assert run.info.status == "FINISHED"
    assert run.data.params == {"rate": "0.5", "name": "007"}
    tags = run.data.tags
    assert tags["privacy"] == "released to robot, and mock"
    assert tags["submitter_fingerprint"] == robot.identity.fingerprint
    assert tags["notebook_digest"].startswith("sha256:")
    assert tags["outcome"] == "completed"
    assert kept["fine.ipynb"] == {"notebook/fine.ipynb", "notebook/fine.html"}


def test_a_failed_notebook_is_kept_too_and_its_run_is_marked_failed(runs):
    run = runs[1]["bad.ipynb"]

    assert run.info.status == "FAILED"
    assert (run.data.tags["outcome"], run.data.tags["failed_cell"]) == ("failed", "2")
    assert run.data.tags["error_class"] == "KeyError"


def test_an_output_with_a_key_is_taken_out_before_anything_leaves(runs, desk, robot):
    code, _, complained = runs[0][1]

    assert code == 2
    assert "code cell 1 of bad.ipynb showed a secret" in complained
    seed = robot._fields()["statement_keys"][0]["seed"]
    assert "is not kept" in executed(desk, "bad.ipynb")
    places = [desk / "home" / "jobs.sqlite", *(p for p in desk.rglob("*") if "bad" in p.name)]
    assert len(places) >= 4  # the notebook, its copy and page, and both in the run log
    for place in places:
        assert seed.encode() not in place.read_bytes()


def test_a_cell_that_fails_is_named_with_its_error_and_the_exit_code_is_1(desk):
    path = a_notebook(desk / "fails.ipynb", "x = 1", "raise KeyError('private')", "x = 2")
    run = batch(desk, path)
    said, complained = run.communicate()

    assert run.returncode == 1
    assert "failed with KeyError in code cell 2 of 3: raise KeyError" in complained
    assert "run log: none" in said


ENDLESS = "print('begun', flush=True)\nimport time\ntime.sleep(600)"


def an_order(folder: Path, cell: str, seconds: float | None) -> Order:
    return Order(
        notebook=a_notebook(folder / "n.ipynb", "7 * 6", cell),
        output=folder / "out.ipynb",
        parameters={},
        environment=os.environ,
        folder=folder,
        seconds=seconds,
    )


def test_a_kernel_that_dies_is_a_failed_cell(tmp_path):
    order = an_order(tmp_path, "import os; os._exit(3)", None)

    ended = execute(order)

    assert (ended.outcome, ended.error) == ("failed", "DeadKernelError")
    assert ended.cell is not None
    assert (ended.cell.number, ended.cell.count) == (2, 2)
    assert "42" in order.output.read_text()


def test_time_that_is_up_ends_it_wherever_it_is(tmp_path):
    ended = execute(an_order(tmp_path, ENDLESS, 1.0))

    assert (ended.outcome, ended.error) == ("timed out", "TimeoutError")
    assert ended.seconds < 60


def test_sigterm_keeps_what_there_is_and_leaves_no_process(desk):
    run = batch(desk, a_notebook(desk / "stopped.ipynb", "7 * 6", ENDLESS))
    assert run.stdout is not None
    while "[2/2]" not in run.stdout.readline():
        assert run.poll() is None
    family = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGTERM)
    _, complained = run.communicate()

    assert run.returncode == 143
    assert "stopped in code cell 2 of 2" in complained
    assert "42" in executed(desk, "stopped.ipynb")
    assert len(family) >= 2  # papermill and its kernel
    psutil.wait_procs(family, timeout=10)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_our_own_errors_are_2(desk):
    run = batch(desk, a_notebook(desk / "x.ipynb", "1"), "-p", "rote", "1")
    _, complained = run.communicate()

    assert run.returncode == 2
    assert "no cell tagged `parameters`" in complained


def test_a_run_log_that_is_away_is_said_and_the_record_waits_in_the_home(desk, monkeypatch):
    from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
    from darkroom.bootstrap import batch as bootstrap
    from darkroom.bootstrap.batch_identity import open_identity
    from darkroom.bootstrap.batch_notebook import read_notebook
    from darkroom.errors import UnreachableError

    monkeypatch.setattr(bootstrap, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(bootstrap, "PAUSE_SECONDS", 0.01)
    plan = bootstrap.BatchPlan(
        notebook=read_notebook(a_notebook(desk / "away.ipynb", "1")),
        parameters={},
        identity=open_identity(desk / "home", desk / "home" / "keys.json"),
        out=desk / "out",
        seconds=60,
        run_log="http://127.0.0.1:9",
        project="p",
        commit="",
        place="local",
    )

    with pytest.raises(UnreachableError):
        bootstrap.run_batch(plan, tell=lambda _: None)

    waiting = SqliteScientistStore(desk / "home" / "jobs.sqlite").spooled()
    assert "away · completed" in {json.loads(w.record)["name"] for w in waiting}


def test_a_home_that_nobody_enrolled_is_refused_before_anything_runs(tmp_path):
    path = a_notebook(tmp_path / "n.ipynb", "1")
    done = subprocess.run(
        [DARKROOM, "batch", "run", path, "--home", tmp_path / "nobody"],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"MLFLOW_TRACKING_URI": ""},
    )  # fmt: skip

    assert done.returncode == 2
    assert "darkroom enrol" in done.stderr
    assert list(tmp_path.iterdir()) == [path]
