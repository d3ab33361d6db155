"""The walls around every pod: the chart's own, and the Job that the node makes."""

import copy

import pytest

from tests.helm.chart import ALL, EVERYTHING, job_template, objects
from tests.helm.pods import Pod, offences, pods_of


# What a component runs as, and what it may mount of the cluster's.
UIDS = {"node": 64000, "init": 64000, "ingest": 64001, "store": 64002, "walls": 64100}


def pods(domain: str) -> list[Pod]:
    job = job_template(domain)
    return [*pods_of(objects(domain)), *pods_of([job])]


@pytest.mark.parametrize("domain", ALL)
def test_every_pod_keeps_to_the_rules_of_the_house(domain):
    found = pods(domain)
    kinds = {pod.of.partition("/")[0] for pod in found}
    assert {"Deployment", "Job", "Pod"} <= kinds
    wrong = [each for pod in found for each in offences(pod)]
    # The images of a Job are holes; which ones may fill them, the admission policy says.
    assert [each for each in wrong if "image hole" not in each] == []


@pytest.mark.parametrize("domain", ALL)
def test_every_component_has_a_user_of_its_own_and_one_group(domain):
    for pod in pods_of(objects(domain)):
        context = pod.spec["securityContext"]
        assert (context["runAsGroup"], context["fsGroup"]) == (64000, 64000)
        for container in pod.spec["containers"]:
            assert context["runAsUser"] == UIDS[container["name"]]


@pytest.mark.parametrize("domain", ALL)
def test_only_the_node_has_a_token_and_only_the_node_has_keys(domain):
    for pod in pods(domain):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
        is_node = pod.of.endswith(f"{domain}-node")
        projected = [v for v in volumes.values() if "projected" in v]
        secrets = {v["secret"]["secretName"] for v in volumes.values() if "secret" in v}
        assert bool(projected) == is_node
        assert (f"{domain}-keys" in secrets) == is_node
        assert secrets <= {f"{domain}-keys", f"{domain}-cameras"}
        assert ("serviceAccountName" in pod.spec) == is_node


def test_a_camera_device_is_lent_by_a_plugin():
    (pod,) = [pod for pod in pods_of(objects(EVERYTHING)) if pod.of.endswith("ingest-pi-2")]
    (container,) = pod.spec["containers"]
    assert container["resources"]["limits"]["squat.ai/video"] == "1"
    assert pod.spec["securityContext"]["supplementalGroups"] == [44]


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("hostNetwork", lambda spec: spec.update(hostNetwork=True)),
        ("hostPath", lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
        ("token", lambda spec: spec.pop("automountServiceAccountToken")),
        ("seccomp", lambda spec: spec["securityContext"].pop("seccompProfile")),
        ("uid 0", lambda spec: spec["securityContext"].update(runAsUser=0)),
        ("capabilities", lambda spec: _own(spec).pop("capabilities")),
        ("rights", lambda spec: _own(spec).update(privileged=True)),
        ("its root", lambda spec: _own(spec).pop("readOnlyRootFilesystem")),
        ("digest", lambda spec: spec["containers"][0].update(image="darkroom-node:latest")),
        ("limits leave out", lambda spec: spec["containers"][0]["resources"].pop("limits")),
        ("no limit", lambda spec: spec["volumes"].append({"name": "x", "emptyDir": {}})),
        ("a port of its", lambda spec: spec["containers"][0].update(ports=[{"hostPort": 80}])),
    ],
)
def test_a_hole_in_a_wall_is_seen(what, change):
    """The rules bite: of a pod that keeps to all of them, one is broken at a time."""
    (pod,) = [pod for pod in pods_of(objects("east")) if pod.of.endswith("east-node")]
    broken = Pod(pod.of, pod.namespace, copy.deepcopy(pod.spec))
    change(broken.spec)
    assert any(what in each for each in offences(broken))


def _own(spec):
    return spec["containers"][0]["securityContext"]


def test_a_pod_within_a_cron_job_is_seen():
    job = {"template": {"spec": {"containers": [{"name": "x", "image": "y"}]}}}
    cron = {
        "kind": "CronJob",
        "metadata": {"name": "x", "namespace": "y"},
        "spec": {"jobTemplate": {"spec": job}},
    }
    (pod,) = pods_of([cron])
    assert offences(pod)
