"""A domain node, put together: keys, store, sandbox and the zone's hops in one process."""

import contextlib
import fcntl
import gc
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import privileges
from darkroom.bootstrap.footage import open_footage
from darkroom.config import REPOSITORY, DomainConfig
from darkroom.errors import SpecError, StateError
from darkroom.model.identity import PublicIdentity
from darkroom.node.admit import Admission
from darkroom.node.bell import Bell
from darkroom.node.cancel import Cancellation
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.disclose import Disclosure
from darkroom.node.enrol import Enrolment
from darkroom.node.intake import Intake
from darkroom.node.journal import Journal
from darkroom.node.keep import Housekeeping
from darkroom.node.laws import Laws
from darkroom.node.present import Presence
from darkroom.node.recover import recover, sweep
from darkroom.node.review import Review
from darkroom.node.run import Runner
from darkroom.node.send import Sender
from darkroom.node.service import Service
from darkroom.node.walls import Walls
from darkroom.ports import Clock, FootageStore, Keyring, Relay, Runtime, Sandbox, Verifier
from darkroom.post import Post


DATABASE, KEYS, LOCK, SIGNED_POLICY = "node.db", "keys.json", "lock", "policy.signed.json"
LOCKS = {"litert": "runtime-litert", "tflite-runtime": "runtime-tflite-runtime"}
STACK = 512 << 10  # bytes per thread; the default reserves 8 MiB each


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The outside of a node: everything that a test may put another thing in place of."""

    store: SqliteNodeStore
    keyring: Keyring
    verifier: Verifier
    relay: Relay
    sandbox: Sandbox
    footage: FootageStore
    runtimes: Callable[[], Mapping[str, Runtime]]
    clock: Clock
    free_bytes: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node that is put together and not started."""

    service: Service
    runner: Runner
    walls: Walls
    presence: Presence
    recover: Callable[[], int]


def assemble(
    parts: Parts,
    *,
    state: Path,
    title: str,
    owner: str,
    workers: int,
    say: Callable[[str], None],
) -> Node:
    """Connect the hops. Starts nothing and reads nothing."""
    store, clock, keyring = parts.store, parts.clock, parts.keyring
    identity = keyring.identity
    bell, stopping = Bell(), threading.Event()
    journal = Journal(store=store, clock=clock, domain=identity.name, owner=owner, ring=bell.ring)
    walls = Walls(sandbox=parts.sandbox, store=store)
    laws = Laws(store=store, domain=identity.name, runtimes=parts.runtimes)
    shelf = CodeShelf(state / "code")
    scratch = state / "scratch"
    disclosure = Disclosure(
        journal=journal,
        laws=laws,
        keyring=keyring,
        sandbox=parts.sandbox,
        folder=state / "outputs",
    )
    admission = Admission(
        store=store,
        journal=journal,
        shelf=shelf,
        laws=laws,
        clock=clock,
        free_bytes=parts.free_bytes,
        why_waiting=walls.why_unfit,
    )
    review = Review(
        store=store,
        journal=journal,
        verifier=parts.verifier,
        clock=clock,
        domain=identity.name,
        admission=admission,
        disclosure=disclosure,
        why_waiting=walls.why_unfit,
    )
    intake = Intake(
        store=store,
        journal=journal,
        clock=clock,
        admission=admission,
        review=review,
        cancellation=Cancellation(store=store, journal=journal),
        enrolment=Enrolment(store=store, journal=journal, keyring=keyring, verifier=parts.verifier),
    )
    runner = Runner(
        store=store,
        journal=journal,
        shelf=shelf,
        laws=laws,
        footage=parts.footage,
        runtimes=parts.runtimes,
        sandbox=parts.sandbox,
        disclosure=disclosure,
        clock=clock,
        pool=ThreadPoolExecutor(workers, thread_name_prefix="shard"),
        workers=workers,
        scratch=scratch,
        stopping=stopping.is_set,
    )
    presence = Presence(
        store=store,
        laws=laws,
        relay=parts.relay,
        keyring=keyring,
        runtimes=parts.runtimes,
        title=title,
        owner=owner,
        workers=workers,
        why_unfit=walls.why_unfit,
    )

    def post() -> Post:
        return Post(
            relay=parts.relay,
            keyring=keyring,
            verifier=parts.verifier,
            pins=store,
            clock=clock,
            on_warning=say,
        )

    service = Service(
        identity=identity,
        store=store,
        journal=journal,
        intake=intake,
        presence=presence,
        sender=Sender(
            store=store,
            journal=journal,
            post=post(),
            relay=parts.relay,
            clock=clock,
            state=state,
            fingerprint=identity.fingerprint,
        ),
        runner=runner,
        walls=walls,
        relay=parts.relay,
        post=post(),
        clock=clock,
        bell=bell,
        stopping=stopping,
        workers=workers,
        housekeeping=Housekeeping(
            store=store,
            review=review,
            owner=owner,
            clock=clock,
            policy_file=state / SIGNED_POLICY,
            sweep=lambda: sweep(store=store, shelf=shelf, disclosure=disclosure),
            say=say,
        ).tend,
        say=say,
    )
    return Node(
        service=service,
        runner=runner,
        walls=walls,
        presence=presence,
        recover=lambda: recover(
            store=store, runner=runner, shelf=shelf, disclosure=disclosure, scratch=scratch
        ),
    )


# ------------------------------------------------------------------------- the state folder


