"""T4, T26 with everything real: gateway, node and sandbox as processes, canaries in all of it.

A job that was approved sees its frames and looks for more. Whatever way it takes, nothing
that it saw is in a letter to its scientist, at the gateway, or on a console.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.canonical import digest_bytes
from darkroom.model.dataset import Manifest
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest
from darkroom.model.letter import Letter
from darkroom.model.site_policy import SitePolicy
from darkroom.post.enrolment import enrol
from darkroom.post.invitation import Invitation
from tests.attack.canaries import PIXELS, search, word
from tests.attack.canary_footage import canary_face
from tests.gateway.secrecy import stored
from tests.node import processes
from tests.node.processes import Caller, Running, call, freeze, write_domain, write_identity
from tests.node.village import AMPLE, card_of, spec


pytestmark = pytest.mark.e2e

# What it saw is printed whatever happens; `how` is the second way that it tries.
STEAL = b"""
import base64, json, os, sys, zlib

def count(data, params):
    row = next(iter(data.frames())).image[0].tobytes()
    saw = [row, json.dumps(dict(os.environ)).encode()]
    for top, folders, files in os.walk("/", followlinks=False):
        if top.startswith(("/proc", "/sys", "/usr", "/dev", sys.prefix, sys.base_prefix)):
            folders.clear()
            continue
        for name in files:
            try:
                saw.append(open(os.path.join(top, name), "rb").read(1 << 12))
            except OSError:
                pass
    for pid in [p for p in os.listdir("/proc") if p.isdecimal()]:
        try:
            saw.append(open(f"/proc/{pid}/environ", "rb").read())
        except OSError:
            pass
    print(base64.b64encode(row).decode(), row.hex(), list(row), flush=True)
    print(base64.b64encode(b" ".join(saw)[:20000]).decode(), file=sys.stderr, flush=True)
    match params["how"]:
        case "raise":
            raise ValueError(base64.b64encode(row).decode())
        case "file":
            open("/out/frame.jpg", "wb").write(row)
        case "text":
            return {"counts": {"frames": base64.b64encode(row).decode()}}
        case "exit":
            os._exit(row[0])
    return {"counts": {"frames": data.count()}}
