"""What the node and the launcher say to each other: JSON in frames, on a socket pair.

Fixed and narrow, because the launcher may be root: one kind of question (a task, with a
runtime by its number), one order (cancel), one kind of answer. Everything is checked here
before anything is done with it.
"""

import base64
import json
import socket
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

from darkroom.errors import IsolationError, SpecError
from darkroom.model.job import Limits
from darkroom.ports import Outcome, Runtime, SandboxTask


MOST = 4 << 20
PROGRAMS = ("run", "merge", "inspect", "decode", "probe")
FOLDERS = ("code", "dataset", "parts")
_LENGTH = struct.Struct("!I")
CANCEL = {"cancel": True}


def send(channel: socket.socket, value: dict[str, Any]) -> None:
    """Write one frame."""
    data = json.dumps(value).encode()
    if len(data) > MOST:
        raise IsolationError(
            "a request to the sandbox is larger than 4 MiB",
            next_step="put large values into files",
        )
    channel.sendall(_LENGTH.pack(len(data)) + data)


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """Read one frame; None at the end of the stream or when it is not a frame."""
    head = _exactly(channel, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MOST:
        return None
    data = _exactly(channel, length)
    try:
        value = json.loads(data) if data is not None else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _exactly(channel: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        try:
            chunk = channel.recv(count - len(data))
        except OSError:
            return None
        if not chunk:
            return None
        data += chunk
    return bytes(data)


def task_to_frame(task: SandboxTask, runtimes: tuple[Runtime, ...]) -> dict[str, Any]:
    """A task as it travels.

    Raises:
        IsolationError: the runtime is not one that the launcher was started with.
    """
    if task.runtime not in runtimes:
        raise IsolationError(
            f"the runtime {task.runtime.name!r} is not known to the sandbox",
            next_step="restart the node after a change of its runtimes",
        )
    folders = {name: getattr(task, name) for name in FOLDERS}
    return {
        "program": task.program,
        "runtime": runtimes.index(task.runtime),
        "request": task.request,
        "limits": asdict(task.limits),
        "out": str(task.out),
        **{name: str(path) if path else None for name, path in folders.items()},
    }


def task_from_frame(frame: dict[str, Any] | None, runtimes: tuple[Runtime, ...]) -> SandboxTask:
    """Read a task; nothing that `task_to_frame` would not write gets through.

    Raises:
        IsolationError: otherwise.
    """
    expected = {"program", "runtime", "request", "limits", "out", *FOLDERS}
    try:
        if frame is None or set(frame) != expected:
            raise TypeError
        index = frame["runtime"]
        if not isinstance(index, int) or not 0 <= index < len(runtimes):
            raise TypeError
        if frame["program"] not in PROGRAMS or not isinstance(frame["request"], dict):
            raise TypeError
        out = _path(frame["out"])
        if out is None:
            raise TypeError
        return SandboxTask(
            task_id="",
            program=frame["program"],
            runtime=runtimes[index],
            request=frame["request"],
            limits=Limits(**frame["limits"]),
            out=out,
            **{name: _path(frame[name]) for name in FOLDERS},
        )
    except (TypeError, KeyError, ValueError, SpecError) as error:
        raise IsolationError(
            "the launcher of the sandbox does not understand the request",
            next_step="restart the node: its parts are of different versions",
        ) from error


def _path(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise TypeError
    return Path(value)


def outcome_to_frame(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it travels."""
    return {**asdict(outcome), "log": base64.b64encode(outcome.log).decode()}


def error_to_frame(error: IsolationError) -> dict[str, Any]:
    """An error as it travels."""
    return {"isolation": error.message, "next_step": error.next_step}


def answer(frame: dict[str, Any] | None) -> Outcome:
    """The outcome in an answer.

    Raises:
        IsolationError: the answer is an error, or there is none.
    """
    if frame is None:
        raise IsolationError("the sandbox ended without an answer", next_step="restart the node")
    if "isolation" in frame:
        raise IsolationError(frame["isolation"], next_step=frame["next_step"])
    return Outcome(**{**frame, "log": base64.b64decode(frame["log"])})
