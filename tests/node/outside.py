"""What a node meets outside, in memory: small, and held to the same rules as the real ones.

`test_outside.py` runs the same checks on these and on the real parts.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import (
    ForkError,
    IsolationError,
    NameTakenError,
    QuotaError,
    SpecError,
    TrustError,
    UnknownNameError,
    UnreachableError,
)
from darkroom.model.handover import Former, Handover, follow
from darkroom.model.identity import PublicIdentity
from darkroom.model.output import output_from_mapping
from darkroom.model.statement import Statement
from darkroom.model.tree_head import TreeHead
from darkroom.policy.witness import rule
from darkroom.ports import Isolation, Outcome, Parcel, SandboxTask
from darkroom.runtime import inspection
from darkroom.runtime.merge import merge_outputs
from darkroom.runtime.outputs import encode_all
from darkroom.runtime.places import Places


class HandClock:
    """Time that moves when a test says so."""

    def __init__(self, now: float = 1_780_000_000.0) -> None:
        self._now = now
        self._monotonic = 100.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def forward(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds


@dataclass
class Exchange:
    """A gateway in memory. `up = False` makes every call fail."""

    up: bool = True
    identities: dict[str, PublicIdentity] = field(default_factory=dict)
    chains: dict[str, tuple[Handover, ...]] = field(default_factory=dict)
    mailboxes: dict[str, list[Parcel]] = field(default_factory=dict)
    admitted: dict[str, set[str]] = field(default_factory=dict)
    taken: set[tuple[str, str, str]] = field(default_factory=set)
    tickets: dict[tuple[str, str], float] = field(default_factory=dict)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    cards: dict[tuple[str, str], Any] = field(default_factory=dict)
    profiles: dict[str, Any] = field(default_factory=dict)
    heads: dict[str, list[Statement]] = field(default_factory=dict)
    forks: list[tuple[Statement, Statement]] = field(default_factory=list)
    full: set[str] = field(default_factory=set)
    cursor: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def client(self, name: str) -> "MemoryRelay":
        return MemoryRelay(self, name)


class MemoryRelay:
    """The `Relay` port on an `Exchange`."""

    clock_offset = 0.0

    def __init__(self, exchange: Exchange, name: str) -> None:
        self._at = exchange
        self._name = name

    def _call(self) -> Exchange:
        if not self._at.up:
            raise UnreachableError("the gateway is away", next_step="wait")
        return self._at

    def register(self, identity: PublicIdentity, handovers=()) -> None:
        known = self._call().identities.setdefault(identity.name, identity)
        if known != identity:
            try:
                links = follow(known, handovers, check=SycVerifier().check_statement)
                if not links or links[-1].new != identity:
                    raise TrustError("they lead elsewhere", next_step="register those")
            except TrustError:
                raise NameTakenError(
                    "held under other keys", next_step="choose another name"
                ) from None
            self._at.identities[identity.name] = identity
        self._at.chains[identity.name] = tuple(handovers) or self.handovers(identity.name)

    def handovers(self, name: str):
        return self._call().chains.get(name, ())

    def identity(self, name: str) -> PublicIdentity:
        try:
            return self._call().identities[name]
        except KeyError:
            raise UnknownNameError("nobody", next_step="check") from None

    def publish_card(self, card: Any) -> None:
        self._call().cards[self._name, card.body["name"]] = card

    def publish_profile(self, profile: Any) -> None:
        self._call().profiles[self._name] = profile

    def profiles(self) -> dict[str, Any]:
        return dict(self._call().profiles)

    def cards(self, domain: str) -> list[Any]:
        return [c for (d, _), c in sorted(self._call().cards.items()) if d == domain]

    def witness(self, head: Statement, *, since: int, proof) -> None:
        held = self._call().heads.setdefault(self._name, [])
        last = TreeHead.from_body(held[-1].body) if held else None
        ruling = rule(last, TreeHead.from_body(head.body), since, proof)
        if ruling.fork:
            self._at.forks.append((held[-1], head))
            raise ForkError(ruling.against, next_step="look")
        if ruling.against:
            raise SpecError(ruling.against, next_step="ask again")
        if ruling.new:
            held.append(head)

    def last_head(self, domain: str) -> Statement | None:
        return next(reversed(self._call().heads.get(domain, ())), None)

    def heads(self, domain: str) -> list[Statement]:
        return list(self._call().heads.get(domain, ()))

    def forks(self, domain: str) -> list[tuple[Statement, Statement]]:
        return [both for both in self._call().forks if both[0].body["domain"] == domain]

    def admit(self, sender: str) -> None:
        self._call().admitted.setdefault(self._name, set()).add(sender)

    def open_ticket(self, ticket_hash: str, expires_at: float) -> None:
        self._call().tickets[self._name, ticket_hash] = expires_at

    def redeem(self, recipient: str, ticket: str) -> None:
        key = (recipient, hashlib.sha256(ticket.encode()).hexdigest())
        if key not in self._call().tickets:
            raise TrustError("no such ticket", next_step="ask the owner")
        self._at.admitted.setdefault(recipient, set()).add(self._name)

    def send(self, recipient: str, envelope_id: str, envelope: bytes, *, expires_in: float) -> None:
        at = self._call()
        if recipient in at.full or self._name not in at.admitted.get(recipient, ()):
            raise QuotaError("full, or not admitted", next_step="wait")
        with at.changed:
            if (recipient, self._name, envelope_id) in at.taken:
                return
            at.taken.add((recipient, self._name, envelope_id))
            at.cursor += 1
            parcel = Parcel(
                cursor=at.cursor,
                id=envelope_id,
                sender=self._name,
                sent_at=0.0,
                envelope=envelope,
            )
            at.mailboxes.setdefault(recipient, []).append(parcel)
            at.changed.notify_all()

    def receive(self, *, wait: float) -> list[Parcel]:
        at = self._call()
        with at.changed:
            at.changed.wait_for(lambda: at.mailboxes.get(self._name), wait)
            return list(at.mailboxes.get(self._name, ()))

    def acknowledge(self, cursor: int) -> None:
        box = self._call().mailboxes.get(self._name, [])
        box[:] = [parcel for parcel in box if parcel.cursor > cursor]

    def put_blob(self, ciphertext: bytes, readers: Any) -> str:
        address = "sha256:" + hashlib.sha256(ciphertext).hexdigest()
        self._call().blobs[self._name, address] = ciphertext
        return address

    def get_blob(self, owner: str, address: str) -> bytes:
        try:
            return self._call().blobs[owner, address]
        except KeyError:
            raise UnknownNameError("no such blob", next_step="check") from None


class MemoryPins(dict):
    """The `Pins` of a person in a test."""

    def __init__(self) -> None:
        super().__init__()
        self.past: list[Former] = []

    def pin(self, identity: PublicIdentity) -> None:
        self[identity.name] = identity

    def succeed(self, links, at) -> None:
        for link in links:
            held = self[link.new.name]
            assert held.fingerprint == link.old
            self.past.append(Former(identity=held, until=at, handover=link))
            self[link.new.name] = link.new

    def former(self, name: str):
        return tuple(past for past in self.past if past.identity.name == name)

    def names(self) -> list[str]:
        return sorted(self)


def done(seconds: float = 0.1, log: bytes = b"") -> Outcome:
    return Outcome(status="done", seconds=seconds, log=log)


class ScriptedSandbox:
    """The `Sandbox` port without walls: only tests' own functions run in it.

    Attributes:
        job: what `run` does: request -> declared values, or an `Outcome`, or an exception.
        inside: called at the start of every task; a test looks or waits there.
        started: every task that was run.
    """

    def __init__(self) -> None:
        self.fit = True
        self.job: Callable[[dict[str, Any]], Any] = lambda request: {
            name: example(value) for name, value in request["outputs"].items()
        }
        self.inside: Callable[[SandboxTask, Callable[[], bool]], None] = lambda *_: None
        self.started: list[SandboxTask] = []
        self.broken = 0  # so many starts fail

    def probe(self) -> Isolation:
        found = "holds" if self.fit else "the kernel has none"
        return Isolation(fit=self.fit, layers={"network": found, "files": "holds"})

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        assert not any(task.out.iterdir())
        if self.broken > 0:
            self.broken -= 1
            raise IsolationError("the sandbox did not start", next_step="look")
        self.started.append(task)
        self.inside(task, cancelled)
        if cancelled():
            return Outcome(status="cancelled", seconds=0.1)
        if task.program == "inspect":
            return self._inspect(task)
        if task.program == "merge":
            return self._merge(task)
        result = self.job(task.request)
        if isinstance(result, Outcome):
            return result
        return self._write(task, result)

    def _write(self, task: SandboxTask, values: Any) -> Outcome:
        outputs = {n: output_from_mapping(o) for n, o in task.request["outputs"].items()}
        for name, data in encode_all(outputs, values).items():
            (task.out / name).write_bytes(data)
        return done(log=b"printed by the job")

    def _merge(self, task: SandboxTask) -> Outcome:
        from darkroom.runtime.merge import _values

        outputs = {n: output_from_mapping(o) for n, o in task.request["outputs"].items()}
        assert task.parts is not None
        folders = sorted(task.parts.iterdir(), key=lambda f: int(f.name))
        return self._write(
            task, merge_outputs(outputs, [_values(folder, outputs) for folder in folders])
        )

    def _inspect(self, task: SandboxTask) -> Outcome:
        assert task.parts is not None
        root = task.out.parent / f"root-of-{task.out.name}"
        root.mkdir()
        (root / "parts").symlink_to(task.parts)
        (root / "out").symlink_to(task.out)
        inspection.main(task.request, Places(root=root))
        return done()


def example(declared: dict[str, Any]) -> Any:
    """A value that fits a declaration."""
    match declared["type"]:
        case "scalars":
            return dict.fromkeys(declared["names"], 1)
        case "table":
            return []
        case "histogram":
            return [0] * (len(declared["edges"]) - 1)
        case other:
            raise AssertionError(other)


def folder_size(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())
