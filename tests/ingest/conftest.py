"""The real sandbox, once for all ingest tests."""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.node.ingest import Ingest
from darkroom.ports import Runtime


ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Workshop:
    sandbox: ProcessSandbox
    runtime: Runtime

    def ingest(self, state: Path) -> Ingest:
        return Ingest(
            sandbox=self.sandbox,
            runtime=self.runtime,
            store=FolderFootage(state / "footage"),
            state=state,
        )


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    runtime = describe_runtime("decode", Path(sys.executable), ROOT / "requirements" / "node.txt")
    roots = {tmp_path_factory.getbasetemp().resolve(), Path(tempfile.gettempdir()).resolve()}
    with ProcessSandbox(
        runtimes=[runtime], roots=sorted(roots) if os.geteuid() == 0 else (), slots=2
    ) as sandbox:
        yield Workshop(sandbox, runtime)
