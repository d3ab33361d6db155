"""Every pod that a set of manifests would make, and what is held against each of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


Spec = dict[str, Any]
DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
# What a pod of ours may mount: nothing of the machine, and no device but by a plugin.
VOLUMES = {"emptyDir", "persistentVolumeClaim", "configMap", "secret", "projected"}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that an object describes.

    Attributes:
        of: `Kind/namespace/name` of the object.
        namespace: it would run in.
        spec: the pod's.
    """

    of: str
    namespace: str
    spec: Spec

    def containers(self) -> Iterator[tuple[str, Spec]]:
        """All containers with their names, those that run before the others included."""
        for kind in ("initContainers", "containers", "ephemeralContainers"):
            for container in self.spec.get(kind, ()):
                yield f"{self.of} {container['name']}", container


def pods_of(objects: Iterable[Mapping[str, Any]]) -> list[Pod]:
    """The pods of Pods, and of all that makes some: Deployments, Jobs, CronJobs, …"""
    found = []
    for each in objects:
        meta, spec = each["metadata"], each.get("spec") or {}
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if each["kind"] != "Pod":
            spec = spec.get("template", {}).get("spec") if isinstance(spec, dict) else None
        if isinstance(spec, dict) and "containers" in spec:
            of = f"{each['kind']}/{meta.get('namespace', '')}/{meta['name']}"
            found.append(Pod(of, meta.get("namespace", ""), spec))
    return found


def offences(pod: Pod, *, digests: bool = True) -> list[str]:
    """What of a pod is against the house's rules; each with where it is."""
    spec, whole = pod.spec, pod.spec.get("securityContext", {})
    found = [f"{pod.of}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    if spec.get("automountServiceAccountToken") is not False:
        found.append(f"{pod.of}: a token is mounted")
    if whole.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append(f"{pod.of}: seccomp is not RuntimeDefault")
    for volume in spec.get("volumes", ()):
        kinds = set(volume) - {"name"}
        found += [f"{pod.of}: volume {volume['name']} is a {kind}" for kind in kinds - VOLUMES]
        if "emptyDir" in kinds and "sizeLimit" not in volume["emptyDir"]:
            found.append(f"{pod.of}: emptyDir {volume['name']} has no limit")
    for name, container in pod.containers():
        found += [f"{name}: {what}" for what in _offences(container, whole, digests=digests)]
    return found


def _offences(container: Spec, whole: Spec, *, digests: bool) -> Iterator[str]:
    own = container.get("securityContext", {})
    uid = own.get("runAsUser", whole.get("runAsUser", 0))
    if uid < 1000 or own.get("runAsNonRoot", whole.get("runAsNonRoot")) is not True:
        yield f"may run as uid {uid}"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "may gain rights"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "writes to its root"
    if own.get("capabilities", {}) != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if own.get("seccompProfile", {"type": "RuntimeDefault"})["type"] != "RuntimeDefault":
        yield "has another seccomp profile"
    if digests and not DIGEST.fullmatch(container["image"]):
        yield f"image {container['image']} has no digest"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "takes a port of its machine"
    for kind in ("requests", "limits"):
        missing = {"cpu", "memory"} - set(container.get("resources", {}).get(kind, {}))
        if missing:
            yield f"{kind} leave out {', '.join(sorted(missing))}"
