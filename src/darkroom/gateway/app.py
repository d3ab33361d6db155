"""The gateway's HTTP face: the list of all paths, and what surrounds each of them.

One process, one event loop. Every path but the first five asks for a token. docs/gateway.md
is the reference for clients.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.errors import DarkroomError, InputError, UnreachableError
from darkroom.gateway.answers import TIME_HEADER, answer, error_answer
from darkroom.gateway.bells import Bells
from darkroom.gateway.blobs import Blobs
from darkroom.gateway.bodies import Bodies
from darkroom.gateway.directory import Directory
from darkroom.gateway.gate import Gate, RateLimits
from darkroom.gateway.janitor import Janitor
from darkroom.gateway.limits import GatewayLimits
from darkroom.gateway.mailboxes import Mailboxes
from darkroom.gateway.parameters import declared_length
from darkroom.gateway.rates import Rates
from darkroom.gateway.sessions import Sessions
from darkroom.gateway.stores import BlobIndex, DirectoryStore, HeadStore, MailboxStore
from darkroom.gateway.tally import Tally
from darkroom.gateway.threads import Threads
from darkroom.gateway.witness import Witness
from darkroom.ports import BlobStore, Clock, Verifier


log = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]
READY_SECONDS = 5.0
DRAIN_SECONDS = 10.0
HEART_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """What bootstrap gives to the gateway.

    Attributes:
        addresses: the gateway's own addresses in normal form; logins name one of them.
        tally: counts what passes.
    """

    directory: DirectoryStore
    heads: HeadStore
    mailboxes: MailboxStore
    blob_index: BlobIndex
    blob_store: BlobStore
    verifier: Verifier
    clock: Clock
    addresses: frozenset[str]
    limits: GatewayLimits
    tally: Tally


class GatewayApp:
    """The application and the two things that its server needs to reach.

    Attributes:
        asgi: what the server serves.
        bells: closed by the server before it waits for open requests.
        janitor: sweeps in the background while the application lives.
    """

    def __init__(self, parts: GatewayParts) -> None:
        limits, clock, threads = parts.limits, parts.clock, Threads()
        self._parts = parts
        self._tally = parts.tally
        self._threads = threads
        self._ready_until = 0.0
        bodies = Bodies(budget=limits.body_bytes_in_flight, seconds=limits.body_seconds)
        gate = Gate(
            directory=parts.directory,
            verifier=parts.verifier,
            sessions=Sessions(
                clock,
                token_seconds=limits.token_seconds,
                nonce_seconds=limits.nonce_seconds,
            ),
            rates=RateLimits(
                known=Rates(clock, per_second=limits.requests_per_second, burst=limits.burst),
                strangers=Rates(
                    clock,
                    per_second=limits.stranger_requests_per_second,
                    burst=limits.stranger_burst,
                ),
            ),
            bodies=bodies,
            threads=threads,
            clock=clock,
            addresses=parts.addresses,
            json_bytes=limits.json_bytes,
        )
        directory = Directory(
            gate=gate,
            store=parts.directory,
            verifier=parts.verifier,
            bodies=bodies,
            threads=threads,
            json_bytes=limits.json_bytes,
        )
        witness = Witness(
            gate=gate,
            directory=parts.directory,
            store=parts.heads,
            verifier=parts.verifier,
            bodies=bodies,
            threads=threads,
            clock=clock,
            json_bytes=limits.json_bytes,
        )
        self.bells = Bells(per_name=limits.polls_per_identity)
        mailboxes = Mailboxes(
            gate=gate,
            store=parts.mailboxes,
            bells=self.bells,
            bodies=bodies,
            threads=threads,
            clock=clock,
            limits=limits,
            tally=parts.tally,
        )
        blobs = Blobs(
            gate=gate,
            index=parts.blob_index,
            objects=parts.blob_store,
            bodies=bodies,
            threads=threads,
            clock=clock,
            limits=limits,
        )
        self.janitor = Janitor(
            mailboxes=parts.mailboxes,
            blobs=blobs,
            bells=self.bells,
            threads=threads,
            clock=clock,
        )
        self.asgi = Starlette(
            routes=self._routes(gate, directory, witness, mailboxes, blobs),
            lifespan=self._lifespan,
            exception_handlers={HTTPException: _no_such_path},
        )
        self.asgi.router.redirect_slashes = False  # a path is right or wrong

    def _routes(
        self,
        gate: Gate,
        directory: Directory,
        witness: Witness,
        mailboxes: Mailboxes,
        blobs: Blobs,
    ) -> list[Route]:
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/healthz", self._health),
            ("GET", "/readyz", self._ready),
            ("POST", "/v1/challenge", gate.challenge),
            ("POST", "/v1/register", gate.register),
            ("POST", "/v1/login", gate.login),
            ("GET", "/v1/identities/{name}", directory.identity),
            ("GET", "/v1/handovers/{name}", directory.handovers),
            ("PUT", "/v1/profile", directory.put_profile),
            ("GET", "/v1/profiles", directory.profiles),
            ("PUT", "/v1/card", directory.put_card),
            ("GET", "/v1/cards/{domain}", directory.cards),
            ("PUT", "/v1/heads/{domain}", witness.put),
            ("GET", "/v1/heads/{domain}", witness.get),
            ("GET", "/v1/admitted", mailboxes.admitted),
            ("PUT", "/v1/admitted/{sender}", mailboxes.admit),
            ("DELETE", "/v1/admitted/{sender}", mailboxes.dismiss),
            ("PUT", "/v1/tickets/{hash}", mailboxes.open_ticket),
            ("POST", "/v1/redeem", mailboxes.redeem),
            ("PUT", "/v1/mailboxes/{recipient}/{id}", mailboxes.send),
            ("GET", "/v1/mailbox", mailboxes.receive),
            ("DELETE", "/v1/mailbox", mailboxes.acknowledge),
            ("POST", "/v1/blobs", blobs.begin),
            ("PUT", "/v1/blobs/{address}/{index}", blobs.put_chunk),
            ("GET", "/v1/blobs/{owner}/{address}", blobs.describe),
            ("GET", "/v1/blobs/{owner}/{address}/{index}", blobs.get_chunk),
        ]
        return [
            Route(path, self._surround(endpoint, method, path), methods=[method])
            for method, path, endpoint in table
        ]

    def _surround(self, endpoint: Endpoint, method: str, path: str) -> Endpoint:
        """Errors become answers, each answer carries the gateway's time, and all are counted."""
        has_body = method in {"PUT", "POST"}

        async def surrounded(request: Request) -> Response:
            began = self._parts.clock.monotonic()
            try:
                _require_plain_body(request, has_body=has_body)
                response = await endpoint(request)
            except DarkroomError as error:
                self._tally.refused(error)
                drained = await self._drain(request)
                response = error_answer(error)
                if not drained:
                    response.headers["connection"] = "close"
            except ClientDisconnect:
                response = Response(status_code=400)  # nobody reads it
            except Exception as error:  # noqa: BLE001 - the last line of defence
                # Where and which class; never its text, which may quote what was sent.
                frame = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{frame.filename.rpartition('darkroom/')[2]}:{frame.lineno}"
                log.error("%s at %s", type(error).__name__, place)  # noqa: TRY400 - no traceback: it may quote what was sent
                response = error_answer(
                    UnreachableError(
                        "the gateway could not do this; its operator finds the place in"
                        " the gateway's log",
                        next_step="try again later",
                    )
                )
            response.headers[TIME_HEADER] = f"{self._parts.clock.now():.3f}"
            seconds = self._parts.clock.monotonic() - began
            self._tally.answered(method, path, response.status_code, seconds)
            return response

        return surrounded

    async def _drain(self, request: Request) -> bool:
        """Read a modest body to its end, so that the client reads the answer and not a
        broken pipe; whether nothing is left.
        """
        try:
            if request.headers.get("content-length", "0") == "0":
                return "transfer-encoding" not in request.headers
            if declared_length(request) > self._parts.limits.chunk_bytes:
                return False
            async with asyncio.timeout(DRAIN_SECONDS):
                async for _ in request.stream():
                    pass
        except RuntimeError:  # it was read before
            return True
        except (InputError, ClientDisconnect, TimeoutError):
            return False
        return True

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self.janitor.run(self._parts.limits.sweep_seconds)),
            asyncio.create_task(self._heart()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _heart(self) -> None:
        """Beats as long as the event loop turns."""
        while True:
            self._tally.beat()
            await asyncio.sleep(HEART_SECONDS)

    # ----------------------------------------------------------------------- operator

    async def _health(self, _: Request) -> Response:
        """`GET /healthz`: the process answers."""
        return answer({"status": "alive"})

    async def _ready(self, _: Request) -> Response:
        """`GET /readyz`: the stores answer too; looked at every few seconds at most."""
        now = self._parts.clock.monotonic()
        if now >= self._ready_until:
            await self._threads.store(self._parts.directory.fingerprint, "")
            await self._threads.objects(self._parts.blob_store.keys, "ready/")
            self._ready_until = now + READY_SECONDS
        return answer({"status": "ready"})


def _require_plain_body(request: Request, *, has_body: bool) -> None:
    if "transfer-encoding" in request.headers or (
        not has_body and request.headers.get("content-length", "0") != "0"
    ):
        raise InputError(
            "a body here is sent with its length, or not at all",
            next_step="send a Content-Length header and no chunked encoding",
        )


async def _no_such_path(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    body = {
        "code": InputError.code,
        "message": "the gateway has no such path or method",
        "next_step": "compare the address with docs/gateway.md",
    }
    return answer(body, status=status)
