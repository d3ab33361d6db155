"""A domain with its owner and two scientists, moved step by step by a test.

Keys, seals, signatures, letters, database and inspection are the real ones; the gateway,
the sandbox and the clock are those of `outside.py`, so that a test decides what happens.
"""

import functools
import secrets
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.pysyft.endpoint import PysyftEndpoint, RegisteredModel
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.node_assembly import Parts, assemble
from darkroom.config import parse_yaml
from darkroom.model.approval_rule import ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.canonical import digest_bytes
from darkroom.model.dataset import Camera, DatasetCard, Manifest, Segment
from darkroom.model.job import Environment, JobRequest, JobSpec, Limits
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.output import Scalars
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.model.statement import Statement
from darkroom.policy.disclosure import output_digest
from darkroom.policy.transitions import FINAL
from darkroom.ports import Runtime
from darkroom.post import Post
from darkroom.post.invitation import Invitation
from tests.node.outside import Exchange, HandClock, MemoryPins, ScriptedSandbox


CODE = b"def count(data, params):\n    return {'counts': {'frames': data.count()}}\n"
FILES = {"job.py": CODE}
LOCK = "sha256:" + "1" * 64
ENVIRONMENT = Environment(name="tflite", lock_hash=LOCK)
MODEL = b"a registered model"
ROOM = 1 << 40
AMPLE = Budget(name="ample", per="dataset", period_days=7, releases=1000)


def rule(code_digest: str, *, release: str = "auto") -> ApprovalRule:
    """Approves that code with no parameters or any."""
    return ApprovalRule(name=f"known-{code_digest[7:15]}", code_digest=code_digest, release=release)  # type: ignore[arg-type]


@functools.cache
def keys(name: str, role: str) -> SycKeyring:
    """Made once for all tests; making keys takes a while."""
    return SycKeyring.generate(name, role)  # type: ignore[arg-type]


def tiny_footage(folder: Path, cameras: int = 3) -> tuple[FolderFootage, Manifest]:
    """Cameras with a few frames each; the first one has the most."""
    import cv2
    import numpy as np

    face = folder / "face"
    (face / "segments").mkdir(parents=True)
    shown, segments = [], []
    for number in range(cameras):
        frames = 3 * (cameras - number)
        draft = face / "draft.zip"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            for index in range(frames):
                image = np.full((48, 64, 3), 10 * number + index, np.uint8)
                archive.writestr(f"{index:06d}.jpg", cv2.imencode(".jpg", image)[1].tobytes())
        sha256 = digest_bytes(draft.read_bytes()).removeprefix("sha256:")
        size = draft.stat().st_size
        draft.rename(face / "segments" / f"{sha256}.zip")
        shown.append(Camera(id=f"cam{number}", width=64, height=48, fps=1.0, frames=frames))
        segments.append(
            Segment(
                camera=f"cam{number}", minute=0, first=0, frames=frames, start=0.0,
                split="test", sha256=sha256, size=size,
            )
        )  # fmt: skip
    manifest = Manifest(
        dataset="plaza", face="private", cameras=tuple(shown), classes=("person",),
        annotations="none", segments=tuple(segments), source="test",
    )  # fmt: skip
    store = FolderFootage(folder / "footage")
    store.put(face, manifest)
    shutil.rmtree(face)
    return store, manifest


def card_of(manifest: Manifest, domain: str = "north") -> DatasetCard:
    frames = sum(camera.frames for camera in manifest.cameras)
    return DatasetCard(
        domain=domain, name=manifest.dataset, version=manifest.version, description="a square",
        cameras=manifest.cameras, classes=manifest.classes, annotations=manifest.annotations,
        split_frames={"train": 0, "test": frames}, start=0,
    )  # fmt: skip


@dataclass
class Person:
    """Somebody with keys and a mailbox at the exchange."""

    keyring: SycKeyring
    exchange: Exchange
    clock: HandClock
    pins: MemoryPins

    def __post_init__(self) -> None:
        self.name = self.keyring.identity.name
        self.relay = self.exchange.client(self.name)
        self.relay.register(self.keyring.identity)
        self.post = Post(
            relay=self.relay,
            keyring=self.keyring,
            verifier=SycVerifier(),
            pins=self.pins,
            clock=self.clock,
        )
        self.got: list[Letter] = []

    def say(self, kind: str, body: dict[str, Any], attachments=None, to: str = "north") -> Letter:
        letter = self.post.write(kind, to, body, attachments)
        self.post.send(letter)
        return letter

    def read(self) -> list[Letter]:
        """All letters so far."""
        for delivery in self.post.receive(wait=0):
            letter = delivery.letter or (delivery.introduction and delivery.introduction.letter)
            assert letter, delivery.problem
            self.got.append(letter)
            self.post.acknowledge(delivery.cursor)
        return self.got

    def letters(self, kind: str, job_id: str = "") -> list[Letter]:
        found = [letter for letter in self.read() if letter.kind == kind]
        return [
            letter
            for letter in found
            if not job_id
            or job_id in (letter.body.get("job_id"), letter.body.get("request", {}).get("job_id"))
        ]


