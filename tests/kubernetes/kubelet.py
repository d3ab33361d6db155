"""A STAND-IN for a kubelet and its container runtime: one machine of a test cluster.

It really runs the containers of pods, as processes of this machine in bubblewrap: the pod's
own uid, no capability, a read-only root, volumes at their mount paths, a memory group, own
process and network namespaces. The network is cut only where a NetworkPolicy of the namespace
denies egress, as a network plugin would. It speaks to an API server, real or fake, like a
kubelet: node object, lease, pods bound to it, their status. What it is not: an image puller
(an image is a virtual environment of this machine), seccomp RuntimeDefault, a network.

    python -m tests.kubernetes.kubelet SETTINGS.json     as root, in a mount namespace of its own
"""

import contextlib
import json
import signal
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.kubernetes.containers import Container, Exited, Volumes


Object = dict[str, Any]
POLL = 0.1
AWAY_SECONDS = 0.3
LEASE_SECONDS = 1.0
DEAD = ("Succeeded", "Failed")


def now() -> str:
    """A timestamp as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Calls:
    """The kubelet's calls to the API server."""

    def __init__(self, settings: Object) -> None:
        self._client = httpx.Client(
            base_url=settings["server"],
            verify=ssl.create_default_context(cafile=settings["ca"]),
            headers={"Authorization": f"Bearer {settings['token']}"},
            timeout=10,
            trust_env=False,
        )

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        """An answer, however long the API server is away."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = self._client.request(method, path, **more)
                if answer.status_code not in (429, 500, 502, 503):
                    return answer
            time.sleep(AWAY_SECONDS)

    def get(self, path: str, **query: str) -> Object | None:
        """An object or a list, or None."""
        answer = self._ask("GET", path, params=query)
        return answer.raise_for_status().json() if answer.status_code != 404 else None

    def make(self, path: str, content: Object) -> None:
        """Make an object that may be there."""
        answer = self._ask("POST", path, json=content)
        if answer.status_code != 409:
            answer.raise_for_status()

    def patch(self, path: str, change: Object) -> None:
        """Change an object that may be gone."""
        answer = self._ask(
            "PATCH",
            path,
            content=json.dumps(change),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if answer.status_code != 404:
            answer.raise_for_status()

    def delete(self, path: str, uid: str) -> None:
        """Say that a pod is gone."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        answer = self._ask("DELETE", path, json=options)
        if answer.status_code not in (404, 409):
            answer.raise_for_status()


class Machine:
    """One node of the cluster."""

    def __init__(self, settings: Object) -> None:
        self._settings = settings
        self._name = settings["name"]
        self._calls = Calls(settings)
        self._pods: dict[str, Pod] = {}
        self._slots = iter(range(1_000_000))

    def serve(self) -> None:
        """Until the process ends."""
        self._register()
        threading.Thread(target=self._beat, daemon=True).start()
        print("ready", flush=True)
        while True:
            with contextlib.suppress(httpx.HTTPError):
                self._look()
            time.sleep(POLL)

    def _register(self) -> None:
        memory = self._settings["memory"]
        room = {"cpu": "4", "memory": memory, "pods": "110", "ephemeral-storage": "8Gi"}
        labels = {"kubernetes.io/hostname": self._name, "kubernetes.io/os": "linux"}
        self._calls.make(
            "/api/v1/nodes",
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": self._name, "labels": labels},
                "spec": {},
                "status": {"capacity": room, "allocatable": room},
            },
        )
        self._calls.patch(
            f"/api/v1/nodes/{self._name}/status",
            {"status": {"capacity": room, "allocatable": room, "conditions": self._ready()}},
        )
        self._calls.make(
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", self._lease()
        )

    def _ready(self) -> list[Object]:
        stamp = {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
        calm = ("MemoryPressure", "DiskPressure", "PIDPressure")
        return [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", **stamp},
            *(
                {"type": kind, "status": "False", "reason": "Calm", "message": "", **stamp}
                for kind in calm
            ),
        ]

    def _lease(self) -> Object:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": self._name,
                "leaseDurationSeconds": 5,
                "renewTime": now().replace("Z", ".000000Z"),
            },
        }

    def _beat(self) -> None:
        path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{self._name}"
        while True:
            with contextlib.suppress(httpx.HTTPError):
                self._calls.patch(path, {"spec": self._lease()["spec"]})
                status = {"status": {"conditions": self._ready()}}
                self._calls.patch(f"/api/v1/nodes/{self._name}/status", status)
            time.sleep(LEASE_SECONDS)

    def _look(self) -> None:
        answer = self._calls.get("/api/v1/pods", fieldSelector=f"spec.nodeName={self._name}")
        found = {pod["metadata"]["uid"]: pod for pod in (answer or {}).get("items", ())}
        for uid, pod in found.items():
            if uid not in self._pods and pod["status"].get("phase") not in DEAD:
                self._pods[uid] = Pod(pod, self._calls, self._settings, next(self._slots))
            if uid in self._pods and pod["metadata"].get("deletionTimestamp"):
                self._pods[uid].end()
        for uid in [uid for uid in self._pods if uid not in found]:
            self._pods.pop(uid).end(kill=True)


