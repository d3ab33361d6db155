"""Blobs: big ciphertexts in chunks of a fixed size, one object per chunk.

At most one chunk per request is in memory, however large the blob. A blob can be read only
after the hash over all its stored chunks was checked, and only by its owner and the readers
it names; to everybody else it does not exist.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from darkroom.errors import QuotaError, SpecError, TrustError, UnknownNameError
from darkroom.gateway.answers import answer
from darkroom.gateway.bodies import Bodies, parse_json, require_field
from darkroom.gateway.gate import Gate
from darkroom.gateway.limits import GatewayLimits
from darkroom.gateway.parameters import declared_length, path_chunk, require_address
from darkroom.gateway.stores import BlobIndex
from darkroom.gateway.threads import Threads
from darkroom.model.identity import require_name
from darkroom.ports import BlobStore, Clock


def folder_of(owner: str, address: str) -> str:
    """The common beginning of the keys of a blob's chunks: a namespace per owner."""
    return f"blobs/{owner}/{address.removeprefix('sha256:')}/"


def key_of(owner: str, address: str, index: int) -> str:
    """The key of one chunk in the object store."""
    return f"{folder_of(owner, address)}{index:06d}"


class Locks:
    """One lock per blob, gone when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, owner: str, address: str) -> AsyncIterator[None]:
        """Nobody else changes this blob meanwhile."""
        key = (owner, address)
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)


class Blobs:
    """Endpoints for uploads and downloads, and the removal that the janitor calls."""

    def __init__(
        self,
        *,
        gate: Gate,
        index: BlobIndex,
        objects: BlobStore,
        bodies: Bodies,
        threads: Threads,
        clock: Clock,
        limits: GatewayLimits,
    ) -> None:
        self._gate = gate
        self._index = index
        self._objects = objects
        self._bodies = bodies
        self._threads = threads
        self._clock = clock
        self._limits = limits
        self._chunk = limits.chunk_bytes
        self._locks = Locks()

    # ------------------------------------------------------------------------- upload

    async def begin(self, request: Request) -> Response:
        """`POST /v1/blobs` with `{"address", "size", "readers"}`: where to go on."""
        owner = await self._gate.caller(request)
        async with self._bodies.read(request, owner, limit=self._limits.json_bytes) as data:
            body = parse_json(data)
        address = require_address(require_field(body, "address", str))
        size = require_field(body, "size", int)
        if not 0 <= size <= self._limits.blob_bytes:
            raise QuotaError(
                f"a blob has at most {self._limits.blob_bytes} bytes",
                next_step="send less, or ask the gateway's operator for a larger limit",
            )
        readers = self._readers(require_field(body, "readers", list))
        async with self._locks.hold(owner, address):
            try:
                received, ready = await self._begin(owner, address, size, readers)
            except UnknownNameError:  # expired a moment ago: clear it away, begin anew
                await self._remove(owner, address)
                received, ready = await self._begin(owner, address, size, readers)
            if not ready and received == size:
                await self._finish(owner, address, size)
                ready = True
        return answer({"received": received, "ready": ready, "chunk": self._chunk})

    async def _begin(
        self, owner: str, address: str, size: int, readers: list[str]
    ) -> tuple[int, bool]:
        now = self._clock.now()
        return await self._threads.store(
            self._index.begin,
            owner,
            address,
            size,
            readers,
            upload_until=now + self._limits.upload_seconds,
            keep_until=now + self._limits.blob_seconds,
        )

    def _readers(self, names: list[Any]) -> list[str]:
        if len(names) > self._limits.blob_readers:
            raise QuotaError(
                f"a blob names at most {self._limits.blob_readers} readers",
                next_step="seal it once more for the others",
            )
        return [require_name(name, "reader") for name in names]

    async def put_chunk(self, request: Request) -> Response:
        """`PUT /v1/blobs/{address}/{index}`: one chunk; the last one is answered when the
        whole blob was checked. A chunk that is not the next changes nothing.
        """
        owner = await self._gate.caller(request)
        address = require_address(request.path_params["address"])
        index = path_chunk(request)
        length = declared_length(request)
        size, _, _ = await self._threads.store(self._index.upload, owner, address)
        if length != min(self._chunk, size - index * self._chunk) or length < 1:
            raise SpecError(
                f"chunk {index} of this blob has another length",
                next_step="begin the upload again and follow its answer",
            )
        async with (
            self._bodies.read(request, owner, limit=self._chunk) as data,
            self._locks.hold(owner, address),
        ):
            size, received, ready = await self._threads.store(self._index.upload, owner, address)
            start = index * self._chunk
            fits = len(data) == min(self._chunk, size - start)
            if not ready and received == start and fits:
                key = key_of(owner, address, index)
                await self._threads.objects(self._objects.put, key, data)
                received = start + len(data)
                await self._threads.store(self._index.advance, owner, address, received)
                if received == size:
                    await self._finish(owner, address, size)
                    ready = True
        return answer({"received": received, "ready": ready})

    async def _finish(self, owner: str, address: str, size: int) -> None:
        """Check the hash over what is stored, chunk by chunk, and publish."""
        hasher = hashlib.sha256()
        total = 0
        for index in range(-(-size // self._chunk)):
            key = key_of(owner, address, index)
            part = await self._threads.objects(self._objects.get, key)
            await self._threads.objects(hasher.update, part)
            total += len(part)
        if total != size or f"sha256:{hasher.hexdigest()}" != address:
            await self._threads.store(self._index.advance, owner, address, 0)
            raise TrustError(
                "the bytes that arrived do not have the hash that is their address",
                next_step="send them again from the start",
            )
        await self._threads.store(
            self._index.publish,
            owner,
            address,
            expires_at=self._clock.now() + self._limits.blob_seconds,
        )

    # ----------------------------------------------------------------------- download

    async def describe(self, request: Request) -> Response:
        """`GET /v1/blobs/{owner}/{address}`: size and chunk size, for its readers."""
        size = await self._readable(request)
        return answer({"size": size, "chunk": self._chunk})

    async def get_chunk(self, request: Request) -> Response:
        """`GET /v1/blobs/{owner}/{address}/{index}`: the bytes of one chunk."""
        size = await self._readable(request)
        index = path_chunk(request)
        if index * self._chunk >= size:
            raise SpecError(f"this blob has no chunk {index}", next_step="ask for its size first")
        key = key_of(request.path_params["owner"], request.path_params["address"], index)
        data = await self._threads.objects(self._objects.get, key)
        return Response(data, media_type="application/octet-stream")

    async def _readable(self, request: Request) -> int:
        reader = await self._gate.caller(request)
        owner = require_name(request.path_params["owner"], "owner")
        address = require_address(request.path_params["address"])
        return await self._threads.store(self._index.readable, owner, address, reader)

    # ------------------------------------------------------------------------ removal

    async def remove_expired(self) -> int:
        """Delete the bytes of what expired; how many blobs went."""
        doomed = await self._threads.store(self._index.doomed, now=self._clock.now())
        for owner, address in doomed:
            async with self._locks.hold(owner, address):
                if await self._threads.store(self._index.is_doomed, owner, address):
                    await self._remove(owner, address)
        return len(doomed)

    async def _remove(self, owner: str, address: str) -> None:
        # Bytes first, then the entry: after a crash the entry still names the bytes.
        folder = folder_of(owner, address)
        for key in await self._threads.objects(self._objects.keys, folder):
            await self._threads.objects(self._objects.delete, key)
        await self._threads.store(self._index.remove, owner, address)
