"""Mock faces and runs on them, on the scientist's own machine."""

import json
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from darkroom.errors import OutputError, StateError
from darkroom.model.dataset import DatasetCard
from darkroom.model.output import output_to_mapping
from darkroom.model.shard import Shard, cut
from darkroom.runtime import Dataset
from darkroom.runtime.dataset import MANIFEST, read_manifest
from darkroom.runtime.inspection import MANIFEST as INSPECTED
from darkroom.runtime.local import LocalOutcome, run_task_locally
from darkroom.runtime.parts import read_part
from darkroom.scientist.mock import mock_face
from darkroom.scientist.mock_run import MockOutcome, MockTask


WORKERS = 2  # a job that may be split is split, so that its merge is tried as well
SEED = 0
T = TypeVar("T")


class MockFaces:
    """Renders a mock from its card once and keeps it."""

    def __init__(self, cache: Path, *, say: Callable[[str], None]) -> None:
        self._cache = cache
        self._say = say
        self._said: set[str] = set()

    def face(self, card: DatasetCard) -> Path:
        """The folder of the mock face of a card; made once, then kept."""

        def progress(done: int, total: int) -> None:
            del done
            address = f"{card.domain}/{card.name}"
            if address not in self._said:
                self._said.add(address)
                self._say(f"rendering the mock of {address} from its card ({total:,} frames)")

        return mock_face(card, self._cache, progress)

    def open(self, card: DatasetCard) -> Dataset:
        """The mock face as a dataset."""
        return Dataset(self.face(card))


class LocalMockRunner:
    """Runs a job on a mock face with the programs that a domain runs: run, merge, inspect."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, task: MockTask) -> MockOutcome:
        """Run to the end or to a limit; never raises for what the job does."""
        return self._in_a_folder(lambda work: _Run(task, work).outcome())

    def discover(self, task: MockTask) -> tuple[MockOutcome, Any]:
        """Run a job whose outputs nobody has declared yet.

        Args:
            task: with a `merge`, so that the return value is kept as it is; it is not called.

        Returns:
            How it ended, and what it returned (None unless it is done).
        """
        return self._in_a_folder(lambda work: _Run(task, work).returned())

    def _in_a_folder(self, run: Callable[[Path], T]) -> T:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder))
            try:
                return run(work)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise StateError(
                f"the mock run has no room to work: {error.strerror}",
                next_step=f"make room on the disk of {self._folder}",
            ) from error


class _Run:
    def __init__(self, task: MockTask, work: Path) -> None:
        self._task = task
        self._work = work
        self._log = b""
        self._seconds = 0.0

    def outcome(self) -> MockOutcome:
        """All programs, one after the other."""
        task, work = self._task, self._work
        self._lay_out()
        face = read_manifest(task.face / MANIFEST)
        shards = cut(face, task.split, WORKERS)
        with ThreadPoolExecutor(len(shards)) as pool:
            parts = list(pool.map(self._run, range(len(shards)), shards))
        final = work / "parts" / "0"
        for outcome in parts:
            self._note(outcome)
        bad = next((o for o in parts if o.status != "done"), None)
        if bad is None and (task.merge or len(shards) > 1):
            final = work / "merged"
            merged = self._program("merge", final, parts=work / "parts")
            self._note(merged)
            bad = merged if merged.status != "done" else None
        self._seconds += max(o.seconds for o in parts)
        if bad is not None:
            return self._ended(bad.status, bad.limit, bad.error_class)
        return self._inspected(final, sum(camera.frames for camera in face.cameras))

    def returned(self) -> tuple[MockOutcome, Any]:
        """The job alone, and what it returned."""
        self._lay_out()
        ran = self._run(0, Shard())
        self._note(ran)
        self._seconds = ran.seconds
        if ran.status != "done":
            return self._ended(ran.status, ran.limit, ran.error_class), None
        try:
            value = read_part(self._work / "parts" / "0")
        except OutputError as error:
            return self._ended("failed", error.message, "OutputError"), None
        frames = Dataset(self._task.face).count()
        return replace(self._ended("done", "", ""), frames=frames), value

    def _lay_out(self) -> None:
        for path, data in self._task.files.items():
            target = self._work / "code" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def _inspected(self, final: Path, frames: int) -> MockOutcome:
        kept = self._work / "kept"
        inspected = self._program("inspect", kept, parts=final)
        self._note(inspected)  # why, in full: a domain tells one of a few sentences
        if inspected.status != "done":
            return self._ended(inspected.status, inspected.limit, inspected.error_class)
        problems = json.loads((kept / INSPECTED).read_bytes())["problems"]
        if problems:
            words = "; ".join(f"output {name}: {why}" for name, why in problems.items())
            return self._ended("failed", words, "OutputError")
        return MockOutcome(
            status="done",
            seconds=self._seconds,
            frames=frames,
            outputs={name: (kept / name).read_bytes() for name in self._task.outputs},
            log=self._log.decode(errors="replace"),
        )

    def _run(self, number: int, shard: Shard) -> LocalOutcome:
        out = self._work / "parts" / str(number)
        return self._program("run", out, dataset=self._task.face, shard=shard)

    def _program(
        self,
        program: Any,  # noqa: ANN401  # one of the runtime's literals
        out: Path,
        *,
        dataset: Path | None = None,
        parts: Path | None = None,
        shard: Shard | None = None,
    ) -> LocalOutcome:
        task = self._task
        out.mkdir(parents=True)
        request = {
            "entrypoint": task.entrypoint,
            "merge": task.merge,
            "parameters": task.parameters,
            "outputs": {n: output_to_mapping(o) for n, o in task.outputs.items()},
            **(shard.to_mapping() if shard else {}),
            "interpreter": "litert",
            "airlock": task.airlock.to_mapping(),
            "seed": SEED,
        }
        return run_task_locally(
            program,
            request,
            out=out,
            code=self._work / "code",
            dataset=dataset,
            parts=parts,
            limits=task.limits,
        )

    def _note(self, outcome: LocalOutcome) -> None:
        self._log += outcome.log

    def _ended(self, status: str, problem: str, error_class: str) -> MockOutcome:
        return MockOutcome(
            status=status,
            seconds=self._seconds,
            problem=problem,
            error_class=error_class,
            log=self._log.decode(errors="replace"),
        )
