"""The sandbox on a cluster when something is not as it should be. The API server is a FAKE."""

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from darkroom.adapters.sandbox.kubernetes.follow import Patience
from darkroom.adapters.sandbox.kubernetes.manifest import job_name
from darkroom.bootstrap import cluster_sandbox, environments
from darkroom.config import domain_config
from darkroom.errors import IsolationError, SpecError, UnreachableError, WorkerLostError
from darkroom.ports import SandboxTask
from tests.kubernetes.cluster import FakeCluster
from tests.kubernetes.machines import (
    IMAGE,
    NAMESPACE,
    REPOSITORY,
    RULES,
    TOKENS,
    Cluster,
    phase_of_work,
    require_machines,
    template,
    wait_until,
)
from tests.kubernetes.workshop import ClusterWorkshop
from tests.sandbox.workshop import Workshop, limits


pytestmark = pytest.mark.slow

RIGHTS = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/north-node"
QUOTA = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas/jobs"
ONE = "return {'result': {'n': 1}}"
LONG = "import time; time.sleep(60)"
HASTY = Patience(start=4, room=1, answer=1, end=10)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterWorkshop]:
    """A cluster of one machine."""
    found = ClusterWorkshop(tmp_path_factory.mktemp("cluster"), real=False)
    yield found
    found.close()


@pytest.fixture
def fake(shop: ClusterWorkshop) -> Iterator[FakeCluster]:
    """Its API server; what a test does to it is undone."""
    server = shop.cluster.server
    assert isinstance(server, FakeCluster)
    with server.changed:
        before = json.dumps([[*key, value] for key, value in server.objects.items()])
    yield server
    server.down = False
    with server.changed:
        for kind, space, name, value in json.loads(before):
            if kind in ("roles", "resourcequotas", "namespaces"):
                server.objects[kind, space, name] = value
        server.changed.notify_all()


def nothing_left(shop: ClusterWorkshop) -> bool:
    """Whether no Job, pod or task folder is there."""
    folders = list((shop.cluster.volume("north-exchange") / "tasks").iterdir())
    return not (shop.cluster.jobs() or shop.cluster.pods() or folders)


def test_after_a_job_nothing_is_left(shop: ClusterWorkshop) -> None:
    outcome, _ = shop.run(ONE)

    assert outcome.status == "done", outcome
    wait_until(10, lambda: nothing_left(shop))


def test_the_node_uses_no_right_that_its_role_does_not_name(
    shop: ClusterWorkshop, fake: FakeCluster
) -> None:
    fake.calls.clear()

    shop.run(ONE)

    used = {(verb, kind) for user, verb, kind in fake.calls if user != "system:masters"}
    assert used == {("create", "jobs"), ("get", "jobs"), ("delete", "jobs"), ("list", "pods")}


def test_where_a_canary_can_be_reached_nothing_of_the_user_runs(
    shop: ClusterWorkshop, fake: FakeCluster
) -> None:
    """A real connection from inside a pod whose network nobody cuts."""
    policies = [key for key in fake.objects if key[0] == "networkpolicies"]
    with fake.changed:
        removed = {key: fake.objects.pop(key) for key in policies}
    try:
        task = shop.task("open('/out/ran', 'w'); print('it ran')")
        with pytest.raises(IsolationError, match="does not enforce NetworkPolicies") as error:
            shop.sandbox().run(task)
    finally:
        with fake.changed:
            fake.objects.update(removed)

    assert "127.0.0.1 port" in error.value.message
    assert not list(task.out.iterdir())
    wait_until(10, lambda: nothing_left(shop))


def test_dead_canaries_prove_nothing(shop: ClusterWorkshop) -> None:
    isolation = shop.cluster.sandbox(shop.runtime, canaries=[("127.0.0.1", 9)]).probe()

    assert not isolation.fit
    assert "nothing proves" in isolation.layers["network"]


def test_an_image_of_another_version_runs_nothing(shop: ClusterWorkshop) -> None:
    other = replace(shop.runtime, lock_hash="sha256:" + "0" * 64)
    sandbox = shop.cluster.sandbox(other)

    with pytest.raises(IsolationError, match="not the one that this node means"):
        sandbox.run(shop.task(ONE, runtime=other))


def test_a_missing_role_is_named(shop: ClusterWorkshop, fake: FakeCluster) -> None:
    shop.cluster.change(RIGHTS, {"rules": []})

    with pytest.raises(IsolationError, match="may not create Jobs") as error:
        shop.run(ONE)

    assert "RoleBinding" in error.value.next_step


def test_a_used_up_quota_is_named(shop: ClusterWorkshop, fake: FakeCluster) -> None:
    shop.cluster.change(QUOTA, {"spec": {"hard": {"count/jobs.batch": "0"}}})

    with pytest.raises(IsolationError, match=r"quota of .* used up: .*exceeded quota: jobs"):
        shop.run(ONE)


