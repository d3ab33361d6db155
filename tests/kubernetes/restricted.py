"""Pod Security `restricted`, as far as a pod of ours could offend it."""

from typing import Any


VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(spec: dict[str, Any]) -> list[str]:
    """What of a pod is against the rule, in the words of the admission plugin."""
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    for volume in spec.get("volumes", ()):
        found += [f"restricted volume types ({k})" for k in set(volume) - VOLUMES - {"name"}]
    pod = spec.get("securityContext", {})
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            found.append("allowPrivilegeEscalation != false")
        if own.get("privileged"):
            found.append("privileged")
        if "ALL" not in own.get("capabilities", {}).get("drop", ()):
            found.append("unrestricted capabilities")
        if not {**pod, **own}.get("runAsNonRoot"):
            found.append("runAsNonRoot != true")
        if {**pod, **own}.get("runAsUser") == 0:
            found.append("runAsUser=0")
        kind = {**pod, **own}.get("seccompProfile", {}).get("type")
        if kind not in ("RuntimeDefault", "Localhost"):
            found.append("seccompProfile")
    return found