class Pod:
    """One pod on this machine, in a thread of its own."""

    def __init__(self, pod: Object, calls: Calls, settings: Object, slot: int) -> None:
        self._pod, self._calls, self._settings, self._slot = pod, calls, settings, slot
        meta = pod["metadata"]
        self._path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self._ending = threading.Event()
        self._current: Container | None = None
        self._status: Object = {"phase": "Pending", "startTime": now(), "conditions": []}
        for kind, key in (("initContainers", "init"), ("containers", "main")):
            self._status["initContainerStatuses" if key == "init" else "containerStatuses"] = [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": container["image"],
                    "ready": False,
                    "restartCount": 0,
                    "state": {"waiting": {"reason": "PodInitializing"}},
                }
                for container in pod["spec"].get(kind, ())
            ]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self, *, kill: bool = False) -> None:
        """SIGTERM, and SIGKILL when the grace is over."""
        if self._ending.is_set() and not kill:
            return
        self._ending.set()
        grace = 0 if kill else self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        current = self._current
        if current is not None:
            threading.Thread(target=current.end, args=(grace,), daemon=True).start()

    def _run(self) -> None:
        volumes = Volumes(Path(self._settings["folder"]) / self._pod["metadata"]["uid"])
        try:
            self._tell()
            volumes.make(self._pod, self._claim)
            ended = self._run_containers(volumes)
        except Exception as error:  # noqa: BLE001 - whatever a stand-in cannot do fails the pod
            self._status |= {"reason": "StandInError", "message": repr(error)[:500]}
            ended = False
        volumes.remove()
        self._status["phase"] = "Succeeded" if ended else "Failed"
        self._tell()
        if self._ending.is_set():
            self._calls.delete(self._path, self._pod["metadata"]["uid"])

    def _run_containers(self, volumes: Volumes) -> bool:
        spec = self._pod["spec"]
        for number, container in enumerate(spec.get("initContainers", ())):
            if self._run_one(container, self._status["initContainerStatuses"][number], volumes):
                return False
        for number, container in enumerate(spec["containers"]):
            if self._run_one(container, self._status["containerStatuses"][number], volumes):
                return False
        return True

    def _run_one(self, container: Object, status: Object, volumes: Volumes) -> int:
        image = self._settings["images"].get(container["image"])
        while image is None and not self._ending.is_set():
            words = f'Back-off pulling image "{container["image"]}": not found'
            status["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": words}}
            self._tell()
            self._ending.wait(5)
        if self._ending.is_set():
            return self._leave(status, Exited(code=137, reason="Error"), now())
        started = now()
        self._current = Container(
            self._pod,
            container,
            image=image,
            volumes=volumes,
            slot=self._slot,
            cut=self._is_cut_off(),
            machine=self._settings["name"],
        )
        status["state"] = {"running": {"startedAt": started}}
        self._status["phase"] = (
            "Running" if container in self._pod["spec"]["containers"] else ("Pending")
        )
        self._tell()
        if self._ending.is_set():  # it was told between
            self._current.end(0)
        return self._leave(status, self._current.wait(), started)

    def _leave(self, status: Object, exited: Exited, started: str) -> int:
        self._current = None
        status["state"] = {
            "terminated": {
                "exitCode": exited.code,
                "reason": exited.reason,
                "message": exited.message,
                "startedAt": started,
                "finishedAt": now(),
            }
        }
        return exited.code

    def _tell(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self._calls.patch(f"{self._path}/status", {"status": self._own_words()})

    def _own_words(self) -> Object:
        """Without the conditions: those of others must stay."""
        return {key: value for key, value in self._status.items() if key != "conditions"}

    def _is_cut_off(self) -> bool:
        """Whether a policy of the namespace selects this pod and lets nothing out."""
        space = self._pod["metadata"]["namespace"]
        path = f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies"
        for policy in (self._calls.get(path) or {}).get("items", ()):
            spec, labels = policy["spec"], self._pod["metadata"].get("labels", {})
            wanted = (spec.get("podSelector") or {}).get("matchLabels", {})
            selected = all(labels.get(key) == value for key, value in wanted.items())
            denies = "Egress" in spec.get("policyTypes", ()) and not spec.get("egress")
            if selected and denies:
                return bool(self._settings["enforces_policies"])
        return False

    def _claim(self, name: str) -> Path:
        """The folder of a claim's volume."""
        space = self._pod["metadata"]["namespace"]
        claim = self._calls.get(f"/api/v1/namespaces/{space}/persistentvolumeclaims/{name}")
        volume = claim and self._calls.get(
            f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}"
        )
        if not volume:
            raise LookupError(name)
        return Path(volume["spec"]["local"]["path"])


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Machine(json.loads(Path(sys.argv[1]).read_text())).serve()


if __name__ == "__main__":
    main()
