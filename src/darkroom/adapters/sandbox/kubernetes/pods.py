"""Status of a Job and its pod -> what happened to a task. Pure.

The kubelet writes `phase`, `reason` and the states of the containers; controllers write the
condition `DisruptionTarget` when they take a pod away for the cluster's sake and not for
its own. All of it is somebody else's text: words of it go into messages only made plain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.walls.order import (
    NO_ORDER,
    NO_REPORT,
    NO_WALLS,
    NOT_KEPT,
    OTHER_LOCK,
    REACHABLE,
)


# A kubelet says so when it does not even start a pod: another machine may.
_NOT_TAKEN = ("NodeAffinity", "UnexpectedAdmissionError", "Preempting", "NodeShutdown", "Shutdown")
_NODE_GONE = ("NodeLost", "Terminated")
# Of the kubelet's messages on eviction: the pod's own doing, not a machine under pressure.
_OWN_DISK = ("emptydir", "ephemeral local storage", "local ephemeral storage limit")
_HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")
_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable")
_NOT_STARTED = ("ContainerCannotRun", "StartError", "RunContainerError", "CreateContainerError")
_WORDS: dict[int, tuple[str, str]] = {
    REACHABLE: (
        "this cluster does not enforce NetworkPolicies: a pod of the jobs' namespace {said}",
        "turn enforcement on (k3s: do not start it with --disable-network-policy; MicroK8s: "
        "enable a network plugin that enforces them, such as calico); until then no job runs",
    ),
    OTHER_LOCK: (
        "the image of the jobs is not the one that this node means: {said}",
        "set node and runtime images of one version in values.yaml and run helm upgrade",
    ),
    NO_WALLS: (
        "the walls in a job's pod could not be put up: {said}",
        "see what `darkroom node status` says of isolation",
    ),
    NO_ORDER: (
        "the worker cannot read its order: {said}",
        "check that the claims in sandbox.yaml are the same volumes in both namespaces, and "
        "that their group is the pods' fsGroup",
    ),
    NOT_KEPT: (
        "what a job left could not be kept: {said}",
        "see whether the exchange volume is full or read-only",
    ),
}
_BEFORE = (REACHABLE, OTHER_LOCK, NO_WALLS, NO_ORDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a task.

    Attributes:
        state: `waiting` for a pod, a machine or an image; `running`; `ended` with a result
            on the exchange volume or at a limit; `lost` with its machine; `refused`: nothing
            of the job ran and nothing will.
        limit: which limit, when it ended at one: "memory", "disk", "wall clock".
        code: exit code, when worker or collector ended without a report.
        why: what it waits for, what was lost, why it was refused.
        next_step: what to do about it.
        unschedulable: whether it waits for a machine with room.
        podless: whether not even a pod was made.
    """

    state: Literal["waiting", "running", "ended", "lost", "refused"]
    limit: str = ""
    code: int = 0
    why: str = ""
    next_step: str = ""
    unschedulable: bool = False
    podless: bool = False


def plain(text: object, most: int = 300) -> str:
    """Somebody else's text, as it may stand in a message."""
    shown = str(text)[:most]
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in shown)


def look(job: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]], name: str) -> Look:
    """What happened to the task of a Job.

    Args:
        job: as the API server gave it; None when it is gone.
        pods: those with the task's label.
        name: of the Job.
    """
    if job is None:
        return Look(state="lost", why=f"somebody deleted the Job {name}")
    uid = job["metadata"]["uid"]
    ours = [pod for pod in pods if _owner(pod) == uid]
    for pod in ours:
        if (found := _of_pod(pod, name)).state in ("ended", "refused"):
            return found
    ended = _condition(job, "Failed") or _condition(job, "FailureTarget")
    if ended and ended.get("reason") == "DeadlineExceeded":
        return Look(state="ended", limit="wall clock")
    if ours:
        return _of_pod(ours[0], name)
    if ended:
        return Look(state="lost", why=f"the pod of {name} is gone: {plain(ended.get('message'))}")
    return Look(state="waiting", why="no pod yet", next_step=_no_pod(name, job), podless=True)


def _no_pod(name: str, job: Mapping[str, Any]) -> str:
    namespace = job["metadata"]["namespace"]
    return (
        f"see why with `kubectl -n {namespace} describe job {name}`: the namespace's quota or "
        "Pod Security refuses its pod (`kubectl -n … describe quota`)"
    )


def _owner(pod: Mapping[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))


def _condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    for condition in (thing.get("status") or {}).get("conditions") or ():
        if condition.get("type") == kind and condition.get("status") == "True":
            return condition
    return None


def _of_pod(pod: Mapping[str, Any], name: str) -> Look:
    status = pod.get("status") or {}
    phase = status.get("phase")
    if phase == "Succeeded":
        return Look(state="ended")
    disrupted = _condition(pod, "DisruptionTarget")
    where = plain((pod.get("spec") or {}).get("nodeName") or "no machine", 63)
    if phase == "Failed":
        return _of_failed(pod, name, where, disrupted)
    if phase == "Unknown" or disrupted or pod["metadata"].get("deletionTimestamp"):
        said = plain(disrupted.get("message") or disrupted.get("reason")) if disrupted else ""
        return Look(state="lost", why=f"{name} was on {where}, which is gone" + _after(said))
    return _of_living(status)


