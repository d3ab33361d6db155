"""From a task to its Job: the locked template with its holes filled. Pure.

Nothing here is a text that somebody sent: names are hashes, sizes are numbers, images and
claims are those of sandbox.yaml, and paths are ours or lie below its mounts.
"""

import copy
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.adapters.sandbox.kubernetes.locked import (
    CORRELATION_LABEL,
    MIB,
    TASK_LABEL,
    bytes_of,
    require_locked,
)
from darkroom.errors import IsolationError
from darkroom.model.job import Limits


# The worker itself, and what the kernel keeps for pipes and page tables of a full container.
WORKER_MIB = 40
FIRST_UID = 64200
MOST_SLOTS = 64
JOB_NAME = re.compile(r"task-[0-9a-f]{32}")
# What is needed beside the program's own time: to be placed, to pull an image, to start, to
# see the canaries fail, to copy. The node's own clock is much sharper; this one is the net.
AROUND_SECONDS = 600
SECONDS, OUT, MEMORY = (
    "spec.activeDeadlineSeconds", "sizeLimit of the volume out", "memory of the container work",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder on a volume."""

    claim: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holes:
    """All that differs between two Jobs of a domain.

    Attributes:
        correlation: the word that follows the job through logs; "" for a task of no job.
    """

    name: str
    image: str
    limits: Limits
    slot: int
    exchange: str
    job: str
    kept: str
    correlation: str = ""
    data: Place | None = None
    parts: Place | None = None


def job_name(task_id: str) -> str:
    """The name of a task's Job: the same for the same task, and nothing of its text."""
    return f"task-{hashlib.sha256(task_id.encode()).hexdigest()[:32]}"


class Template:
    """A locked template, checked.

    Args:
        content: the Job as the file has it.
        namespace: of the jobs.

    Raises:
        SpecError: naming the field that does not fit.
    """

    def __init__(self, content: Mapping[str, Any], *, namespace: str) -> None:
        require_locked(content, namespace=namespace)
        self._content = copy.deepcopy(dict(content))
        self.namespace = namespace

    def oversize(self, limits: Limits) -> str:
        """Why no Job of ours can have these limits; "" where one can."""
        for field, (asked, most, unit) in self._sizes(limits).items():
            if asked > most:
                return (
                    f"the job needs {asked} {unit}, and this domain's job template allows {most} "
                    f"({field})"
                )
        return ""

    def _sizes(self, limits: Limits) -> dict[str, tuple[int, int, str]]:
        """What a task takes, and the most that the template allows; by field."""
        spec = self._content["spec"]
        pod = spec["template"]["spec"]
        most = pod["initContainers"][0]["resources"]["limits"]["memory"]
        out, tmp = (
            next(_mib(v["emptyDir"]["sizeLimit"]) for v in pod["volumes"] if v["name"] == name)
            for name in ("out", "tmp")
        )
        # The whole container: the program, its two file systems in memory, the worker.
        memory = limits.memory_mib + limits.output_mib + tmp + WORKER_MIB
        return {
            SECONDS: (limits.wall_seconds + AROUND_SECONDS, spec["activeDeadlineSeconds"], "s"),
            OUT: (limits.output_mib, out, "MiB"),
            MEMORY: (memory, _mib(most), "MiB"),
        }

    def filled(self, holes: Holes) -> dict[str, Any]:
        """The Job of one task.

        Raises:
            IsolationError: the task asks for more than the template allows.
        """
        against = self.oversize(holes.limits)
        if against:
            raise IsolationError(
                against,
                next_step="lower the job's limits, or raise `jobs` in the domain's values.yaml",
            )
        sizes = {field: asked for field, (asked, _, _) in self._sizes(holes.limits).items()}
        job = copy.deepcopy(self._content)
        job["metadata"]["name"] = holes.name
        spec = job["spec"]
        for metadata in (job["metadata"], spec["template"]["metadata"]):
            metadata["labels"][TASK_LABEL] = holes.name
            if holes.correlation:
                metadata["labels"][CORRELATION_LABEL] = holes.correlation
        spec["activeDeadlineSeconds"] = sizes[SECONDS]
        pod = spec["template"]["spec"]
        work, collect = pod["initContainers"][0], pod["containers"][0]
        work["image"] = collect["image"] = holes.image
        work["securityContext"]["runAsUser"] = FIRST_UID + holes.slot
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        volumes["out"]["emptyDir"]["sizeLimit"] = f"{sizes[OUT]}Mi"
        for kind in ("requests", "limits"):
            work["resources"][kind]["memory"] = f"{sizes[MEMORY]}Mi"
        places = {
            "/job": Place(claim=holes.exchange, path=holes.job),
            "/kept": Place(claim=holes.exchange, path=holes.kept),
            "/data": holes.data,
            "/parts": holes.parts,
        }
        for container in (work, collect):
            container["volumeMounts"] = _mounted(container["volumeMounts"], places)
        claims = {"exchange": holes.exchange}
        claims |= {n: p.claim for n, p in (("data", holes.data), ("parts", holes.parts)) if p}
        for name, claim in claims.items():
            volumes[name]["persistentVolumeClaim"]["claimName"] = claim
        pod["volumes"] = [
            volume
            for name, volume in volumes.items()
            if "persistentVolumeClaim" not in volume or name in claims
        ]
        return job


def _mounted(
    mounts: list[dict[str, Any]], places: Mapping[str, Place | None]
) -> list[dict[str, Any]]:
    """The mounts that this task has, each at its folder."""
    kept = []
    for mount in mounts:
        if mount["mountPath"] in places:
            place = places[mount["mountPath"]]
            if place is None:
                continue
            mount["subPath"] = place.path
        kept.append(mount)
    return kept


def _mib(quantity: object) -> int:
    return (bytes_of(quantity) or 0) // MIB
