"""`darkroom identity rotate` in each kind of home, over a real gateway, and cut off anywhere."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.keyring import OPEN_FOR, SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.adapters.sqlite.owner_store import SqliteOwnerStore
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap import rotation
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.owner import init_owner, pin_domain
from darkroom.bootstrap.rotation import rotate
from darkroom.cli import cli
from darkroom.errors import StateError, UnreachableError
from darkroom.model.letter import KINDS
from darkroom.post import Post
from tests.gateway.serving import serving
from tests.post.simulator import MemoryPins


SOURCE = Path(__file__).parents[2] / "src"
ROLES = ("scientist", "owner", "domain")


@pytest.fixture
def gateway(tmp_path):
    with serving(tmp_path / "gateway") as running:
        yield running


class Place:
    """A home of some role, and a party that has pinned who lives there."""

    def __init__(self, folder: Path, role: str, gateway) -> None:
        self.folder, self.role, self.gateway = folder, role, gateway
        self.name = {"scientist": "alice", "owner": "north-owner", "domain": "north"}[role]
        self.other = SycKeyring.generate(
            *{"scientist": ("north", "domain"), "owner": ("north", "domain"),
              "domain": ("alice", "scientist")}[role]
        )  # fmt: skip
        getattr(self, f"_{role}")()
        self.first = SycKeyring.load(folder / "keys.json")
        self.relay = gateway.relay(self.other)
        self.relay.register(self.other.identity)
        self.relay.admit(self.name)
        with gateway.relay(self.first) as relay:
            relay.register(self.first.identity)
        self.pins = MemoryPins(self.first.identity)

    def _scientist(self) -> None:
        keyring = SycKeyring.generate("alice", "scientist")
        keyring.save(self.folder / "keys.json")
        profile = {"name": "alice", "gateway": self.gateway.address}
        (self.folder / "profile.json").write_text(json.dumps(profile))
        pins = SqlitePins(self.folder / "pins.sqlite")
        pins.pin(self.other.identity)
        pins.close()

    def _owner(self) -> None:
        init_owner(self.folder, domain="north", gateway=self.gateway.address)
        pin_domain(self.folder, self.other.identity)

    def _domain(self) -> None:
        SycKeyring.generate("north", "domain").save(self.folder / "keys.json")
        store = SqliteNodeStore(self.folder / "node.db")
        store.pin(self.other.identity)
        store.set_fact("gateway", self.gateway.address)
        store.close()

    @property
    def keys(self) -> SycKeyring:
        return SycKeyring.load(self.folder / "keys.json")

    def outbox(self) -> list[str]:
        """Kinds of what waits to be sent."""
        store = {
            "scientist": lambda: SqliteScientistStore(self.folder / "jobs.sqlite"),
            "owner": lambda: SqliteOwnerStore(self.folder / "owner.sqlite"),
            "domain": lambda: SqliteNodeStore(self.folder / "node.db"),
        }[self.role]()
        try:
            waiting = (
                [o.letter for o in store.outgoing()] if self.role == "domain" else store.unsent()
            )
            return [letter.kind for letter in waiting]
        finally:
            store.close()

    def receive(self):
        """What the other party hears; it follows."""
        post = Post(
            relay=self.relay, keyring=self.other, verifier=SycVerifier(), pins=self.pins,
            clock=SystemClock(),
        )  # fmt: skip
        heard = []
        while deliveries := post.receive(wait=0):  # in batches: a sender may have new keys
            post.acknowledge(deliveries[-1].cursor)
            heard += deliveries
        return heard

    def usable(self) -> None:
        """Whatever is in the folder logs in, and the other party believes what it sends."""
        keyring = open_keys(self.folder / "keys.json")
        pins = MemoryPins(self.other.identity)
        with self.gateway.relay(keyring) as relay:
            relay.admit(self.other.identity.name)
            post = Post(
                relay=relay, keyring=keyring, verifier=SycVerifier(), pins=pins,
                clock=SystemClock(),
            )  # fmt: skip
            kinds = {pair: k for k, pair in KINDS.items() if k.startswith("handover.")}
            kind = kinds[keyring.identity.role, self.other.identity.role]
            post.send(post.write(kind, self.other.identity.name, {}))
        delivery = self.receive()[-1]
        assert delivery.letter, delivery.problem
        assert self.pins.get(self.name) == keyring.identity


@pytest.fixture(params=ROLES)
def place(request, tmp_path, gateway):
    (tmp_path / "home").mkdir(mode=0o700)
    place = Place(tmp_path / "home", request.param, gateway)
    yield place
    place.relay.close()


def agree(old, new, words) -> None:
    assert len(words.split()) == 24


# ------------------------------------------------------------------------------ the command


def test_keys_go_over_everybody_is_told_and_follows(place):
    done = rotate(place.folder, agree)

    assert done.identity == place.keys.identity != place.first.identity
    assert done.before == place.first.identity.fingerprint
    assert done.told == (place.other.identity.name,)
    assert (done.resumed, done.note) == (False, "")
    assert place.relay.identity(place.name) == done.identity
    if place.role == "domain":  # the node sends once it serves
        assert place.outbox() == ["handover.domain"]
    else:
        assert place.outbox() == []
        (delivery,) = place.receive()
        assert delivery.letter.kind == f"handover.{place.role}"
        assert place.pins.get(place.name) == done.identity
    place.usable()


def test_the_words_are_shown_once_and_lie_nowhere(place):
    shown = []
    rotate(place.folder, lambda old, new, words: shown.append(words))
    recovered = SycKeyring.recover(shown[0], place.name, place.keys.identity.role)

    assert recovered.identity == place.keys.identity
    for file in place.folder.iterdir():
        assert shown[0].encode() not in file.read_bytes(), file


def test_again_is_another_rotation(place):
    rotate(place.folder, agree)
    rotate(place.folder, agree)

    assert [link.number for link in place.keys.handovers] == [1, 2]
    place.usable()


def test_a_person_who_says_no_changes_nothing(place):
    said = CliRunner().invoke(cli, ["identity", "rotate", str(place.folder)], input="n\n")

    assert said.exit_code == 1
    assert place.keys.identity == place.first.identity
    assert place.outbox() == []
    place.usable()


def test_as_a_person_types_it(place):
    said = CliRunner().invoke(
        cli, ["identity", "rotate", str(place.folder)], input="y\n", catch_exceptions=False
    )

    assert said.exit_code == 0, said.output
    assert place.keys.identity.fingerprint in said.output
    assert place.first.identity.fingerprint in said.output
    assert "Recovery words" in said.output or "recovery words" in said.output
    assert ("invitations" in said.output) == (place.role == "domain")


def test_a_gateway_that_is_away_is_told_by_the_next_start(place, monkeypatch):
    def away(*_args, **_named):
        raise UnreachableError("the gateway does not answer", next_step="wait")

    monkeypatch.setattr("darkroom.adapters.http.relay.HttpRelay._open_session", away)
    done = rotate(place.folder, agree)
    monkeypatch.undo()

    assert "the next start" in done.note
    assert place.outbox() == [f"handover.{place.role}"]
    assert not place.keys.unsaid
    place.usable()
    assert place.relay.identity(place.name) == place.keys.identity


def test_keys_that_came_back_from_words_go_on_with_their_number(place):
    words = []
    rotate(place.folder, lambda old, new, shown: words.append(shown))
    (place.folder / "keys.json").unlink()
    SycKeyring.recover(words[0], place.name, place.first.identity.role).save(
        place.folder / "keys.json"
    )
    rotate(place.folder, agree)

    assert [link.number for link in place.keys.handovers] == [1, 2]
    place.usable()


def test_a_folder_without_keys_is_said(tmp_path):
    with pytest.raises(StateError, match="no readable key file"):
        rotate(tmp_path, agree)


@pytest.mark.parametrize("place", ["domain"], indirect=True)
def test_a_node_that_serves_is_not_rotated_under_its_feet(place):
    from darkroom.bootstrap.node import locked

    with locked(place.folder), pytest.raises(StateError, match="another process"):
        rotate(place.folder, agree)
    assert place.keys.identity == place.first.identity


def test_former_keys_leave_the_file_when_their_time_is_over(place, monkeypatch):
    rotate(place.folder, agree)
    secret = place.first._jwks["identity_dh"]["d"]
    path = place.folder / "keys.json"
    assert secret in path.read_text()
    now = rotation.time.time()
    monkeypatch.setattr("darkroom.bootstrap.keys.time.time", lambda: now + OPEN_FOR + 1)
    open_keys(path)

    assert secret not in path.read_text()
    assert place.keys.handovers


# --------------------------------------------------------------------------- cut off anywhere


class CutOff(BaseException):
    """The machine stops here."""


STEPS = {
    "before the words": "_exchange",
    "after the words": "show",
    "after the file": "_tell",
    "after the letters": "said",
    "after everything but the gateway": "_reach",
}


@pytest.mark.parametrize("step", STEPS)
def test_stopped_after_any_step_the_identity_works_and_the_next_call_finishes(
    place, monkeypatch, step
):
    def stop(*_args, **_named):
        raise CutOff

    show = agree
    if step == "after the words":
        show = stop
    elif step == "after the letters":
        monkeypatch.setattr(SycKeyring, "said", stop)
    else:
        monkeypatch.setattr(rotation, STEPS[step], stop)
    with pytest.raises(CutOff):
        rotate(place.folder, show)
    monkeypatch.undo()
    begun = place.keys.identity != place.first.identity
    assert begun == (step not in {"before the words", "after the words"})

    place.usable()
    before = place.keys.identity
    done = rotate(place.folder, agree)

    unfinished = step in {"after the file", "after the letters"}
    assert done.resumed == unfinished
    assert (done.identity == before) == unfinished
    place.usable()
    assert [p.name for p in place.folder.glob(".*.new")] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from darkroom.bootstrap.rotation import rotate

home, left = sys.argv[1], int(sys.argv[2])

def count(name, arguments):
    global left
    ours = name in ("open", "os.rename", "os.remove", "sqlite3.connect") and home in str(arguments[0])
    if ours or name == "socket.connect":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
rotate(Path(home), lambda *_: None)
"""
LAST = 20  # so many there are


@pytest.mark.slow
@pytest.mark.parametrize("moment", [8, 10, 11, 12, 13, 14, 16, 18, LAST])
@pytest.mark.parametrize("place", ["scientist"], indirect=True)
def test_kill_minus_nine_before_any_touch_of_a_file_or_the_gateway_leaves_keys(place, moment):
    """The process kills itself at the n-th one."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, place.folder, str(moment)],
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=60,
    )

    assert done.returncode == (0 if moment == LAST else -signal.SIGKILL), done.stderr
    place.usable()
    rotate(place.folder, agree)
    place.usable()
    assert [p.name for p in place.folder.glob(".*.new")] == []
