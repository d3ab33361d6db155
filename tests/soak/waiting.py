"""Domains that only wait at the gateway, and letters that go to some of them now and then.

Their ends are plain sockets, as in `bench/domains.py`: a page of the mailbox is asked for with
the cursor of the last parcel, and asked for again after whatever becomes of the connection.
"""

import asyncio
import contextlib
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.errors import DarkroomError
from tests.soak.link import Loop


SENDER = "postman"
WAIT = 50.0  # seconds of a long poll, as a node asks
EXPIRES = 3600.0
GAP = 0.7  # seconds between two letters, on average
REST = 0.5


class RefusedError(Exception):
    """The gateway does not know the session (any longer)."""


class Waiting:
    """So many domains, and who writes to them.

    Attributes:
        sent: ids that the gateway took.
        came: ids as they arrived.
        again: why a connection was made anew, and how often.
    """

    def __init__(self, loop: Loop, address: str, count: int, seed: int) -> None:
        self._loop = loop
        self._port = int(address.rpartition(":")[2])
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self.sent: list[str] = []
        self.came: list[str] = []
        self.again: Counter[str] = Counter()
        clock = SystemClock()
        keyring = SycKeyring.generate(SENDER, "scientist")
        self._sender = HttpRelay(address, keyring, clock)
        self._sender.register(keyring.identity)
        self._relays: dict[str, HttpRelay] = {}
        for number in range(count):
            own = SycKeyring.generate(f"waiting-{number}", "domain")
            relay = HttpRelay(address, own, clock)
            relay.register(own.identity)
            relay.admit(SENDER)
            self._relays[own.identity.name] = relay
        self._tasks = [  # held: a loop forgets those that nobody holds
            asyncio.run_coroutine_threadsafe(self._wait(relay), loop.loop)
            for relay in self._relays.values()
        ]
        self._thread = threading.Thread(target=self._write, name=SENDER, daemon=True)
        self._thread.start()

    def stop_writing(self) -> None:
        """No new letter; what is under way is sent."""
        self._stop.set()
        self._thread.join()

    def all_came(self) -> bool:
        """Whether every letter is there."""
        return set(self.sent) <= set(self.came)

    def close(self) -> None:
        """Let go of the connections."""
        for relay in (self._sender, *self._relays.values()):
            relay.close()

    def _write(self) -> None:
        names = sorted(self._relays)
        while not self._stop.wait(self._chance.uniform(0.0, 2 * GAP)):
            name, letter = self._chance.choice(names), os.urandom(16).hex()
            while True:  # the same id until it is taken: that is what may not double it
                try:
                    self._sender.send(name, letter, os.urandom(2048), expires_in=EXPIRES)
                except DarkroomError:
                    time.sleep(REST)
                    continue
                self.sent.append(letter)
                break

    async def _wait(self, relay: HttpRelay) -> None:
        after, refused, token = 0, "", ""
        while True:
            try:
                token = await asyncio.to_thread(relay._current_token, refused=refused)
                refused = ""
                with contextlib.ExitStack() as closing:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                    closing.callback(writer.transport.abort)
                    while True:
                        after = await self._page(reader, writer, token, after)
            except RefusedError:
                refused = token
            except (DarkroomError, OSError, EOFError, ValueError) as error:
                self.again[f"{type(error).__name__}: {error}"[:100]] += 1
                await asyncio.sleep(REST)

    async def _page(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, after: int
    ) -> int:
        writer.write(
            f"GET /v1/mailbox?after={after}&wait={WAIT} HTTP/1.1\r\n"
            f"host: 127.0.0.1:{self._port}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status, _, fields = head.partition("\r\n")
        length = next(_lengths(fields))
        body = await reader.readexactly(length)
        if " 401 " in status:
            raise RefusedError
        if " 200 " not in status:
            raise ValueError(status)
        for parcel in json.loads(body)["parcels"]:
            if not parcel.get("bounced"):
                self.came.append(parcel["id"])
            after = max(after, parcel["cursor"])
        return after


def _lengths(fields: str) -> Iterator[int]:
    for line in fields.split("\r\n"):
        name, _, value = line.partition(":")
        if name == "content-length":
            yield int(value)
    yield 0
