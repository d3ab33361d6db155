"""A cluster for tests: an API server, two machines, and the objects of a domain's chart."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import yaml

import darkroom
from darkroom.adapters.sandbox import cgroups
from darkroom.adapters.sandbox.host import find_host
from darkroom.adapters.sandbox.kubernetes import sandbox as kubernetes
from darkroom.adapters.sandbox.kubernetes.api import Api
from darkroom.adapters.sandbox.kubernetes.exchange import Exchange, Mount
from darkroom.adapters.sandbox.kubernetes.follow import Patience
from darkroom.adapters.sandbox.kubernetes.locked import PYTHON
from darkroom.adapters.sandbox.kubernetes.manifest import Template
from darkroom.errors import IsolationError
from darkroom.ports import Runtime
from darkroom.walls.canary import Address
from darkroom.walls.lock_hash import lock_hash


NAMESPACE = "darkroom-north-jobs"
IMAGE = "registry.example/darkroom-runtime@sha256:" + "1" * 64
LOCK = "runtime-litert.txt"
NODE, KUBELET, ADMIN = "node-token", "kubelet-token", "admin-token"
# What the fake and the real API server know each token as.
TOKENS = {
    NODE: "system:serviceaccount:darkroom-north:north-node",
    KUBELET: "system:masters",
    ADMIN: "system:masters",
}
REPOSITORY = Path(__file__).parents[2]
PACKAGE = Path(kubernetes.__file__).parent
READY_SECONDS = 20.0
RULES = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
]


class Server(Protocol):
    """An API server of either kind."""

    url: str
    ca: Path


def template() -> dict[str, Any]:
    """The canonical job template."""
    return yaml.safe_load((PACKAGE / "job_template.yaml").read_text())


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        server: the API server, fake or real.
        folder: of the machines; the volumes are `exchange` and a Pi's own, as in the chart.
    """

    server: Server
    folder: Path
    claims: dict[str, list[str]] = field(
        default_factory=lambda: {
            "north-exchange": ["pi-a", "pi-b"],
            "north-footage-pi-a": ["pi-a"],
            "north-footage-pi-b": ["pi-b"],
        }
    )
    quota: dict[str, str] = field(default_factory=lambda: {"count/jobs.batch": "40", "pods": "40"})
    _kubelets: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _apis: list[Api] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=self.server.url,
            verify=ssl.create_default_context(cafile=str(self.server.ca)),
            headers={"Authorization": f"Bearer {ADMIN}"},
            timeout=20,
            trust_env=False,
        )
        self.folder.mkdir(exist_ok=True)
        (self.folder / "token").write_text(NODE)
        # An image is a copy: the code that it holds must not change under running tests.
        self.image = self.folder / "image"
        shutil.copytree(Path(darkroom.__file__).parent, self.image / "darkroom")
        for claim in self.claims:
            self.volume(claim).mkdir(exist_ok=True)
        self._furnish()

    def volume(self, claim: str) -> Path:
        """The folder behind a claim."""
        return self.folder / claim.removeprefix("north-")

    def make(self, path: str, content: dict[str, Any]) -> None:
        """Make an object as an administrator."""
        answer = self.client.post(path, json=content)
        assert answer.status_code in (200, 201, 409), answer.text

    def change(self, path: str, change: dict[str, Any]) -> None:
        """Change an object as an administrator."""
        kind = {"Content-Type": "application/merge-patch+json"}
        answer = self.client.patch(path, content=json.dumps(change), headers=kind)
        assert answer.is_success, answer.text

    def items(self, path: str) -> list[dict[str, Any]]:
        """All objects of a list."""
        return self.client.get(path).raise_for_status().json()["items"]

    def jobs(self) -> list[dict[str, Any]]:
        """The Jobs that are there."""
        return self.items(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")

    def pods(self) -> list[dict[str, Any]]:
        """The pods that are there."""
        return self.items(f"/api/v1/namespaces/{NAMESPACE}/pods")

    def _furnish(self) -> None:
        """What helm/domain makes."""
        for name in ("kube-node-lease", "darkroom-north", NAMESPACE):
            restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
            labels = restricted if name == NAMESPACE else {}
            self.make(
                "/api/v1/namespaces",
                _object("v1", "Namespace", name, {}, labels=labels),
            )
        spaced = f"/api/v1/namespaces/{NAMESPACE}"
        self.make(f"{spaced}/serviceaccounts", _object("v1", "ServiceAccount", "default", {}))
        self.make(
            f"{spaced}/resourcequotas",
            _object("v1", "ResourceQuota", "jobs", {"spec": {"hard": self.quota}}),
        )
        network = "networking.k8s.io/v1"
        deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        self.make(
            f"/apis/{network}/namespaces/{NAMESPACE}/networkpolicies",
            _object(network, "NetworkPolicy", "deny-all", {"spec": deny}),
        )
        rbac = "rbac.authorization.k8s.io/v1"
        rights = f"/apis/{rbac}/namespaces/{NAMESPACE}"
        self.make(f"{rights}/roles", _object(rbac, "Role", "north-node", {"rules": RULES}))
        user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": TOKENS[NODE]}
        reference = {"apiGroup": user["apiGroup"], "kind": "Role", "name": "north-node"}
        binding = {"roleRef": reference, "subjects": [user]}
        self.make(f"{rights}/rolebindings", _object(rbac, "RoleBinding", "north-node", binding))
        for claim, machines in self.claims.items():
            self._make_volume(claim, machines)

    def _make_volume(self, claim: str, machines: list[str]) -> None:
        where = {"key": "kubernetes.io/hostname", "operator": "In", "values": machines}
        size = {"storage": "1Gi"}
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        volume = {
            **common,
            "capacity": size,
            "local": {"path": str(self.volume(claim))},
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": NAMESPACE, "name": claim},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
        }
        self.make(
            "/api/v1/persistentvolumes",
            _object("v1", "PersistentVolume", claim, {"spec": volume}),
        )
        asked = {**common, "resources": {"requests": size}, "volumeName": claim}
        self.make(
            f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims",
            _object("v1", "PersistentVolumeClaim", claim, {"spec": asked}),
        )

    # --------------------------------------------------------------------------- machines

    def start_machine(
        self, name: str, *, memory: str = "8Gi", enforces_policies: bool = True
    ) -> None:
        """Start a machine and wait until it takes pods."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        settings = {
            "name": name,
            "server": self.server.url,
            "ca": str(self.server.ca),
            "token": KUBELET,
            "folder": str(folder),
            "memory": memory,
            "images": {IMAGE: {"venv": sys.prefix, "code": str(self.image)}},
            "enforces_policies": enforces_policies,
        }
        path = folder / "settings.json"
        path.write_text(json.dumps(settings))
        self._kubelets[name] = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private", "--"),
                *(sys.executable, "-m", "tests.kubernetes.kubelet", str(path)),
            ],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
            start_new_session=True,
        )
        out = self._kubelets[name].stdout
        assert out is not None
        assert out.readline() == b"ready\n", f"the machine {name} did not start"

    def lose_machine(self, name: str) -> None:
        """Cut the power: kubelet and containers end at once, and nobody says so."""
        kubelet = self._kubelets.pop(name)
        os.killpg(kubelet.pid, signal.SIGKILL)
        kubelet.wait()
        cgroups.sweep(f"darkroom-test-{name}-")  # what a lost machine cannot tidy up
        assert kubelet.stdout is not None
        kubelet.stdout.close()

    def close(self) -> None:
        """End the machines."""
        for name in list(self._kubelets):
            self.lose_machine(name)
        for client in (*self._apis, self.client):
            client.close()

    # ---------------------------------------------------------------------------- sandbox

    def runtime(self) -> Runtime:
        """The environment that the image is."""
        lock = (REPOSITORY / "requirements" / LOCK).read_bytes()
        return Runtime(
            name="tflite",
            python=Path(PYTHON),
            paths=(),
            lock_hash=lock_hash(lock, self.image / "darkroom"),
            interpreter="litert",
        )

    def sandbox(
        self,
        runtime: Runtime | None = None,
        *,
        canaries: list[Address] | None = None,
        job_template: dict[str, Any] | None = None,
        slots: int = 4,
        patience: Patience | None = None,
        token: Path | None = None,
        image: str = IMAGE,
    ) -> kubernetes.KubernetesSandbox:
        """The sandbox of a node of this cluster."""
        port = int(self.server.url.rpartition(":")[2])
        api = Api(
            server=self.server.url,
            token=token or self.folder / "token",
            ca=self.server.ca,
            namespace=NAMESPACE,
        )
        self._apis.append(api)
        mounts = [Mount(path=self.volume(claim), claim=claim) for claim in self.claims]
        return kubernetes.KubernetesSandbox(
            api=api,
            template=Template(job_template or template(), namespace=NAMESPACE),
            exchange=Exchange(self.volume("north-exchange"), mounts),
            images=[
                kubernetes.Image(runtime=runtime or self.runtime(), reference=image, lock=LOCK)
            ],
            canaries=canaries or [("127.0.0.1", port)],
            slots=slots,
            patience=patience or Patience(start=30, room=3, answer=5, end=15),
        )


def _object(
    version: str,
    kind: str,
    name: str,
    content: dict[str, Any],
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def wait_until(seconds: float, condition: Any) -> None:  # noqa: ANN401
    """Wait for something outside."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def phase_of_work(cluster: Cluster) -> str:
    """What the container that runs a job is doing: "waiting", "running", "terminated"."""
    for pod in cluster.pods():
        for status in pod["status"].get("initContainerStatuses", ()):
            return str(next(iter(status["state"])))
    return ""


def require_machines() -> None:
    """Skips where the stand-in kubelet cannot run containers."""
    if os.geteuid() != 0:
        pytest.skip("the stand-in kubelet starts containers under other users: run as root")
    try:
        find_host()
    except IsolationError as error:
        pytest.skip(str(error))
