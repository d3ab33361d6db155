"""The small stand-ins of `outside.py` behave like the parts that they stand for."""

import hashlib
import secrets
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.errors import (
    ForkError,
    NameTakenError,
    QuotaError,
    SpecError,
    TrustError,
    UnknownNameError,
)
from darkroom.model.job import Limits
from darkroom.model.merkle import consistency_proof, leaf_hash
from darkroom.model.output import Scalars, output_to_mapping
from darkroom.model.tree_head import KIND, LedgerMark, TreeHead
from darkroom.ports import SandboxTask
from tests.gateway.serving import serving
from tests.model.trees import root_of
from tests.node.outside import Exchange, ScriptedSandbox
from tests.node.village import CODE, keys, tiny_footage


ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["memory", "gateway"])
def relays(request, tmp_path):
    """Clients of alice and north; and a way to make one more."""
    alice, north = keys("alice", "scientist"), keys("north", "domain")
    if request.param == "memory":
        exchange = Exchange()
        yield lambda keyring: exchange.client(keyring.identity.name), alice, north
        return
    opened = []
    with serving(tmp_path / "gateway") as gateway:

        def client(keyring):
            opened.append(gateway.relay(keyring))
            return opened[-1]

        yield client, alice, north
        for relay in opened:
            relay.close()


def test_a_relay_is_a_witness_of_heads(relays):
    client, _, north = relays
    relay = client(north)
    relay.register(north.identity)
    leaves = [leaf_hash(b"%d" % n) for n in range(9)]

    def head(size, leaves=leaves):
        root = root_of(leaves[:size]).hex()
        ledger = LedgerMark(number=0, chain="0" * 64)
        made = TreeHead(domain="north", epoch=1, size=size, root=root, at=1.0, ledger=ledger)
        return north.sign(KIND, made.to_body())

    def proof(first, second):
        return consistency_proof(
            first, second, lambda level, at: root_of(leaves[at << level : (at + 1) << level])
        )

    assert relay.last_head("north") is None
    relay.witness(head(4), since=0, proof=())
    relay.witness(head(4), since=0, proof=())
    with pytest.raises(SpecError):
        relay.witness(head(9), since=3, proof=proof(3, 9))
    relay.witness(head(9), since=4, proof=proof(4, 9))
    other = head(9, leaves[::-1])
    with pytest.raises(ForkError):
        relay.witness(other, since=9, proof=())
    assert relay.heads("north") == [head(4), head(9)]
    assert relay.last_head("north") == head(9)
    assert relay.forks("north") == [(head(9), other)]


def test_a_relay(relays):
    client, alice, north = relays
    a, n = client(alice), client(north)
    for relay, keyring in ((a, alice), (n, north)):
        relay.register(keyring.identity)
        relay.register(keyring.identity)
    assert a.identity("north") == north.identity
    with pytest.raises(UnknownNameError):
        a.identity("nobody")
    thief = keys("north", "owner")
    with pytest.raises(NameTakenError):
        client(thief).register(thief.identity)

    first = secrets.token_hex(16)
    with pytest.raises(QuotaError):
        a.send("north", first, b"x", expires_in=60)
    n.admit("alice")
    a.send("north", first, b"x", expires_in=60)
    a.send("north", first, b"x", expires_in=60)
    a.send("north", secrets.token_hex(16), b"y", expires_in=60)
    parcels = n.receive(wait=0)
    assert [(p.sender, p.envelope) for p in parcels] == [("alice", b"x"), ("alice", b"y")]
    assert parcels[0].id == first
    assert n.receive(wait=0) == parcels
    n.acknowledge(parcels[0].cursor)
    assert n.receive(wait=0) == parcels[1:]
    n.acknowledge(parcels[1].cursor)
    a.send("north", first, b"x", expires_in=60)  # taken once is taken for good
    assert n.receive(wait=0) == []

    address = n.put_blob(b"sealed", ["alice"])
    assert address == "sha256:" + hashlib.sha256(b"sealed").hexdigest()
    assert a.get_blob("north", address) == b"sealed"
    with pytest.raises(UnknownNameError):
        a.get_blob("north", "sha256:" + "0" * 64)


def test_tickets(relays):
    client, alice, north = relays
    a, n = client(alice), client(north)
    a.register(alice.identity)
    n.register(north.identity)
    ticket = secrets.token_hex(32)
    with pytest.raises(TrustError):
        a.redeem("north", ticket)
    expires = 4_000_000_000.0
    n.open_ticket(hashlib.sha256(ticket.encode()).hexdigest(), expires)
    n.open_ticket(hashlib.sha256(ticket.encode()).hexdigest(), expires)
    a.redeem("north", ticket)
    a.redeem("north", ticket)
    a.send("north", "0" * 32, b"x", expires_in=60)
    assert len(n.receive(wait=0)) == 1


@pytest.fixture(params=["scripted", "process"])
def sandbox(request, tmp_path):
    runtime = describe_runtime(
        "tflite",
        Path(sys.executable),
        ROOT / "requirements" / "runtime-litert.txt",
        interpreter="litert",
    )
    if request.param == "scripted":
        sandbox = ScriptedSandbox()
        sandbox.job = lambda _: {"counts": {"frames": 18}}
        yield sandbox, runtime
        return
    with ProcessSandbox(runtimes=[runtime], roots=[tmp_path], first_uid=63_900) as sandbox:
        if not sandbox.probe().fit:
            pytest.skip("this machine cannot isolate a job")
        yield sandbox, runtime


def test_a_sandbox_runs_and_inspects(sandbox, tmp_path):
    sandbox, runtime = sandbox
    footage, manifest = tiny_footage(tmp_path)
    code = tmp_path / "code"
    code.mkdir()
    (code / "job.py").write_bytes(CODE)
    for name in ("left", "shown", "none"):
        (tmp_path / name).mkdir(mode=0o700)
    declared = {"counts": output_to_mapping(Scalars(names=("frames",)))}
    task = SandboxTask(
        task_id="t", program="run", runtime=runtime, out=tmp_path / "left", code=code,
        dataset=footage.materialise(manifest.version), limits=Limits(),
        request={
            "entrypoint": "job:count", "merge": "", "parameters": {}, "outputs": declared,
            "cameras": None, "interpreter": "litert", "seed": 1,
        },
    )  # fmt: skip
    assert sandbox.run(task).status == "done"
    assert [path.name for path in task.out.iterdir()] == ["counts"]

    inspect = SandboxTask(
        task_id="i", program="inspect", runtime=runtime, out=tmp_path / "shown",
        limits=Limits(), request={"outputs": declared, "interpreter": "litert"}, parts=task.out,
    )  # fmt: skip
    assert sandbox.run(inspect).status == "done"
    assert sorted(path.name for path in inspect.out.iterdir()) == ["counts", "manifest.json"]
    assert (inspect.out / "counts").read_bytes() == b'{"frames":18}'

    stopped = sandbox.run(replace(task, out=tmp_path / "none"), cancelled=lambda: True)
    assert stopped.status == "cancelled"
