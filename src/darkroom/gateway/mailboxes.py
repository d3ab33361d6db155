"""Mailboxes: sealed envelopes in, long polls out. Nothing here looks inside an envelope."""

import asyncio
import base64
import contextlib
import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from darkroom.errors import SpecError
from darkroom.gateway.answers import answer
from darkroom.gateway.bells import Bells
from darkroom.gateway.bodies import Bodies, parse_json, require_field
from darkroom.gateway.gate import Gate
from darkroom.gateway.limits import GatewayLimits
from darkroom.gateway.parameters import positive, query_cursor, query_number
from darkroom.gateway.stores import MailboxStore
from darkroom.gateway.tally import Tally
from darkroom.gateway.threads import Threads
from darkroom.model.identity import require_name
from darkroom.ports import Clock, Parcel


ENVELOPE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
TICKET_MAX = 256


class Mailboxes:
    """Endpoints of senders and recipients."""

    def __init__(
        self,
        *,
        gate: Gate,
        store: MailboxStore,
        bells: Bells,
        bodies: Bodies,
        threads: Threads,
        clock: Clock,
        limits: GatewayLimits,
        tally: Tally,
    ) -> None:
        self._gate = gate
        self._store = store
        self._bells = bells
        self._bodies = bodies
        self._threads = threads
        self._clock = clock
        self._limits = limits
        self._tally = tally

    # ------------------------------------------------------------------ who may write

    async def admit(self, request: Request) -> Response:
        """`PUT /v1/admitted/{sender}`."""
        recipient = await self._gate.caller(request)
        sender = require_name(request.path_params["sender"], "sender")
        await self._threads.store(self._store.admit, recipient, sender)
        return answer({})

    async def dismiss(self, request: Request) -> Response:
        """`DELETE /v1/admitted/{sender}`."""
        recipient = await self._gate.caller(request)
        sender = require_name(request.path_params["sender"], "sender")
        await self._threads.store(self._store.dismiss, recipient, sender)
        return answer({})

    async def admitted(self, request: Request) -> Response:
        """`GET /v1/admitted`."""
        recipient = await self._gate.caller(request)
        return answer({"senders": await self._threads.store(self._store.admitted, recipient)})

    async def open_ticket(self, request: Request) -> Response:
        """`PUT /v1/tickets/{hash}` with `{"expires_in"}`."""
        recipient = await self._gate.caller(request)
        ticket_hash = request.path_params["hash"]
        if not HEX_SHA256.fullmatch(ticket_hash):
            raise SpecError(
                "a ticket is registered by the 64 hex digits of its SHA-256",
                next_step="hash the ticket first; the gateway must not know it yet",
            )
        body = await self._json(request, recipient)
        seconds = positive(require_field(body, "expires_in", (int, float)))
        await self._threads.store(
            self._store.open_ticket,
            recipient,
            ticket_hash,
            expires_at=self._clock.now() + min(seconds, self._limits.ticket_seconds),
        )
        return answer({})

    async def redeem(self, request: Request) -> Response:
        """`POST /v1/redeem` with `{"recipient", "ticket"}`."""
        sender = await self._gate.caller(request)
        body = await self._json(request, sender)
        recipient = require_name(require_field(body, "recipient", str), "recipient")
        ticket = require_field(body, "ticket", str)
        if len(ticket) > TICKET_MAX:
            raise SpecError("that is no ticket", next_step="use the invitation as given")
        await self._threads.store(
            self._store.redeem,
            recipient,
            sender,
            hashlib.sha256(ticket.encode()).hexdigest(),
            now=self._clock.now(),
        )
        return answer({})

    # ------------------------------------------------------------------------- mail

    async def send(self, request: Request) -> Response:
        """`PUT /v1/mailboxes/{recipient}/{id}?expires_in=`: the body is the envelope.

        It is answered after the commit: what was answered is not lost.
        """
        sender = await self._gate.caller(request)
        recipient = require_name(request.path_params["recipient"], "recipient")
        envelope_id = request.path_params["id"]
        if not ENVELOPE_ID.fullmatch(envelope_id):
            raise SpecError(
                "an envelope's id is 1 to 64 letters, digits, '_' or '-'",
                next_step="use 32 random hex digits",
            )
        seconds = positive(query_number(request, "expires_in", self._limits.expiry_seconds))
        async with self._bodies.read(
            request, sender, limit=self._limits.envelope_bytes
        ) as envelope:
            now = self._clock.now()
            fresh = await self._threads.store(
                self._store.put,
                recipient,
                sender,
                envelope_id,
                envelope,
                now=now,
                expires_at=now + min(seconds, self._limits.expiry_seconds),
            )
        if fresh:
            self._tally.took_in(envelope_id, len(envelope))
            self._bells.ring(recipient)
        return answer({"fresh": fresh})

    async def receive(self, request: Request) -> Response:
        """`GET /v1/mailbox?after=&wait=`: a page past a cursor; waits for the first one."""
        recipient = await self._gate.caller(request)
        after = query_cursor(request, "after")
        wait = min(query_number(request, "wait", 0.0), self._limits.poll_seconds)
        with self._bells.listen(recipient) as bell:
            parcels, more = await self._page(recipient, after)
            if not parcels and wait > 0:
                await self._wait(request, bell, wait)
                parcels, more = await self._page(recipient, after)
        for parcel in parcels:
            self._tally.handed_out(parcel)
        return answer({"parcels": [_mapping(p) for p in parcels], "more": more})

    async def _page(self, recipient: str, after: int) -> tuple[list[Parcel], bool]:
        return await self._threads.store(
            self._store.parcels,
            recipient,
            after=after,
            max_count=self._limits.page_parcels,
            max_bytes=self._limits.page_bytes,
        )

    async def _wait(self, request: Request, bell: asyncio.Event, seconds: float) -> None:
        """Until the bell rings, the time is over, or the client has gone."""
        ring = asyncio.create_task(bell.wait())
        gone = asyncio.create_task(_disconnected(request))
        try:
            await asyncio.wait({ring, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ring, gone):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def acknowledge(self, request: Request) -> Response:
        """`DELETE /v1/mailbox?up_to=`: forget all up to and including a cursor."""
        recipient = await self._gate.caller(request)
        await self._threads.store(
            self._store.acknowledge, recipient, query_cursor(request, "up_to")
        )
        return answer({})

    async def _json(self, request: Request, payer: str) -> dict[str, Any]:
        async with self._bodies.read(request, payer, limit=self._limits.json_bytes) as body:
            return parse_json(body)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _mapping(parcel: Parcel) -> dict[str, Any]:
    return {
        "cursor": parcel.cursor,
        "id": parcel.id,
        "sender": parcel.sender,
        "sent_at": parcel.sent_at,
        "bounced": parcel.bounced,
        "envelope": base64.b64encode(parcel.envelope).decode(),
    }
