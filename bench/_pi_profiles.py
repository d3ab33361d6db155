"""What the chart of a domain gives to jobs on a Pi of each profile, read off its manifests."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.sandbox.kubernetes.manifest import WORKER_MIB
from darkroom.model.job import Limits
from darkroom.node.inspection_limits import inspection_limits
from tests.helm.chart import Changes, job_template, objects, of_kind
from tests.helm.sizes import mib, with_cameras


PROFILES = ("pi4", "pi5")
CAMERAS = 3  # recorded by the same Pi; each takes its memory before jobs do
DOMAIN = "east"  # of one Pi


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShare:
    """Memory for jobs on one Pi, in MiB.

    Attributes:
        worker: the most that the pod of one worker may have.
        together: of all jobs of the Pi.
        tmp: of a worker's pod, what `/tmp` may fill.
    """

    worker: int
    together: int
    tmp: int

    def pod(self, program: float, limits: Limits) -> int:
        """What a worker's pod needs for a program of that size, its file systems full."""
        return math.ceil(program) + limits.output_mib + self.tmp + WORKER_MIB

    def program(self, limits: Limits) -> int:
        """The most that `memory_mib` of a job may be, so that it can be run and inspected."""
        return self.worker - self.pod(0, inspection_limits(limits))

    @property
    def workers(self) -> int:
        """How many of the largest workers run at the same time."""
        return self.together // self.worker


def job_shares() -> dict[str, JobShare]:
    """Profile -> what jobs have there beside the cameras. Renders the chart with Helm."""
    with tempfile.TemporaryDirectory() as folder:
        return {profile: _share(profile, Path(folder)) for profile in PROFILES}


def _share(profile: str, folder: Path) -> JobShare:
    cameras = with_cameras(CAMERAS, folder)
    changes = Changes(sets=(f"pis[0].profile={profile}",), files=cameras.files)
    quota = of_kind(objects(DOMAIN, changes), "ResourceQuota")[f"darkroom-{DOMAIN}-jobs/jobs"]
    pod = job_template(DOMAIN, changes)["spec"]["template"]["spec"]
    (tmp,) = [v["emptyDir"]["sizeLimit"] for v in pod["volumes"] if v["name"] == "tmp"]
    return JobShare(
        worker=mib(pod["initContainers"][0]["resources"]["limits"]["memory"]),
        together=mib(quota["spec"]["hard"]["limits.memory"]),
        tmp=mib(tmp),
    )
