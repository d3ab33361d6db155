"""One scientist and two domains with real keys, over a relay that lives in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.scientist_display import ScientistRenderer
from darkroom.display.progress import Quiet
from darkroom.errors import UnknownNameError, UnreachableError
from darkroom.model.airlock import Airlock
from darkroom.model.canonical import canonical, digest_bytes
from darkroom.model.dataset import Camera, DatasetCard
from darkroom.model.output import output_to_mapping
from darkroom.policy.price import price
from darkroom.ports import Parcel
from darkroom.post import Post
from darkroom.scientist.advice import headline
from darkroom.scientist.catalogue import Catalogue
from darkroom.scientist.collect import Collector
from darkroom.scientist.mock_run import MockOutcome
from darkroom.scientist.session import Session


VERSION = "sha256:" + "1" * 64
LOCK = "sha256:" + "2" * 64


@dataclass
class HandClock:
    """Moved by the test."""

    time: float = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@dataclass
class Exchange:
    """What all the relays below share."""

    boxes: dict[str, list[Parcel]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    profiles: dict[str, Any] = field(default_factory=dict)
    cards: dict[str, list[Any]] = field(default_factory=dict)
    identities: dict[str, Any] = field(default_factory=dict)
    chains: dict[str, Any] = field(default_factory=dict)  # name -> its hand-overs
    down: bool = False
    cursor: int = 0
    # What the domains do, and how time passes, while somebody waits for a letter.
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    sleep: Callable[[float], None] = lambda _seconds: None


class MemoryRelay:
    """The `Relay` port as far as a session needs it."""

    clock_offset = 0.0

    def __init__(self, exchange: Exchange, name: str) -> None:
        self.exchange, self.name = exchange, name

    def _up(self) -> Exchange:
        if self.exchange.down:
            raise UnreachableError("the gateway does not answer", next_step="try later")
        return self.exchange

    def profiles(self):
        return dict(self._up().profiles)

    def cards(self, domain):
        return list(self._up().cards.get(domain, []))

    def identity(self, name):
        if name not in self._up().identities:
            raise UnknownNameError(f"no {name}", next_step="check")
        return self.exchange.identities[name]

    def handovers(self, name):
        return self._up().chains.get(name, ())

    def send(self, recipient, envelope_id, envelope, *, expires_in):
        exchange = self._up()
        if (self.name, envelope_id) in exchange.seen:
            return
        exchange.seen.add((self.name, envelope_id))
        exchange.cursor += 1
        parcel = Parcel(
            cursor=exchange.cursor, id=envelope_id, sender=self.name, sent_at=0.0, envelope=envelope
        )
        exchange.boxes.setdefault(recipient, []).append(parcel)

    def receive(self, *, wait):
        if wait and not self._up().boxes.get(self.name):
            for step in self.exchange.meanwhile:
                step()
            if not self.exchange.boxes.get(self.name):
                self.exchange.sleep(wait)
        return list(self._up().boxes.get(self.name, []))

    def acknowledge(self, cursor):
        box = self._up().boxes.get(self.name, [])
        self.exchange.boxes[self.name] = [p for p in box if p.cursor > cursor]

    def put_blob(self, ciphertext, readers):
        address = digest_bytes(ciphertext)
        self._up().blobs[self.name, address] = ciphertext
        return address

    def get_blob(self, owner, address):
        return self._up().blobs[owner, address]


@dataclass
class DomainEnd:
    """A domain's end of the wire, in the test's hands: it can be honest or not."""

    keyring: SycKeyring
    post: Post
    clock: HandClock
    seq: int = 0

    def inbox(self) -> list[Any]:
        deliveries = self.post.receive(wait=0)
        if deliveries:
            self.post.acknowledge(deliveries[-1].cursor)
        return [d.letter for d in deliveries if d.letter]

    def send(self, kind: str, body: dict, attachments: dict | None = None) -> None:
        self.post.send(self.post.write(kind, "alice", body, attachments or {}))

    def say(self, job_id: str, state: str, *reasons: str, shards=(0, 0), seq=None) -> None:
        self.seq += 1
        body = {
            "job_id": job_id, "state": state, "reasons": list(reasons),
            "seq": self.seq if seq is None else seq, "shards": list(shards),
        }  # fmt: skip
        self.send("job.state", body)

    def release_body(self, request: Any, outputs: dict[str, bytes]) -> dict[str, Any]:
        kinds = {n: output_to_mapping(o)["type"] for n, o in request.spec.outputs.items()}
        return {
            "job_id": request.job_id,
            "job_digest": request.job_digest,
            "code_digest": request.spec.code_digest,
            "domain": request.audience,
            "dataset": request.dataset,
            "dataset_version": request.dataset_version,
            "policy_version": 1,
            "approved_by": "olga",
            "released_by": "olga",
            "outputs": {
                n: {"type": kinds.get(n, "log"), "sha256": digest_bytes(d), "bytes": len(d)}
                for n, d in outputs.items()
            },
            "facts": {"seconds_bucket": "1-10", "workers": 1, "frames": 9, "interpreter": "litert"},
            "price": price(request.spec, Airlock()).to_mapping(),
        }

    def release(self, request: Any, outputs: dict[str, bytes], **changed: Any) -> None:
        body = {**self.release_body(request, outputs), **changed}
        statement = self.keyring.sign("release", body).to_mapping()
        self.send_result(request, statement, outputs)

    def send_result(self, request: Any, statement: dict, outputs: dict[str, bytes]) -> None:
        self.send(
            "job.result",
            {"job_id": request.job_id, "release": statement},
            {f"output/{n}": d for n, d in outputs.items()},
        )


class OneOutcome:
    """A mock run whose outcome the test decides."""

    def __init__(self, outcome: MockOutcome) -> None:
        self.outcome = outcome
        self.tasks: list[Any] = []

    def __call__(self, task: Any) -> MockOutcome:
        self.tasks.append(task)
        return self.outcome


class NoMocks:
    """Mock faces that nobody opens."""

    def __init__(self, folder) -> None:
        self.folder = folder

    def face(self, card):
        return self.folder

    def open(self, card):
        return None


@dataclass
class Bench:
    session: Session
    domains: dict[str, DomainEnd]
    exchange: Exchange
    clock: HandClock
    runner: OneOutcome
    said: list[str]
    again: Any

    def dataset(self, domain: str = "north"):
        return self.session.domains[domain].datasets["plaza"]


def a_card(domain: str, **changed: Any) -> DatasetCard:
    fields = {
        "domain": domain, "name": "plaza", "version": VERSION, "description": "A square.",
        "cameras": (Camera(id="cam1", width=64, height=48, fps=2.0, frames=9),),
        "classes": ("person", "vehicle"), "annotations": "synthetic",
        "split_frames": {"train": 6, "test": 3}, "start": 1_700_000_000,
    }  # fmt: skip
    return DatasetCard(**{**fields, **changed})


def a_profile(domain: str, **changed: Any) -> dict[str, Any]:
    return {
        "domain": domain, "title": f"{domain} square", "owner": f"{domain}-owner",
        "environments": {"tflite": {"lock_hash": LOCK, "interpreter": "litert"}},
        "workers": 1, "limits": {}, **changed,
    }  # fmt: skip


@pytest.fixture(scope="session")
def keys() -> dict[str, SycKeyring]:
    """Real keys; made once, since making them takes a moment."""
    rings = {"alice": SycKeyring.generate("alice", "scientist")}
    for name in ("north", "east"):
        rings[name] = SycKeyring.generate(name, "domain")
    rings["mallory"] = SycKeyring.generate("north", "domain")  # the name, not the keys
    return rings


@pytest.fixture
def bench(tmp_path, keys) -> Bench:
    """A session at two domains."""
    exchange, clock, verifier = Exchange(), HandClock(), SycVerifier()
    domains = {}

    def pause(seconds: float) -> None:
        clock.time += seconds

    exchange.sleep = pause
    for name in ("north", "east"):
        ring = keys[name]
        pins = SqlitePins(tmp_path / f"{name}.sqlite")
        pins.pin(keys["alice"].identity)
        exchange.identities[name] = ring.identity
        exchange.profiles[name] = ring.sign("profile", a_profile(name))
        exchange.cards[name] = [ring.sign("card", a_card(name).to_mapping())]
        post = Post(
            relay=MemoryRelay(exchange, name), keyring=ring, verifier=verifier, pins=pins,
            clock=clock,
        )  # fmt: skip
        domains[name] = DomainEnd(ring, post, clock)
    table = canonical({"columns": {"camera": "text", "n": "int"}, "rows": [["cam1", 2]]})
    runner = OneOutcome(
        MockOutcome(status="done", seconds=0.5, frames=9, outputs={"counts": table})
    )
    said: list[str] = []

    def open_session(run_log=None) -> Session:
        pins = SqlitePins(tmp_path / "pins.sqlite")
        for name in domains:
            pins.pin(keys[name].identity)
        store = SqliteScientistStore(tmp_path / "jobs.sqlite")
        relay = MemoryRelay(exchange, "alice")
        post = Post(relay=relay, keyring=keys["alice"], verifier=verifier, pins=pins, clock=clock)

        return Session(
            identity=keys["alice"].identity,
            gateway="http://127.0.0.1:1",
            catalogue=Catalogue(
                relay=relay, verifier=verifier, pins=pins, successor=post.successor
            ),
            post=post,
            collector=Collector(post=post, pins=pins, store=store, verifier=verifier, clock=clock),
            store=store,
            clock=clock,
            mocks=NoMocks(tmp_path),
            run_mock=runner,
            run_log=run_log,
            run_log_address="http://127.0.0.1:2" if run_log else "",
            renderer=ScientistRenderer(clock),
            progress=lambda title: Quiet(title, headline, clock.now),
            say=said.append,
            pause=exchange.sleep,
        )

    return Bench(open_session(), domains, exchange, clock, runner, said, open_session)


def request_in(letter: Any) -> Any:
    """The request of a job.submit letter."""
    from darkroom.model.job import JobRequest

    return JobRequest.from_mapping(json.loads(json.dumps(letter.body["request"])))
