"""Alice with PySyft's own client at the real node of the village."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.mock_shop import LocalMockRunner, MockFaces
from darkroom.bootstrap.pysyft_scientist import client_for, session_of
from darkroom.bootstrap.scientist_display import ScientistRenderer
from darkroom.display.progress import Quiet
from darkroom.model.canonical import canonical
from darkroom.model.job import JobRequest
from darkroom.scientist.advice import headline
from darkroom.scientist.catalogue import Catalogue
from darkroom.scientist.collect import Collector
from darkroom.scientist.mock_run import MockOutcome, MockTask
from darkroom.scientist.session import Session
from tests.node.village import MODEL, Village


NORTH, ALICE = "north@darkroom", "alice@darkroom"
SCALARS = '{"n": {"type": "scalars", "names": ["n"], "counts": []}}'
DECLARED = f'{{"dataset": "plaza", "models": [], "outputs": {SCALARS}}}'
SCRIPT = """
import json
import syft as sy
from darkroom import Dataset

data = Dataset(sy.resolve_dataset_file_path("plaza"))
print("seen on", len(data), "frames")
with open("outputs/n.json", "w") as file:
    json.dump({"n": len(data)}, file)
"""


class QuickMocks:
    """Says that every job gives `{"n": 1}` on mock, and counts how often it was asked."""

    def __init__(self) -> None:
        self.tasks: list[MockTask] = []

    def __call__(self, task: MockTask) -> MockOutcome:
        self.tasks.append(task)
        return MockOutcome(status="done", seconds=0.1, frames=9, outputs={"n": canonical({"n": 1})})


@dataclass
class PysyftBench:
    """One client; `again` is the next kernel, or another notebook on the same folder."""

    folder: Path
    village: Village
    quick: bool = True
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        village, relay = self.village, self.village.alice.relay
        village.node.presence.publish()
        village.sandbox.job = lambda request: {"n": {"n": 3}}
        self.look = relay.receive
        relay.receive = self._receive
        self.runner = LocalMockRunner(self.folder / "mock-runs")
        self.quick_mocks = QuickMocks()
        self.model = self.folder / "detector.tflite"
        self.model.write_bytes(MODEL)
        self.client = self.again()

    def _receive(self, *, wait: float) -> Any:
        """While she waits, the domain works."""
        if wait:
            self.village.settle()
        letters = self.look(wait=0)
        if wait and not letters:
            self.village.clock.forward(wait)
        return letters

    def open_session(self) -> Session:
        alice, relay, clock = self.village.alice, self.village.alice.relay, self.village.clock
        store, verifier = SqliteScientistStore(self.folder / "jobs.sqlite"), SycVerifier()
        return Session(
            identity=alice.keyring.identity,
            gateway="http://127.0.0.1:1",
            catalogue=Catalogue(relay=relay, verifier=verifier, pins=alice.pins),
            post=alice.post,
            collector=Collector(
                post=alice.post, pins=alice.pins, store=store, verifier=verifier, clock=clock
            ),
            store=store,
            clock=clock,
            mocks=MockFaces(self.folder / "mocks", say=self.said.append),
            run_mock=self.quick_mocks if self.quick else self.runner,
            run_log=None,
            run_log_address="",
            renderer=ScientistRenderer(clock),
            progress=lambda title: Quiet(title, headline, clock.now),
            say=self.said.append,
            pause=clock.forward,
        )

    def again(self) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return client_for(
                self.open_session(),
                self.folder / "box",
                discover=self.runner.discover,
                models={"detector.tflite": self.model},
            )

    @property
    def session(self) -> Session:
        return session_of(self.client)

    @property
    def connection(self) -> Any:
        return self.client.peer_manager.connection_router.connections[0]

    @property
    def box(self) -> Path:
        return self.folder / "box"

    def code(self, **files: str | bytes) -> Path:
        """A folder of code; `main__py` is `main.py`, a bare script when nothing is said."""
        folder = self.folder / f"code-{len(list(self.folder.glob('code-*')))}"
        folder.mkdir()
        for name, content in (files or {"main__py": SCRIPT, "darkroom__json": DECLARED}).items():
            path = folder / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def submit(self, name: str, code: Path | None = None, **more: Any) -> JobRequest:
        with contextlib.redirect_stdout(io.StringIO()):
            self.client.submit_python_job(NORTH, str(code or self.code()), job_name=name, **more)
        return self.request(name)

    def request(self, name: str) -> JobRequest:
        """The latest of that name."""
        submission = next(s for s in self.session.jobs if s.name == name)
        return submission.jobs["north"].request

    def job(self, name: str, client: Any = None) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return (client or self.client).jobs[name]

    def let_through(self, request: JobRequest, **more: Any) -> None:
        """The owner approves the run and releases what came of it."""
        village = self.village
        village.settle()
        if village.state_of(request.job_id) == "screened":
            village.approve(request)
            village.settle()
        village.release(request.job_id, **more)
        village.settle()

    def done(self, name: str, code: Path | None = None) -> Any:
        self.let_through(self.submit(name, code))
        return self.job(name)


@contextlib.contextmanager
def at_the_village(folder: Path, *, quick: bool = True) -> Iterator[PysyftBench]:
    """A bench in a folder; `quick` does not really run jobs on mock."""
    (folder / "village").mkdir()
    village = Village(folder / "village").in_force()
    yield PysyftBench(folder, village, quick=quick)
    village.store.close()


def quietly(do, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()):
        return do(*args, **kwargs)


def inbox(bench: PysyftBench) -> list[str]:
    folder = bench.box / NORTH / "app_data/job/inbox/alice@darkroom/v1"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
