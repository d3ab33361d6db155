"""New keys for an identity of this machine: made, handed over to, told to everybody.

The change itself is one file put in the place of another, so that `kill -9` leaves the old
keys in force or the new ones, and never none. All that follows can be done again: by calling
this once more, and most of it by whatever process starts next.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.adapters.sqlite.owner_store import STORE, SqliteOwnerStore
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap import node, owner, scientist
from darkroom.errors import DarkroomError, StateError
from darkroom.model.identity import PublicIdentity, Role
from darkroom.model.letter import KINDS, Letter
from darkroom.model.outgoing import Outgoing
from darkroom.post import Pins, Post
from darkroom.post.signed_anew import signed_anew
from darkroom.scientist.collect import Collector


KEYS = "keys.json"

# (the keys in force, those that would follow them, 24 words): shows the words to a person and
# returns once they are written down; raising ends it with nothing changed.
Show = Callable[[PublicIdentity, PublicIdentity, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What was done.

    Attributes:
        before: fingerprint of the keys that were given up.
        identity: in force now.
        told: names of those to whom a letter goes.
        resumed: whether a rotation that was cut off was finished, and no other one begun.
        note: what is still to happen, for a person; "".
    """

    before: str
    identity: PublicIdentity
    told: tuple[str, ...]
    resumed: bool
    note: str


class Home(Protocol):
    """A folder that an identity lives in."""

    gateway: str
    allow_plain_http: bool
    pins: Pins

    def send_later(self, letter: Letter) -> None:
        """Put a letter into the outbox."""
        ...

    def send_now(self, post: Post, keyring: SycKeyring) -> None:
        """Send what is in the outbox."""
        ...


def rotate(folder: Path, show: Show) -> Rotated:
    """Give an identity new keys, or finish a rotation that was cut off.

    Args:
        folder: a scientist's home, an owner's or reviewer's state, or a node's state.
        show: see `Show`.

    Raises:
        StateError: no keys there, a node still serves that folder, or no room.
    """
    with _home(folder) as home:
        keyring = SycKeyring.load(folder / KEYS)
        resumed = keyring.unsaid
        if not resumed:
            keyring = _exchange(folder / KEYS, keyring, home, show)
        told = _tell(keyring.identity, home)
        keyring = keyring.said()
        keyring.supersede(folder / KEYS)
        note = _reach(keyring, home)
    return Rotated(
        before=keyring.handovers[-1].old,
        identity=keyring.identity,
        told=told,
        resumed=resumed,
        note=note,
    )


def _exchange(path: Path, held: SycKeyring, home: Home, show: Show) -> SycKeyring:
    """The step that counts: one file for another, once the words are with a person."""
    with _relay(held, home) as relay, contextlib.suppress(DarkroomError):
        # Keys that recovery words brought back know nothing of their history.
        chain = relay.handovers(held.identity.name)
        held = held.resumed(chain, SycVerifier().check_statement)
    fresh = held.rotated(at=time.time())
    show(held.identity, fresh.identity, fresh.recovery_words)
    fresh.supersede(path)
    return fresh


def _tell(ours: PublicIdentity, home: Home) -> tuple[str, ...]:
    """A letter for everybody who may have pinned us; twice does no harm."""
    kinds = {pair: kind for kind, pair in KINDS.items() if kind.startswith("handover.")}
    told = []
    for name in home.pins.names():
        pinned = home.pins.get(name)
        kind = kinds.get((ours.role, pinned.role)) if pinned else None
        if kind is None:
            continue
        home.send_later(
            Letter(
                id=secrets.token_hex(16),
                kind=kind,
                sender=ours.name,
                recipient=name,
                sent_at=time.time(),
                body={"fingerprint": ours.fingerprint},
            )
        )
        told.append(name)
    return tuple(told)


def _reach(keyring: SycKeyring, home: Home) -> str:
    """The gateway may be away: every later start registers and sends as well."""
    try:
        with _relay(keyring, home) as relay:
            relay.register(keyring.identity, keyring.handovers)
            post = Post(
                relay=relay,
                keyring=keyring,
                verifier=SycVerifier(),
                pins=home.pins,
                clock=SystemClock(),
            )
            home.send_now(post, keyring)
    except DarkroomError as error:
        return f"not everybody was reached ({error.message}): the next start goes on with it"
    return ""


def _relay(keyring: SycKeyring, home: Home) -> HttpRelay:
    clock = SystemClock()
    return HttpRelay(home.gateway, keyring, clock, allow_plain_http=home.allow_plain_http)


# -------------------------------------------------------------------------------- three homes


def _home(folder: Path) -> contextlib.AbstractContextManager[Home]:
    role = SycKeyring.load(folder / KEYS).identity.role
    homes: dict[Role, Callable[[Path], contextlib.AbstractContextManager[Home]]] = {
        "scientist": _scientists,
        "owner": _owners,
        "domain": _nodes,
    }
    return homes[role](folder)


@dataclass(kw_only=True)
class _Opened:
    gateway: str
    pins: Pins
    send_later: Callable[[Letter], None]
    send_now: Callable[[Post, SycKeyring], None]
    allow_plain_http: bool = False


@contextlib.contextmanager
def _scientists(folder: Path) -> Iterator[Home]:
    profile = scientist.read_profile(folder)
    pins = SqlitePins(folder / scientist.PINS)
    store = SqliteScientistStore(folder / scientist.STORE)

    def flush(post: Post, _: SycKeyring) -> None:
        Collector(
            post=post, pins=pins, store=store, verifier=SycVerifier(), clock=SystemClock()
        ).flush()

    try:
        yield _Opened(
            gateway=profile.gateway, pins=pins, send_later=store.add_letter, send_now=flush
        )
    finally:
        store.close()
        pins.close()


@contextlib.contextmanager
def _owners(folder: Path) -> Iterator[Home]:
    settings = owner.read_settings(folder)
    pins = SqlitePins(folder / owner.PINS)
    store = SqliteOwnerStore(folder / STORE)

    def flush(post: Post, keyring: SycKeyring) -> None:
        for letter in store.unsent():
            post.send(signed_anew(letter, keyring))
            store.sent(letter.id)

    try:
        yield _Opened(
            gateway=settings["gateway"],
            pins=pins,
            send_later=store.queue,
            send_now=flush,
            allow_plain_http=bool(settings.get("allow_plain_http")),
        )
    finally:
        store.close()
        pins.close()


@contextlib.contextmanager
def _nodes(folder: Path) -> Iterator[Home]:
    with node.locked(folder):  # a node that serves has the old keys in its memory
        store = SqliteNodeStore(folder / node.DATABASE)
        try:
            gateway = store.fact("gateway")
            if not isinstance(gateway, str):
                raise StateError(
                    f"the node's state in {folder} is not complete",
                    next_step="run `darkroom node init` again with the same arguments",
                )
            yield _Opened(
                gateway=gateway,
                pins=store,
                send_later=lambda letter: store.queue(Outgoing(letter=letter)),
                send_now=lambda _post, _keyring: None,  # the node does, once it serves
            )
        finally:
            store.close()
            node.keep_owner(folder)
