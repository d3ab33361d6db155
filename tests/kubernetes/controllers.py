"""The controllers of the FAKE cluster: jobs, scheduler, lost machines, garbage."""

import threading
import time
from calendar import timegm
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from darkroom.adapters.sandbox.kubernetes.locked import bytes_of


if TYPE_CHECKING:
    from tests.kubernetes.cluster import FakeCluster

Object = dict[str, Any]
TICK = 0.1
DEAD = ("Succeeded", "Failed")
UNREACHABLE = "node.kubernetes.io/unreachable"


def seconds_of(stamp: str) -> float:
    """Unix seconds of a timestamp."""
    return float(timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")))


class Controllers:
    """One thread that goes round all of them."""

    def __init__(self, cluster: "FakeCluster", *, lost_after: float = 8.0) -> None:
        self._cluster = cluster
        self._lost_after = lost_after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_round, daemon=True)
        self._tainted: dict[str, float] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        with self._cluster.changed:
            self._cluster.changed.notify_all()
        self._thread.join()

    def _go_round(self) -> None:
        while not self._stopping.is_set():
            with self._cluster.changed:
                for job in self._cluster.all("jobs"):
                    self._tend_job(job)
                for pod in self._cluster.all("pods"):
                    self._collect_garbage(pod)
                for machine in self._cluster.all("nodes"):
                    self._watch_machine(machine)
                for pod in self._cluster.all("pods"):
                    if not pod["spec"].get("nodeName"):
                        self._schedule(pod)
                self._cluster.changed.wait(TICK)

    # ------------------------------------------------------------------------------- jobs

    def _tend_job(self, job: Object) -> None:
        from tests.kubernetes.cluster import RefusedError, now

        status, spec, space = job["status"], job["spec"], job["metadata"]["namespace"]
        if any(c["type"] in ("Complete", "Failed") for c in status.get("conditions", ())):
            return
        pods = [p for p in self._cluster.all("pods", space) if _owner(p) == _uid(job)]
        age = time.time() - seconds_of(job["metadata"]["creationTimestamp"])
        if age > spec["activeDeadlineSeconds"]:
            for pod in pods:
                self._cluster.end_pod(pod)
            self._finish(job, "Failed", "DeadlineExceeded", "Job was active longer than specified")
        elif any(p["status"]["phase"] == "Succeeded" for p in pods):
            self._finish(job, "Complete", "CompletionsReached", "")
        elif "startTime" not in status:
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    **deepcopy(spec["template"]["metadata"]),
                    "generateName": f"{job['metadata']['name']}-",
                    "ownerReferences": [{"kind": "Job", "uid": _uid(job), "controller": True}],
                },
                "spec": deepcopy(spec["template"]["spec"]),
            }
            try:
                self._cluster.add("pods", space, pod)
            except RefusedError:
                return  # and an event that says so, which the node may not read
            status["startTime"] = now()
            self._cluster.touch(job)
        elif not any(_lives(p) for p in pods):
            words = "Job has reached the specified backoff limit"
            self._finish(job, "Failed", "BackoffLimitExceeded", words)

    def _finish(self, job: Object, kind: str, reason: str, message: str) -> None:
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        job["status"].setdefault("conditions", []).append(condition)
        self._cluster.touch(job)

    def _collect_garbage(self, pod: Object) -> None:
        owner, space = _owner(pod), pod["metadata"]["namespace"]
        if owner and all(_uid(job) != owner for job in self._cluster.all("jobs", space)):
            self._cluster.end_pod(pod)

    # --------------------------------------------------------------------------- machines

    def _watch_machine(self, machine: Object) -> None:
        name = machine["metadata"]["name"]
        lease = self._cluster.objects.get(("leases", "kube-node-lease", name))
        renewed = seconds_of(lease["spec"]["renewTime"]) if lease else 0.0
        if time.time() - renewed < self._lost_after:
            self._tainted.pop(name, None)
            return
        since = self._tainted.setdefault(name, time.time())
        for pod in self._cluster.all("pods"):
            here = pod["spec"].get("nodeName") == name and _lives(pod)
            if here and time.time() - since >= _tolerated(pod):
                self._evict(pod)

    def _evict(self, pod: Object) -> None:
        pod["status"]["conditions"].append(
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByTaintManager",
                "message": "Taint manager: deleting due to NoExecute taint",
            }
        )
        self._cluster.end_pod(pod)

    def _schedule(self, pod: Object) -> None:
        reasons: dict[str, int] = {}
        for machine in self._cluster.all("nodes"):
            why = self._unfit(pod, machine)
            if not why:
                pod["spec"]["nodeName"] = machine["metadata"]["name"]
                _condition(pod, "PodScheduled", "True", "", "")
                self._cluster.touch(pod)
                return
            reasons[why] = reasons.get(why, 0) + 1
        words = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
        said = f"0/{sum(reasons.values())} nodes are available: {words}."
        if _condition(pod, "PodScheduled", "False", "Unschedulable", said):
            self._cluster.touch(pod)

    def _unfit(self, pod: Object, machine: Object) -> str:
        name = machine["metadata"]["name"]
        if name in self._tainted:
            return "node(s) had untolerated taint {node.kubernetes.io/unreachable: }"
        for volume in pod["spec"]["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and name not in self._machines_of(pod, claim):
                return "node(s) had volume node affinity conflict"
        taken = sum(
            _memory(other)
            for other in self._cluster.all("pods")
            if other["spec"].get("nodeName") == name and other["status"]["phase"] not in DEAD
        )
        room = bytes_of(machine["status"]["allocatable"]["memory"]) or 0
        return "Insufficient memory" if taken + _memory(pod) > room else ""

    def _machines_of(self, pod: Object, claim: str) -> set[str]:
        space = pod["metadata"]["namespace"]
        bound = self._cluster.objects.get(("persistentvolumeclaims", space, claim))
        if bound is None:
            return set()
        volume = self._cluster.objects["persistentvolumes", "", bound["spec"]["volumeName"]]
        terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        return set(terms[0]["matchExpressions"][0]["values"])


def _uid(found: Object) -> str:
    return str(found["metadata"]["uid"])


def _owner(pod: Object) -> str:
    return str((pod["metadata"].get("ownerReferences") or [{}])[0].get("uid", ""))


def _lives(pod: Object) -> bool:
    return pod["status"]["phase"] not in DEAD and "deletionTimestamp" not in pod["metadata"]


def _memory(pod: Object) -> int:
    """What a pod asks for: its containers together, or its hungriest init container."""

    def of(containers: list[Object]) -> list[int]:
        return [bytes_of(c["resources"]["requests"]["memory"]) or 0 for c in containers]

    spec = pod["spec"]
    return max(sum(of(spec["containers"])), *of(spec.get("initContainers", [])), 0)


def _tolerated(pod: Object) -> float:
    for toleration in pod["spec"].get("tolerations", ()):
        if toleration.get("key") == UNREACHABLE:
            return float(toleration.get("tolerationSeconds", 1e9))
    return 300.0


def _condition(pod: Object, kind: str, status: str, reason: str, message: str) -> bool:
    found = {"type": kind, "status": status, "reason": reason, "message": message}
    conditions = pod["status"].setdefault("conditions", [])
    if found in conditions:
        return False
    conditions[:] = [c for c in conditions if c["type"] != kind] + [found]
    return True
