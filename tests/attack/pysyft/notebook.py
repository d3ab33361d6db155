"""A scientist's notebook with the stock client on our connection, at two domains.

`north` is honest, `east` is a hostile owner: its end of the wire is in the test's hands, with
its real keys, as a malicious owner's is.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from syft_rds.client import SyftRDSClient

from darkroom.adapters.pysyft.address import address_of
from darkroom.bootstrap.mock_shop import MockFaces
from darkroom.bootstrap.pysyft_scientist import client_for
from darkroom.model.canonical import canonical
from tests.scientist.conftest import Bench, a_profile


NORTH, EAST, ALICE = map(address_of, ("north", "east", "alice"))
COLUMNS = {"camera": "text", "n": "int"}
DECLARED = json.dumps(
    {
        "dataset": "plaza",
        "outputs": {"counts": {"type": "table", "columns": COLUMNS, "max_rows": 9}},
    }
)
TABLE = canonical({"columns": COLUMNS, "rows": [["cam1", 2]]})


class Notebook:
    """One kernel on one box."""

    def __init__(self, bench: Bench, folder: Path, mocks: Path) -> None:
        """Connect it.

        Args:
            bench: the session, and the domains' ends of the wire.
            folder: where the box lies.
            mocks: rendered faces, kept for the next one.
        """
        self.bench, self.folder = bench, folder
        folder.mkdir(parents=True)
        self.box = folder / "box"
        for name in bench.domains:
            self.publish(name)
        bench.session._mocks = MockFaces(mocks, say=bench.said.append)
        self.client = self.opened()

    def publish(self, name: str, **changed: Any) -> None:
        """A domain says of itself that it speaks PySyft."""
        said = {"pysyft": {"version": "0.10.0", "models": {}}} | changed
        signed = self.bench.domains[name].keyring.sign("profile", a_profile(name, **said))
        self.bench.exchange.profiles[name] = signed

    def opened(self) -> SyftRDSClient:
        """A client as `login_ds` gives it."""
        return client_for(
            self.bench.session, self.box, discover=lambda task: (self.bench.runner(task), None)
        )

    def submit(self, to: str, name: str = "count", **more: Any) -> Any:
        """A job through the stock client; its request as the domain got it."""
        source = self.folder / f"source of {name} to {to}"
        source.mkdir()
        (source / "main.py").write_text("print('counted')\n")
        (source / "darkroom.json").write_text(DECLARED)
        self.client.submit_python_job(to, str(source), name, force_submission=True, **more)
        newest = max(self.bench.session.store.submissions(), key=lambda row: row.created_at)
        return newest.jobs[0].request

    def status(self, at: str, name: str = "count") -> str:
        """As the stock client shows it."""
        found = [j for j in self.client.job_client.jobs if j.datasite_owner_email == at]
        (job,) = [j for j in found if j.name == name]
        return job.status

    def footprint(self) -> dict[str, str]:
        """Path -> hash of everything below our folder, what the engine remembers left out."""
        return {
            p.relative_to(self.folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in self.folder.rglob("*")
            if p.is_file() and not {"box-event-messages", ".sync.lock"} & set(p.parts)
        }

    def written(self, before: dict[str, str]) -> set[str]:
        """What changed since."""
        after = self.footprint()
        return {path for path in before.keys() | after if before.get(path) != after.get(path)}
