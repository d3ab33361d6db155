"""Where tests run small jobs: one sandbox per set of walls, shared by a test session."""

import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from darkroom.adapters.sandbox.plan import Layer
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.model.job import Limits
from darkroom.ports import Outcome, Runtime, SandboxTask
from tests.runtime.faces import write_face


SCALARS = {"result": {"type": "scalars", "names": ["n"]}}
# Uids of tests: apart from those of a node that may run on the same machine.
FIRST_UID = 64600


class Workshop:
    """Makes folders, runs jobs, ends its sandboxes."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.face = write_face(state / "face")
        self.runtime: Runtime = describe_runtime(
            "tflite", Path(sys.executable), Path("pyproject.toml"), interpreter="litert"
        )
        self._numbers = count()
        self._sandboxes: dict[tuple[object, ...], ProcessSandbox] = {}

    def sandbox(self, *without: Layer, cgroups: bool = True) -> ProcessSandbox:
        """The sandbox with these walls left out."""
        key = (frozenset(without), cgroups)
        if key not in self._sandboxes:
            self._sandboxes[key] = ProcessSandbox(
                runtimes=[self.runtime],
                roots=[self.state],
                slots=4,
                first_uid=FIRST_UID + 4 * len(self._sandboxes),
                cgroups=cgroups,
                without=frozenset(without),
            )
        return self._sandboxes[key]

    def folder(self, name: str) -> Path:
        """A fresh folder that only the node may enter."""
        folder = self.state / f"{name}-{next(self._numbers)}"
        folder.mkdir(mode=0o700)
        return folder

    def task(self, job: str, **changes: Any) -> SandboxTask:
        """A task that runs the body of a job function; its files are closed to others."""
        code = self.folder("code")
        file = code / "job.py"
        file.write_text("def job(data, params):\n" + textwrap.indent(textwrap.dedent(job), "    "))
        file.chmod(0o600)
        request = {
            "entrypoint": "job:job",
            "parameters": changes.pop("parameters", {}),
            "outputs": changes.pop("outputs", SCALARS),
            "cameras": changes.pop("cameras", None),
            "interpreter": "litert",
            "seed": 1,
        }
        fields = {
            "task_id": f"t-{next(self._numbers)}",
            "program": "run",
            "runtime": self.runtime,
            "request": request,
            "limits": changes.pop("limits", limits()),
            "out": self.folder("out"),
            "code": code,
            "dataset": self.face,
        }
        return SandboxTask(**{**fields, **changes})

    def run(
        self,
        job: str,
        *,
        without: tuple[Layer, ...] = (),
        cgroups: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
        **changes: Any,
    ) -> tuple[Outcome, Path]:
        """Run a job; its outcome and the folder that it filled."""
        task = self.task(job, **changes)
        sandbox = self.sandbox(*without, cgroups=cgroups)
        return sandbox.run(task, cancelled=cancelled), task.out

    def close(self) -> None:
        """End all sandboxes."""
        for sandbox in self._sandboxes.values():
            sandbox.close()


def limits(**changes: int) -> Limits:
    """Small limits, with some changed."""
    small = {
        "memory_mib": 256,
        "cpu_seconds": 20,
        "wall_seconds": 20,
        "processes": 32,
        "files": 64,
        "output_mib": 4,
    }
    return Limits(**{**small, **changes})


@pytest.fixture(scope="module", name="workshop")
def open_workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Skips, with the reason, where this machine cannot contain anything."""
    shop = Workshop(tmp_path_factory.mktemp("state"))
    try:
        problem = shop.sandbox().problem
        if problem is not None:
            pytest.skip(f"no sandbox here: {problem}")
        yield shop
    finally:
        shop.close()


def as_root() -> bool:
    """Whether the launcher is root in this test session."""
    return os.geteuid() == 0


def named(name: str) -> int:
    """How many processes on the machine call themselves so (`prctl(PR_SET_NAME)`)."""
    found = 0
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            found += entry.name.isdecimal() and (entry / "comm").read_text().strip() == name
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Until a condition holds, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come to hold"
        threading.Event().wait(0.02)
