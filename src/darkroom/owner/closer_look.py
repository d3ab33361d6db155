"""Looking into hostile files without reading them here: questions to a process apart.

What comes back was made from hostile bytes. It is read strictly, and shown as a hint.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from darkroom.owner.findings.finding import Finding


HEAD = 64 << 10  # bytes of a carried file that are looked at
MAX_PYTHON = 1 << 20  # as the child takes it
MAX_TEXT = 1 << 20  # bytes of a side that is compared
MAX_LINES = 2_000  # of all differences together


class Apart(Protocol):
    """Does work in a process without keys. `adapters.apart` implements it."""

    def ask(self, work: str, files: Iterable[tuple[dict[str, Any], bytes]]) -> dict[str, Any]:
        """The answer, or `{"problem": why}`; never raises for what it is given."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """How one text differs.

    Attributes:
        lines: a unified difference; empty when it could not be made.
        note: what is cut, or why there is none.
    """

    path: str
    lines: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """The arrays of a model.

    Attributes:
        arrays: (name, type, shape).
        note: what is left out, or why there is nothing.
    """

    arrays: tuple[tuple[str, str, str], ...]
    note: str


def look(apart: Apart, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """What deserves a look in submitted files."""
    answer = apart.ask(
        "findings",
        [
            ({"path": path, "size": len(data)}, data[: _wanted(path)])
            for path, data in sorted(files.items())
        ],
    )
    listed = answer.get("findings")
    if not isinstance(listed, list):
        return (_unread("the code", answer),)
    try:
        found = [Finding.from_mapping(entry) for entry in listed]
    except ValueError:
        return (_unread("the code", {}),)
    more = answer.get("more")
    if isinstance(more, int) and more > 0:
        found.append(Finding(path="", line=0, kind="more", text=f"{more:,} more are not listed"))
    return tuple(found)


def _wanted(path: str) -> int | None:
    if path.endswith(".npz"):
        return None  # the list of its arrays stands at its end
    return MAX_PYTHON if path.endswith(".py") else HEAD


def _unread(what: str, answer: Mapping[str, Any]) -> Finding:
    why = str(answer.get("problem", "its answer makes no sense"))[:200]
    return Finding(
        path="", line=0, kind="could not be analysed", text=f"{what} could not be analysed: {why}"
    )


def differences(
    apart: Apart, before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> tuple[FileDifference, ...]:
    """How each text differs that is on both sides and not the same."""
    changed = sorted(p for p in before.keys() & after.keys() if before[p] != after[p])
    texts = [p for p in changed if _is_text(before[p]) and _is_text(after[p])]
    if not texts:
        return ()
    answer = apart.ask(
        "differences",
        [
            ({"path": path, "side": side}, files[path])
            for path in texts
            for side, files in (("before", before), ("after", after))
        ],
    )
    told = answer.get("differences")
    found, left = [], MAX_LINES
    for path in texts:
        difference = _difference(path, told.get(path) if isinstance(told, dict) else None, left)
        left -= len(difference.lines)
        found.append(difference)
    return tuple(found)


def _difference(path: str, told: object, left: int) -> FileDifference:
    match told:
        case {"lines": list(lines), "more": int(more)} if all(isinstance(x, str) for x in lines):
            cut = more + max(0, len(lines) - left)
            note = f"cut: {cut:,} more lines differ" if cut else ""
            return FileDifference(path=path, lines=tuple(lines[:left]), note=note)
    return FileDifference(path=path, lines=(), note="could not be compared; read the whole file")


def _is_text(data: bytes) -> bool:
    if len(data) > MAX_TEXT or b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def tensors(apart: Apart, name: str, data: bytes) -> Tensors:
    """The arrays of an archive, from its headers."""
    told = apart.ask("tensors", [({"path": name}, data)]).get("tensors")
    match told.get(name) if isinstance(told, dict) else None:
        case {"arrays": list(arrays), "more": int(more)} if all(map(_is_array, arrays)):
            note = f"{more:,} more arrays are not listed" if more > 0 else ""
            return Tensors(arrays=tuple((a, b, c) for a, b, c in arrays), note=note)
    return Tensors(arrays=(), note="its arrays could not be listed")


def _is_array(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3  # noqa: PLR2004 - name, type, shape
        and all(isinstance(part, str) for part in value)
    )
