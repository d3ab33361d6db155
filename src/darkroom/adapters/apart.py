"""Work on hostile bytes in a child process of our own, apart from this process's keys.

The child is an isolated interpreter with an empty environment, no site packages and no open
file but its pipes; it limits itself before it reads (`RLIMIT_NOFILE` leaves it none to open).
It has this process's user id all the same: it is a bulkhead against parsers that hang, eat
memory or crash, and not the sandbox.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any


SECONDS = 30.0
MAX_ANSWER = 4 << 20
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from {} import main; main()"


class Apart:
    """Asks one module of ours, a new process for every question."""

    def __init__(self, module: str, *, seconds: float = SECONDS) -> None:
        """Name the module.

        Args:
            module: has a `main` that reads standard input and answers one JSON object; imports
                nothing but the standard library and ours.
            seconds: after which it is killed.
        """
        source = Path(__file__).resolve().parents[2]
        self._command = [
            sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BEGIN.format(module),
            str(source),
        ]  # fmt: skip
        self._seconds = seconds

    def ask(self, work: str, files: Iterable[tuple[dict[str, Any], bytes]]) -> dict[str, Any]:
        """The answer; `{"problem": why}` when there is none. Never raises for what is asked.

        Args:
            work: what to do.
            files: (what to say about it, its bytes) in order.
        """
        entries, parts = [], []
        for entry, data in files:
            entries.append({**entry, "bytes": len(data)})
            parts.append(data)
        header = json.dumps({"work": work, "files": entries}).encode() + b"\n"
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return {"problem": f"no process could be started for it: {error.strerror}"}
        writer = threading.Thread(
            target=_write, args=(process.stdin, [header, *parts]), daemon=True
        )
        writer.start()
        try:
            said, why = self._hear(process)
        finally:
            process.kill()
            code = process.wait()
            writer.join()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
        return _read(said) if not why else {"problem": f"{why}{_ended(code)}"}

    def _hear(self, process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
        """(what it said, why that does not count)."""
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        deadline = time.monotonic() + self._seconds
        said = bytearray()
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                return b"", f"it took longer than {self._seconds:g} seconds"
            piece = os.read(pipe, 1 << 16)
            if not piece:
                break
            said += piece
            if len(said) > MAX_ANSWER:
                return b"", "its answer was too long"
        try:
            code = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return b"", f"it took longer than {self._seconds:g} seconds"
        return (bytes(said), "") if code == 0 else (b"", "it crashed")


def _ended(code: int) -> str:
    return f" (signal {-code})" if code < 0 and code != -9 else ""  # noqa: PLR2004 - our own kill


def _write(pipe: IO[bytes], parts: list[bytes]) -> None:
    try:
        for part in parts:
            pipe.write(part)
        pipe.close()
    except OSError:
        return  # it ended before it had read everything; its answer tells


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:
        return


def _read(said: bytes) -> dict[str, Any]:
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"problem": "its answer makes no sense"}
