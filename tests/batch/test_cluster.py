"""`--on kubernetes`: the Job is made, followed to its end and removed, with few rights."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from darkroom.adapters.batch.job_manifest import ClusterOrder
from darkroom.bootstrap import batch_cluster
from darkroom.bootstrap.batch_identity import secret_manifest
from darkroom.errors import (
    DarkroomError,
    DeniedError,
    InputError,
    JobFailedError,
    TooLargeError,
    UnreachableError,
    WorkerLostError,
)
from tests.batch.notebooks import a_home, a_notebook
from tests.batch.orders import IMAGE, an_order
from tests.batch.stand_in import PERSON, SPACE, StandInCluster, kubeconfig


pytestmark = pytest.mark.timeout(300)
DARKROOM = Path(sys.executable).with_name("darkroom")


@pytest.fixture
def scripted(tmp_path):
    """A cluster whose pods are what the test says."""
    cluster = StandInCluster(tmp_path, runs=False)
    yield cluster
    cluster.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(batch_cluster, "POLL_SECONDS", 0.05)


class Run:
    """`run_on_cluster` in a thread: what it said, and how it ended."""

    def __init__(self, cluster: StandInCluster, monkeypatch, *, token: str = PERSON) -> None:
        path = cluster.folder / "kubeconfig"
        path.write_text(kubeconfig(cluster, token))
        monkeypatch.setenv("KUBECONFIG", str(path))
        self.said: list[str] = []
        self.code, self.error = -1, None
        self._cluster = cluster
        self._thread = threading.Thread(target=self._go, args=(an_order(namespace=SPACE),))
        self._thread.start()

    def _go(self, order: ClusterOrder) -> None:
        try:
            access = batch_cluster.person_access()
            self.code = batch_cluster.run_on_cluster(order, access, say=self.said.append)
        except DarkroomError as error:
            self.error = error

    def pod(self):
        """Its pod, once it is there and is followed."""
        while not self.said:
            assert self._thread.is_alive(), self.error
            self._thread.join(0.01)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with self._cluster.changed:
                for pod in self._cluster.all("pods", SPACE):
                    return pod
                self._cluster.changed.wait(0.05)
        raise AssertionError("no pod came to be")

    def end(self) -> "Run":
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert [] == self._cluster.all("jobs", SPACE), "the Job was not removed"
        return self


def test_the_exit_code_is_the_pods_and_its_log_is_shown_without_tricks(scripted, monkeypatch):
    run = Run(scripted, monkeypatch)
    pod = run.pod()
    scripted.set_container(pod, "Running", running={})
    scripted.say("[1/1] \x1b[2Jclear")
    scripted.set_container(pod, "Failed", terminated={"exitCode": 1, "reason": "Error"})
    scripted.log_done.set()

    assert (run.end().error, run.code) == (None, 1)
    assert "[1/1] ⟨U+001B ESC⟩[2Jclear" in run.said
    assert "pod: ended" in run.said


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, JobFailedError, "--memory"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, InputError, "--image"),
        ({"waiting": {"reason": "CreateContainerConfigError"}}, InputError, "batch secret"),
    ],
)
def test_what_a_person_has_to_mend_is_said(scripted, monkeypatch, status, error, said):
    run = Run(scripted, monkeypatch)
    scripted.log_done.set()
    scripted.set_container(run.pod(), "Pending", **status)

    assert isinstance(run.end().error, error)
    assert said in run.error.next_step


def test_a_machine_that_is_lost_is_said(scripted, monkeypatch):
    run = Run(scripted, monkeypatch)
    scripted.log_done.set()
    pod = run.pod()
    gone = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    with scripted.changed:
        pod["status"] |= {"phase": "Failed", "conditions": [gone]}
        scripted.touch(pod)

    assert isinstance(run.end().error, WorkerLostError)
    assert "DeletionByTaintManager" in run.error.message


def test_a_person_without_rights_is_told_where_the_role_stands(scripted, monkeypatch):
    with scripted.changed:
        scripted.objects["roles", SPACE, "batch"]["rules"] = []
    run = Run(scripted, monkeypatch).end()

    assert isinstance(run.error, DeniedError)
    assert "docs/batch.md" in run.error.next_step
    assert isinstance(Run(scripted, monkeypatch, token="nobody").end().error, DeniedError)


def test_an_api_server_that_is_away_for_a_moment_ends_nothing(scripted, monkeypatch):
    run = Run(scripted, monkeypatch)
    pod = run.pod()
    scripted.down = True
    assert scripted.turned_away.wait(30)
    scripted.down = False
    scripted.log_done.set()
    scripted.set_container(pod, "Succeeded", terminated={"exitCode": 0})

    assert (run.end().error, run.code) == (None, 0)


def test_an_api_server_that_stays_away_is_said(scripted, monkeypatch):
    monkeypatch.setattr(batch_cluster, "LOST_SECONDS", 0.2)
    run = Run(scripted, monkeypatch)
    run.pod()
    scripted.down = True
    run._thread.join(60)

    assert isinstance(run.error, UnreachableError)


def test_what_does_not_fit_into_a_config_map_never_reaches_the_cluster(scripted, monkeypatch):
    order = an_order(namespace=SPACE, data=b"x" * (1 << 20))
    monkeypatch.setenv("KUBECONFIG", str(scripted.folder / "kubeconfig"))
    (scripted.folder / "kubeconfig").write_text(kubeconfig(scripted))

    with pytest.raises(TooLargeError, match="1024"):
        batch_cluster.run_on_cluster(order, batch_cluster.person_access(), say=print)
    assert ("alice", "create", "jobs") not in scripted.calls


# ------------------------------------------------------------------------- pods that run


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "cluster").mkdir()
    running = StandInCluster(tmp_path / "cluster")
    yield running
    running.close()


def command(cluster: StandInCluster, *words: object) -> subprocess.Popen[str]:
    config = cluster.folder / "kubeconfig"
    config.write_text(kubeconfig(cluster))
    return subprocess.Popen(
        [DARKROOM, "batch", "run", *map(str, words), "--on", "kubernetes", "--namespace", SPACE,
         "--image", IMAGE, "--identity-secret", "robot", "--run-log", ""],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"KUBECONFIG": str(config)},
    )  # fmt: skip


def give_identity(cluster: StandInCluster, home: Path) -> None:
    with cluster.changed:
        cluster.add("secrets", SPACE, json.loads(secret_manifest(home, "robot", SPACE)))


SHOW = """import os, stat, pathlib, darkroom as dr
keys = pathlib.Path(os.environ['DARKROOM_KEYS'])
print('mode', oct(stat.S_IMODE(keys.stat().st_mode)), 'in', keys.parent.name)
print('who', dr.connect(run_log='').name, 'rate', repr(rate))"""


@pytest.mark.slow
def test_the_notebook_runs_in_the_pod_as_the_service_identity(cluster, tmp_path, home):
    give_identity(cluster, home)
    notebook = a_notebook(tmp_path / "n.ipynb", SHOW, "1 / 0", parameters="rate = 1")
    run = command(cluster, notebook, "-p", "rate", "0.5")
    said, complained = run.communicate()

    assert run.returncode == 1, complained
    assert "[4/4] 1 / 0" in said
    assert "failed with ZeroDivisionError in code cell 4 of 4" in said
    (executed,) = cluster.folder.rglob("out/n.ipynb")
    assert "mode 0o600 in keys" in executed.read_text()
    assert "who robot rate 0.5" in executed.read_text()
    assert [] == cluster.all("jobs", SPACE)
    verbs = {(verb, kind) for user, verb, kind in cluster.calls if user == "alice"}
    assert verbs == {("create", "jobs"), ("get", "jobs"), ("delete", "jobs"),
                     ("create", "configmaps"), ("list", "pods")}  # fmt: skip


@pytest.mark.slow
def test_sigterm_removes_the_job_and_the_pod_ends_in_order(cluster, tmp_path, home):
    give_identity(cluster, home)
    endless = a_notebook(tmp_path / "n.ipynb", "7 * 6", "import time; time.sleep(600)")
    run = command(cluster, endless)
    assert run.stdout is not None
    while "[2/2]" not in run.stdout.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    _, complained = run.communicate()

    assert run.returncode == 143
    assert "the Job is removed" in complained
    assert cluster.log_done.wait(60)
    assert any("stopped in code cell 2 of 2" in line for line in cluster.lines)


def test_keys_are_not_printed_on_a_terminal(tmp_path, robot):
    home = a_home(tmp_path / "h", robot)
    screen, terminal = os.openpty()
    done = subprocess.run(
        [DARKROOM, "batch", "secret", "--home", home, "--name", "robot", "--namespace", "x"],
        stdout=terminal, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(terminal)
    os.close(screen)

    assert done.returncode == 2
    assert "kubectl apply" in done.stderr
