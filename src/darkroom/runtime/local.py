"""Run a program of the runtime in a plain process: for mock, on the author's own machine.

The same program, the same layout, the same limits of time and size; no walls, for here
nothing is private. What passes here passes at a domain, if it stays within memory.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from darkroom.errors import InputError
from darkroom.model.job import Limits


LOG_BYTES = 64 << 10
MAX_REPORT = 4096
MIB = 1 << 20
POLL = 0.05
_ENTRY = Path(__file__).with_name("__main__.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOutcome:
    """How a program ended.

    Attributes:
        status: `done`, `failed`, `limit` or `cancelled`.
        limit: which limit, in plain words: "wall clock (30 s)".
        error_class: name of the exception class when it failed.
        log: first 64 KiB of what it printed, the traceback included.
    """

    status: Literal["done", "failed", "limit", "cancelled"]
    seconds: float
    limit: str = ""
    error_class: str = ""
    log: bytes = b""


def run_task_locally(
    program: Literal["run", "merge", "inspect", "decode"],
    request: dict[str, Any],
    *,
    out: Path,
    code: Path | None = None,
    dataset: Path | None = None,
    parts: Path | None = None,
    limits: Limits | None = None,
    python: Path | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> LocalOutcome:
    """Run to the end, to a limit of time or size, or to cancellation.

    Args:
        program: as in the sandbox; the arguments after it are those of a `SandboxTask`.
        request: what goes to `request.json`.
        out: an existing empty folder for what the program leaves.
        code: folder with the submitted files.
        dataset: folder of a face.
        parts: folder that earlier programs left.
        limits: `wall_seconds` and `output_mib` are enforced here; the rest at the domain.
        python: the interpreter; this one when left out.
        cancelled: asked a few times a second.

    Raises:
        InputError: a folder is not there.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="darkroom-mock-") as folder:
        root = Path(folder)
        _lay_out(root, request, {"out": out, "data": dataset, "parts": parts}, code)
        started = time.monotonic()
        stopped, code_, log, report = _run(
            program, root, limits, python or Path(sys.executable), cancelled
        )
        seconds = time.monotonic() - started
    if stopped == "cancelled":
        return LocalOutcome(status="cancelled", seconds=seconds, log=log)
    if stopped:
        return LocalOutcome(status="limit", limit=stopped, seconds=seconds, log=log)
    if code_:
        name = _error_class(report, code_)
        return LocalOutcome(status="failed", error_class=name, seconds=seconds, log=log)
    if sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) > limits.output_mib * MIB:
        words = f"disk ({limits.output_mib} MiB)"
        return LocalOutcome(status="limit", limit=words, seconds=seconds, log=log)
    return LocalOutcome(status="done", seconds=seconds, log=log)


def _lay_out(
    root: Path, request: dict[str, Any], folders: dict[str, Path | None], code: Path | None
) -> None:
    for name in ("job", "tmp"):
        (root / name).mkdir()
    for place, folder in {**folders, "job/code": code}.items():
        if folder is None:
            continue
        if not folder.is_dir():
            raise InputError(f"the folder {folder} is not there", next_step="make it first")
        (root / place).symlink_to(folder.resolve(), target_is_directory=True)
    (root / "job" / "request.json").write_text(json.dumps(request))


def _run(
    program: str,
    root: Path,
    limits: Limits,
    python: Path,
    cancelled: Callable[[], bool],
) -> tuple[str, int, bytes, bytes]:
    """Why it was stopped, its exit code, its log, its report."""
    reading, writing = os.pipe()
    command = [str(python), "-I", "-X", "utf8", str(_ENTRY), program]
    command += ["--root", str(root), "--report", str(writing)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(writing,),
        start_new_session=True,
        env={"HOME": str(root / "tmp"), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
        cwd=root,
    )
    os.close(writing)
    assert process.stdout is not None
    log, report = bytearray(), bytearray()
    with process.stdout, os.fdopen(reading, "rb") as told:
        readers = [
            threading.Thread(target=_drain, args=(process.stdout, log, LOG_BYTES), daemon=True),
            threading.Thread(target=_drain, args=(told, report, MAX_REPORT), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            stopped = _wait(process, limits, cancelled)
        finally:
            _end(process)
        for reader in readers:
            reader.join()
    return stopped, process.returncode, bytes(log), bytes(report)


def _wait(process: "subprocess.Popen[bytes]", limits: Limits, cancelled: Callable[[], bool]) -> str:
    deadline = time.monotonic() + limits.wall_seconds
    while True:
        try:
            process.wait(timeout=POLL)
        except subprocess.TimeoutExpired:
            if cancelled():
                return "cancelled"
            if time.monotonic() > deadline:
                return f"wall clock ({limits.wall_seconds} s)"
        else:
            return ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _drain(source: IO[bytes], kept: bytearray, most: int) -> None:
    while chunk := source.read1(1 << 16):  # type: ignore[attr-defined]
        kept += chunk[: max(0, most - len(kept))]


def _error_class(report: bytes, code: int) -> str:
    try:
        return str(json.loads(report.partition(b"\n")[2])["error"])
    except (ValueError, KeyError, TypeError):
        return signal.Signals(-code).name if code < 0 else "SystemExit"