def test_a_cluster_that_is_full_does_not_make_its_walls_fall(
    shop: ClusterWorkshop, fake: FakeCluster
) -> None:
    known, new = shop.cluster.sandbox(shop.runtime), shop.cluster.sandbox(shop.runtime)
    before = known.probe()
    assert before.fit, before.layers
    shop.cluster.change(QUOTA, {"spec": {"hard": {"count/jobs.batch": "0"}}})

    assert known.probe() == before
    assert "used up" in new.probe().layers["start"]

    shop.cluster.change(RIGHTS, {"rules": []})
    with pytest.raises(IsolationError, match="may not create Jobs"):
        known.run(shop.task(ONE))  # something is amiss that is no want of room
    shop.cluster.change(RIGHTS, {"rules": RULES})

    assert not known.probe().fit


def test_a_pod_that_the_quota_refuses_is_told_with_where_to_look(
    shop: ClusterWorkshop, fake: FakeCluster
) -> None:
    shop.cluster.change(QUOTA, {"spec": {"hard": {"pods": "0"}}})
    sandbox = shop.cluster.sandbox(shop.runtime, patience=HASTY)

    with pytest.raises(IsolationError, match=r"did not start .* no pod yet") as error:
        sandbox.run(shop.task(ONE))

    assert "quota" in error.value.next_step
    wait_until(10, lambda: nothing_left(shop))


def test_a_missing_namespace_is_named(shop: ClusterWorkshop, fake: FakeCluster) -> None:
    with fake.changed:
        del fake.objects["namespaces", "", NAMESPACE]

    with pytest.raises(IsolationError, match=f"no namespace {NAMESPACE}"):
        shop.run(ONE)


def test_a_stale_token_is_told(shop: ClusterWorkshop, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("stale")
    sandbox = shop.cluster.sandbox(shop.runtime, token=tmp_path / "token")

    with pytest.raises(IsolationError, match="does not accept"):
        sandbox.run(shop.task(ONE))


def test_an_api_server_that_is_away_is_waited_for_and_then_told(
    shop: ClusterWorkshop, fake: FakeCluster
) -> None:
    sandbox = shop.cluster.sandbox(shop.runtime, patience=HASTY)
    fake.down = True

    with pytest.raises(UnreachableError, match="busy or ill"):
        sandbox.run(shop.task(ONE))


def test_an_api_server_that_comes_back_lost_nothing(
    shop: ClusterWorkshop, fake: FakeCluster
) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shop.run, "import time; time.sleep(2); return {'result': {'n': 1}}")
        wait_until(10, lambda: bool(shop.cluster.pods()))
        fake.down = True
        threading.Timer(1.0, lambda: setattr(fake, "down", False)).start()

        assert answer.result(30)[0].status == "done"


def test_an_image_that_nobody_has_is_told(shop: ClusterWorkshop) -> None:
    stranger = IMAGE.replace("1" * 64, "2" * 64)
    sandbox = shop.cluster.sandbox(shop.runtime, patience=HASTY, image=stranger)

    with pytest.raises(IsolationError, match="cannot be pulled") as error:
        sandbox.run(shop.task(ONE))

    assert "ctr image" in error.value.next_step


def test_too_little_memory_on_every_pi_is_told(shop: ClusterWorkshop) -> None:
    large: Any = template()
    container = large["spec"]["template"]["spec"]["initContainers"][0]
    for kind in ("requests", "limits"):
        container["resources"][kind]["memory"] = "64Gi"
    sandbox = shop.cluster.sandbox(shop.runtime, job_template=large, patience=HASTY)

    with pytest.raises(IsolationError, match="1 Insufficient memory") as error:
        sandbox.run(shop.task(ONE, limits=limits(memory_mib=9000)))

    assert "free memory on a Pi" in error.value.next_step


def test_footage_outside_the_volumes_is_not_mounted(shop: ClusterWorkshop, tmp_path: Path) -> None:
    with pytest.raises(IsolationError, match="no volume that jobs can mount"):
        shop.run(ONE, dataset=tmp_path)


def test_a_job_of_a_killed_node_is_taken_away_first(shop: ClusterWorkshop) -> None:
    """The second node gives the task the same id; the first one's pod still runs."""
    first = shop.cluster.sandbox(shop.runtime)
    task = shop.task(LONG)
    crashed = threading.Event()

    def until_killed() -> bool:
        if crashed.is_set():
            raise SystemExit  # this thread goes, and nobody tidies up
        return False

    with ThreadPoolExecutor(1) as pool:
        first._api.delete = lambda _name: None
        first._exchange.remove = lambda _name: None
        left = pool.submit(first.run, task, cancelled=until_killed)
        wait_until(15, lambda: phase_of_work(shop.cluster) == "running")
        crashed.set()
        wait_until(10, left.done)
    again = shop.task(ONE, task_id=task.task_id)

    outcome = shop.sandbox().run(again)

    assert outcome.status == "done", outcome
    assert shop.sandbox().clear() == 1  # the folder of the first
    wait_until(10, lambda: nothing_left(shop))


