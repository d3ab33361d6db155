"""A domain node, put together: keys, store, sandbox and the zone's hops in one process."""

import contextlib
import fcntl
import gc
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.placed import PlacedFootage
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.endpoint import PysyftEndpoint
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sandbox.installed import pins as pins_of
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import privileges
from darkroom.bootstrap.environments import lock_of, offered_runtimes
from darkroom.bootstrap.footage import arrivals_of, open_footage, placed_footage
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.node_assembly import SIGNED_POLICY, Node, Parts, assemble
from darkroom.bootstrap.node_mocks import NodeMocks
from darkroom.bootstrap.node_operations import NodeOperations
from darkroom.bootstrap.operations import Operations, OperationsSettings, stop_politely
from darkroom.bootstrap.registered_models import registered_models
from darkroom.config import parse_yaml
from darkroom.errors import SpecError, StateError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Limits
from darkroom.model.metrics.node import NODE
from darkroom.node.journal import Journal
from darkroom.ports import FootageStore, Runtime, Sandbox


DATABASE, KEYS, LOCK = "node.db", "keys.json", "lock"
OPERATIONS = OperationsSettings(process="node")
STACK = 512 << 10  # bytes per thread; the default reserves 8 MiB each


def hold(wish: threading.Event, seconds: float) -> None:
    """Wait, unless the job is cancelled meanwhile."""
    wish.wait(seconds)


# ------------------------------------------------------------------------- the state folder


def initialise(
    state: Path,
    *,
    domain: DomainConfig,
    gateway: str,
    owner: PublicIdentity,
    keys: Path | None = None,
) -> SycKeyring:
    """Make the state folder of a new node: keys, the pinned owner, the gateway's address.

    Again with the same domain and owner: nothing changes but the gateway's address.

    Args:
        keys: a key file that is there already; None: one in the state folder, made if need be.

    Raises:
        SpecError: the identity is not an owner's, or does not verify.
        StateError: folder or keys belong to another domain, or there are no keys at `keys`.
    """
    if owner.role != "owner":
        raise SpecError(
            f"{owner.name} is a {owner.role}, not a data owner",
            next_step="give the file that `darkroom owner init --public` wrote",
        )
    SycVerifier().check_identity(owner)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.chmod(0o700)
    held = keys or state / KEYS
    if keys is not None or held.exists():
        keyring = SycKeyring.load(held)
        if keyring.identity.name != domain.domain:
            raise StateError(
                f"the keys at {held} are those of {keyring.identity.name}",
                next_step=f"choose the keys and the folder of {domain.domain}",
            )
    else:
        keyring = SycKeyring.generate(domain.domain, "domain")
        keyring.save(held)
    store = SqliteNodeStore(state / DATABASE)
    try:
        with store.transaction():
            known = store.fact("owner")
            if known not in (None, owner.name):
                raise StateError(
                    f"the owner of {domain.domain} is {known}",
                    next_step="use their identity, or make a new state folder",
                )
            # The file may be older than keys that were handed over since: those stay pinned.
            if owner.fingerprint not in [f.identity.fingerprint for f in store.former(owner.name)]:
                store.pin(owner)
            store.set_fact("owner", owner.name)
            store.set_fact("gateway", gateway)
    finally:
        store.close()
    keep_owner(state)
    return keyring


def leave_policy(folder: Path, state: Path) -> None:
    """A signed policy beside domain.yaml goes into the node's letter box; the signature decides.

    Raises:
        StateError: it cannot be written there.
    """
    signed, box = folder / SIGNED_POLICY, state / SIGNED_POLICY
    try:
        if signed.is_file() and (not box.exists() or box.read_bytes() != signed.read_bytes()):
            shutil.copyfile(signed, box)
    except OSError as error:
        raise StateError(
            f"{signed} cannot be put into {state}: {error.strerror}", next_step="make room there"
        ) from error
    keep_owner(state)


def keep_owner(state: Path) -> None:
    """What root changes in a node's folder stays the node's."""
    if os.geteuid() == 0:
        privileges.hand_over(state, state.stat().st_uid)


def open_store(state: Path) -> SqliteNodeStore:
    """The node's database; `darkroom ingest` registers datasets in it."""
    return SqliteNodeStore(state / DATABASE)


