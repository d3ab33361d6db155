"""How much of a bare detection loop's speed is left inside the sandbox.

    make bench BENCH=detect

One JSON line. `job_s`: the real job, from the start of its worker to its last row, walls
and interpreter start included. `bare_s`: the same decoding, letterbox, invocation and
suppression in a plain loop, one thread, interpreter loaded. `ratio` = bare_s / job_s.

The footage is the real clip of DARKROOM_REAL, and no other: without it this is an error.
"""

import json
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.jobs.yolox_job import EVERY, PARAMETERS, Yolox, as_job
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.litert import open_interpreter
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.config import REPOSITORY, real_material
from darkroom.errors import DataError, JobFailedError
from darkroom.model.dataset import Manifest
from darkroom.model.job import Limits
from darkroom.model.output import output_to_mapping
from darkroom.node.footage_source import footage_source
from darkroom.node.ingest import Ingest, IngestPlan
from darkroom.ports import Outcome, Runtime, SandboxTask


CLIP = Path("opencv_vtest", "vtest_arjun.avi")
MODEL = Path("yolox_nano", "yolox_nano_float16_quantize.tflite")
ROUNDS = 2
LIMITS = Limits(memory_mib=1024, cpu_seconds=1800, wall_seconds=1800)


def material() -> tuple[Path, Path]:
    """Clip and model.

    Raises:
        DataError: they are not on this machine.
    """
    folder = real_material()
    found = (folder / CLIP, folder / MODEL) if folder else ()
    if not found or not all(path.is_file() for path in found):
        raise DataError(
            f"the real clip ({CLIP}) and its detector are not on this machine",
            next_step="set DARKROOM_REAL to the folder that holds them",
        )
    return found[0], found[1]


@dataclass(frozen=True)
class Bench:
    """The clip, ingested, and the job, captured."""

    sandbox: ProcessSandbox
    runtime: Runtime
    face: Path
    manifest: Manifest
    code: Path
    entrypoint: str
    outputs: dict[str, Any]
    model: Path
    folder: Path

    def job(self) -> tuple[Outcome, dict[str, Any]]:
        """Run the job in the sandbox; its end, and what it returned."""
        out = Path(tempfile.mkdtemp(dir=self.folder, prefix="out-"))
        request = {
            "entrypoint": self.entrypoint,
            "parameters": PARAMETERS,
            "outputs": self.outputs,
            "cameras": None,
            "interpreter": self.runtime.interpreter,
            "seed": 0,
        }
        outcome = self.sandbox.run(
            SandboxTask(
                task_id="bench",
                program="run",
                runtime=self.runtime,
                request=request,
                limits=LIMITS,
                out=out,
                code=self.code,
                dataset=self.face,
            )
        )
        if outcome.status != "done":
            raise JobFailedError(
                f"the job ended as {outcome.status} ({outcome.limit or outcome.error_class})\n"
                + outcome.log.decode(errors="replace"),
                next_step="read the log above",
            )
        return outcome, {name: json.loads((out / name).read_bytes()) for name in self.outputs}

    def bare(self) -> tuple[float, int, int]:
        """Seconds, frames and persons on every twentieth frame of the bare loop."""
        yolox = Yolox(open_interpreter(self.model.read_bytes(), "litert"))
        frames = every = 0
        began = time.perf_counter()
        for segment in self.manifest.segments:
            with zipfile.ZipFile(self.face / "segments" / f"{segment.sha256}.zip") as archive:
                for position in range(segment.frames):
                    data = np.frombuffer(archive.read(f"{position:06d}.jpg"), np.uint8)
                    image = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
                    found = yolox.find(image, PARAMETERS["score"], PARAMETERS["iou"])
                    if (segment.first + position) % EVERY == 0:
                        every += sum(kind == 0 for kind, _, _ in found)
                    frames += 1
        return time.perf_counter() - began, frames, every


@contextmanager
def prepared() -> Iterator[Bench]:
    """The clip goes through the real ingest, the job through the real capture."""
    clip, model = material()
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        lock = REPOSITORY / "requirements" / "runtime-litert.txt"
        runtime = describe_runtime("tflite", Path(sys.executable), lock, interpreter="litert")
        roots = (folder, clip.parent) if os.geteuid() == 0 else ()
        with ProcessSandbox(runtimes=[runtime], roots=roots, slots=1) as sandbox:
            store = FolderFootage(folder / "footage")
            source = footage_source(clip, camera="cam-1", start=0.0)
            manifest = (
                Ingest(sandbox=sandbox, runtime=runtime, store=store, state=folder)
                .run(IngestPlan(dataset="clip", sources=(source,), classes=("person",)))
                .manifest
            )
            job = as_job(model)
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
                model=model,
                folder=folder,
            )


def main() -> None:
    cv2.setNumThreads(1)
    bare: list[float] = []
    jobs: list[float] = []
    with prepared() as bench:
        for _ in range(ROUNDS):  # in turns: what else the machine does hits both
            seconds, frames, every = bench.bare()
            bare.append(seconds)
            outcome, outputs = bench.job()
            jobs.append(outcome.seconds)
    totals = outputs["totals"]
    line = {
        "bench": "detect",
        "ratio": round(min(bare) / min(jobs), 3),
        "job_s": round(min(jobs), 2),
        "bare_s": round(min(bare), 2),
        "frames": int(totals["frames"]),
        "every20_persons": int(totals["every20_persons"]),
        "bare_frames": frames,
        "bare_every20_persons": every,
        "rounds": ROUNDS,
        "job_max_rss_mib": outcome.max_rss_mib,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    try:
        main()
    except DataError as error:
        print(f"detect: {error}", file=sys.stderr)
        sys.exit(2)
