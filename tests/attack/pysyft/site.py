"""A Darkroom domain that is spoken to in PySyft, and what must be true after an attack.

`alice` is honest, `bob` is a pinned scientist who attacks. His letters are sealed and signed
with his own keys, as the threat says: what is hostile is the PySyft message inside.
"""

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any
from uuid import uuid4

from syft.sync.utils.syftbox_utils import compress_data
from syft_job.client import JobClient
from syft_job.config import SyftJobConfig

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.model.letter import Letter
from darkroom.model.output import Scalars
from tests.attack.pysyft.stock.town import proposal
from tests.node.village import ENVIRONMENT, Person, Village


NORTH, ALICE, BOB, OLGA = map(address_of, ("north", "alice", "bob", "olga"))
CODE = "print('counted')\n"


class Site(Village):
    """The village with a policy in force."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.in_force()
        self.declaration = Declaration(
            dataset="plaza",
            dataset_version=self.manifest.version,
            environment=ENVIRONMENT,
            outputs={"result": Scalars(names=("n",))},
        )

    # ----------------------------------------------------------------------------- to submit

    def files(
        self, by: Person, code: dict[str, str] | str = CODE, name: str = "count", **more: Any
    ) -> dict[str, str]:
        """Path -> text of a job as the stock client writes it down."""
        desk = self.folder / "desks" / secrets.token_hex(4)
        source = desk / "source"
        source.mkdir(parents=True)
        for path, text in ({"main.py": code} if isinstance(code, str) else code).items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        mine = SyftJobConfig(syftbox_folder=desk / "box", current_user_email=address_of(by.name))
        client = JobClient(mine)
        client.peer_install_sources[NORTH] = "syft==0.10.0"
        job = client.submit_python_job(NORTH, str(source), name, **more)
        site = desk / "box" / NORTH
        return {
            p.relative_to(site).as_posix(): p.read_text() for p in job.rglob("*") if p.is_file()
        }

    def message(self, by: Person, changes: dict[str, Any], **more: Any) -> bytes:
        """A message in the engine's form; `sender` may be anybody."""
        fields = {"sender": address_of(by.name), "to": NORTH} | more
        return proposal(changes, **fields).as_compressed_data()

    def body(self, name: str = "count") -> dict[str, Any]:
        """Of a letter that is well formed."""
        return {
            "job_id": secrets.token_hex(16), "job_name": name, "syft": "0.10.0",
            "declaration": self.declaration.to_mapping(), "mock": {},
        }  # fmt: skip

    def say(
        self,
        by: Person,
        message: bytes,
        *,
        name: str = "count",
        **changes: Any,
    ) -> Letter:
        """Any message inside a well-formed letter of somebody."""
        return by.say("pysyft.submit", self.body(name) | changes, {"message": message})

    def attack(self, changes: dict[str, Any], *, beside: bool = False, **more: Any) -> str:
        """Bob proposes these files; the id of his job.

        Args:
            beside: together with a job that is fine in itself.
            more: `sender`, `to`, fields of changes.
        """
        whole = (self.files(self.bob) if beside else {}) | changes
        return self.say(self.bob, self.message(self.bob, whole, **more)).body["job_id"]

    def raw(self, changes: dict[str, Any], *, beside: bool = False, sender: str = BOB) -> str:
        """The same, but paths and fields travel as they are: no class of the engine tidies up.

        A value is a text, or the fields of a change.
        """
        whole = (self.files(self.bob) if beside else {}) | changes
        form = {
            "id": str(uuid4()), "sender_email": sender,
            "message_filename": {"submitted_timestamp": 1.0, "uid": "u"},
            "proposed_file_changes": [
                {
                    "id": str(uuid4()), "old_hash": None, "submitted_timestamp": 1.0,
                    "path_in_datasite": path, "datasite_email": NORTH, "is_deleted": False,
                    "content_type": "text",
                }
                | (value if isinstance(value, dict) else {"content": value})
                for path, value in whole.items()
            ],
        }  # fmt: skip
        return self.say(self.bob, compress_data(json.dumps(form).encode())).body["job_id"]

    def honest(self, by: Person | None = None, *, name: str = "count", **more: Any) -> str:
        """A job that nothing is wrong with; its id."""
        by = by or self.alice
        message = self.message(by, self.files(by, name=name, **more))
        return self.say(by, message, name=name).body["job_id"]

    # --------------------------------------------------------------------------- what holds

    def footprint(self) -> dict[str, str]:
        """Path -> hash of everything below our folder, the database and desks left out."""
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file()
            and not path.name.startswith("node.db")
            and self.folder / "desks" not in path.parents
        }

    def shelved(self, job_id: str) -> dict[str, str]:
        """That part of the footprint which holds the code of a job."""
        digest = self.job(job_id).code_digest.removeprefix("sha256:")
        return {path: sha for path, sha in self.footprint().items() if digest in path}

    def refuses(self, why: str, *attacks: str) -> None:
        """Take in what waits, with an honest job of alice behind it.

        No attack became a job or left a file; each was put aside, noted and answered with the
        reason; the honest job waits for review, and nothing ran.
        """
        before, aside = self.footprint(), len(self.store.quarantined())
        noted = self.events().count("submission-refused")
        jobs = {record.job_id: record.state for record in self.store.jobs()}
        good = self.honest()
        self.settle()
        assert self.state_of(good) == "screened", self.job(good).reasons
        assert {r.job_id: r.state for r in self.store.jobs()} == jobs | {good: "screened"}
        assert self.footprint() == before | self.shelved(good)
        assert not self.sandbox.started
        put_aside = self.store.quarantined()[aside:]
        assert [sender for _, sender, _ in put_aside] == ["bob"] * len(attacks)
        assert all(why in reason for _, _, reason in put_aside), put_aside
        assert self.events().count("submission-refused") == noted + len(attacks)
        for job_id in attacks:
            (told,) = self.bob.letters("job.state", job_id)
            assert told.body["state"] == "rejected"
            assert any(why in reason for reason in told.body["reasons"])
