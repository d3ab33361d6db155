"""The real thing: a gateway and a node as processes, with a real sandbox."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.post import Post
from tests.node.outside import MemoryPins


SOURCE = Path(__file__).parents[2] / "src"
DEADLINE = 60.0
TINY_MODEL = b"seven b"
_COMMAND = "import sys; from darkroom.cli import main; sys.argv[0] = 'darkroom'; main()"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", _COMMAND, *map(str, arguments)]


_frozen = [SOURCE]


def freeze(folder: Path) -> None:
    """Run processes from a copy: a job is bound to every line of the code beside it, and
    somebody may be editing."""
    copy = folder / "frozen" / "src"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy.parent / "requirements").symlink_to(SOURCE.parent / "requirements")
    _frozen[0] = copy


def environment() -> dict[str, str]:
    kept = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
    return {**kept, "PYTHONPATH": str(_frozen[0]), "PYTHONUNBUFFERED": "1"}


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(), capture_output=True, text=True, timeout=DEADLINE
    )


class Running:
    """A process whose lines can be waited for."""

    def __init__(self, *arguments: object, more: dict[str, str] | None = None) -> None:
        """Start it.

        Args:
            arguments: of the command.
            more: environment; `PYTHONPATH` comes before our own.
        """
        ours = environment()
        if more and "PYTHONPATH" in more:
            more = {**more, "PYTHONPATH": f"{more['PYTHONPATH']}:{ours['PYTHONPATH']}"}
        self.lines: list[str] = []
        self._grew = threading.Condition()
        self.process = subprocess.Popen(
            command(*arguments),
            env={**ours, **(more or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._grew:
                self.lines.append(line.rstrip())
                self._grew.notify_all()
        with self._grew:
            self.lines.append("(end)")
            self._grew.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        def found() -> re.Match[str] | None:
            return next((m for line in self.lines if (m := re.search(pattern, line))), None)

        with self._grew:
            self._grew.wait_for(lambda: found() or "(end)" in self.lines, DEADLINE)
            match = found()
        assert match, "\n".join(self.lines)
        return match

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def rss_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Caller:
    """A person at the real gateway."""

    def __init__(self, keyring: SycKeyring, gateway: str, *knows) -> None:
        self.keyring = keyring
        self.name = keyring.identity.name
        self.pins = MemoryPins()
        for identity in knows:
            self.pins.pin(identity)
        self.relay = HttpRelay(gateway, keyring, SystemClock())
        self.relay.register(keyring.identity)
        for identity in knows:
            self.relay.admit(identity.name)
        self.post = Post(
            relay=self.relay,
            keyring=keyring,
            verifier=SycVerifier(),
            pins=self.pins,
            clock=SystemClock(),
        )

    def say(self, kind: str, body, attachments=None) -> None:
        self.post.send(self.post.write(kind, "north", body, attachments))

    def await_letter(self, kind: str, job_id: str = "", wanted=lambda _: True):
        clock = SystemClock()
        deadline = clock.monotonic() + DEADLINE
        others = []
        while clock.monotonic() < deadline:
            for delivery in self.post.receive(wait=2.0):
                self.post.acknowledge(delivery.cursor)
                letter = delivery.letter
                assert letter, delivery.problem
                if (
                    letter.kind == kind
                    and job_id in ("", letter.body.get("job_id"))
                    and wanted(letter)
                ):
                    return letter
                others.append((letter.kind, letter.body.get("state"), letter.body.get("reasons")))
        raise AssertionError(others)


def write_domain(folder: Path, workers: int = 1) -> Path:
    place = folder / "domains" / "north"
    place.mkdir(parents=True)
    (folder / "tiny.npz").write_bytes(TINY_MODEL)
    (place / "domain.yaml").write_text(
        f"domain: north\ntitle: North\nworkers: {workers}\n"
        "environments: {tflite: litert}\nfootage: folder\n"
        f"models: {{tiny.npz: {folder / 'tiny.npz'}}}\n"
    )
    return place


def write_identity(path: Path, keyring: SycKeyring) -> Path:
    path.write_text(json.dumps(keyring.identity.to_mapping()))
    return path
