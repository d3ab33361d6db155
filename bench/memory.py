"""How much memory the jobs of notebooks 02 and 03 take, at their real sizes.

    make bench BENCH=memory

One JSON line. The jobs are read from the notebooks themselves and run in the sandbox on the
worlds of their domains: `detection_mib` (north's plaza, one camera a worker, as notebook 02
is split), `detection_whole_mib` (all cameras in one worker), `training_mib` (south's quay,
120 steps of 16 pictures, TensorFlow). Each is the highest resident memory of the job's
processes together; `held` names what the kernel limited meanwhile. No job gets more here than
the smallest Pi gives: what the chart says (`bench/_pi_profiles.py`), which must have room for
each worker's pod with its file systems full (`holds`; the exit code is 1 otherwise).
docs/images.md has the table.
"""

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from bench._pi_profiles import job_shares
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.config import REPOSITORY, read_yaml
from darkroom.errors import JobFailedError
from darkroom.model.job import Limits
from darkroom.model.output import output_to_mapping
from darkroom.node.footage_source import world_sources
from darkroom.node.ingest import Ingest, IngestPlan
from darkroom.ports import Outcome, Runtime, SandboxTask
from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World
from darkroom.scientist.job import JobFunction
from tests.kubernetes.tools import find


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job of a notebook and what it is run on.

    Attributes:
        free: values for the names that the job's cell takes from the cells above it.
        cameras: those of one worker; None: all.
    """

    notebook: str
    function: str
    world: str
    runtime: str
    interpreter: str
    free: dict[str, Any]
    parameters: dict[str, Any]
    cameras: tuple[str, ...] | None = None


DETECTION = Case(
    notebook="02_remote_detection",
    function="count_and_measure",
    world="north",
    runtime="runtime-litert",
    interpreter="litert",
    free={"cameras": ["fountain", "arcade", "steps"]},
    parameters={"threshold": 0.3},
    cameras=("fountain",),
)
TRAINING = Case(
    notebook="03_remote_training",
    function="adapt",
    world="south",
    runtime="runtime-tensorflow",
    interpreter="",
    free={"steps": 120},
    parameters={"steps": 120, "batch": 16, "every": 2, "seed": 7},
)
CASES = {
    "detection": DETECTION,
    "detection_whole": replace(DETECTION, cameras=None),
    "training": TRAINING,
}


def job_of(case: Case, folder: Path) -> JobFunction:
    """The job as its notebook writes it: its one cell, as a file that is imported."""
    notebook = json.loads((REPOSITORY / "notebooks" / f"{case.notebook}.ipynb").read_bytes())
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    (cell,) = [c for c in cells if f"def {case.function}(" in c]
    values = "\n".join(f"{name} = {value!r}" for name, value in case.free.items())
    models = str(REPOSITORY / "data" / "models")
    file = folder / f"{case.function}_cell.py"
    file.write_text(
        "from pathlib import Path\n\nimport numpy as np\n\nimport darkroom as dr\n"
        "from darkroom.model.detection import Annotations, Detections\n"
        "from darkroom.vision.average_precision import average_precision\n\n"
        f"models = Path({models!r})\n{values}\n\n\n{cell}\n"
    )
    job = getattr(_imported(file), case.function)
    assert isinstance(job, JobFunction)
    return job


def _imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # the capture reads the source through it
    spec.loader.exec_module(module)
    return module


def measured(
    case: Case,
    folder: Path,
    sandbox: ProcessSandbox,
    runtime: Runtime,
    most: Callable[[Limits], int],
) -> tuple[Outcome, Limits]:
    """Ingest the world, run the job on it within `most` MiB; how it ended, and what it asked."""
    footage = FolderFootage(folder / "footage")
    recipe = WorldRecipe.from_mapping(
        read_yaml(REPOSITORY / "data" / "worlds" / f"{case.world}.yaml")
    )
    world = World(recipe)
    cameras = {c.id: (c.fps, world.frame_count(c.id)) for c in world.cameras}
    sources = world_sources(recipe.to_mapping(), cameras=cameras, start=0.0, masks={})
    plan = IngestPlan(dataset=case.world, sources=sources, classes=("person", "vehicle"))
    ingest = Ingest(sandbox=sandbox, runtime=runtime, store=footage, state=folder)
    manifest = ingest.run(plan).manifest
    job = job_of(case, folder)
    captured = job.capture()
    code, out = folder / "code", folder / "out"
    for path, data in captured.files.items():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        (code / path).write_bytes(data)
    out.mkdir()
    outcome = sandbox.run(
        SandboxTask(
            task_id="bench",
            program="run",
            runtime=runtime,
            request={
                "entrypoint": captured.entrypoint,
                "parameters": case.parameters,
                "outputs": {n: output_to_mapping(o) for n, o in job.outputs.items()},
                "cameras": list(case.cameras) if case.cameras else None,
                "interpreter": case.interpreter,
                "merge": captured.merge,
                "seed": 0,
            },
            limits=replace(job.limits, memory_mib=min(job.limits.memory_mib, most(job.limits))),
            out=out,
            code=code,
            dataset=footage.materialise(manifest.version),
        )
    )
    if outcome.status != "done":
        raise JobFailedError(
            f"{case.function} ended as {outcome.status} ({outcome.limit or outcome.error_class})\n"
            + outcome.log.decode(errors="replace"),
            next_step="read the log above",
        )
    return outcome, job.limits


def main() -> None:
    if find("helm") is None:
        sys.exit("no helm to read the chart with. Next: tests/kubernetes/build_tools.sh helm")
    shares = job_shares()
    smallest = min(shares.values(), key=lambda share: share.worker)
    line: dict[str, Any] = {"bench": "memory"}
    pods: dict[str, dict[str, int]] = {profile: {} for profile in shares}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as made:
            folder = Path(made).resolve()
            folder.chmod(0o755)
            lock = REPOSITORY / "requirements" / f"{case.runtime}.txt"
            runtime = describe_runtime(
                "bench", Path(sys.executable), lock, interpreter=case.interpreter
            )
            roots = (folder,) if os.geteuid() == 0 else ()
            with ProcessSandbox(runtimes=[runtime], roots=roots, slots=1) as sandbox:
                line["held"] = sandbox.cgroups
                outcome, asked = measured(case, folder, sandbox, runtime, smallest.program)
        line[f"{name}_mib"] = outcome.max_rss_mib
        line[f"{name}_s"] = round(outcome.seconds, 1)
        for profile, share in shares.items():
            pods[profile][name] = share.pod(outcome.max_rss_mib, asked)
    line["profiles"] = {
        profile: {
            "worker_mib": share.worker,
            "jobs_mib": share.together,
            "workers": share.workers,
            "pods_mib": pods[profile],
        }
        for profile, share in shares.items()
    }
    line["holds"] = {
        profile: max(pods[profile].values()) <= share.worker for profile, share in shares.items()
    }
    print(json.dumps(line))
    if not all(line["holds"].values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