def test_jobs_of_a_killed_node_are_deleted_as_the_next_one_starts(shop: ClusterWorkshop) -> None:
    job: Any = template()
    job["metadata"]["name"] = name = job_name("left behind")
    shop.cluster.make(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs", job)
    (shop.cluster.volume("north-exchange") / "tasks" / f"{name}-00000000").mkdir()

    assert shop.cluster.sandbox(shop.runtime).clear() == 1
    wait_until(10, lambda: nothing_left(shop))


def test_the_same_task_does_not_run_twice_at_once(shop: ClusterWorkshop) -> None:
    sandbox, wish = shop.sandbox(), threading.Event()
    task = shop.task(LONG)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(sandbox.run, task, cancelled=wish.is_set)
        wait_until(15, lambda: bool(shop.cluster.jobs()))
        with pytest.raises(IsolationError, match="runs already"):
            sandbox.run(replace(task, out=shop.folder("out")))
        wish.set()

        assert running.result(30).status == "cancelled"


def test_a_lost_machine_is_a_lost_worker(tmp_path: Path) -> None:
    require_machines()
    server = FakeCluster(tmp_path, TOKENS)
    cluster = Cluster(server, tmp_path)
    try:
        cluster.start_machine("pi-a")
        shop = Workshop(cluster.volume("north-exchange"))
        impatient: Any = template()
        for toleration in impatient["spec"]["template"]["spec"]["tolerations"]:
            toleration["tolerationSeconds"] = 1
        sandbox = cluster.sandbox(slots=2, job_template=impatient)
        task: SandboxTask = shop.task(LONG, runtime=cluster.runtime())
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(sandbox.run, task)
            wait_until(20, lambda: phase_of_work(cluster) == "running")
            cluster.lose_machine("pi-a")

            with pytest.raises(WorkerLostError, match="pi-a, which is gone"):
                answer.result(60)
        # Another machine takes the same task, though the pod on the first never ends.
        cluster.start_machine("pi-b")
        again = shop.task(ONE, runtime=cluster.runtime(), task_id=task.task_id)
        assert sandbox.run(again).status == "done"
    finally:
        cluster.close()
        server.close()


def test_sandbox_yaml_makes_the_sandbox_of_a_node(
    shop: ClusterWorkshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, domain = shop.cluster, domain_config(REPOSITORY / "domains" / "north")
    monkeypatch.setattr(cluster_sandbox, "PACKAGE", cluster.image / "darkroom")
    content = {
        "namespace": NAMESPACE,
        "template": "job.yaml",
        "environments": {
            name: {"image": IMAGE, "interpreter": interpreter}
            for name, interpreter in domain.environments.items()
        },
        "mounts": [{"path": str(cluster.volume("north-exchange")), "claim": "north-exchange"}],
        "canaries": [cluster.server.url.removeprefix("https://"), "no-such-host.invalid:1"],
        "exchange": str(cluster.volume("north-exchange")),
        "api": {
            "server": cluster.server.url,
            "token": str(cluster.folder / "token"),
            "ca": str(cluster.server.ca),
        },
    }
    path = tmp_path / "sandbox.yaml"
    path.write_text(json.dumps(content))
    (tmp_path / "job.yaml").write_text(json.dumps(template()))
    said: list[str] = []
    with contextlib.ExitStack() as closing:
        found = cluster_sandbox.open_cluster_sandbox(
            path, domain, lock=environments.lock_of, closing=closing, say=said.append
        )

        assert found.sandbox.probe().fit
        assert any("no-such-host" in words for words in said)

    with pytest.raises(IsolationError, match="has ended"):
        found.sandbox.run(shop.task(ONE, runtime=found.runtimes["tflite"]))


def test_a_loosened_template_is_refused_with_its_line(
    shop: ClusterWorkshop, tmp_path: Path
) -> None:
    loose = template()
    loose["spec"]["template"]["spec"]["hostNetwork"] = True
    domain = domain_config(REPOSITORY / "domains" / "north")
    exchange = str(shop.cluster.volume("north-exchange"))
    images = {
        name: {"image": IMAGE, "interpreter": kind} for name, kind in domain.environments.items()
    }
    content = {
        "namespace": NAMESPACE,
        "template": "job.yaml",
        "environments": images,
        "mounts": [{"path": exchange, "claim": "north-exchange"}],
        "canaries": ["127.0.0.1:1"],
        "exchange": exchange,
    }
    (tmp_path / "sandbox.yaml").write_text(json.dumps(content))
    text = yaml.safe_dump(loose)
    (tmp_path / "job.yaml").write_text(text)
    line = text.splitlines().index("      hostNetwork: true") + 1

    with pytest.raises(SpecError, match="hostNetwork must be false") as error:
        cluster_sandbox.open_cluster_sandbox(
            tmp_path / "sandbox.yaml",
            domain,
            lock=environments.lock_of,
            closing=contextlib.ExitStack(),
            say=print,
        )

    assert f"job.yaml:{line}:" in error.value.message
