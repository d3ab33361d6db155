"""Request bodies: their size is known, allowed and paid for before a byte is read."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request

from darkroom.errors import InputError, QuotaError, SpecError
from darkroom.gateway.parameters import declared_length


class Bodies:
    """Reads bodies within one budget of memory; nobody holds more than a quarter of it."""

    def __init__(self, *, budget: int, seconds: float) -> None:
        """Take `budget` bytes for all bodies together and `seconds` for each of them."""
        self._free = budget
        self._share = budget // 4
        self._seconds = seconds
        self._held: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def read(self, request: Request, payer: str, *, limit: int) -> AsyncIterator[bytes]:
        """The body, of at most `limit` bytes; its memory counts until the block ends.

        Raises:
            InputError: no length is given, or it does not arrive in time.
            QuotaError: longer than `limit`.
        """
        length = declared_length(request)
        if length > limit:
            raise QuotaError(
                f"a body of {length} bytes is over the limit of {limit} bytes",
                next_step="send less at a time; large attachments travel as blobs",
            )
        await self._take(payer, length)
        try:
            yield await self._receive(request, length)
        finally:
            await self._give(payer, length)

    async def _receive(self, request: Request, length: int) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > length:  # the server's parser forbids it; be sure
                        break
        except TimeoutError:
            raise InputError(
                f"the body did not arrive within {self._seconds:.0f} s",
                next_step="send it again over a better link",
            ) from None
        if len(body) != length:
            raise InputError(
                "the body has another length than announced", next_step="send it again"
            )
        return bytes(body)

    async def _take(self, payer: str, length: int) -> None:
        def room() -> bool:
            held = self._held[payer]
            return length <= self._free and (not held or held + length <= self._share)

        try:
            async with asyncio.timeout(self._seconds), self._changed:
                await self._changed.wait_for(room)
                self._free -= length
                self._held[payer] += length
        except TimeoutError:
            raise QuotaError(
                "the gateway is busy with other bodies", next_step="send it again later"
            ) from None

    async def _give(self, payer: str, length: int) -> None:
        async with self._changed:
            self._free += length
            self._held[payer] -= length
            if not self._held[payer]:
                del self._held[payer]
            self._changed.notify_all()


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; strict: no NaN, no infinity, no endless nesting.

    Raises:
        SpecError: it is not one.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        # A lone surrogate is valid JSON and no text: it could not be written down again.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise SpecError(
            "the body is not a JSON object", next_step="compare it with docs/gateway.md"
        )
    return value


def require_field(body: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - the caller asks for a type
    """A field of an object, of the right type.

    Raises:
        SpecError: missing or of another type.
    """
    value = body.get(name)
    wanted = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise SpecError(
            f"the field {name!r} is missing or of another type",
            next_step="compare it with docs/gateway.md",
        )
    return value
