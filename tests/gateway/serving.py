"""A real gateway behind a real socket, in a thread or in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.gateway import OPERATIONS, GatewayServer, GatewaySettings, serve
from darkroom.bootstrap.operations import OperationsSettings
from darkroom.gateway.limits import GatewayLimits
from darkroom.model.identity import Role


DEADLINE = 20.0
SOURCE = Path(__file__).parents[2] / "src"


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def forward(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds


class SkewedClock(SystemClock):
    """This machine's clock, set wrong by so many seconds."""

    def __init__(self, skew: float) -> None:
        self._skew = skew

    def now(self) -> float:
        return super().now() + self._skew


@dataclass
class Gateway:
    """A running gateway."""

    address: str
    state: Path
    said: list[str] = field(default_factory=list)

    def relay(self, keyring: SycKeyring, **more) -> HttpRelay:
        more.setdefault("clock", SystemClock())
        return HttpRelay(self.address, keyring, **more)

    def join(self, name: str, role: Role = "scientist", **more) -> HttpRelay:
        """A client of a fresh identity that is registered."""
        keyring = SycKeyring.generate(name, role)
        relay = self.relay(keyring, **more)
        try:
            relay.register(keyring.identity)
        except BaseException:
            relay.close()
            raise
        return relay


@contextmanager
def serving(
    state: Path,
    *,
    clock=None,
    limits: GatewayLimits | None = None,
    operations: OperationsSettings = OPERATIONS,
    **settings,
) -> Iterator[Gateway]:
    """A gateway in a thread of this process."""
    started = threading.Event()
    found: list[tuple[GatewayServer, str]] = []
    failed: list[BaseException] = []
    said: list[str] = []

    def ready(server: GatewayServer, address: str) -> None:
        found.append((server, address))
        started.set()

    def run() -> None:
        try:
            serve(
                GatewaySettings(state=state, port=0, limits=limits or GatewayLimits(), **settings),
                say=said.append,
                started=ready,
                clock=clock,
                operations=operations,
            )
        except BaseException as error:  # noqa: BLE001 - shown in the test's thread
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="gateway")
    thread.start()
    assert started.wait(DEADLINE)
    if failed:
        thread.join()
        raise failed[0]
    server, address = found[0]
    try:
        yield Gateway(address, state, said)
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        assert not thread.is_alive()
        if failed:
            raise failed[0]


class GatewayProcess:
    """`darkroom gateway serve` as a process; `kill` is kill -9."""

    def __init__(self, state: Path, *arguments: str, port: int = 0) -> None:
        environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}
        environment["PYTHONUNBUFFERED"] = "1"
        self.process = subprocess.Popen(
            [
                sys.executable, "-c", "from darkroom.cli import main; main()",
                "gateway", "serve", "--state", str(state), "--port", str(port),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )  # fmt: skip
        self.state = state
        self.address = ""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("gateway listens on "):
                self.address = line.split()[-1]
                break
        assert self.address, "".join(lines)
        self.port = int(self.address.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> str:
        """End it politely; what it printed since it listened."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> str:
        rest, _ = self.process.communicate(timeout=DEADLINE)
        return rest

    def memory_mib(self, field: str = "VmRSS") -> float:
        """Resident memory now, or with `VmHWM` the highest so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(field))
        return int(line.split()[1]) / 1024

    def relay(self, keyring: SycKeyring) -> HttpRelay:
        return HttpRelay(self.address, keyring, SystemClock())
