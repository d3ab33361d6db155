"""The real parts together: processes, sockets, keys, walls. And kill -9."""

import json
import secrets
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.submitted_folder import read_folder
from darkroom.adapters.pysyft.translation import JOB_PARAMETER, translate
from darkroom.adapters.pysyft.wire import SUPPORTED, read_proposal
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.config import parse_yaml
from darkroom.errors import DarkroomError
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.canonical import digest_bytes
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest
from darkroom.model.output import Scalars
from darkroom.model.site_policy import SitePolicy
from darkroom.post.invitation import Invitation
from tests.adapters.pysyft.messages import job, message
from tests.node.processes import (
    TINY_MODEL,
    Caller,
    Running,
    call,
    freeze,
    write_domain,
    write_identity,
)
from tests.node.village import AMPLE, CODE, card_of, rule, spec, tiny_footage


pytestmark = pytest.mark.e2e
HIDDEN_SYFT = Path(__file__).parent / "hidden_syft"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    freeze(folder)
    olga, alice = SycKeyring.generate("olga", "owner"), SycKeyring.generate("alice", "scientist")
    domain, state = write_domain(folder, workers=2), folder / "state"
    with Running("gateway", "serve", "--state", folder / "gateway", "--port", 0) as gateway:
        address = gateway.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]
        made = call(
            "node", "init", "--state", state, "--domain", domain, "--gateway", address,
            "--owner", write_identity(folder / "olga.json", olga),
            "--public", folder / "north.json",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        north = PublicIdentity.from_mapping(json.loads((folder / "north.json").read_text()))
        _, manifest = tiny_footage(folder / "made")
        (folder / "made" / "footage").rename(state / "footage")
        store = SqliteNodeStore(state / "node.db")
        store.register_dataset(card_of(manifest), manifest.version)
        store.close()
        town = SimpleNamespace(
            folder=folder, state=state, domain=domain, address=address, north=north,
            manifest=manifest, olga=Caller(olga, address, north),
            alice=Caller(alice, address, north),
        )  # fmt: skip
        yield town
        town.olga.relay.close()
        town.alice.relay.close()


def serve(town, state=None, more=None):
    return Running(
        "node", "serve", "--state", state or town.state,
        "--domain", town.domain, "--gateway", town.address, more=more,
    )  # fmt: skip


def begin(town, node) -> None:
    """Wait for the node, enrol alice once, and put a policy in force that admits the job."""
    node.wait_for("is ready")
    town.lock_hash = town.alice.relay.profiles()["north"].body["environments"]["tflite"][
        "lock_hash"
    ]
    if hasattr(town, "policy"):
        return
    offer = Invitation.mint(
        gateway=town.address, domain="north", domain_fingerprint=town.north.fingerprint,
        scientist="alice", expires_at=SystemClock().now() + 3600,
    )  # fmt: skip
    town.olga.say(
        "owner.invitation",
        {"invitation": town.olga.keyring.sign("invitation", offer.to_body()).to_mapping()},
    )
    from darkroom.post.enrolment import enrol

    enrol(
        offer, relay=town.alice.relay, keyring=town.alice.keyring,
        verifier=town.alice.post._verifier, pins=town.alice.pins, clock=SystemClock(),
    )  # fmt: skip
    town.policy = SitePolicy.from_mapping(
        {
            "version": 1,
            "domain": "north",
            "grants": [{"scientist": "alice", "datasets": ["plaza"], "tiers": ["reviewed"]}],
            "rules": [
                rule(the_spec(town, **more).code_digest).to_mapping()
                for more in ({}, {"split": "camera"})
            ]
            + [pysyft_rule(town).to_mapping()],
            "budgets": [AMPLE.to_mapping()],
        }
    )
    said = town.olga.keyring.sign("policy", town.policy.to_mapping())
    town.olga.say("owner.policy", {"policy": said.to_mapping()})
    town.olga.await_letter("owner.notice", wanted=lambda n: "in force" in n.body["text"])


def the_spec(town, **more):
    environment = Environment(name="tflite", lock_hash=town.lock_hash)
    return spec(environment=environment, **more)


PYSYFT_SCRIPT = """\
import json
import syft as sy

with open(sy.resolve_dataset_file_path("plaza")) as file:
    cameras = json.load(file)["cameras"]
with open("outputs/counts.json", "w") as file:
    frames = sum(camera["frames"] for camera in cameras)
    json.dump({"frames": frames, "bytes": sy.resolve_dataset_file_path("tiny").stat().st_size}, file)
"""


def pysyft_declaration(town) -> Declaration:
    return Declaration(
        dataset="plaza",
        dataset_version=town.manifest.version,
        environment=Environment(name="tflite", lock_hash=town.lock_hash),
        outputs={"counts": Scalars(names=("frames", "bytes"))},
        models={"tiny.npz": digest_bytes(TINY_MODEL)},
    )


def pysyft_message() -> bytes:
    return message(job(code={"main.py": PYSYFT_SCRIPT}))


def pysyft_rule(town) -> ApprovalRule:
    """Approves that script under any name."""
    folder = read_folder(
        read_proposal(pysyft_message()), sender=address_of("alice"), datasite=address_of("north"),
        parse_yaml=parse_yaml,
    )  # fmt: skip
    request = translate(
        folder, pysyft_declaration(town), job_id="0" * 32, submitter="alice",
        submitter_fingerprint=town.alice.keyring.identity.fingerprint, domain="north",
    )  # fmt: skip
    any_name = {JOB_PARAMETER: Allowed(anything=True)}
    return replace(rule(request.spec.code_digest), parameters=any_name)


def submit_pysyft(town) -> str:
    body = {
        "job_id": secrets.token_hex(16), "job_name": "count", "syft": SUPPORTED,
        "declaration": pysyft_declaration(town).to_mapping(), "mock": {},
    }  # fmt: skip
    town.alice.say("pysyft.submit", body, {"message": pysyft_message()})
    return body["job_id"]


def submit(town, **more) -> str:
    alice = town.alice
    request = JobRequest(
        job_id=secrets.token_hex(16),
        spec=the_spec(town, **more),
        submitter="alice",
        submitter_fingerprint=alice.keyring.identity.fingerprint,
        audience="north",
        project="counting",
        dataset="plaza",
        dataset_version=town.manifest.version,
    )
    alice.say("job.submit", {"request": request.to_mapping(), "mock": {}}, {"code/job.py": CODE})
    return request.job_id


def test_a_job_from_submission_to_result_and_an_idle_node_is_small(town):
    with serve(town) as node:
        begin(town, node)
        for split in ("", "camera"):
            result = town.alice.await_letter("job.result", submit(town, split=split))
            assert result.attachments == {"output/counts": b'{"frames":18}'}
        assert node.rss_mib() <= 100
        before = node.cpu_seconds()
        threading.Event().wait(1.0)  # a second in which nothing happens
        assert node.cpu_seconds() - before <= 0.05
        shown = call("node", "status", "--state", town.state).stdout
        for word in ("serving", "plaza", "2 released", "network", "policy"):
            assert word in shown
        assert node.stop() == 0


def test_with_syft_hidden_a_node_serves_pysyft_jobs(town, tmp_path):
    """It reads PySyft's messages without PySyft: of its packages it loads the envelopes alone."""
    hidden = {"PYTHONPATH": str(HIDDEN_SYFT), "LOADED_MODULES": str(tmp_path)}
    with serve(town, more=hidden) as node:
        begin(town, node)
        result = town.alice.await_letter("job.result", submit_pysyft(town))
        assert result.attachments == {"output/counts": b'{"bytes":7,"frames":18}'}
        own = tmp_path / f"{node.process.pid}.json"
        assert node.stop() == 0
    told = json.loads(own.read_text())
    assert told["argv"][:3] == ["darkroom", "node", "serve"]
    assert told["refused"] == []
    loaded = {name.partition(".")[0] for name in told["modules"]}
    assert {name for name in loaded if name.startswith(("syft", "google"))} == {
        "syft_crypto_python"
    }
    assert {"darkroom.adapters.pysyft.endpoint", "syft_crypto_python"} <= {*told["modules"]}


def test_what_hides_syft_does_hide_it(tmp_path):
    """From all but the adapter: so a node that ran behind it needs no more than it got."""
    asked = "import syft_crypto_python"
    for code, found in (
        (asked, False),
        ("import importlib; importlib.import_module('syft')", False),
        ("__name__ = 'darkroom.node.run'; import syft_rds", False),
        (f"exec({asked!r}, {{'__name__': 'darkroom.adapters.pysyft.keyring'}})", True),
    ):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(HIDDEN_SYFT), "LOADED_MODULES": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode == 0) is found, ran.stderr
        assert found or "is hidden from" in ran.stderr
    told = [json.loads(path.read_text())["refused"] for path in tmp_path.iterdir()]
    assert sorted(map(len, told)) == [0, 1, 1, 1]


