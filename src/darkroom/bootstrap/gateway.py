"""Puts the gateway's process together: stores, verifier, application, server."""

import fcntl
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from darkroom.adapters.blobs.folder import FolderBlobStore
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.operations.measured_blobs import MeasuredBlobs
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.gateway.blob_index import SqliteBlobIndex
from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.adapters.sqlite.gateway.directory import SqliteDirectory
from darkroom.adapters.sqlite.gateway.heads import SqliteHeads
from darkroom.adapters.sqlite.gateway.mailboxes import SqliteMailboxes
from darkroom.bootstrap.gateway_operations import GatewayOperations
from darkroom.bootstrap.operations import Operations, OperationsSettings, operating
from darkroom.errors import SpecError, StateError
from darkroom.gateway.app import GatewayApp, GatewayParts
from darkroom.gateway.bells import Bells
from darkroom.gateway.limits import GatewayLimits
from darkroom.gateway.tally import Tally
from darkroom.model.address import normal_address
from darkroom.model.metrics.gateway import GATEWAY
from darkroom.ports import BlobStore, Clock


OPERATIONS = OperationsSettings(process="gateway")
LONGEST_TURN = 60.0  # the event loop beats every few seconds
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """A bucket at an S3 endpoint, with the keys to it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What an operator decides.

    Attributes:
        state: folder of the store; made with mode 0700.
        host, port: where to listen; port 0 takes a free one.
        s3: where blobs lie; None for a folder beside the store.
        public_urls: addresses under which clients know the gateway. May be left out on
            loopback only.
        tls_cert, tls_key: PEM files; without them only loopback is served.
        insecure_behind_proxy: serve plain HTTP to other machines, because something in
            front ends TLS.
        trusted_proxies: addresses or networks whose `X-Forwarded-For` counts.
    """

    state: Path
    host: str = "127.0.0.1"
    port: int = 8400
    s3: S3Place | None = None
    public_urls: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_behind_proxy: bool = False
    trusted_proxies: tuple[str, ...] = ()
    limits: GatewayLimits = field(default_factory=GatewayLimits)

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SpecError(
                "TLS needs both a certificate and a key",
                next_step="give --tls-cert and --tls-key",
            )
        if _is_loopback(self.host):
            return
        if self.tls_cert is None and not self.insecure_behind_proxy:
            raise SpecError(
                f"the gateway does not serve plain HTTP on {self.host}",
                next_step="give --tls-cert and --tls-key; or, where a proxy in front ends"
                " TLS, --insecure-behind-proxy",
            )
        if not self.public_urls:
            raise SpecError(
                f"on {self.host} the gateway cannot guess how clients call it",
                next_step="give --public-url, once for each address that clients dial",
            )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_addresses(settings: GatewaySettings, port: int) -> frozenset[str]:
    """The addresses that a login may name, in normal form."""
    scheme = "https" if settings.tls_cert else "http"
    hosts = ("127.0.0.1", "localhost", "[::1]") if _is_loopback(settings.host) else ()
    local = tuple(f"{scheme}://{host}:{port}" for host in hosts)
    return frozenset(normal_address(url) for url in (*settings.public_urls, *local))


def open_blob_store(settings: GatewaySettings) -> BlobStore:
    """The object store, or the folder that stands for it."""
    if settings.s3 is None:
        return FolderBlobStore(settings.state / "blobs")
    from darkroom.adapters.blobs.s3 import S3BlobStore  # costs 13 MiB: only when used

    return S3BlobStore(
        endpoint=settings.s3.endpoint,
        bucket=settings.s3.bucket,
        access_key=settings.s3.access_key,
        secret_key=settings.s3.secret_key,
    )


