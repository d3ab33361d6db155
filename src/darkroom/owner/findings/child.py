"""The child process that reads hostile code and archives, with nothing of the owner's in it.

Its whole world is standard input and output: before the first hostile byte is read it gives
up the right to open files, to start processes, and to take more than a little memory and
time. It answers one JSON object and ends. What it says is a hint; nobody relies on it.
"""

import ast
import encodings.cp437
import json
import resource
import sys
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from darkroom.owner.findings.carried import carried, tensors
from darkroom.owner.findings.difference import difference
from darkroom.owner.findings.finding import Finding
from darkroom.owner.findings.literals import literals
from darkroom.owner.findings.shapes import shapes
from darkroom.owner.findings.uses import Said, uses


MEMORY = 1 << 30
SECONDS = 20
MAX_INPUT = 160 << 20
MAX_FINDINGS = 300
OF_A_KIND = 6  # findings of one kind in one file that are listed
MAX_PYTHON = 1 << 20
# What the interpreter itself loads late (names in archives, names in code that are not
# ASCII): once no file may be opened it could not.
NEEDED = (encodings.cp437, unicodedata)
UNREAD = "could not be analysed"


def main() -> None:
    """Read a request, answer, end."""
    harden()
    header, _, rest = sys.stdin.buffer.read(MAX_INPUT).partition(b"\n")
    request = json.loads(header)
    sys.stdout.buffer.write(json.dumps(answer(request, rest)).encode())


def harden() -> None:
    """Open no file, start no process, stay small and short. What a system lacks is left."""
    for name, most in (
        ("RLIMIT_AS", MEMORY),
        ("RLIMIT_CPU", SECONDS),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", 3),
    ):
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):
            continue
    warnings.simplefilter("ignore")


def answer(request: dict[str, Any], rest: bytes) -> dict[str, Any]:
    """The answer to one request; each file is judged for itself."""
    files, at = [], 0
    for entry in request["files"]:
        files.append((entry, rest[at : at + entry["bytes"]]))
        at += entry["bytes"]
    match request["work"]:
        case "findings":
            found = [f for entry, data in files for f in findings(entry, data)]
            return {"findings": [f.to_mapping() for f in found[:MAX_FINDINGS]],
                    "more": max(0, len(found) - MAX_FINDINGS)}  # fmt: skip
        case "differences":
            return {"differences": _differences(files)}
        case "tensors":
            return {"tensors": {entry["path"]: _tensors(data) for entry, data in files}}
    return {"problem": "it was asked for something unknown"}


def findings(entry: dict[str, Any], data: bytes) -> list[Finding]:
    """What deserves a look in one file."""
    path = entry["path"]
    try:
        said = list(_said(path, data, entry["size"]))
    except SyntaxError as error:
        said = [(error.lineno or 0, UNREAD, f"not Python of this version: {error.msg}")]
    except Exception as error:  # noqa: BLE001 - whatever hostile bytes bring about is a finding
        said = [(0, UNREAD, f"reading it ended with {type(error).__name__}")]
    unique = sorted(set(said))
    counted = Counter(kind for _, kind, _ in unique)
    shown: Counter[str] = Counter()
    found = []
    for line, kind, text in unique:
        shown[kind] += 1
        if shown[kind] <= OF_A_KIND:
            found.append(Finding(path=path, line=line, kind=kind, text=text[:240]))
    for kind, count in counted.items():
        if count > OF_A_KIND:
            text = f"{count - OF_A_KIND:,} more of this kind in this file"
            found.append(Finding(path=path, line=0, kind=kind, text=text))
    return found


def _said(path: str, data: bytes, size: int) -> Iterator[Said]:
    if not path.endswith(".py"):
        yield from carried(path, data, size)
        return
    if size > MAX_PYTHON:
        yield 0, UNREAD, f"{size:,} bytes of Python are too many"
        return
    tree = ast.parse(data.decode("utf-8"))
    nodes = list(ast.walk(tree))
    yield from uses(nodes)
    yield from shapes(tree, nodes)
    yield from literals(nodes)


def _differences(files: list[tuple[dict[str, Any], bytes]]) -> dict[str, Any]:
    sides: dict[str, dict[str, bytes]] = {}
    for entry, data in files:
        sides.setdefault(entry["path"], {})[entry["side"]] = data
    found = {}
    for path, both in sides.items():
        lines, more = difference(
            both.get("before", b"").decode("utf-8", "backslashreplace"),
            both.get("after", b"").decode("utf-8", "backslashreplace"),
        )
        found[path] = {"lines": lines, "more": more}
    return found


def _tensors(data: bytes) -> dict[str, Any]:
    try:
        found, more = tensors(data)
    except Exception:  # noqa: BLE001 - the same
        return {"problem": "it is no archive of arrays that can be listed"}
    return {"arrays": [list(t) for t in found], "more": more}
