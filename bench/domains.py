"""What domains cost the gateway that they wait at.

    make bench BENCH=domains

One JSON line. A real gateway in a process of its own; so many identities of domains, each with
a long poll of its own, as nodes wait. For each count: `gateway_mib`, `idle_cpu_percent` (of one
core, over a while in which nothing is sent), `wake_ms` (median and 95th percentile from the
answer to the sender to the parcel at the domain, one letter of 2 KiB to each of some of them),
`letters_per_s` (one sender, letters one after the other, durable when answered).
`mib_per_domain` is the slope between the smallest and the largest count.

The domains' ends of the connections are plain sockets here: a node itself is measured by
BENCH=roundtrip.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.gateway import GatewaySettings, serve
from darkroom.gateway.limits import GatewayLimits


COUNTS = (50, 200, 800)
IDLE_SECONDS = 10.0
LETTERS = 200
WAIT = 50.0  # seconds of a long poll, as a node asks
ENVELOPE = b"\0" * 2048


def _gateway(state: Path, ready: "multiprocessing.connection.Connection") -> None:
    many = GatewayLimits(
        stranger_requests_per_second=1e6,
        stranger_burst=10**6,
        requests_per_second=1e6,
        burst=10**6,
        connections=8192,
        token_seconds=3600.0,
    )
    settings = GatewaySettings(state=state, port=0, limits=many)
    serve(settings, say=lambda _line: None, started=lambda _server, where: ready.send(where))


@contextmanager
def gateway(state: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A gateway's address and its process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_gateway, args=(state, theirs))
    process.start()
    try:
        if not ours.poll(90):
            raise TimeoutError("the gateway did not start within 90 s")
        yield ours.recv(), psutil.Process(process.pid)
    finally:
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join(30)


class Waiting:
    """The domains that wait, on one event loop."""

    def __init__(self, address: str) -> None:
        self.host, _, port = address.removeprefix("http://").rpartition(":")
        self.port = int(port)
        self.heard: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    async def poll(self, name: str, token: str, polling: asyncio.Event) -> None:
        """Wait for mail for ever; say who got some, and when."""
        after = 0
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            while True:
                writer.write(
                    f"GET /v1/mailbox?after={after}&wait={WAIT} HTTP/1.1\r\n"
                    f"host: {self.host}:{self.port}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
                )
                polling.set()
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise ConnectionError(head.split(b"\r\n", 1)[0].decode(errors="replace"))
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                page = json.loads(await reader.readexactly(length))
                for parcel in page["parcels"]:
                    after = parcel["cursor"]
                    self.heard.put_nowait((name, time.perf_counter()))
        finally:
            writer.close()


async def measure(
    waiting: Waiting, process: psutil.Process, names: list[str], sender: HttpRelay
) -> dict[str, object]:
    """Figures with all of `names` waiting."""
    await asyncio.sleep(1.0)  # what their arrival costs is not idle
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    cpu = (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began)
    wakes = []
    for number in range(LETTERS):
        name = names[number * 7 % len(names)]
        await asyncio.to_thread(sender.send, name, os.urandom(16).hex(), ENVELOPE, expires_in=60.0)
        sent = time.perf_counter()
        async with asyncio.timeout(10):
            while (got := await waiting.heard.get())[0] != name:
                pass
        wakes.append(max(got[1] - sent, 0.0))

    def many() -> float:
        began = time.perf_counter()
        for number in range(LETTERS):
            name = names[number * 7 % len(names)]
            sender.send(name, os.urandom(16).hex(), ENVELOPE, expires_in=60.0)
        return LETTERS / (time.perf_counter() - began)

    rate = await asyncio.to_thread(many)
    return {
        "domains": len(names),
        "gateway_mib": round(process.memory_info().rss / 2**20, 1),
        "idle_cpu_percent": round(100 * cpu, 2),
        "wake_ms": [
            round(1000 * statistics.median(wakes), 1),
            round(1000 * sorted(wakes)[int(0.95 * len(wakes))], 1),
        ],
        "letters_per_s": round(rate),
    }


async def grow(address: str, process: psutil.Process, counts: list[int]) -> list[dict[str, object]]:
    """Figures for each count, on one gateway that fills up."""
    waiting, found, names = Waiting(address), [], []
    tasks: list[asyncio.Task[None]] = []
    clock = SystemClock()
    keyring = SycKeyring.generate("alice", "scientist")
    with HttpRelay(address, keyring, clock) as sender:
        sender.register(keyring.identity)

        def join(name: str) -> str:
            own = SycKeyring.generate(name, "domain")
            with HttpRelay(address, own, clock) as relay:
                relay.register(own.identity)
                relay.admit("alice")
                return relay._current_token()  # noqa: SLF001 - polled from plain sockets

        try:
            for count in counts:
                while len(names) < count:
                    name = f"domain-{len(names)}"
                    token = await asyncio.to_thread(join, name)
                    polling = asyncio.Event()
                    tasks.append(asyncio.create_task(waiting.poll(name, token, polling)))
                    await polling.wait()
                    names.append(name)
                print(f"{count} domains wait", file=sys.stderr)
                found.append(await measure(waiting, process, names, sender))
                for task in tasks:
                    if task.done():
                        task.result()  # a poll that ended is an error
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[*COUNTS])
    counts = sorted(parser.parse_args().counts)
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder,
        gateway(Path(folder) / "gateway") as (address, process),
    ):
        found = asyncio.run(grow(address, process, counts))
    few, many = found[0], found[-1]
    span = max(int(str(many["domains"])) - int(str(few["domains"])), 1)
    grown = float(str(many["gateway_mib"])) - float(str(few["gateway_mib"]))
    print(json.dumps({"bench": "domains", "mib_per_domain": round(grown / span, 3), "at": found}))


if __name__ == "__main__":
    main()
