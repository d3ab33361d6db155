"""A domain that is spoken to in PySyft and runs jobs behind real walls."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.bootstrap.node_assembly import Parts
from darkroom.model.job import Environment, Limits
from darkroom.model.output import Scalars
from darkroom.ports import Isolation, Outcome, SandboxTask
from tests.attack.pysyft.site import Site


FIRST_UID = 65100
LIMITS = Limits(
    memory_mib=512, cpu_seconds=20, wall_seconds=20, processes=16, files=64, output_mib=4
)


class Overseen:
    """The real sandbox; keeps how each job ended, which only the node knows."""

    def __init__(self, real: ProcessSandbox) -> None:
        self.real = real
        self.outcomes: list[Outcome] = []
        self.left: list[dict[str, bytes]] = []

    def probe(self) -> Isolation:
        return self.real.probe()

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        outcome = self.real.run(task, cancelled=cancelled)
        if task.program == "run":
            self.outcomes.append(outcome)
            self.left.append({p.name: p.read_bytes() for p in task.out.iterdir() if p.is_file()})
        return outcome


class RealSite(Site):
    """Nothing is scripted: what a job does, it does."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.runtime = describe_runtime(
            "tflite", Path(sys.executable), Path("pyproject.toml"), interpreter="litert"
        )
        self.real = ProcessSandbox(runtimes=[self.runtime], roots=[folder], first_uid=FIRST_UID)
        super().__init__(folder)
        self.declaration = replace(
            self.declaration,
            environment=Environment(name="tflite", lock_hash=self.runtime.lock_hash),
            limits=LIMITS,
        )

    def parts(self) -> Parts:
        self.overseen = Overseen(self.real)
        return replace(
            super().parts(), sandbox=self.overseen, runtimes=lambda: {"tflite": self.runtime}
        )

    def close(self) -> None:
        """End what runs."""
        self.store.close()
        self.real.close()

    def play(self, code: str, *names: str, **limits: int) -> tuple[str, Outcome]:
        """Run a script of bob that the owner has approved; its id and how it ended.

        Args:
            names: of the numbers in its one output, `outputs/result.json`.
        """
        declared = replace(
            self.declaration,
            outputs={"result": Scalars(names=names or ("n",))},
            limits=replace(LIMITS, **limits),
        )
        message = self.message(self.bob, self.files(self.bob, code=code))
        job = self.say(self.bob, message, declaration=declared.to_mapping()).body["job_id"]
        self.settle()
        assert self.state_of(job) == "screened", self.store.quarantined()
        self.approve(self.job(job).request)
        self.settle()
        return job, self.overseen.outcomes[-1]

    def value(self, job: str) -> dict[str, Any]:
        """What bob gets once the owner has released it."""
        self.release(job)
        self.settle()
        (result,) = self.bob.letters("job.result", job)
        return json.loads(result.attachments["output/result"])