def initialise(
    state: Path, *, domain: DomainConfig, gateway: str, owner: PublicIdentity
) -> SycKeyring:
    """Make the state folder of a new node: keys, the pinned owner, the gateway's address.

    Again with the same domain and owner: nothing changes but the gateway's address.

    Raises:
        SpecError: the identity is not an owner's, or does not verify.
        StateError: the folder belongs to another domain.
    """
    if owner.role != "owner":
        raise SpecError(
            f"{owner.name} is a {owner.role}, not a data owner",
            next_step="give the file that `darkroom owner init --public` wrote",
        )
    SycVerifier().check_identity(owner)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.chmod(0o700)
    if (state / KEYS).exists():
        keyring = SycKeyring.load(state / KEYS)
        if keyring.identity.name != domain.domain:
            raise StateError(
                f"{state} is the state of {keyring.identity.name}",
                next_step="choose another folder",
            )
    else:
        keyring = SycKeyring.generate(domain.domain, "domain")
        keyring.save(state / KEYS)
    store = SqliteNodeStore(state / DATABASE)
    try:
        with store.transaction():
            known = store.fact("owner")
            if known not in (None, owner.name):
                raise StateError(
                    f"the owner of {domain.domain} is {known}",
                    next_step="use their identity, or make a new state folder",
                )
            store.pin(owner)
            store.set_fact("owner", owner.name)
            store.set_fact("gateway", gateway)
    finally:
        store.close()
    _keep_owner(state)
    return keyring


def _keep_owner(state: Path) -> None:
    """What root changes in a node's folder stays the node's."""
    if os.geteuid() == 0:
        privileges.hand_over(state, state.stat().st_uid)


def open_store(state: Path) -> SqliteNodeStore:
    """The node's database; `darkroom ingest` registers datasets in it."""
    return SqliteNodeStore(state / DATABASE)


def offered_runtimes(domain: DomainConfig) -> dict[str, Runtime]:
    """The prebuilt interpreters that `domain.yaml` names."""
    found = {}
    for name, interpreter in domain.environments.items():
        lock = REPOSITORY / "requirements" / f"{LOCKS.get(interpreter, f'runtime-{name}')}.txt"
        found[name] = describe_runtime(name, Path(sys.executable), lock, interpreter=interpreter)
    return found


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold a state folder: never two processes on one.

    Raises:
        StateError: there is none, or another process holds it.
    """
    if not (state / KEYS).is_file():
        raise StateError(
            f"there is no node's state at {state}", next_step="run `darkroom node init`"
        )
    handle = os.open(state / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StateError(
            f"another process serves {state}",
            next_step="stop it first (`darkroom node status` tells more)",
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def serve(
    state: Path,
    *,
    domain: DomainConfig,
    gateway: str,
    say: Callable[[str], None],
) -> None:
    """Run a node until SIGTERM or SIGINT.

    Raises:
        NameTakenError: another node holds the domain's name at this gateway.
        StateError: another process holds the state folder.
    """
    state = state.resolve()
    with locked(state), contextlib.ExitStack() as closing:
        runtimes = offered_runtimes(domain)
        rooted = os.geteuid() == 0
        users = privileges.claim_users(state) if rooted else None
        more: dict[str, Any] = {"first_uid": users.jobs} if users else {}
        # Before rights are dropped: the launcher keeps what this process gives up.
        sandbox = closing.enter_context(
            ProcessSandbox(
                runtimes=runtimes.values(),
                roots=(state,),
                slots=domain.workers + 2,
                **more,
            )
        )
        footage = open_footage(state, domain)
        if users:
            privileges.hand_over(state, users.node)
            privileges.open_way(privileges.needed_paths(state))
            privileges.drop_to(users.node)
            say(f"{domain.domain}: own user {users.node}, root given up")
        _serve(state, domain, gateway, say, sandbox, footage, runtimes, closing)


def _serve(
    state: Path,
    domain: DomainConfig,
    gateway: str,
    say: Callable[[str], None],
    sandbox: Sandbox,
    footage: FootageStore,
    runtimes: Mapping[str, Runtime],
    closing: contextlib.ExitStack,
) -> None:
    keyring = SycKeyring.load(state / KEYS)
    if keyring.identity.name != domain.domain:
        raise StateError(
            f"{state} is the state of {keyring.identity.name}, not of {domain.domain}",
            next_step="check --state and --domain",
        )
    clock = SystemClock()
    store = SqliteNodeStore(state / DATABASE)
    relay = closing.enter_context(HttpRelay(gateway, keyring, clock))
    node = assemble(
        Parts(
            store=store,
            keyring=keyring,
            verifier=SycVerifier(),
            relay=relay,
            sandbox=sandbox,
            footage=footage,
            runtimes=lambda: runtimes,
            clock=clock,
            free_bytes=lambda: shutil.disk_usage(state).free,
        ),
        state=state,
        title=domain.title,
        owner=store.fact("owner"),
        workers=domain.workers,
        say=say,
    )
    threading.stack_size(STACK)
    lost = node.recover()
    if lost:
        say(f"{domain.domain}: {lost} runs had lost their worker and start again")
    found = node.walls.probe()
    if found.fit:
        say(f"{domain.domain}: the sandbox holds: {', '.join(sorted(found.layers))}")
    else:
        say(f"{domain.domain}: {node.walls.why_unfit()}; no job runs here")
        for layer, state_of in sorted(found.layers.items()):
            say(f"  {layer}: {state_of}")
    say(f"{domain.domain}: footage in {footage.describe()}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.service.stop())
    gc.collect()
    gc.freeze()
    node.service.serve()
