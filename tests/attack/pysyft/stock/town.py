"""Two owners and two scientists on the stock engine, and a relay that anybody may write to.

`north` and `south` own data; `alice` is honest, `bob` is an approved scientist who attacks.
Nothing of Darkroom is in the way: this is where an attack is shown to work.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from syft.sync.messages.proposed_filechange import ProposedFileChange, ProposedFileChangesMessage
from syft_rds.client import SyftRDSClient

from tests.attack.pysyft.stock.carrier import FolderCarrier
from tests.attack.pysyft.stock.client import prebuilt, run_approved, stock_client


OWNERS = ("north@town.example", "south@town.example")
SCIENTISTS = ("bob@town.example", "alice@town.example")  # the attacker is listed first
NORTH, SOUTH = OWNERS
BOB, ALICE = SCIENTISTS
SECRET = "frames of the square"
HONEST = "print('counted')\n"
# A state as the engine writes it down; whoever can put it there decides.
APPROVED = yaml.dump({"canonical_name": "JobState", "version": "1", "status": "approved"})


@dataclass
class Town:
    """Everybody's folders, and their clients as they are opened."""

    folder: Path
    clients: dict[str, SyftRDSClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.relay = FolderCarrier(self.folder / "relay")

    def box(self, address: str) -> Path:
        """That person's SyftBox folder; the datasite of an owner is the folder of its name."""
        return self.folder / address.partition("@")[0] / "box"

    def site(self, owner: str) -> Path:
        return self.box(owner) / owner

    def open(self, address: str) -> SyftRDSClient:
        """The client of somebody, as a starting process does it."""
        self.clients[address] = stock_client(
            self.relay, email=address, folder=self.box(address), owner=address in OWNERS
        )
        return self.clients[address]

    def __getitem__(self, address: str) -> SyftRDSClient:
        return self.clients.get(address) or self.open(address)

    # ------------------------------------------------------------------------------ the story

    def submit(self, by: str, code: str = HONEST, *, to: str = NORTH, name: str = "count") -> None:
        """An honest submission through the stock client."""
        script = self.folder / f"{name}.py"
        script.write_text(code)
        self[by].submit_python_job(to, str(script), name, force_submission=True)

    def say(self, by: str, changes: dict[str, str], *, to: str = NORTH, **more: Any) -> None:
        """What a client that does not keep to the rules sends: any paths, any inner sender."""
        message = proposal(changes, to=to, **({"sender": by} | more))
        router = self[by].sync_engine.datasite_watcher_syncer.connection_router
        router.watcher_send_proposed_file_changes_message(to, message)

    def hostile_job(self, scientist: str, name: str = "count") -> dict[str, str]:
        """A whole job in the inbox of somebody; its `run.sh` leaves a mark on the machine."""
        config = {
            "canonical_name": "JobSubmissionMetadata", "version": "1", "name": name,
            "type": "python", "job_type": "local", "entrypoint": "main.py",
            "submitted_at": "2026-11-01T00:00:00Z", "dependencies": [], "files": ["main.py"],
        }  # fmt: skip
        return {
            f"{inbox(scientist, name)}/code/main.py": HONEST,
            f"{inbox(scientist, name)}/run.sh": self.leaves_mark(),
            f"{inbox(scientist, name)}/config.yaml": yaml.dump(config),
        }

    def leaves_mark(self) -> str:
        """A shell script of an attacker."""
        return f"#!/bin/bash\ntouch {self.folder}/ran\n"

    def play(self, by: str, code: str, *, name: str = "count", **how: Any) -> dict[str, bytes]:
        """An approved job from its submission to its end; what its submitter then has."""
        self.submit(by, code, name=name)
        self[NORTH].sync()
        self.job(name, by=by).approve("looks fine")
        run_approved(self[NORTH], **how)
        self[NORTH].sync()
        self[by].sync()
        outputs = self.box(by) / NORTH / review(by, name) / "outputs"
        return {p.name: p.read_bytes() for p in outputs.glob("*") if p.is_file()}

    @property
    def ran(self) -> bool:
        """Whether an attacker's code ran on an owner's machine."""
        return (self.folder / "ran").exists()

    def hash_of(self, path: str, *, by: str, at: str = NORTH) -> str:
        """What a scientist's client knows of a file at a datasite."""
        cache = self[by].sync_engine.datasite_watcher_syncer.datasite_watcher_cache
        return cache.file_hashes[Path(at) / path]

    def state(self, job: str = "count", *, by: str = ALICE, at: str = NORTH) -> str:
        """The state of a job as its owner sees it, or "" where there is none."""
        jobs = [j for j in self[at].job_client.jobs if (j.name, j.submitted_by) == (job, by)]
        return jobs[0].status if jobs else ""

    def job(self, job: str = "count", *, by: str = ALICE, at: str = NORTH) -> Any:
        (found,) = [j for j in self[at].job_client.jobs if (j.name, j.submitted_by) == (job, by)]
        return found


def inbox(scientist: str, job: str = "count") -> str:
    """Where a datasite keeps what was submitted."""
    return f"app_data/job/inbox/{scientist}/v1/{job}"


def review(scientist: str, job: str = "count") -> str:
    """Where a datasite keeps the state of a job and what came out."""
    return f"app_data/job/review/{scientist}/v1/{job}"


def found_town(folder: Path) -> Town:
    """Keys, peers and a private dataset; the scientists are approved."""
    town = Town(folder)
    prebuilt(folder / "programs")
    for owner in OWNERS:
        for scientist in SCIENTISTS:
            town[scientist].add_peer(owner, sync=False, verbose=False)
            town[owner].load_peers()
            town[owner].approve_peer_request(scientist, verbose=False)
    for owner in OWNERS:
        files = folder / "files" / owner
        files.mkdir(parents=True)
        (files / "mock.txt").write_text("rendered")
        (files / "private.txt").write_text(SECRET)
        town[owner].create_dataset(
            "plaza", files / "mock.txt", files / "private.txt", users=list(SCIENTISTS), sync=False
        )
        town[owner].sync()
    for scientist in SCIENTISTS:
        town[scientist].sync()
    return town


def moved_town(town: Town, folder: Path) -> Town:
    """A copy of its folders for one test; its clients are opened anew, as after a restart."""
    shutil.copytree(town.folder, folder, symlinks=True)
    return Town(folder)


def proposal(
    changes: dict[str, str | bytes], *, sender: str, to: str = NORTH, **more: Any
) -> ProposedFileChangesMessage:
    """A message of the engine's own classes, with whatever its fields can hold."""
    return ProposedFileChangesMessage(
        sender_email=sender,
        proposed_file_changes=[
            ProposedFileChange(path_in_datasite=path, content=text, datasite_email=to, **more)
            for path, text in changes.items()
        ],
    )
