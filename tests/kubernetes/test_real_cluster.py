"""What only the REAL API server says in its own words, and what only real controllers do.

The kubelet alone is a stand-in. Skipped, with the reason, where the programs are not there.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from darkroom.adapters.sandbox.kubernetes.room import NoRoomError
from darkroom.errors import IsolationError, WorkerLostError
from tests.kubernetes.machines import phase_of_work, template, wait_until
from tests.kubernetes.test_cluster import HASTY, LONG, ONE, QUOTA, RIGHTS
from tests.kubernetes.workshop import ClusterWorkshop
from tests.runtime.faces import write_face
from tests.sandbox.workshop import limits


pytestmark = pytest.mark.slow

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterWorkshop]:
    """A cluster with the real control plane."""
    found = ClusterWorkshop(tmp_path_factory.mktemp("real"), real=True)
    yield found
    found.close()


def refusal(shop: ClusterWorkshop) -> IsolationError:
    """Ask until the cluster refuses: its caches follow a change after a moment."""
    errors: list[IsolationError] = []

    def refused() -> bool:
        try:
            shop.run(ONE)
        except IsolationError as error:
            errors.append(error)
        return bool(errors)

    wait_until(40, refused)
    return errors[0]


def runs(shop: ClusterWorkshop) -> bool:
    """Whether the cluster takes a job."""
    try:
        return shop.run(ONE)[0].status == "done"
    except IsolationError:
        return False


def test_a_missing_role_is_named(shop: ClusterWorkshop) -> None:
    rules = shop.cluster.client.get(RIGHTS).json()["rules"]
    shop.cluster.change(RIGHTS, {"rules": []})
    try:
        error = refusal(shop)
    finally:
        shop.cluster.change(RIGHTS, {"rules": rules})

    assert "may not create Jobs" in error.message
    assert "system:serviceaccount:darkroom-north:north-node" in error.message


def test_a_used_up_quota_is_named(shop: ClusterWorkshop) -> None:
    shop.cluster.change(QUOTA, {"spec": {"hard": {"count/jobs.batch": "0"}}})
    try:
        error = refusal(shop)
    finally:
        shop.cluster.change(QUOTA, {"spec": {"hard": {"count/jobs.batch": "40"}}})

    assert "used up" in error.message
    assert "exceeded quota: jobs" in error.message


def test_a_rule_of_the_cluster_is_named(shop: ClusterWorkshop) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "other-digest"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["batch"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["jobs"],
                    }
                ]
            },
            "validations": [
                {"expression": "false", "message": "the image is not one of this domain"}
            ],
        },
    }
    binding = {
        "apiVersion": policy["apiVersion"],
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "other-digest"},
        "spec": {"policyName": "other-digest", "validationActions": ["Deny"]},
    }
    kinds = {"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding}
    for kind, content in kinds.items():
        shop.cluster.make(f"{ADMISSION}/{kind}", content)
    try:
        error = refusal(shop)
    finally:
        for kind in kinds:
            shop.cluster.client.delete(f"{ADMISSION}/{kind}/other-digest")
        wait_until(40, lambda: runs(shop))

    assert "a rule of the cluster refuses" in error.message
    assert "not one of this domain" in error.message


def test_too_little_memory_is_told_in_the_schedulers_words(shop: ClusterWorkshop) -> None:
    large: Any = template()
    container = large["spec"]["template"]["spec"]["initContainers"][0]
    for kind in ("requests", "limits"):
        container["resources"][kind]["memory"] = "64Gi"
    sandbox = shop.cluster.sandbox(shop.runtime, job_template=large, patience=HASTY)

    with pytest.raises(IsolationError, match="Insufficient memory"):
        sandbox.run(shop.task(ONE, limits=limits(memory_mib=9000)))


@pytest.mark.timeout(180)
def test_a_lost_machine_is_a_lost_worker(shop: ClusterWorkshop) -> None:
    """The last one: afterwards the cluster has another machine.

    Nothing is evicted while *all* machines are silent; then the node's own clock ends the job.
    """
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shop.run, LONG, limits=limits(wall_seconds=60))
        wait_until(30, lambda: phase_of_work(shop.cluster) == "running")
        shop.cluster.start_machine("pi-b")
        shop.cluster.lose_machine("pi-a")

        with pytest.raises(WorkerLostError, match="pi-a, which is gone"):
            answer.result(120)

    with pytest.raises(NoRoomError, match="no machine of this cluster takes the job"):
        shop.run(ONE)  # its footage lies on the Pi that is gone
    footage = write_face(shop.cluster.volume("north-footage-pi-b") / "face")
    assert shop.run(ONE, dataset=footage)[0].status == "done"
