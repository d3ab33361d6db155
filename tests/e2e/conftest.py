"""One run of `make demo`'s own command for all tests here, and the same system opened again."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from darkroom.bootstrap.local_stack import BIN, LocalStack, StackPlan
from darkroom.config import REPOSITORY


DOMAINS = ("north", "east", "south")


@dataclass(frozen=True, slots=True)
class DemoRun:
    """What `darkroom demo` left behind.

    Attributes:
        root: with `report.json`, `notebooks/` and, kept for these tests, `state/`.
        said: everything it printed.
    """

    root: Path
    report: dict[str, Any]
    said: str


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    root = tmp_path_factory.mktemp("demo", numbered=False)
    done = subprocess.run(
        [BIN / "darkroom", "demo", "--root", root, "--keep"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    report = json.loads((root / "report.json").read_text())
    return DemoRun(root=root, report=report, said=done.stdout + done.stderr)


def plan_of(root: Path) -> StackPlan:
    """The demo's own system, without MLflow and with nobody who approves."""
    return StackPlan(
        root=root / "state",
        domains=tuple(REPOSITORY / "domains" / name for name in DOMAINS),
        run_log=False,
        attended=False,
    )


@pytest.fixture(scope="session")
def reopened(demo_run: DemoRun) -> Iterator[LocalStack]:
    """The system of the demo, started again on its kept state; owners are persons now."""
    stack = LocalStack(plan_of(demo_run.root))
    stack.start()
    yield stack
    stack.stop()
