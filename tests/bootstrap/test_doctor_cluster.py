"""The doctor of a cluster, against a real API server: what is missing, and what is weak."""

import ssl
from contextlib import closing

import httpx
import pytest
from click.testing import CliRunner

from darkroom.bootstrap.cluster_look import ClusterLook, access
from darkroom.bootstrap.doctor import Finding, examine
from darkroom.bootstrap.doctor_cluster import ClusterDoctor, _amount, _shuts
from darkroom.cli import cli
from tests.kubernetes.api_server import ApiServer


ADMIN, NOBODY = "doctor-admin", "doctor-nobody"
HOME, JOBS = "darkroom-north", "darkroom-north-jobs"
WALL = {"pod-security.kubernetes.io/enforce": "restricted"}
SECRET = "c2VjcmV0LXZhbHVl"  # what the doctor must never fetch


class Place:
    """A cluster that a test fills."""

    def __init__(self, server: ApiServer, folder) -> None:
        self.server = server
        self.kubeconfig = folder / "kubeconfig"
        self.http = httpx.Client(
            base_url=server.url,
            verify=ssl.create_default_context(cafile=str(server.ca)),
            headers={"Authorization": f"Bearer {ADMIN}"},
            timeout=20.0,
            trust_env=False,
        )

    def make(self, path: str, kind: str, name: str, version: str = "v1", **more) -> None:
        content = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}
        content["metadata"] = {"name": name, **more.pop("metadata", {})}
        answer = self.http.post(path, json=content)
        assert answer.status_code in {201, 409}, answer.text

    def status(self, path: str, status: dict) -> None:
        answer = self.http.patch(
            f"{path}/status",
            json={"status": status},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.status_code == 200, answer.text

    def examined(self) -> list[Finding]:
        with closing(ClusterLook(access(self.kubeconfig))) as look:
            return list(examine(ClusterDoctor(look, "north").checks()))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor-cluster")
    server = ApiServer(folder, {ADMIN: "system:masters", NOBODY: "nobody"})
    try:
        place = Place(server, folder)
        yield place
        place.http.close()
    finally:
        server.close()


def of(found: list[Finding], check: str) -> list[tuple[str, str]]:
    return [(finding.level, finding.what) for finding in found if finding.check == check]


def test_an_empty_cluster_says_what_to_install_and_make(place):
    found = place.examined()

    assert of(found, "api")[0][0] == "ok"
    assert [level for level, _ in of(found, "namespace")] == ["fail", "fail"]
    (secret,) = [finding for finding in found if finding.check == "secret"]
    assert (secret.level, "darkroom node secret --domain domains/north" in secret.cure) == (
        "fail",
        True,
    )
    assert of(found, "enforcement")[0][0] == "warn"
    assert of(found, "node") == [("warn", "north-node is not installed")]
    assert [level for level, _ in of(found, "walls")] == ["fail"]


def test_a_cluster_with_weak_places_names_each(place):
    for namespace, labels in ((HOME, WALL), (JOBS, {})):
        place.make("/api/v1/namespaces", "Namespace", namespace, metadata={"labels": labels})
    place.make(f"/api/v1/namespaces/{HOME}/secrets", "Secret", "north-keys",
               data={"keys.json": SECRET})  # fmt: skip
    place.make(
        f"/apis/networking.k8s.io/v1/namespaces/{JOBS}/networkpolicies",
        "NetworkPolicy", "in", "networking.k8s.io/v1",
        spec={"podSelector": {}, "policyTypes": ["Ingress"]},
    )  # fmt: skip
    place.make(f"/api/v1/namespaces/{JOBS}/resourcequotas", "ResourceQuota", "jobs",
               spec={"hard": {"pods": "4"}})  # fmt: skip
    place.make(
        f"/api/v1/namespaces/{HOME}/persistentvolumeclaims", "PersistentVolumeClaim", "state",
        spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "none",
              "resources": {"requests": {"storage": "1Gi"}}},
    )  # fmt: skip
    place.make("/api/v1/nodes", "Node", "pi-a")
    place.status(
        "/api/v1/nodes/pi-a",
        {
            "allocatable": {"memory": "1900000Ki", "cpu": "4", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "x", "message": "x"}],
            "nodeInfo": dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeProxyVersion", "operatingSystem"), "x") | {"architecture": "arm64", "kubeletVersion": "v1.35.1+k3s1"},
        },
    )  # fmt: skip
    place.make("/api/v1/namespaces", "Namespace", "kube-node-lease")
    place.make(
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
        "Lease", "pi-a", "coordination.k8s.io/v1",
        spec={"holderIdentity": "pi-a", "leaseDurationSeconds": 40,
              "renewTime": "2020-01-01T00:00:00.000000Z"},
    )  # fmt: skip
    found = place.examined()

    assert ("ok", f"{HOME} enforces Pod Security restricted") in of(found, "namespace")
    assert ("fail", f"{JOBS} enforces nothing") in of(found, "namespace")
    assert of(found, "secret") == [("ok", "north-keys is there; it was not read")]
    assert of(found, "walls") == [("fail", f"{JOBS} has no default-deny for Egress")]
    assert of(found, "quota")[0][0] == "ok"
    assert ("fail", f"{HOME}/state is Pending") in of(found, "storage")
    ((level, what),) = of(found, "machine pi-a")
    assert level in {"warn", "fail"}, "the controllers may find by now that nobody is there"
    assert "arm64, 1855 MiB" in what
    assert any("pi-a last said" in what for level, what in of(found, "clocks") if level == "fail")
    assert "k3s holds network policies" in of(found, "enforcement")[0][1]
    assert SECRET not in repr(found)


