"""How much faster a detection job is on two workers than on one.

    make bench BENCH=shards

One JSON line. Four equal cameras of the synthetic plaza, the shipped detector, one thread
each. `one_s`: one worker sees all cameras. `two_s`: two workers at a time, two cameras each,
and the merge of their parts. Both from the start of the first worker to the end of the last,
walls and interpreter start included, in turns. `speedup` = one_s / two_s. `ceiling` is what
this machine has to give at that moment: two workers that share nothing, each with the whole
job, against one of them, 2 * one_s / pair_s. What a run waits for before it may be heard of
(`node/tick.py`) is left out: it is the same for all.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.jobs.count_job import as_job
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.config import REPOSITORY, read_yaml
from darkroom.errors import JobFailedError
from darkroom.model.dataset import Manifest
from darkroom.model.job import Limits
from darkroom.model.output import output_to_mapping
from darkroom.model.shard import Shard, cut
from darkroom.node.footage_source import world_sources
from darkroom.node.ingest import Ingest, IngestPlan
from darkroom.ports import Runtime, SandboxTask
from darkroom.scene.recipe import WorldRecipe
from darkroom.scene.world import World


CAMERAS = ("fountain", "arcade", "steps", "gate")
DURATION = 320  # seconds of the world: 400 frames a camera
ROUNDS = 3
LIMITS = Limits(memory_mib=1024, cpu_seconds=600, wall_seconds=600)
PARAMETERS = {"threshold": 0.3}


@dataclass(frozen=True)
class Bench:
    """The footage, ingested, and the job, captured."""

    sandbox: ProcessSandbox
    runtime: Runtime
    face: Path
    manifest: Manifest
    code: Path
    entrypoint: str
    outputs: dict[str, Any]
    folder: Path

    def seconds(self, workers: int) -> tuple[float, list[list[Any]]]:
        """Seconds of the whole job on so many workers, and its rows."""
        shards = cut(self.manifest, "camera", workers)
        attempt = Path(tempfile.mkdtemp(dir=self.folder, prefix="attempt-"))
        parts = attempt / "parts"
        began = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            for done in [
                pool.submit(self._run, parts / str(n), shard) for n, shard in enumerate(shards)
            ]:
                done.result()
        left = parts / "0"
        if workers > 1:
            left = attempt / "merged"
            self._task("merge", left, {"merge": ""}, parts=parts)
        seconds = time.perf_counter() - began
        return seconds, sorted(json.loads((left / "counts").read_bytes())["rows"])

    def pair_seconds(self) -> float:
        """Seconds of two whole jobs side by side."""
        attempt = Path(tempfile.mkdtemp(dir=self.folder, prefix="pair-"))
        (whole,) = cut(self.manifest, "camera", 1)
        began = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self._run, attempt / "parts" / n, whole) for n in "ab"]:
                done.result()
        return time.perf_counter() - began

    def _run(self, out: Path, shard: Shard) -> None:
        request = {"entrypoint": self.entrypoint, "merge": "", **shard.to_mapping()}
        self._task("run", out, request, dataset=self.face)

    def _task(self, program: Any, out: Path, request: dict[str, Any], **more: Path) -> None:
        out.mkdir(parents=True)
        outcome = self.sandbox.run(
            SandboxTask(
                task_id=f"bench-{out.parent.parent.name}-{out.name}",
                program=program,
                runtime=self.runtime,
                request={
                    **request,
                    "parameters": PARAMETERS,
                    "outputs": self.outputs,
                    "interpreter": self.runtime.interpreter,
                    "seed": 0,
                },
                limits=LIMITS,
                out=out,
                code=self.code,
                **more,
            )
        )
        if outcome.status != "done":
            raise JobFailedError(
                f"{program} ended as {outcome.status} ({outcome.limit or outcome.error_class})\n"
                + outcome.log.decode(errors="replace"),
                next_step="read the log above",
            )


def recipe() -> WorldRecipe:
    """North's plaza with four equal cameras."""
    plaza = dict(read_yaml(REPOSITORY / "data" / "worlds" / "north.yaml"))
    first = plaza["cameras"][0]
    plaza["cameras"] = [{**first, "id": name} for name in CAMERAS]
    plaza["duration"] = DURATION
    return WorldRecipe.from_mapping(plaza)


@contextmanager
def prepared() -> Iterator[Bench]:
    """The footage goes through the real ingest, the job through the real capture."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        lock = REPOSITORY / "requirements" / "runtime-litert.txt"
        runtime = describe_runtime("tflite", Path(sys.executable), lock, interpreter="litert")
        roots = (folder,) if os.geteuid() == 0 else ()
        with ProcessSandbox(runtimes=[runtime], roots=roots, slots=2) as sandbox:
            store, plan = FolderFootage(folder / "footage"), recipe()
            world = World(plan)
            cameras = {c.id: (c.fps, world.frame_count(c.id)) for c in world.cameras}
            sources = world_sources(plan.to_mapping(), cameras=cameras, start=0.0, masks={})
            manifest = (
                Ingest(sandbox=sandbox, runtime=runtime, store=store, state=folder)
                .run(IngestPlan(dataset="plaza", sources=sources, classes=("person", "vehicle")))
                .manifest
            )
            job = as_job(REPOSITORY / "data" / "models" / "detector.int8.tflite")
            captured = job.capture()
            for path, data in captured.files.items():
                target = folder / "code" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            yield Bench(
                sandbox=sandbox,
                runtime=runtime,
                face=store.materialise(manifest.version),
                manifest=manifest,
                code=folder / "code",
                entrypoint=captured.entrypoint,
                outputs={n: output_to_mapping(o) for n, o in job.outputs.items()},
                folder=folder,
            )


def main() -> None:
    one: list[float] = []
    two: list[float] = []
    pair: list[float] = []
    with prepared() as bench:
        for _ in range(ROUNDS):  # in turns: what else the machine does hits both
            seconds, alone = bench.seconds(1)
            one.append(seconds)
            seconds, shared = bench.seconds(2)
            two.append(seconds)
            pair.append(bench.pair_seconds())
            if alone != shared:
                raise JobFailedError(
                    "two workers counted something else than one",
                    next_step="compare the two results: the cut or the merge is wrong",
                )
    line = {
        "bench": "shards",
        "speedup": round(min(one) / min(two), 3),
        "ceiling": round(2 * min(one) / min(pair), 3),
        "one_s": round(min(one), 2),
        "two_s": round(min(two), 2),
        "cameras": len(CAMERAS),
        "frames": sum(camera.frames for camera in bench.manifest.cameras),
        "rounds": ROUNDS,
        "cores": os.cpu_count(),
        "sandbox": "process",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
