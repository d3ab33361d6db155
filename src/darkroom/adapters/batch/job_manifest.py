"""The Kubernetes Job of a batch, and the ConfigMap that its notebook travels in. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.errors import InputError, TooLargeError


UID = 64020  # of batches alone
COMMAND = "/opt/darkroom/venv/bin/darkroom"
ORDER, IDENTITY, KEYS, STATE, WORK = "/batch", "/identity", "/keys", "/state", "/work"
PARAMETERS = "parameters.yaml"
MAX_CONFIG_MAP = 1 << 20
MAX_PARAMETERS = 64 << 10  # what the strict reader reads
KEPT_SECONDS = 600  # a Job whose starter was lost; its ConfigMap goes with it
GRACE_SECONDS = 90  # to write to the run log what there is
START_SECONDS = 600  # to fetch the image and to get a place
LABEL = "app.kubernetes.io/"
IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,200}@sha256:[0-9a-f]{64}")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
FILE = re.compile(r"[-._a-zA-Z0-9]{1,200}")
CPU = re.compile(r"[1-9][0-9]{0,4}m?")
_PAIR = re.compile(r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
RUN_LOG_KEYS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOrder:
    """A batch for a cluster.

    Attributes:
        name: of the Job and of its ConfigMap; unique.
        notebook: its file name, or with `data` None its path in the image.
        data: the notebook itself, or None.
        parameters: they travel as a file, typed.
        arguments: more for `darkroom batch run` in the pod.
        seconds: wall time for all cells together.
        state_claim: a PersistentVolumeClaim, or "" for a folder that ends with the pod.
    """

    name: str
    namespace: str
    image: str
    notebook: str
    data: bytes | None
    parameters: Mapping[str, object]
    arguments: Sequence[str]
    seconds: int
    identity_secret: str
    run_log_secret: str = ""
    state_claim: str = ""
    memory_mib: int
    cpu: str

    def __post_init__(self) -> None:
        """Refuse what a cluster would refuse, or worse, take.

        Raises:
            InputError: an image without digest, or a name that is none.
        """
        if not IMAGE.fullmatch(self.image):
            raise InputError(
                "the image is not named by its digest",
                next_step="write it as registry/name@sha256:<64 digits>; a tag can be moved",
            )
        names = {
            "namespace": self.namespace,
            "identity-secret": self.identity_secret,
            "run-log-secret": self.run_log_secret or "x",
            "state-claim": self.state_claim or "x",
        }
        for option, name in names.items():
            if not NAME.fullmatch(name):
                raise InputError(
                    f"--{option} {ascii(name)[:60]} is no name for Kubernetes",
                    next_step="use small letters, digits and hyphens",
                )
        if not CPU.fullmatch(self.cpu):
            raise InputError(
                f"--cpu {ascii(self.cpu)[:20]} is no amount", next_step="write 1, 2 or 500m"
            )


def config_map_manifest(order: ClusterOrder, job: Mapping[str, Any]) -> dict[str, Any]:
    """What the pod reads: notebook and parameters. It belongs to the Job and goes with it.

    Args:
        job: as the cluster stored it.

    Raises:
        TooLargeError: more than a ConfigMap holds.
    """
    data = {PARAMETERS: _as_yaml(order.parameters)}
    if order.data is not None:
        data[_key(order)] = order.data.decode("utf-8")
    _require_room(data)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            **_metadata(order),
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": order.name,
                    "uid": job["metadata"]["uid"],
                }
            ],
        },
        "immutable": True,
        "data": data,
    }


def _as_yaml(parameters: Mapping[str, object]) -> str:
    """JSON, and so YAML, but for pairs of surrogates: one escape of eight digits there."""
    text = json.dumps(dict(parameters), indent=1)
    if len(text) > MAX_PARAMETERS:
        raise TooLargeError(
            f"the parameters have {len(text) >> 10} KiB; {MAX_PARAMETERS >> 10} are read",
            next_step="put them into a file of the image",
        )

    def joined(found: re.Match[str]) -> str:
        pair = found.group()
        if pair == "\\\\":
            return pair
        return f"\\U{ord(json.loads(chr(34) + pair + chr(34))):08x}"

    return _PAIR.sub(joined, text)


def _require_room(data: Mapping[str, str]) -> None:
    size = sum(len(name) + len(text.encode()) for name, text in data.items())
    if size > MAX_CONFIG_MAP:
        raise TooLargeError(
            f"notebook and parameters have {size >> 10} KiB; a ConfigMap holds "
            f"{MAX_CONFIG_MAP >> 10}",
            next_step="clear the notebook's outputs, or put it into the image and name it "
            "image:/path/in/the/image.ipynb",
        )


def job_manifest(order: ClusterOrder) -> dict[str, Any]:
    """The Job: one pod, tried once, with no right in the cluster."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(order),
        "spec": {
            "backoffLimit": 0,  # a notebook that ran half has asked domains already
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": order.seconds + START_SECONDS + GRACE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": _labels(order)}, "spec": _pod(order)},
        },
    }