def _of_failed(
    pod: Mapping[str, Any], name: str, where: str, disrupted: Mapping[str, Any] | None
) -> Look:
    status = pod["status"]
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    if reason == "DeadlineExceeded":
        return Look(state="ended", limit="wall clock")
    if reason == "Evicted" and any(word in message.lower() for word in _OWN_DISK):
        return Look(state="ended", limit="disk")
    taken_away = disrupted or reason in (*_NOT_TAKEN, *_NODE_GONE, "Evicted")
    if taken_away or reason.startswith("OutOf"):
        said = plain(message or reason or "disrupted")
        return Look(state="lost", why=f"{where} gave {name} up" + _after(said))
    work = _terminated(status.get("initContainerStatuses"), "work")
    collect = _terminated(status.get("containerStatuses"), "collect")
    if work is not None and work.get("exitCode") != 0:
        return _of_work(work)
    if collect is not None:
        return _of_collect(collect, name, where)
    return Look(
        state="refused",
        why=f"the pod of {name} failed on {where}" + _after(plain(message or reason)),
        next_step="see `kubectl describe` of that pod's Job in the jobs' namespace",
    )


def _of_work(work: Mapping[str, Any]) -> Look:
    code, reason = int(work.get("exitCode", 255)), str(work.get("reason") or "")
    if reason == "OOMKilled":
        return Look(state="ended", limit="memory")
    # Words of the worker before anything of the job ran, or of the kubelet. What lies there
    # after another ending may be the job's own, and is told to nobody.
    said = plain(work.get("message") or "no words")
    if code in _BEFORE:
        words, cure = _WORDS[code]
        return Look(state="refused", why=words.format(said=said), next_step=cure)
    if reason in _NOT_STARTED:
        return Look(
            state="refused",
            why=f"the container of a job does not start: {said}",
            next_step="check that sandbox.yaml names an image of darkroom-runtime for this "
            "machine's architecture",
        )
    return Look(state="ended", code=code)


def _of_collect(collect: Mapping[str, Any], name: str, where: str) -> Look:
    """What it stumbles over lies in what the job left, except for these two."""
    code, reason = int(collect.get("exitCode", 255)), str(collect.get("reason") or "")
    if reason == "ContainerStatusUnknown":
        return Look(state="lost", why=f"{where} lost {name} while its outputs were taken")
    if code in (NO_ORDER, NOT_KEPT) or reason in _NOT_STARTED:
        words, cure = _WORDS[NOT_KEPT]
        said = plain(collect.get("message") or reason or "no words")
        return Look(state="refused", why=words.format(said=said), next_step=cure)
    return Look(state="ended", code=NO_REPORT)


def _of_living(status: Mapping[str, Any]) -> Look:
    scheduled: Mapping[str, Any] = next(
        (c for c in status.get("conditions") or () if c.get("type") == "PodScheduled"), {}
    )
    if scheduled.get("status") == "False":
        said = plain(scheduled.get("message") or scheduled.get("reason"))
        cure = "free memory on a Pi, or lower the job's limits"
        if "insufficient memory" not in said.lower():
            cure = "see whether the Pi that holds the footage is up (`kubectl get nodes`)"
        return Look(
            state="waiting",
            why=f"no machine of this cluster takes the job: {said}",
            next_step=cure,
            unschedulable=True,
        )
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            found = _of_waiting(waiting, plain(container.get("image", ""), 200))
            if found is not None:
                return found
    states = [c.get("state") or {} for c in status.get("initContainerStatuses") or ()]
    if any("running" in s or "terminated" in s for s in states):
        return Look(state="running")
    return Look(state="waiting", why="its machine prepares the pod", next_step="see the kubelet")


def _of_waiting(waiting: Mapping[str, Any], image: str) -> Look | None:
    reason = waiting.get("reason")
    said = plain(waiting.get("message") or reason)
    if reason in _HOPELESS:
        return Look(
            state="refused",
            why=f"the container of a job cannot be made: {said}",
            next_step="mend the image's name in values.yaml and run helm upgrade",
        )
    if reason in _NO_IMAGE:
        return Look(
            state="waiting",
            why=f"the image {image} cannot be pulled: {said}",
            next_step="load it onto every Pi (`k3s ctr images import`, `microk8s ctr image "
            "import`), or mend its digest and the registry's name in values.yaml",
        )
    if reason in _NOT_STARTED:
        return Look(
            state="waiting",
            why=f"the container of a job does not start: {said}",
            next_step="see the kubelet's log on that Pi",
        )
    return None


def _terminated(
    statuses: Sequence[Mapping[str, Any]] | None, name: str
) -> Mapping[str, Any] | None:
    for container in statuses or ():
        if container.get("name") == name:
            return (container.get("state") or {}).get("terminated")
    return None


def _after(words: str) -> str:
    return f" ({words})" if words else ""