def test_two_processes_never_share_a_state_folder(town):
    with serve(town) as node:
        begin(town, node)
        with serve(town) as second:
            second.wait_for("another process serves")
            assert second.process.wait(20) == 2


def test_a_second_node_under_the_same_name_is_refused(town, tmp_path):
    with serve(town) as node:
        begin(town, node)
        made = call(
            "node", "init", "--state", tmp_path / "other", "--domain", town.domain,
            "--gateway", town.address,
            "--owner", write_identity(tmp_path / "olga.json", town.olga.keyring),
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        with serve(town, tmp_path / "other") as second:
            second.wait_for("next:")
            assert second.process.wait(20) == 2


def test_kill_9_loses_and_doubles_nothing(town):
    jobs: list[str] = []
    delays = (0.1, 0.4)  # a third loss of the same run would be its end, as it should
    for delay in delays:
        with serve(town) as node:
            begin(town, node)
            jobs += [submit(town), submit(town, split="camera")]
            threading.Event().wait(delay)
            node.kill()
    results: dict[str, int] = {}
    with serve(town) as node:
        begin(town, node)
        while set(results) != set(jobs):
            letter = town.alice.await_letter("job.result")
            job_id = letter.body["job_id"]
            results[job_id] = results.get(job_id, 0) + 1
            assert letter.attachments == {"output/counts": b'{"frames":18}'}
        # A job behind the last one has a turn in the same queue: nothing came in between.
        last = submit(town)
        letter = town.alice.await_letter("job.result")
        assert letter.body["job_id"] == last
    assert set(results.values()) == {1}


def test_status_and_serve_without_a_state_say_what_to_do(tmp_path, town):
    for arguments in (
        ("status", "--state", tmp_path),
        ("serve", "--state", tmp_path, "--domain", town.domain, "--gateway", town.address),
    ):
        refused = call("node", *arguments)
        assert refused.returncode == 2
        assert "node init" in refused.stderr
    assert issubclass(DarkroomError, Exception)
