"""The five programs, and how each reports its own end.

A program tells the supervisor through a pipe that it started, and if it fails the name of
the exception class; the text goes to the log, which is an output like any other.
"""

import errno
import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from darkroom.errors import DarkroomError
from darkroom.runtime.places import Places, use


# program -> module with `main(request, places)`; loaded when asked for
PROGRAMS = {
    "run": "darkroom.runtime.run",
    "merge": "darkroom.runtime.merge",
    "inspect": "darkroom.runtime.inspection",
    "decode": "darkroom.runtime.decode",
    "probe": "darkroom.runtime.probe",
}
_USAGE = 2


def main(arguments: list[str]) -> NoReturn:
    """Run one program and end the process."""
    name, options = arguments[0], dict(zip(arguments[1::2], arguments[2::2], strict=True))
    if name not in PROGRAMS or set(options) - {"--root", "--report"}:
        print(f"usage: {', '.join(PROGRAMS)} [--root DIR] [--report FD]", file=sys.stderr)
        sys.exit(_USAGE)
    report = int(options.get("--report", -1))
    places = Places(root=Path(options.get("--root", "/")))
    use(places)
    _say(report, b"started\n")
    try:
        os.umask(0o077)
        os.chdir(places.tmp)
        _start(name, places)
    except BaseException as error:  # noqa: BLE001 - hostile code raises what it likes
        _fail(report, error)
    _leave(0)


def _start(name: str, places: Places) -> None:
    module = importlib.import_module(PROGRAMS[name])
    request = places.read_request()
    if name == "decode":  # knows its two folders only
        module.main(request, places.data, places.out)
    else:
        module.main(request, places)


def _fail(report: int, error: BaseException) -> NoReturn:
    if isinstance(error, MemoryError):
        gc.collect()  # room for the lines below
    # Limits show as an error number somewhere in the chain of causes.
    number = 0
    cause: BaseException | None = error
    while cause is not None and not number:
        number = cause.errno or 0 if isinstance(cause, OSError) else 0
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        number = errno.EAGAIN
    said = {"error": type(error).__name__, "errno": number}
    _say(report, json.dumps(said).encode())
    try:
        if isinstance(error, DarkroomError):
            print(error, file=sys.stderr)
        else:
            import traceback

            traceback.print_exception(error)
    except BaseException:  # noqa: BLE001 - an exception of a job may fail to print
        print("an exception that cannot be printed", file=sys.stderr)
    _leave(1)


def _say(report: int, text: bytes) -> None:
    if report >= 0:
        os.write(report, text)


def _leave(code: int) -> NoReturn:
    """End now: no thread and no exit handler of a job runs on."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    os._exit(code)