"""
WAYS = ("print", "raise", "file", "text", "exit")


@dataclass(kw_only=True)
class House:
    """A gateway and a node that run, and what was heard from them."""

    folder: Path
    gateway: Running
    node: Running
    north: PublicIdentity
    manifest: Manifest
    olga: Caller
    alice: Caller
    lock_hash: str = ""
    heard: dict[str, list[Letter]] = field(default_factory=dict)

    def steal(self, how: str) -> str:
        """Submit it; the owner approves what she was asked, exactly."""
        request = JobRequest(
            job_id=secrets.token_hex(16),
            spec=spec(
                files={"job.py": digest_bytes(STEAL)},
                environment=Environment(name="tflite", lock_hash=self.lock_hash),
                parameter_schema={"how": "text"},
            ),
            parameters={"how": how}, submitter="alice",
            submitter_fingerprint=self.alice.keyring.identity.fingerprint, audience="north",
            project="counting", dataset="plaza", dataset_version=self.manifest.version,
        )  # fmt: skip
        self.alice.say(
            "job.submit", {"request": request.to_mapping(), "mock": {}}, {"code/job.py": STEAL}
        )
        asked = self.olga.await_letter(
            "review.request", wanted=lambda w: w.body["request"]["job_id"] == request.job_id
        )
        assert asked.attachments == {"code/job.py": STEAL}
        self.decide(request.job_id, "code", "approve", request.job_digest)
        return request.job_id

    def decide(self, job_id: str, subject: str, verdict: str, digest: str, **more: Any) -> None:
        body = {
            "job_id": job_id, "subject": subject, "digest": digest, "verdict": verdict,
            "reason": "", "decided_at": SystemClock().now(), **more,
        }  # fmt: skip
        said = self.olga.keyring.sign("decision", body)
        self.olga.say("owner.decision", {"decision": said.to_mapping()})

    def release(self, job_id: str, **more: Any) -> None:
        asked = self.olga.await_letter("release.request", job_id)
        self.decide(job_id, "output", "release", asked.body["output_digest"], **more)

    def letters(self, job_id: str, *ends: str) -> bytes:
        """All that alice is told of a job until it ended so, as it was opened."""
        clock = SystemClock()
        deadline = clock.monotonic() + processes.DEADLINE
        while not any(
            w.kind in ends or w.body.get("state") in ends for w in self.heard.get(job_id, [])
        ):
            assert clock.monotonic() < deadline, self.heard.get(job_id)
            for delivery in self.alice.post.receive(wait=2.0):
                self.alice.post.acknowledge(delivery.cursor)
                assert delivery.letter, delivery.problem
                job = str(delivery.letter.body.get("job_id"))
                self.heard.setdefault(job, []).append(delivery.letter)
        return b"\n".join(
            json.dumps(w.body).encode() + b"\n".join(w.attachments.values())
            for w in self.heard[job_id]
        )


def begin(house: House) -> None:
    """Enrol alice, and put a policy in force under which she may ask."""
    house.node.wait_for("is ready")
    offer = Invitation.mint(
        gateway="http://127.0.0.1:1", domain="north",
        domain_fingerprint=house.north.fingerprint, scientist="alice",
        expires_at=SystemClock().now() + 3600,
    )  # fmt: skip
    said = house.olga.keyring.sign("invitation", offer.to_body())
    house.olga.say("owner.invitation", {"invitation": said.to_mapping()})
    enrol(
        offer, relay=house.alice.relay, keyring=house.alice.keyring,
        verifier=house.alice.post._verifier, pins=house.alice.pins, clock=SystemClock(),
    )  # fmt: skip
    policy = SitePolicy.from_mapping(
        {
            "version": 1,
            "domain": "north",
            "grants": [{"scientist": "alice", "datasets": ["plaza"], "tiers": ["reviewed"]}],
            "budgets": [AMPLE.to_mapping()],
        }
    )
    said = house.olga.keyring.sign("policy", policy.to_mapping())
    house.olga.say("owner.policy", {"policy": said.to_mapping()})
    house.olga.await_letter("owner.notice", wanted=lambda n: "in force" in n.body["text"])
    profile = house.alice.relay.profiles()["north"].body
    house.lock_hash = profile["environments"]["tflite"]["lock_hash"]


def plant(state: Path) -> Manifest:
    """Canaries in the frames, beside the keys, and in another dataset."""
    store = FolderFootage(state / "footage")
    made = {}
    for name in ("plaza", "yard"):
        made[name] = canary_face(state / name, name, frames=3)
        store.put(state / name, made[name])
    (state / "keys-canary").write_text(word("keys"))
    (state / "yard" / "note.txt").write_text(word("other dataset"))
    opened = SqliteNodeStore(state / "node.db")
    for manifest in made.values():
        opened.register_dataset(card_of(manifest), manifest.version)
    opened.close()
    return made["plaza"]


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    freeze(folder)
    clean = processes.environment
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            processes, "environment", lambda: {**clean(), "OWNERS_TOKEN": word("environment")}
        )
        olga = SycKeyring.generate("olga", "owner")
        alice = SycKeyring.generate("alice", "scientist")
        state, domain = folder / "state", write_domain(folder, workers=2)
        with Running("gateway", "serve", "--state", folder / "gateway", "--port", 0) as gateway:
            address = gateway.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]
            made = call(
                "node", "init", "--state", state, "--domain", domain, "--gateway", address,
                "--owner", write_identity(folder / "olga.json", olga),
                "--public", folder / "north.json",
            )  # fmt: skip
            assert made.returncode == 0, made.stderr
            north = PublicIdentity.from_mapping(json.loads((folder / "north.json").read_text()))
            manifest = plant(state)
            with Running(
                "node", "serve", "--state", state, "--domain", domain, "--gateway", address
            ) as node:
                house = House(
                    folder=folder, gateway=gateway, node=node, north=north, manifest=manifest,
                    olga=Caller(olga, address, north), alice=Caller(alice, address, north),
                )  # fmt: skip
                begin(house)
                yield house
                house.olga.relay.close()
                house.alice.relay.close()


@pytest.mark.attack("T26", "T7", control="off")
def test_with_its_log_released_a_job_tells_what_it_saw(house):
    """The job did see its frames; of all the rest that is planted, nothing."""
    job_id = house.steal("print")
    house.release(job_id, with_log=True)

    told = house.letters(job_id, "job.result")

    assert {finding.planted for finding in search(told)} == {PIXELS}


@pytest.mark.attack("T4", "T7", "T8", "T26", control="on")
def test_whatever_way_a_job_takes_nothing_that_it_saw_leaves(house):
    ended = {}
    for how in WAYS:
        ended[how] = house.steal(how)
    house.release(ended["print"])

    for how, job_id in ended.items():
        told = house.letters(job_id, "job.result", "failed")
        assert told.count(b"job_id"), how
        assert search(told) == [], (how, told)
    for place, data in stored(house.folder / "gateway"):
        assert search(data) == [], place
    for process in (house.gateway, house.node):
        spoken = "\n".join(process.lines)
        assert search(spoken.encode()) == []
        assert not any(said in spoken for said in ("ValueError", "Traceback", "frames"))


@pytest.mark.attack("T18", control="on")
def test_nothing_can_connect_to_the_node(house):
    for process in [
        psutil.Process(house.node.process.pid),
        *psutil.Process(house.node.process.pid).children(recursive=True),
    ]:
        listening = [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening == [], process
