"""The owner of a town or a village at PySyft's own client."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.apart import Apart
from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import SubmittedFolder
from darkroom.adapters.pysyft.translation import JOB_PARAMETER, code_tree
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.owner_store import SqliteOwnerStore
from darkroom.bootstrap.owner import Office
from darkroom.bootstrap.pysyft_owner import client_of
from darkroom.display.review_page import review_fragment
from darkroom.display.review_text import plain_text
from darkroom.model.budget import Budget
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Environment
from darkroom.model.output import Scalars
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.owner.desk import Desk
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.rules import Rules


NORTH = "north@darkroom"
ALICE = "alice@darkroom"
BUDGET = Budget(name="ample", per="dataset", period_days=7, releases=1000)
POLICY = SitePolicy(
    version=1,
    domain="north",
    grants=(Grant(scientist="alice", datasets=("plaza",), tiers=("mock", "reviewed")),),
    budgets=(BUDGET,),
)
MAIN = b"import json\njson.dump({'n': 3}, open('outputs/result.json', 'w'))\n"
RUN = b"#!/bin/bash\ntouch /tmp/it-ran\npython main.py\n"


@dataclass
class Datasite:
    """An office with PySyft's client on it.

    Attributes:
        said: what a person was told.
    """

    office: Office
    folder: Path
    client: Any
    said: list[str]

    @property
    def box(self) -> Path:
        return self.folder / "box"

    @property
    def inbox(self) -> Path:
        return self.box / NORTH / "app_data" / "job" / "inbox"

    @property
    def review(self) -> Path:
        return self.box / NORTH / "app_data" / "job" / "review"

    def jobs(self) -> dict[str, str]:
        """Name -> status, after a sync."""
        return {job.name: job.status for job in self.client.jobs}

    def heard(self, words: str) -> bool:
        return any(words in text for text in self.said)

    def files(self) -> set[str]:
        """What lies in the datasite's folder."""
        place = self.box / NORTH
        return {p.relative_to(place).as_posix() for p in place.rglob("*") if not p.is_dir()}


def log_in(office: Office, folder: Path, *, now, **more: Any) -> Datasite:
    said: list[str] = []
    client = client_of(office, folder, folder=folder / "box", now=now, tell=said.append, **more)
    return Datasite(office, folder, client, said)


def office_of(town, *, reviewer: bool = False) -> Office:
    return Office(
        state=town.folder,
        identity=town.owner.identity,
        desk=town.desk,
        reviewer=reviewer,
        owners_rules=town.rules,
    )


def village_office(village) -> Office:
    """Olga's, on a store and rules of her own."""
    store = SqliteOwnerStore(village.folder / "olga.sqlite")
    person = village.owner
    common = {
        "domain": village.keyring.identity,
        "store": store,
        "keyring": person.keyring,
        "clock": village.clock,
    }
    mailroom = Mailroom(**common, post=person.post, relay=person.relay, verifier=SycVerifier())
    desk = Desk(
        **common,
        mailroom=mailroom,
        verifier=SycVerifier(),
        apart=Apart("darkroom.owner.findings.child"),
        html=review_fragment,
        text=plain_text,
    )
    rules = Rules(**common, gateway="http://127.0.0.1:1", mailroom=mailroom)
    return Office(
        state=village.folder,
        identity=person.keyring.identity,
        desk=desk,
        reviewer=False,
        owners_rules=rules,
    )


def pysyft_job(name: object = "count 1", code: dict[str, bytes] | None = None, models=None) -> dict:
    """Files and fields of a request for review, as a node makes them of a PySyft submission."""
    code = {"main.py": MAIN} if code is None else code
    models = {"detector.tflite": b"\x00a model"} if models is None else models
    outputs = {"result": Scalars(names=("n",))}
    declaration = Declaration(
        dataset="plaza",
        dataset_version="sha256:" + "22" * 32,
        environment=Environment(name="tflite", lock_hash="sha256:" + "11" * 32),
        outputs=outputs,
        models={n: digest_bytes(d) for n, d in models.items()},
    )
    folder = SubmittedFolder(
        job_name="job", entrypoint="main.py", code={}, launcher="", dependencies=()
    )
    tree = code_tree(folder, declaration, datasite=NORTH)
    return {
        "files": {
            "pysyft_job.py": tree["pysyft_job.py"],
            "run.sh": RUN,
            **{f"code/{path}": data for path, data in code.items()},
            **{f"models/{n}": d for n, d in models.items()},
        },
        "entrypoint": "pysyft_job:main",
        "name": "pysyft-main",
        "outputs": outputs,
        "parameter_schema": {JOB_PARAMETER: "text"},
        "parameters": {JOB_PARAMETER: name},
    }