class Village:
    """One domain `north`, owner `olga`, scientists `alice` and `bob`."""

    def __init__(self, folder: Path, *, workers: int = 2, cameras: int = 3) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(mode=0o700, parents=True)
        self.workers = workers
        self.clock = HandClock()
        self.exchange = Exchange()
        self.sandbox = ScriptedSandbox()
        self.free_bytes = ROOM
        self.oversize = lambda limits: ""  # what the sandbox says of limits
        self.said: list[str] = []
        self.runtimes = {
            "tflite": Runtime(
                name="tflite", python=Path("/usr/bin/python3"), paths=(), lock_hash=LOCK,
                interpreter="litert",
            )
        }  # fmt: skip
        self.keyring = keys("north", "domain")
        self.footage, self.manifest = tiny_footage(folder, cameras)
        self.mock_face = (self.footage.materialise(self.manifest.version), self.manifest)
        self.owner = self.person("olga", "owner")
        self.alice = self.person("alice", "scientist")
        self.bob = self.person("bob", "scientist")
        self.relay = self.exchange.client("north")
        with self.opened() as store:
            store.pin(self.owner.keyring.identity)
            store.pin(self.alice.keyring.identity)
            store.pin(self.bob.keyring.identity)
            store.register_dataset(card_of(self.manifest), self.manifest.version)
        for name in ("olga", "alice", "bob"):
            self.exchange.client("north").admit(name)
        self.store: SqliteNodeStore
        self.start()

    def person(self, name: str, role: str) -> Person:
        pins = MemoryPins()
        pins.pin(self.keyring.identity)
        person = Person(keys(name, role), self.exchange, self.clock, pins)
        person.relay.admit("north")
        return person

    def opened(self):
        from contextlib import closing

        return closing(SqliteNodeStore(self.state / "node.db"))

    # ------------------------------------------------------------------------- the process

    def parts(self) -> Parts:
        return Parts(
            store=self.store,
            keyring=self.keyring,
            verifier=SycVerifier(),
            relay=self.relay,
            sandbox=self.sandbox,
            footage=self.footage,
            runtimes=lambda: self.runtimes,
            clock=self.clock,
            free_bytes=lambda: self.free_bytes,
            mock=lambda card: self.mock_face,
            pause=lambda wish, seconds: self.clock.forward(seconds),
            oversize=lambda limits: self.oversize(limits),  # noqa: PLW0108 - tests change it
            endpoint=PysyftEndpoint(
                domain="north",
                pins=self.store.get,
                parse_yaml=parse_yaml,
                installed=lambda name: {"numpy": "1.26.4"} if name in self.runtimes else {},
                models={
                    "detector.tflite": RegisteredModel(
                        sha256=digest_bytes(MODEL), size=len(MODEL), read=lambda: MODEL
                    )
                },
            ),
        )

    def start(self) -> None:
        """Open the state folder as a starting process does."""
        self.store = SqliteNodeStore(self.state / "node.db")
        # Processes die in these stories, machines do not: nothing need reach the platter.
        self.store._db.execute("PRAGMA synchronous = OFF")
        self.node = assemble(
            self.parts(),
            state=self.state,
            title="North",
            owner="olga",
            workers=self.workers,
            say=self.said.append,
        )
        self.node.recover()
        self.node.walls.probe()

    def restart(self) -> None:
        """What is in memory is lost."""
        self.store.close()
        self.start()

    def poll(self) -> int:
        return self.node.service.poll_once(wait=0)

    def settle(self) -> None:
        """Until nothing moves any more."""
        moved = True
        while moved:
            moved = self.poll() > 0
            moved = self.node.service.work_once() or moved
            self.node.service.send_once()

    # --------------------------------------------------------------------------- the story

    def policy(self, version: int = 1, **more: Any) -> SitePolicy:
        fields: dict[str, Any] = {
            "version": version,
            "domain": "north",
            "grants": tuple(
                Grant(scientist=name, datasets=("plaza",), tiers=("mock", "reviewed"))
                for name in ("alice", "bob")
            ),
            "budgets": (AMPLE,),
        }
        return SitePolicy(**{**fields, **more})

    def in_force(self, **more: Any) -> "Village":
        """The owner signs a policy and the node takes it in."""
        self.sign_policy(self.policy(**more))
        self.settle()
        return self

    def sign_policy(self, policy: SitePolicy, signer: Person | None = None) -> Letter:
        statement = (signer or self.owner).keyring.sign("policy", policy.to_mapping())
        return self.owner.say("owner.policy", {"policy": statement.to_mapping()})

    def request(self, by: Person | None = None, **more: Any) -> JobRequest:
        by = by or self.alice
        spec_fields = {k: more.pop(k) for k in list(more) if k in SPEC}
        fields: dict[str, Any] = {
            "job_id": secrets.token_hex(16),
            "spec": spec(**spec_fields),
            "submitter": by.name,
            "submitter_fingerprint": by.keyring.identity.fingerprint,
            "audience": "north",
            "project": "counting",
            "dataset": "plaza",
            "dataset_version": self.manifest.version,
        }
        return JobRequest(**{**fields, **more})

    def submit(self, request: JobRequest, by: Person | None = None, files=None) -> Letter:
        files = FILES if files is None else files
        return (by or self.alice).say(
            "job.submit",
            {"request": request.to_mapping(), "mock": {"seconds": 0.5, "frames": 3}},
            {f"code/{path}": data for path, data in files.items()},
        )

    def decision(self, job_id: str, subject: str, verdict: str, digest: str, **more) -> Statement:
        return self.owner.keyring.sign(
            "decision",
            {
                "job_id": job_id, "subject": subject, "digest": digest, "verdict": verdict,
                "reason": "", "decided_at": self.clock.now(), **more,
            },
        )  # fmt: skip

    def decide(self, job_id: str, subject: str, verdict: str, digest: str, **more) -> Letter:
        statement = self.decision(job_id, subject, verdict, digest, **more)
        return self.owner.say("owner.decision", {"decision": statement.to_mapping()})

    def approve(self, request: JobRequest) -> Letter:
        return self.decide(request.job_id, "code", "approve", request.job_digest)

    def release(self, job_id: str, verdict: str = "release", **more: Any) -> Letter:
        (asked,) = self.owner.letters("release.request", job_id)
        assert asked.body["output_digest"] == output_digest(asked.body["outputs"])
        return self.decide(job_id, "output", verdict, asked.body["output_digest"], **more)

    def job(self, job_id: str) -> JobRecord:
        record = self.store.job(job_id)
        assert record is not None
        return record

    def state_of(self, job_id: str) -> str:
        return self.job(job_id).state

    def events(self, job_id: str = "") -> list[str]:
        return [event for event, _, _ in self.store.events(job_id or None)]

    def submitted(self, **more: Any) -> JobRequest:
        """A job of alice that the node has taken in."""
        request = self.request(**more)
        self.submit(request)
        self.settle()
        return request

    def approved(self, **more: Any) -> JobRequest:
        """A job that is approved and has not run."""
        request = self.submitted(**more)
        self.approve(request)
        self.poll()
        assert self.state_of(request.job_id) == "approved"
        return request

    def produced(self, **more: Any) -> JobRequest:
        """A job whose outputs wait for the owner."""
        request = self.approved(**more)
        self.settle()
        assert self.state_of(request.job_id) == "produced", self.job(request.job_id).reasons
        return request

    def ended(self, job_id: str) -> bool:
        record = self.store.job(job_id)
        return record is not None and record.state in FINAL


SPEC = set(JobSpec.__dataclass_fields__)


def spec(**more: Any) -> JobSpec:
    fields: dict[str, Any] = {
        "name": "count",
        "tier": "reviewed",
        "entrypoint": "job:count",
        "files": {path: digest_bytes(data) for path, data in FILES.items()},
        "environment": ENVIRONMENT,
        "outputs": {"counts": Scalars(names=("frames",))},
        "limits": Limits(),
    }
    return JobSpec(**{**fields, **more})


def invitation(village: Village, scientist: str = "carol", hours: float = 1.0) -> Invitation:
    return Invitation.mint(
        gateway="http://127.0.0.1:1",
        domain="north",
        domain_fingerprint=village.keyring.identity.fingerprint,
        scientist=scientist,
        expires_at=village.clock.now() + hours * 3600,
    )


def invited(village: Village, offer: Invitation) -> Letter:
    """The owner tells the node of an invitation."""
    statement = village.owner.keyring.sign("invitation", offer.to_body())
    return village.owner.say("owner.invitation", {"invitation": statement.to_mapping()})


def changed(statement: Statement, **more: Any) -> dict[str, Any]:
    """A statement whose body was changed after it was signed."""
    return replace(statement, body={**statement.body, **more}).to_mapping()
