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
from pathlib import Path
from typing import Any

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.endpoint import PysyftEndpoint
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sandbox.installed import pins as pins_of
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import privileges
from darkroom.bootstrap.footage import open_footage
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.node_assembly import Parts, assemble
from darkroom.bootstrap.node_mocks import NodeMocks
from darkroom.bootstrap.registered_models import registered_models
from darkroom.config import REPOSITORY, parse_yaml
from darkroom.errors import SpecError, StateError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.identity import PublicIdentity
from darkroom.ports import FootageStore, Runtime, Sandbox


DATABASE, KEYS, LOCK = "node.db", "keys.json", "lock"
LOCKS = {"litert": "runtime-litert", "tflite-runtime": "runtime-tflite-runtime"}
STACK = 512 << 10  # bytes per thread; the default reserves 8 MiB each


def hold(wish: threading.Event, seconds: float) -> None:
    """Wait, unless the job is cancelled meanwhile."""
    wish.wait(seconds)


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
    keep_owner(state)
    return keyring


def keep_owner(state: Path) -> None:
    """What root changes in a node's folder stays the node's."""
    if os.geteuid() == 0:
        privileges.hand_over(state, state.stat().st_uid)


def open_store(state: Path) -> SqliteNodeStore:
    """The node's database; `darkroom ingest` registers datasets in it."""
    return SqliteNodeStore(state / DATABASE)


def _lock(name: str, interpreter: str) -> Path:
    return REPOSITORY / "requirements" / f"{LOCKS.get(interpreter, f'runtime-{name}')}.txt"


def offered_runtimes(domain: DomainConfig) -> dict[str, Runtime]:
    """The prebuilt interpreters that `domain.yaml` names."""
    found = {}
    for name, interpreter in domain.environments.items():
        lock = _lock(name, interpreter)
        found[name] = describe_runtime(name, Path(sys.executable), lock, interpreter=interpreter)
    return found


def pysyft_endpoint(
    domain: DomainConfig,
) -> Callable[[Callable[[str], PublicIdentity | None]], PysyftEndpoint]:
    """What makes the PySyft endpoint of a domain from its pins.

    All files that it needs are read or opened here, before root is given up.

    Raises:
        StateError: a registered model cannot be read.
    """
    installed = {
        name: pins_of(_lock(name, interpreter).read_bytes())
        for name, interpreter in domain.environments.items()
    }
    models = registered_models(domain)
    return lambda pins: PysyftEndpoint(
        domain=domain.domain,
        pins=pins,
        parse_yaml=parse_yaml,
        installed=lambda name: installed.get(name, {}),
        models=models,
    )


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
        endpoint = pysyft_endpoint(domain)
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
        _serve(state, domain, gateway, say, sandbox, footage, runtimes, endpoint, closing)


def _serve(
    state: Path,
    domain: DomainConfig,
    gateway: str,
    say: Callable[[str], None],
    sandbox: Sandbox,
    footage: FootageStore,
    runtimes: Mapping[str, Runtime],
    endpoint: Callable[[Callable[[str], PublicIdentity | None]], PysyftEndpoint],
    closing: contextlib.ExitStack,
) -> None:
    keyring = open_keys(state / KEYS)
    if keyring.identity.name != domain.domain:
        raise StateError(
            f"{state} is the state of {keyring.identity.name}, not of {domain.domain}",
            next_step="check --state and --domain",
        )
    clock = SystemClock()
    store = SqliteNodeStore(state / DATABASE)
    store.verify()
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
            mock=NodeMocks(state / "mocks"),
            pause=hold,
            endpoint=endpoint(store.get),
        ),
        state=state,
        title=domain.title,
        owner=store.fact("owner"),
        workers=domain.workers,
        retention_days={
            d.name: d.retention_days for d in domain.datasets if d.retention_days is not None
        },
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
