"""The rules that a job template is held against before the node uses it. Pure.

A template comes from the chart, through a ConfigMap that an administrator may edit. What it
may leave open is listed here; everything else must stand there and say exactly this. A field
that is not known is refused: a wall that was loosened has a name that we do not know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError


Where = tuple[str | int, ...]
MIB = 1 << 20
PYTHON = "/opt/darkroom/venv/bin/python"
TASK_LABEL = "darkroom/task"
CORRELATION_LABEL = "darkroom/correlation"
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
_QUANTITY = re.compile(r"([0-9]{1,15})(|k|M|G|Ki|Mi|Gi)")
_NEXT = "render the job template with helm/domain of this version again"


@dataclass(frozen=True, slots=True)
class Maybe:
    """A field that may be missing."""

    rule: Any


@dataclass(frozen=True, slots=True)
class Named:
    """A list of mappings, each known by one of its fields; all must be there, and no other."""

    key: str
    entries: dict[str, Any]


class Hole:
    """A text that the node replaces."""


class Text:
    """A text, or a number that stands for one, that the chart chooses."""


class Texts:
    """Texts by texts: labels, annotations, a node selector."""


class Size:
    """A number of bytes that the chart chooses."""


class Count:
    """A whole number above zero that the chart chooses."""


class User:
    """A uid or gid of no privileged account."""


class Open:
    """Where pods may run; nothing of it widens what they may do."""


def bytes_of(quantity: object) -> int | None:
    """A quantity of Kubernetes in bytes; None when it is none."""
    found = _QUANTITY.fullmatch(str(quantity)) if isinstance(quantity, str | int) else None
    return int(found[1]) * _UNITS[found[2]] if found else None


def _container(module: str, mounts: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {
        "image": Hole,
        "imagePullPolicy": Maybe(Text),
        "command": [PYTHON, "-I", "-X", "utf8", "-m", module],
        "workingDir": "/",
        "resources": {
            "requests": {"cpu": Text, "memory": Size, "ephemeral-storage": Maybe(Size)},
            "limits": {"cpu": Text, "memory": Size, "ephemeral-storage": Size},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": Maybe(False),
            "readOnlyRootFilesystem": True,
            "runAsUser": User,
            "runAsNonRoot": Maybe(True),
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": Named("mountPath", mounts),
        **more,
    }


def _mount(volume: str, *, hole: bool = False, read_only: bool = False) -> dict[str, Any]:
    rule: dict[str, Any] = {"name": volume}
    if hole:
        rule["subPath"] = Hole
    if read_only:
        rule["readOnly"] = True
    return rule


_WORK = _container(
    "darkroom.walls.worker",
    {
        "/job": _mount("exchange", hole=True, read_only=True),
        "/data": _mount("data", hole=True, read_only=True),
        "/parts": _mount("parts", hole=True, read_only=True),
        "/out": _mount("out"),
        "/tmp": _mount("tmp"),  # noqa: S108 - the container's own
        "/report": _mount("report"),
    },
    {
        "env": Named(
            "name",
            {
                "HOME": {"value": "/tmp"},  # noqa: S108
                "LANG": {"value": "C.UTF-8"},
                "OMP_NUM_THREADS": {"value": Text},
                "OPENBLAS_NUM_THREADS": {"value": Text},
            },
        )
    },
)
_COLLECT = _container(
    "darkroom.walls.collector",
    {
        "/job": _mount("exchange", hole=True, read_only=True),
        "/kept": _mount("exchange", hole=True),
        "/out": _mount("out", read_only=True),
        "/report": _mount("report", read_only=True),
    },
    {},
)
_IN_MEMORY = {"emptyDir": {"medium": "Memory", "sizeLimit": Size}}
_POD = {
    "restartPolicy": "Never",
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "hostNetwork": Maybe(False),
    "hostPID": Maybe(False),
    "hostIPC": Maybe(False),
    "hostUsers": Maybe(False),
    "shareProcessNamespace": Maybe(False),
    "terminationGracePeriodSeconds": Count,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": User,
        "runAsGroup": User,
        "fsGroup": User,
        "fsGroupChangePolicy": Maybe(Text),
        "supplementalGroupsPolicy": Maybe("Strict"),
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "serviceAccountName": Maybe(Text),
    "runtimeClassName": Maybe(Text),
    "priorityClassName": Maybe(Text),
    "nodeSelector": Maybe(Texts),
    "affinity": Maybe(Open),
    "tolerations": Maybe(Open),
    "topologySpreadConstraints": Maybe(Open),
    "imagePullSecrets": Maybe(Open),
    "initContainers": Named("name", {"work": _WORK}),
    "containers": Named("name", {"collect": _COLLECT}),
    "volumes": Named(
        "name",
        {
            "exchange": {"persistentVolumeClaim": {"claimName": Hole}},
            "data": {"persistentVolumeClaim": {"claimName": Hole, "readOnly": True}},
            "parts": {"persistentVolumeClaim": {"claimName": Hole, "readOnly": True}},
            "out": _IN_MEMORY,
            "tmp": _IN_MEMORY,
            "report": _IN_MEMORY,
        },
    ),
}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": Hole, "namespace": Text, "labels": Texts, "annotations": Maybe(Texts)},
    "spec": {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        "activeDeadlineSeconds": Count,
        "ttlSecondsAfterFinished": Count,
        "template": {"metadata": {"labels": Texts, "annotations": Maybe(Texts)}, "spec": _POD},
    },
}


def require_locked(template: Mapping[str, Any], *, namespace: str) -> None:
    """Hold a template against the rules.

    Args:
        template: a Job, as YAML or JSON gave it.
        namespace: of the jobs; the only one that the template may name.

    Raises:
        SpecError: with the way to the first field that does not fit.
    """
    _hold(dict(template), JOB, ())
    named = template["metadata"]["namespace"]
    if named != namespace:
        raise _refused(("metadata", "namespace"), f"must be {namespace}, as in sandbox.yaml")
    pod = template["spec"]["template"]["spec"]
    for kind, place in (("initContainers", "work"), ("containers", "collect")):
        where: Where = ("spec", "template", "spec", kind, 0, "resources")
        resources = pod[kind][0]["resources"]
        asked, most = (bytes_of(resources[k]["memory"]) for k in ("requests", "limits"))
        if asked != most:  # a pod that gets more than it asked for starves the cameras
            raise _refused((*where, "requests", "memory"), f"of {place} must equal its limit")


def _refused(where: Where, words: str) -> SpecError:
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return SpecError(
        f"the job template is not locked: {name.lstrip('.')} {words}", next_step=_NEXT, where=where
    )


def _hold(found: Any, rule: Any, where: Where) -> None:  # noqa: ANN401 - any part of a manifest
    if isinstance(rule, Maybe):
        rule = rule.rule
    if isinstance(rule, dict):
        _hold_mapping(found, rule, where)
    elif isinstance(rule, Named):
        _hold_named(found, rule, where)
    elif isinstance(rule, type):
        _hold_kind(found, rule, where)
    elif type(found) is not type(rule) or found != rule:
        said = str(rule).lower() if isinstance(rule, bool) else rule
        raise _refused(where, f"must be {said}")


def _hold_mapping(found: Any, rule: dict[str, Any], where: Where) -> None:  # noqa: ANN401
    if not isinstance(found, dict):
        raise _refused(where, "must be a mapping")
    for key in found:
        if key not in rule:
            raise _refused((*where, key), "is not known and may loosen a wall")
    for key, inner in rule.items():
        if key in found:
            _hold(found[key], inner, (*where, key))
        elif not isinstance(inner, Maybe):
            raise _refused((*where, key), "is missing")


def _hold_named(found: Any, rule: Named, where: Where) -> None:  # noqa: ANN401
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise _refused(where, "must be a list of mappings")
    names = [entry.get(rule.key) for entry in found]
    if sorted(map(str, names)) != sorted(rule.entries):
        raise _refused(where, f"must be exactly {', '.join(rule.entries)} (by {rule.key})")
    for number, entry in enumerate(found):
        inner = {rule.key: entry[rule.key], **rule.entries[entry[rule.key]]}
        _hold(entry, inner, (*where, number))


def _hold_kind(found: Any, rule: type, where: Where) -> None:  # noqa: ANN401
    whole = isinstance(found, int) and not isinstance(found, bool)
    if rule in (Hole, Text) and not (isinstance(found, str) and found):
        raise _refused(where, "must be a text")
    if rule is Texts and not (
        isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    ):
        raise _refused(where, "must be texts by texts")
    if rule is Size and not bytes_of(found):
        raise _refused(where, "must be a size such as 512Mi")
    if rule is Count and not (whole and found > 0):
        raise _refused(where, "must be a whole number above 0")
    if rule is User and not (whole and found >= 1000):  # noqa: PLR2004
        raise _refused(where, "must be a user or group of its own, from 1000 up")
