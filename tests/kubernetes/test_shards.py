"""A whole node on a cluster of two machines: shards side by side, and one machine is lost.

The node is the real assembly with the real Kubernetes sandbox; the API server is a FAKE, the
machines are stand-in kubelets that run real containers. Mailboxes and clock are a test's.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.kubernetes.sandbox import KubernetesSandbox
from darkroom.errors import WorkerLostError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Environment, JobRequest, Limits
from darkroom.ports import Isolation, Outcome, SandboxTask
from tests.kubernetes.cluster import FakeCluster
from tests.kubernetes.machines import TOKENS, Cluster, require_machines, template, wait_until
from tests.node.village import Village


pytestmark = pytest.mark.slow


class Losing:
    """The cluster's sandbox, and somebody who cuts the power of a machine under one shard."""

    def __init__(self, cluster: Cluster, sandbox: KubernetesSandbox) -> None:
        self.cluster, self.sandbox = cluster, sandbox
        self.ran: list[tuple[str, str]] = []
        self.lost: list[str] = []

    def probe(self) -> Isolation:
        return self.sandbox.probe()

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        self.ran.append((task.task_id, task.program))
        try:
            return self.sandbox.run(task, cancelled=cancelled)
        except WorkerLostError:
            self.lost.append(task.task_id)
            raise

    def cut_power_under_a_shard(self) -> None:
        """Wait for shards on both machines, then take pi-b away."""
        wait_until(30, lambda: {"pi-a", "pi-b"} <= set(self.machines_at_work()))
        self.cluster.lose_machine("pi-b")

    def machines_at_work(self) -> list[str]:
        return [
            pod["spec"]["nodeName"]
            for pod in self.cluster.pods()
            for status in pod["status"].get("initContainerStatuses", ())
            if "running" in status["state"]
        ]


# The shards take a while, so that the power can be cut under them.
CODE = b"""
def count(data, params):
    import time
    time.sleep(4)
    return {"counts": {"frames": data.count()}}
"""
FILES = {"job.py": CODE}
LARGE = Limits(memory_mib=1024)  # two do not fit on one machine


@pytest.mark.timeout(240)
def test_the_shard_of_a_lost_machine_runs_again_and_the_result_is_right(tmp_path: Path) -> None:
    require_machines()
    server = FakeCluster(tmp_path, TOKENS)
    cluster = Cluster(server, tmp_path)
    try:
        for name in ("pi-a", "pi-b"):
            cluster.start_machine(name, memory="1900Mi")
        job = template()
        for toleration in job["spec"]["template"]["spec"]["tolerations"]:
            toleration["tolerationSeconds"] = 1
        losing = Losing(cluster, cluster.sandbox(job_template=job))
        village = Village(cluster.volume("north-exchange") / "village", workers=2, cameras=3)
        village.sandbox, village.runtimes = losing, {"tflite": cluster.runtime()}
        village.restart()
        assert village.node.walls.fit
        losing.ran.clear()
        request = _approved(village.in_force(), cluster)

        power = threading.Thread(target=losing.cut_power_under_a_shard)
        power.start()
        village.settle()
        power.join()

        assert village.state_of(request.job_id) == "produced", village.job(request.job_id).reasons
        (asked,) = village.owner.letters("release.request")
        assert asked.attachments["output/counts"] == b'{"frames":18}'
        assert len(losing.lost) == 1
        again = losing.lost[0] + "again"
        assert [task_id for task_id, _ in losing.ran if task_id == again]
        assert sum(program == "run" for _, program in losing.ran) == 3
        assert village.job(request.job_id).attempts == 1
        village.store.close()
    finally:
        cluster.close()
        server.close()


def _approved(village: Village, cluster: Cluster) -> JobRequest:
    """A job over all cameras that the owner approved."""
    request = village.request(
        split="camera",
        limits=LARGE,
        files={path: digest_bytes(data) for path, data in FILES.items()},
        environment=Environment(name="tflite", lock_hash=cluster.runtime().lock_hash),
    )
    village.submit(request, files=FILES)
    village.settle()
    village.approve(request)
    village.poll()
    return request