@contextmanager
def assembled(
    settings: GatewaySettings, *, port: int, clock: Clock, operator: Operations | None = None
) -> Iterator[tuple[GatewayApp, BlobStore]]:
    """The application on its stores, and its blob store; closed when the block ends.

    Raises:
        StateError: the folder cannot be used, or another gateway uses it.
    """
    operator = operator or Operations(OPERATIONS, metrics=GATEWAY, folder=None, say=lambda _: None)
    limits = settings.limits
    with _state_folder(settings.state):
        objects = MeasuredBlobs(open_blob_store(settings), operator.meter)
        database = Database(settings.state / "gateway.sqlite")
        try:
            parts = GatewayParts(
                directory=SqliteDirectory(
                    database,
                    max_identities=limits.identities,
                    max_cards_per_domain=limits.cards_per_domain,
                ),
                heads=SqliteHeads(database),
                mailboxes=SqliteMailboxes(
                    database,
                    pair_parcels=limits.pair_parcels,
                    pair_bytes=limits.pair_bytes,
                    mailbox_parcels=limits.mailbox_parcels,
                    mailbox_bytes=limits.mailbox_bytes,
                    max_admitted=limits.admitted_per_recipient,
                    max_tickets=limits.tickets_per_recipient,
                    seen_seconds=limits.seen_seconds,
                    bounce_seconds=limits.bounce_seconds,
                ),
                blob_index=SqliteBlobIndex(
                    database,
                    owner_bytes=limits.owner_bytes,
                    owner_blobs=limits.owner_blobs,
                    max_readers=limits.blob_readers,
                ),
                blob_store=objects,
                verifier=SycVerifier(),
                clock=clock,
                addresses=own_addresses(settings, port),
                limits=limits,
                tally=Tally(
                    operator.meter,
                    beat=operator.pulse.beat,
                    told=lambda event, envelope: operator.event(event, envelope=envelope),
                ),
            )
            app = GatewayApp(parts)
            GatewayOperations(operator, database, objects, app.bells, clock)
            yield app, objects
        finally:
            database.close()


@contextmanager
def _state_folder(state: Path) -> Iterator[None]:
    try:
        state.mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)  # nothing inside needs rights of its own
        descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateError(
            f"the gateway's folder {state} cannot be used: {error.strerror}",
            next_step="choose another --state, or mend its rights",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StateError(
            f"another gateway already serves {state}",
            next_step="stop that one first, or give this one its own --state",
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)  # the lock goes with it, also after kill -9


class GatewayServer(uvicorn.Server):
    """uvicorn, which first lets the long polls go home when it stops."""

    def __init__(self, config: uvicorn.Config, bells: Bells, operator: Operations) -> None:
        super().__init__(config)
        self._bells = bells
        self._operator = operator

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer everybody who waits, then stop."""
        self._operator.end()
        self._bells.close()
        await super().shutdown(sockets)


def serve(
    settings: GatewaySettings,
    *,
    say: Callable[[str], None],
    started: Callable[[GatewayServer, str], None] = lambda _server, _address: None,
    clock: Clock | None = None,
    operations: OperationsSettings = OPERATIONS,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: what the operator decided.
        say: prints a line for the operator.
        started: is called with the server and its address just before it serves.
        clock: another clock than this machine's.
        operations: the operator's port and log.
    """
    with operating(
        operations, metrics=GATEWAY, folder=settings.state, say=say, longest_turn=LONGEST_TURN
    ) as operator:
        _serve(settings, operator, started, clock or SystemClock())


def _serve(
    settings: GatewaySettings,
    operator: Operations,
    started: Callable[[GatewayServer, str], None],
    clock: Clock,
) -> None:
    say = operator.say
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn.access").disabled = True  # whoever configures logging later
    listener = _listen(settings.host, settings.port)
    try:
        port = listener.getsockname()[1]
        with assembled(settings, port=port, clock=clock, operator=operator) as (app, objects):
            config = uvicorn.Config(
                app.asgi,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,  # our own logging; no request is ever logged
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies) or None,
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
                limit_concurrency=settings.limits.connections,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                h11_max_incomplete_event_size=32 << 10,
            )
            server = GatewayServer(config, app.bells, operator)
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            address = f"{'https' if settings.tls_cert else 'http'}://{host}:{port}"
            say(f"blobs in {objects.describe()}")
            if settings.s3 is None:
                say("  a folder is the fallback for one machine; give s3://bucket for S3")
            if settings.insecure_behind_proxy and settings.tls_cert is None:
                say("  plain HTTP: whoever is on the way to the proxy sees the traffic's"
                    " metadata and can use its tokens")  # fmt: skip
            say(f"gateway listens on {address}")
            started(server, address)
            operator.begin()
            server.run(sockets=[listener])
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without, answers take 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)  # who dials from now on waits in the queue
    except OSError as error:
        listener.close()
        raise StateError(
            f"the gateway cannot listen on {host}:{port}: {error.strerror}",
            next_step="choose another --port, or stop what listens there",
        ) from error
    return listener


def forget_identity(state: Path, name: str) -> bool:
    """Free a name whose keys are lost; whether anybody held it.

    A running gateway ends that identity's sessions with its next request.
    """
    database = Database(state / "gateway.sqlite")
    try:
        directory = SqliteDirectory(database, max_identities=1, max_cards_per_domain=1)
        return directory.forget(name)
    finally:
        database.close()