def pysyft_endpoint(
    domain: DomainConfig,
) -> Callable[[Callable[[str], PublicIdentity | None]], PysyftEndpoint]:
    """What makes the PySyft endpoint of a domain from its pins.

    All files that it needs are read or opened here, before root is given up.

    Raises:
        StateError: a registered model cannot be read.
    """
    installed = {
        name: pins_of(lock_of(name, interpreter).read_bytes())
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
def locked(state: Path, keys: Path | None = None) -> Iterator[None]:
    """Hold a state folder: never two processes on one.

    Args:
        state: the folder.
        keys: the key file, where it does not lie in the state folder.

    Raises:
        StateError: there is none, or another process holds it.
    """
    if not (keys or state / KEYS).is_file():
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
    operations: OperationsSettings = OPERATIONS,
    keys: Path | None = None,
    sandbox: Path | None = None,
) -> None:
    """Run a node until SIGTERM or SIGINT.

    Args:
        keys: the key file, where it does not lie in the state folder.
        sandbox: a sandbox.yaml: jobs run in pods of this cluster, and not on this machine.

    Raises:
        NameTakenError: another node holds the domain's name at this gateway.
        StateError: another process holds the state folder.
    """
    state = state.resolve()
    stop_politely()
    with locked(state, keys), contextlib.ExitStack() as closing:
        operator = Operations(operations, metrics=NODE, folder=state, say=say)
        closing.callback(operator.close)
        say = operator.say
        endpoint = pysyft_endpoint(domain)
        if sandbox is None:
            house = _on_this_machine(state, domain, say, closing)
        else:
            house = _on_a_cluster(state, domain, say, closing, sandbox)
        operator.begin_answering()  # a thread would not have followed into another mount namespace
        _serve(state, keys or state / KEYS, domain, gateway, operator, house, endpoint, closing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _House:
    """Where the jobs of a node run, and what is where for them.

    Attributes:
        footage: of which jobs see a version.
        mocks: a folder that jobs can be shown.
        arrivals: makes the look-out for versions of other Pis, from the footage as it is used.
        placed: the footage of other Pis; None where there are none.
        on_cluster: whether the walls may come to hold later.
        oversize: see `Parts`.
    """

    sandbox: Sandbox
    runtimes: Mapping[str, Runtime]
    footage: FootageStore
    mocks: Path
    arrivals: Callable[
        [FootageStore], Callable[[SqliteNodeStore, Journal], Callable[[], None]] | None
    ] = lambda _: None
    placed: PlacedFootage | None = None
    on_cluster: bool = False
    oversize: Callable[[Limits], str] = lambda _: ""


def _on_this_machine(
    state: Path, domain: DomainConfig, say: Callable[[str], None], closing: contextlib.ExitStack
) -> _House:
    runtimes = offered_runtimes(domain)
    users = privileges.claim_users(state) if os.geteuid() == 0 else None
    more: dict[str, Any] = {"first_uid": users.jobs} if users else {}
    # Before rights are dropped: the launcher keeps what this process gives up.
    sandbox = closing.enter_context(
        ProcessSandbox(runtimes=runtimes.values(), roots=(state,), slots=domain.workers + 2, **more)
    )
    footage = open_footage(state, domain)
    if users:
        privileges.hand_over(state, users.node)
        privileges.open_way(privileges.needed_paths(state))
        privileges.drop_to(users.node)
        say(f"{domain.domain}: own user {users.node}, root given up")
    return _House(sandbox=sandbox, runtimes=runtimes, footage=footage, mocks=state / "mocks")


def _on_a_cluster(
    state: Path,
    domain: DomainConfig,
    say: Callable[[str], None],
    closing: contextlib.ExitStack,
    path: Path,
) -> _House:
    from darkroom.bootstrap.cluster_sandbox import open_cluster_sandbox

    cluster = open_cluster_sandbox(path, domain, lock=lock_of, closing=closing, say=say)
    placed = placed_footage(state, domain, cluster.exchange, say)
    return _House(
        sandbox=cluster.sandbox,
        runtimes=cluster.runtimes,
        footage=placed,
        mocks=cluster.exchange / "mocks",
        arrivals=lambda footage: arrivals_of(placed, domain, footage, say),
        placed=placed,
        on_cluster=True,
        oversize=cluster.sandbox.oversize,
    )


def _serve(
    state: Path,
    keys: Path,
    domain: DomainConfig,
    gateway: str,
    operator: Operations,
    house: _House,
    endpoint: Callable[[Callable[[str], PublicIdentity | None]], PysyftEndpoint],
    closing: contextlib.ExitStack,
) -> None:
    keyring = open_keys(keys)
    if keyring.identity.name != domain.domain:
        raise StateError(
            f"the keys at {keys} are those of {keyring.identity.name}, not of {domain.domain}",
            next_step="check --state, --keys and --domain",
        )
    clock, say = SystemClock(), operator.say
    store = SqliteNodeStore(state / DATABASE)
    store.verify()
    watched = NodeOperations(operator, store, clock)
    relay = watched.relay(closing.enter_context(HttpRelay(gateway, keyring, clock)))
    footage = watched.footage(house.footage)
    node = assemble(
        Parts(
            store=store,
            keyring=keyring,
            verifier=SycVerifier(),
            relay=relay,
            sandbox=watched.sandbox(house.sandbox),
            footage=footage,
            runtimes=lambda: house.runtimes,
            clock=clock,
            free_bytes=lambda: shutil.disk_usage(state).free,
            mock=NodeMocks(house.mocks),
            pause=hold,
            endpoint=endpoint(store.get),
            oversize=house.oversize,
        ),
        state=state,
        title=domain.title,
        owner=store.fact("owner"),
        workers=domain.workers,
        retention_days={
            d.name: d.retention_days for d in domain.datasets if d.retention_days is not None
        },
        say=say,
        arrivals=house.arrivals(footage),
        elsewhere=house.placed,
        datasets=[d.name for d in domain.datasets],
        beat=operator.pulse.beat,
        on_letter=watched.letter,
    )
    threading.stack_size(STACK)
    lost = node.recover()
    if lost:
        say(f"{domain.domain}: {lost} runs had lost their worker and start again")
    ending = threading.Event()
    if house.on_cluster:
        from darkroom.bootstrap.cluster_sandbox import probe_until_it_holds

        probe_until_it_holds(node, say, ending)
    else:
        _probe(node, domain, say)
    say(f"{domain.domain}: footage in {footage.describe()}")

    def stop(*_: object) -> None:
        ending.set()
        operator.end()
        node.service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    gc.collect()
    gc.freeze()
    watched.begin(node)
    node.service.serve()


def _probe(node: Node, domain: DomainConfig, say: Callable[[str], None]) -> None:
    found = node.walls.probe()
    if found.fit:
        say(f"{domain.domain}: the sandbox holds: {', '.join(sorted(found.layers))}")
        return
    say(f"{domain.domain}: {node.walls.why_unfit()}; no job runs here")
    for layer, state_of in sorted(found.layers.items()):
        say(f"  {layer}: {state_of}")