def test_the_secret_is_asked_for_without_its_content(place):
    place.make("/api/v1/namespaces", "Namespace", HOME, metadata={"labels": WALL})
    place.make(f"/api/v1/namespaces/{HOME}/secrets", "Secret", "north-keys",
               data={"keys.json": SECRET})  # fmt: skip
    with closing(ClusterLook(access(place.kubeconfig))) as look:
        found = look.get(f"/api/v1/namespaces/{HOME}/secrets/north-keys", metadata_only=True)

    assert found["metadata"]["name"] == "north-keys"
    assert "data" not in found


def test_who_may_not_look_is_told_so_and_the_cluster_is_not_blamed(place, tmp_path):
    config = tmp_path / "kubeconfig"
    config.write_text(place.kubeconfig.read_text().replace(ADMIN, NOBODY))
    done = CliRunner().invoke(cli, ["doctor", "cluster", "north", "--kubeconfig", str(config)])

    assert done.exit_code == 0, done.output
    assert "ok    api" in done.output
    assert "warn  rights" in done.output
    assert "fail" not in done.output.replace("0 failed", "")


def test_an_api_server_that_is_away(place, tmp_path):
    config = tmp_path / "kubeconfig"
    config.write_text(place.kubeconfig.read_text().replace(place.server.url, "https://127.0.0.1:1"))
    done = CliRunner().invoke(cli, ["doctor", "cluster", "north", "--kubeconfig", str(config)])

    assert done.exit_code == 1
    assert "does not answer" in done.output


@pytest.mark.parametrize(
    ("spec", "ways"),
    [
        ({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, ["Ingress", "Egress"]),
        ({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}, []),
        ({"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Egress"]}, []),
        ({}, []),
    ],
)
def test_only_a_policy_for_all_pods_without_exceptions_shuts(spec, ways):
    assert _shuts(spec) == ways


@pytest.mark.parametrize(
    ("text", "amount"), [("2Gi", 2 << 30), ("4", 4), ("500m", 0), ("x", 0), ("9" * 40, 0)]
)
def test_amounts(text, amount):
    assert _amount(text) == amount