def _pod(order: ClusterOrder) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(order)],
        "volumes": [
            {"name": "order", "configMap": {"name": order.name, "defaultMode": 0o444}},
            {
                "name": "identity",
                "secret": {"secretName": order.identity_secret, "defaultMode": 0o400},
            },
            # In memory: a private key is not written to a disk.
            {"name": "keys", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {
                "name": "state",
                **(
                    {"persistentVolumeClaim": {"claimName": order.state_claim}}
                    if order.state_claim
                    else {"emptyDir": {"sizeLimit": "2Gi"}}
                ),
            },
            {"name": "work", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }


def _container(order: ClusterOrder) -> dict[str, Any]:
    environment: list[dict[str, Any]] = [
        {"name": "HOME", "value": WORK},
        {"name": "TMPDIR", "value": "/tmp"},  # noqa: S108  # of the pod
        {"name": "DARKROOM_HOME", "value": STATE},
        {"name": "DARKROOM_KEYS", "value": f"{KEYS}/keys.json"},
        {"name": "PYTHONUNBUFFERED", "value": "1"},
    ]
    if order.run_log_secret:
        environment += [
            {
                "name": key,
                "valueFrom": {
                    "secretKeyRef": {"name": order.run_log_secret, "key": key, "optional": True}
                },
            }
            for key in RUN_LOG_KEYS
        ]
    path = order.notebook if order.data is None else f"{ORDER}/{_key(order)}"
    return {
        "name": "notebook",
        "image": order.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [
            COMMAND, "batch", "run", path,
            "--file", f"{ORDER}/{PARAMETERS}",
            "--identity", IDENTITY,
            "--out", f"{WORK}/out",
            "--timeout", str(order.seconds),
            *order.arguments,
        ],
        "workingDir": WORK,
        "env": environment,
        "resources": {
            "requests": {
                "cpu": "100m",
                "memory": f"{order.memory_mib // 2}Mi",
                "ephemeral-storage": "256Mi",
            },
            "limits": {
                "cpu": order.cpu,
                "memory": f"{order.memory_mib}Mi",
                "ephemeral-storage": "4Gi",
            },
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "order", "mountPath": ORDER, "readOnly": True},
            {"name": "identity", "mountPath": IDENTITY, "readOnly": True},
            {"name": "keys", "mountPath": KEYS},
            {"name": "state", "mountPath": STATE},
            {"name": "work", "mountPath": WORK},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }  # fmt: skip


def _key(order: ClusterOrder) -> str:
    name = order.notebook
    return name if FILE.fullmatch(name) and name != PARAMETERS else "notebook.ipynb"


def _metadata(order: ClusterOrder) -> dict[str, Any]:
    return {"name": order.name, "namespace": order.namespace, "labels": _labels(order)}


def _labels(order: ClusterOrder) -> dict[str, str]:
    return {
        f"{LABEL}name": "darkroom-batch",
        f"{LABEL}part-of": "darkroom",
        f"{LABEL}component": "batch",
        f"{LABEL}instance": order.name,
        f"{LABEL}managed-by": "darkroom",
    }
